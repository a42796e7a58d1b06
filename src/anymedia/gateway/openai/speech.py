"""Speech: words in, sound out, as bytes or as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from anymedia.contracts.media import as_base64
from anymedia.contracts.speech import SpeechRequest, SpeechResult
from anymedia.gateway.shared.document import encoded
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading

USUAL = "mp3"
"""The format that this dialect means where none is named."""
PIECE = 48 * 1024
"""Bytes of sound in one event; a multiple of three, so that base64 joins."""


class Voice(msgspec.Struct):
    """A voice of the caller's own making."""

    id: str


class Body(msgspec.Struct):
    """What is asked."""

    input: str
    model: str
    voice: str | Voice | None = None
    instructions: str | None = None
    response_format: str | None = None
    speed: float | None = None
    stream_format: Literal["audio", "sse"] | None = None
    anymedia: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and in which form the answer should come."""

    request: SpeechRequest
    as_events: bool


def asked(reading: Reading) -> Asked:
    """The request that a body stands for."""
    body = reading.top(Body)
    fields = {
        "model": body.model,
        "text": body.input,
        "voice": body.voice.id if isinstance(body.voice, Voice) else body.voice,
        "instructions": body.instructions,
        "speed": body.speed,
        "format": body.response_format or USUAL,
    }
    names = {"text": "input", "format": "response_format"}
    request = built(SpeechRequest, fields, body.anymedia, names=names)
    return Asked(request=request, as_events=body.stream_format == "sse")


def delta(sound: bytes) -> bytes:
    """An event with a piece of sound."""
    told = {"type": "speech.audio.delta", "audio": as_base64(sound)}
    return b"event: speech.audio.delta\ndata: " + encoded(told) + b"\n\n"


def done(result: SpeechResult) -> bytes:
    """The last event: what it took."""
    used = result.usage
    into, out = used.input_tokens, used.output_tokens
    usage = None
    if into is not None or out is not None:
        into, out = into or 0, out or 0
        usage = {"input_tokens": into, "output_tokens": out, "total_tokens": into + out}
    told = {"type": "speech.audio.done", "usage": usage}
    return b"event: speech.audio.done\ndata: " + encoded(told) + b"\n\n"
