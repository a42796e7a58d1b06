"""Transcription: a form with a recording in, words out in the form that was asked for.

A translation is the same in English; only some models do that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.transcription import Segment, TranscriptionRequest, TranscriptionResult
from anymedia.gateway.openai.completion import answered_by, besides
from anymedia.gateway.shared.body import Form
from anymedia.gateway.shared.document import encoded
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, wrong

Format: TypeAlias = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
TIMED = ("srt", "vtt", "verbose_json")
Task: TypeAlias = Literal["transcribe", "translate"]


class Body(msgspec.Struct):
    """What is asked, beside the recording."""

    model: str
    language: str | None = None
    prompt: str | None = None
    response_format: Format | None = None
    temperature: float | None = None
    timestamp_granularities: (
        list[Literal["word", "segment"]] | Literal["word", "segment"] | None
    ) = None
    chunking_strategy: str | None = None
    stream: bool | None = None


class Translation(msgspec.Struct):
    """What is asked where the words are to be in English, beside the recording."""

    model: str
    prompt: str | None = None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and in which form the answer should come."""

    request: TranscriptionRequest
    format: Format
    stream: bool


def asked(reading: Reading, form: Form) -> Asked:
    """The request that a form stands for."""
    body = reading.top(Body)
    recording = attached(form)
    if body.chunking_strategy not in {None, "auto"}:
        reading.stranger("chunking_strategy")
    wanted: Format = body.response_format or "json"
    fields = {
        "model": body.model,
        "audio": recording,
        "language": body.language,
        "prompt": body.prompt,
        "temperature": body.temperature,
        "timestamps": timestamps(wanted, body.timestamp_granularities),
        "speakers": wanted == "diarized_json",
    }
    request = built(TranscriptionRequest, fields, None, names={"audio": "file"})
    return Asked(request=request, format=wanted, stream=bool(body.stream))


def translation(reading: Reading, form: Form) -> Asked:
    """The same for a translation."""
    body = reading.top(Translation)
    wanted: Format = body.response_format or "json"
    fields = {
        "model": body.model,
        "audio": attached(form),
        "prompt": body.prompt,
        "temperature": body.temperature,
        "timestamps": timestamps(wanted, None),
        "translate": True,
    }
    request = built(TranscriptionRequest, fields, None, names={"audio": "file"})
    return Asked(request=request, format=wanted, stream=False)


def attached(form: Form) -> MediaBytes:
    """The recording."""
    for name in form.files.keys() - {"file"}:
        raise wrong(name[:60], "there is no such file here; there is `file`")
    files = form.files.get("file", [])
    if len(files) != 1:
        raise wrong("file", "attach one recording")
    return files[0]


def timestamps(wanted: Format, asked: Sequence[str] | str | None) -> str:
    """How finely times are wanted; words carry the finer ones."""
    if asked:
        if wanted != "verbose_json":
            raise wrong("timestamp_granularities", "needs `response_format=verbose_json`")
        return "word" if "word" in ([asked] if isinstance(asked, str) else asked) else "segment"
    return "segment" if wanted in TIMED else "none"


# --- answering ------------------------------------------------------------------------------


def answer(
    result: TranscriptionResult, wanted: Format, task: Task = "transcribe"
) -> dict[str, Any] | str:
    """The words; text for the formats that are text."""
    match wanted:
        case "text":
            return f"{result.text}\n"
        case "srt":
            return srt(timed(result, wanted))
        case "vtt":
            return vtt(timed(result, wanted))
        case "json":
            told: dict[str, Any] = {"text": result.text}
        case "verbose_json":
            told = {
                "task": task,
                "language": "english" if task == "translate" else result.language,
                "duration": result.duration_seconds,
                "text": result.text,
                "segments": [
                    {
                        "id": place,
                        "start": one.start_seconds,
                        "end": one.end_seconds,
                        "text": one.text,
                    }
                    for place, one in enumerate(result.segments)
                ],
            }
            if result.words:
                told["words"] = [
                    {"word": one.text, "start": one.start_seconds, "end": one.end_seconds}
                    for one in result.words
                ]
        case "diarized_json":
            told = {
                "task": "transcribe",
                "duration": result.duration_seconds,
                "text": result.text,
                "segments": [
                    {
                        "type": "transcript.text.segment",
                        "id": f"seg_{place}",
                        "start": one.start_seconds,
                        "end": one.end_seconds,
                        "text": one.text,
                        "speaker": one.speaker,
                    }
                    for place, one in enumerate(result.segments)
                ],
            }
    return {
        **told,
        "usage": usage(result),
        "model": answered_by(result),
        **besides(result, ()),
    }


def usage(result: TranscriptionResult) -> dict[str, Any] | None:
    """Tokens or seconds, whichever was counted."""
    used = result.usage
    if used.input_tokens is not None or used.output_tokens is not None:
        into, out = used.input_tokens or 0, used.output_tokens or 0
        return {
            "type": "tokens",
            "input_tokens": into,
            "output_tokens": out,
            "total_tokens": into + out,
        }
    seconds = used.seconds if used.seconds is not None else result.duration_seconds
    return None if seconds is None else {"type": "duration", "seconds": float(seconds)}


def timed(result: TranscriptionResult, wanted: Format) -> Sequence[Segment]:
    """Stretches with their times; the whole as one where only its length is known."""
    if result.segments or not result.text:
        return result.segments
    if result.duration_seconds is not None:
        return (Segment(text=result.text, start_seconds=0, end_seconds=result.duration_seconds),)
    raise UnsupportedOption(
        f"`{answered_by(result)}` told no times, which `response_format={wanted}` is made of; "
        f"ask for `json`, or another model",
        provider=result.provider,
    )


def srt(segments: Sequence[Segment]) -> str:
    """Subtitles, numbered."""
    return "".join(
        f"{place}\n{moment(one.start_seconds, ',')} --> {moment(one.end_seconds, ',')}\n"
        f"{line(one.text)}\n\n"
        for place, one in enumerate(segments, start=1)
    )


def vtt(segments: Sequence[Segment]) -> str:
    """Subtitles for the web."""
    cues = (
        f"{moment(one.start_seconds, '.')} --> {moment(one.end_seconds, '.')}\n{line(one.text)}\n\n"
        for one in segments
    )
    return "WEBVTT\n\n" + "".join(cues)


def line(words: str) -> str:
    """Words that cannot be taken for the end of their cue, or for an arrow."""
    return " ".join(words.split()).replace("-->", "->")


def moment(seconds: float, point: str) -> str:
    """A time as subtitles have it."""
    thousandths = max(0, round(seconds * 1000))
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def events(result: TranscriptionResult) -> bytes:
    """The words as events: all at once, as nobody has told them before."""
    delta = {"type": "transcript.text.delta", "delta": result.text}
    done = {"type": "transcript.text.done", "text": result.text, "usage": usage(result)}
    return b"".join(
        f"event: {one['type']}\ndata: ".encode() + encoded(one) + b"\n\n" for one in (delta, done)
    )
