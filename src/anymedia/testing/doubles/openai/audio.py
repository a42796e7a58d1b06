"""Speech and transcription. Speech is silence of a fitting length, as WAV, PCM or MP3."""

from __future__ import annotations

import base64
import io
import json
import wave
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from anymedia.contracts.model import Model
from anymedia.testing.doubles.openai import mind
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure, missing_parameter
from anymedia.testing.samples import mp3, pcm, wav
from anymedia.wire.http import FormPart

SPOKEN = frozenset(
    {"model", "input", "voice", "instructions", "response_format", "speed", "stream_format"}
)
SOUNDS = {
    "mp3": ("audio/mpeg", mp3),
    "wav": ("audio/wav", wav),
    "pcm": ("audio/pcm", pcm),
}
CHARACTERS_PER_SECOND = 15
HEARD = "This is what was said."
IN_ENGLISH = "This is what was said, in English."
TRANSLATED = frozenset({"file", "model", "prompt", "response_format", "temperature"})
WRITTEN = frozenset(
    {
        *("file", "model", "language", "languages", "keywords", "prompt", "response_format"),
        *("temperature", "timestamp_granularities", "include", "chunking_strategy"),
        *("known_speaker_names", "known_speaker_references", "stream"),
    }
)
ENDINGS = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm")


def spoken(asked: Asked) -> Response:
    """`POST /v1/audio/speech`."""
    model = asked.model("speech")
    asked.refuse_unknown(SPOKEN)
    text, voice = asked.text("input"), asked.fields.get("voice")
    if len(text) > 4096:
        raise Failure(
            400,
            "Invalid 'input': string too long. Expected at most 4096 characters.",
            code="string_above_max_length",
            param="input",
        )
    if voice is None:
        raise missing_parameter("voice")
    if isinstance(voice, str) and voice not in model.limits.voices:
        raise Failure(400, f"Invalid value: '{voice}'.", code="invalid_value", param="voice")
    form = str(asked.fields.get("response_format", "mp3"))
    if form not in SOUNDS:
        raise Failure(400, f"This double does not make '{form}'.", code="invalid_value", param=form)
    media_type, make = SOUNDS[form]
    seconds = max(0.2, len(text) / CHARACTERS_PER_SECOND)
    sound = make(seconds)
    read, written = mind.tokens(text), round(20 * seconds)
    asked.charge(
        f"speech_{asked.number}",
        model,
        input_tokens=read,
        output_tokens=written,
        characters=len(text),
    )
    if asked.fields.get("stream_format") == "sse":
        return streamed(sound, read, written, model)
    return Response(sound, media_type=media_type)


def streamed(sound: bytes, read: int, written: int, model: Model) -> Response:
    """The sound in events, with the usage at the end."""
    if model.id.startswith("tts-1"):
        raise Failure(400, "stream_format 'sse' is not supported with this model.")
    half = len(sound) // 2
    told: list[dict[str, Any]] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
        for piece in (sound[:half], sound[half:])
    ]
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    told.append({"type": "speech.audio.done", "usage": usage})
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in told)
    return Response(body, media_type="text/event-stream")


def transcribed(asked: Asked) -> Response:
    """`POST /v1/audio/transcriptions`."""
    return written(asked, WRITTEN, HEARD)


def translated(asked: Asked) -> Response:
    """`POST /v1/audio/translations`, which one model does."""
    if "translation" not in asked.model("transcription").tasks:
        raise Failure(
            400,
            "This model does not support translation.",
            code="unsupported_value",
            param="model",
        )
    return written(asked, TRANSLATED, IN_ENGLISH)


def written(asked: Asked, known: frozenset[str], heard: str) -> Response:
    """What was heard, in the format that is wanted."""
    model = asked.model("transcription")
    asked.refuse_unknown(known)
    files = asked.files("file")
    if not files:
        raise missing_parameter("file")
    if not str(files[0].filename).lower().endswith(ENDINGS):
        raise Failure(
            400,
            "This model does not support the format you provided.",
            code="unsupported_format",
            param="file",
        )
    form = str(asked.fields.get("response_format", "json"))
    refuse_form(form, asked.fields, model)
    seconds = length(files[0])
    asked.charge(f"transcript_{asked.number}", model, seconds=round(seconds), input_tokens=14)
    if form in {"text", "srt", "vtt"}:
        return PlainTextResponse(heard + "\n")
    return JSONResponse(transcript(form, asked.fields, model, seconds, heard))


def refuse_form(form: str, fields: dict[str, Any], model: Model) -> None:
    """Which model knows which format."""
    forms = {"json", "text"}
    if "timestamps" in model.features:
        forms |= {"srt", "verbose_json", "vtt"}
    if "speakers" in model.features:
        forms |= {"diarized_json"}
    if form not in forms:
        raise Failure(
            400,
            f"response_format '{form}' is not compatible with model '{model.id}'.",
            code="unsupported_value",
            param="response_format",
        )
    if "timestamp_granularities" in fields and form != "verbose_json":
        raise Failure(400, "timestamp_granularities needs response_format 'verbose_json'.")


def transcript(
    form: str, fields: dict[str, Any], model: Model, seconds: float, heard: str
) -> dict[str, Any]:
    """The words, with what the format adds."""
    told: dict[str, Any] = {"text": heard}
    if any(price.unit == "seconds" for price in model.prices):
        told["usage"] = {"type": "duration", "seconds": round(seconds)}
    else:
        told["usage"] = {
            "type": "tokens",
            "input_tokens": 14,
            "input_token_details": {"audio_tokens": 10, "text_tokens": 4},
            "output_tokens": 5,
            "total_tokens": 19,
        }
    if form == "json":
        return told
    told |= {"task": "transcribe", "duration": seconds}
    segment = {"id": 0, "start": 0.0, "end": seconds, "text": heard}
    if form == "diarized_json":
        told["segments"] = [
            {**segment, "id": "seg_0", "type": "transcript.text.segment", "speaker": "A"}
        ]
        return told
    told["language"] = "english"
    wanted = fields.get("timestamp_granularities") or ["segment"]
    if "segment" in wanted:
        told["segments"] = [segment]
    if "word" in wanted:
        each = seconds / len(heard.split())
        told["words"] = [
            {"word": word.strip("."), "start": place * each, "end": (place + 1) * each}
            for place, word in enumerate(heard.split())
        ]
    return told


def length(file: FormPart) -> float:
    """Seconds of a recording; of anything but WAV, a guess by its size."""
    try:
        with wave.open(io.BytesIO(file.content)) as opened:
            return float(opened.getnframes() / opened.getframerate())
    except (wave.Error, EOFError):
        return len(file.content) / 16_000
