"""Mistral's sound: Voxtral listens (`/audio/transcriptions`) and speaks (`/audio/speech`).

https://docs.mistral.ai/capabilities/audio (PyPI mistralai 3.7.0, read 2026-11-21).
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.mistral.errors import MISTRAL_ERRORS
from anymedia.providers.dialects.openai.errors import raise_failure_inside, request_id
from anymedia.providers.dialects.openai.fields import OURS, formed, merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.dialects.openai.speech import MEDIA_TYPES
from anymedia.providers.dialects.openai.transcription import answer
from anymedia.providers.dialects.openai.usage import usage
from anymedia.providers.inputs import as_spoken, file_part
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import FormPart, HttpRequest, form_field, post
from anymedia.wire.shape import Shape


def transcribe(request: TranscriptionRequest, _: Brief) -> Exchange[TranscriptAnswer]:
    """Have it written down."""
    response = yield listening(request)
    return answer(response, MISTRAL_ERRORS)


def listening(request: TranscriptionRequest) -> HttpRequest:
    """The form. Speakers are told apart by segment, so asking for them asks for segments."""
    as_spoken(request)
    fields: dict[str, Any] = {
        "model": request.model,
        "language": request.language,
        "temperature": request.temperature,
    }
    granularity = request.timestamps
    if request.speakers:
        fields["diarize"] = True
        granularity = "segment" if granularity == "none" else granularity
    if granularity != "none":
        fields["timestamp_granularities"] = [granularity]
    if request.prompt is not None:
        words = (word.strip() for word in request.prompt.replace("\n", ",").split(","))
        fields["context_bias"] = [word for word in words if word]
    body = merged(fields, request.options, without=OURS)
    parts = [part for name, value in body.items() for part in written(name, value)]
    return post("/audio/transcriptions", parts=(*parts, file_part("file", request.audio)))


def written(name: str, value: Any) -> list[FormPart]:
    """A form field; lists repeat its bare name, as Mistral's own client writes them."""
    if isinstance(value, list):
        return [form_field(name, item) for item in value]
    return formed(name, value)


class Spoken(Shape):
    """The sound, inside JSON."""

    audio_data: str | None = None
    object: str | None = None
    usage: Any = None
    error: Any = None


def speak(request: SpeechRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have it read aloud."""
    fields = {
        "model": request.model,
        "input": request.text,
        "voice_id": request.voice,
        "response_format": request.format,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    response = yield post("/audio/speech", json=merged(body, request.options, without=OURS))
    spoken = response.read(Spoken)
    raise_failure_inside(response, spoken.error, spoken.object, MISTRAL_ERRORS)
    if not spoken.audio_data:
        raise UnreadableResponse("the answer has no `audio_data`", accepted="yes")
    sound = decoded(spoken.audio_data)
    form = str(request.options.get("response_format") or request.format or "")
    found = sniffed(sound)
    if form == "pcm" or found == "application/octet-stream":
        found = MEDIA_TYPES.get(form, found)
    used = usage(spoken.usage) if spoken.usage else Usage(estimated=True)
    return MediaAnswer(
        request_id=request_id(response, MISTRAL_ERRORS),
        artifacts=(InlineArtifact(data=sound, media_type=found),),
        usage=used.model_copy(update={"characters": len(request.text)}),
    )
