"""Speech: `POST /audio/speech`, which answers with the sound itself.

Asked with `stream_format: sse`, models that bill by tokens also say how many they used; their
sheets ask for that with `settings.stream_format`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from anymedia.contracts.errors import NetworkFailed, UnreadableResponse
from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.openai.errors import OPENAI_ERRORS, failure_inside, request_id
from anymedia.providers.dialects.openai.fields import OURS, merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.dialects.openai.usage import usage
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape, described, read
from anymedia.wire.sse import SseParser

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechQuirks:
    """Where a service's speech differs. The defaults are OpenAI's."""

    errors: ErrorTable = OPENAI_ERRORS
    default_voice: str | None = "alloy"
    """Where a voice is obligatory: the one that is meant when none is named."""
    default_format: str = "mp3"
    pcm: Mapping[str, Any] = field(
        default_factory=lambda: {"sample_rate": 24_000, "sample_format": "s16le", "channels": 1}
    )
    """What raw samples are, as their bytes cannot say it."""


def operation(quirks: SpeechQuirks) -> Call:
    """Speech at once."""
    return Call(SpeechRequest, partial(exchange, quirks=quirks), dialect="openai")


def exchange(request: SpeechRequest, brief: Brief, quirks: SpeechQuirks) -> Exchange[MediaAnswer]:
    """Have it read aloud."""
    response = yield ask(request, brief, quirks)
    return answer(response, request, quirks)


def ask(request: SpeechRequest, brief: Brief, quirks: SpeechQuirks) -> HttpRequest:
    """The request."""
    settings = brief.model.settings if brief.model else {}
    fields = {
        "model": request.model,
        "input": request.text,
        "voice": voice(request.voice or quirks.default_voice),
        "instructions": request.instructions,
        "response_format": request.format,
        "speed": request.speed,
        "stream_format": settings.get("stream_format"),
    }
    body = {name: value for name, value in fields.items() if value is not None}
    return post("/audio/speech", json=merged(body, request.options, without=OURS))


def voice(name: str | None) -> Any:
    """A voice by its name; one of the caller's own making goes by its id."""
    return {"id": name} if name is not None and name.startswith("voice_") else name


class SpeechEvent(Shape):
    """One event of a spoken stream."""

    type: str | None = None
    audio: str | None = None
    usage: Any = None
    error: Any = None


def answer(response: HttpResponse, request: SpeechRequest, quirks: SpeechQuirks) -> MediaAnswer:
    """The sound. Raises what a 200 says went wrong."""
    identifier = request_id(response, quirks.errors)
    media_type = response.media_type() or ""
    counted = Usage(characters=len(request.text), estimated=True)
    if media_type == "text/event-stream":
        sound, counted = unpacked(response, counted, quirks, identifier)
    else:
        sound = b"" if media_type.startswith("text/") else response.content
        if media_type.endswith("json"):
            raise failure_inside(response.read(dict), quirks.errors, identifier)
    if not sound:
        raise UnreadableResponse(
            f"the answer is not sound but {described(response.content)}",
            accepted="yes",
            request_id=identifier,
        )
    spoken = request.options.get("response_format") or request.format or quirks.default_format
    found = sniffed(sound)
    if spoken == "pcm" or found == "application/octet-stream":
        found = MEDIA_TYPES.get(str(spoken), media_type or found)
    return MediaAnswer(
        request_id=identifier,
        artifacts=(
            InlineArtifact(
                data=sound,
                media_type=found,
                metadata=dict(quirks.pcm) if spoken == "pcm" else {},
            ),
        ),
        usage=counted,
    )


def unpacked(
    response: HttpResponse, counted: Usage, quirks: SpeechQuirks, identifier: str | None
) -> tuple[bytes, Usage]:
    """Sound and usage out of a spoken stream; one without its closing event was cut."""
    sound: list[bytes] = []
    parser = SseParser()
    for event in (*parser.feed(response.content), *parser.end()):
        if not event.data or event.data == "[DONE]":
            continue
        try:
            told = read(event.data, SpeechEvent)
        except UnreadableResponse:
            if not event.complete:  # cut in its middle
                break
            raise
        if told.error:
            raise failure_inside({"error": told.error}, quirks.errors, identifier)
        if told.audio:
            sound.append(decoded(told.audio))
        if told.type == "speech.audio.done":
            said = usage(told.usage)
            return b"".join(sound), said.model_copy(update={"characters": counted.characters})
    raise NetworkFailed(
        "the sound ended before its close (`speech.audio.done`)",
        accepted="yes",
        request_id=identifier,
    )
