"""What ElevenLabs' spoken, musical and other sounds share: formats, and the bytes that come back."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.elevenlabs.errors import ELEVENLABS_ERRORS
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import described

FORMATS = {
    "mp3": "mp3_44100_128",
    "pcm": "pcm_24000",
    "wav": "wav_24000",
    "opus": "opus_48000_128",
}
"""Of each kind the best that needs no higher plan."""
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "pcm": "audio/pcm",
    "wav": "audio/wav",
    "opus": "audio/ogg",
    "ulaw": "audio/basic",
    "alaw": "audio/x-alaw-basic",
}
IN_QUERY = frozenset({"output_format", "enable_logging", "optimize_streaming_latency"})
"""Options that stand in the query rather than in the body."""


def query(options: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """The query of a request for sound; the caller's own options win."""
    asked = {"output_format": FORMATS.get(wanted or "")}
    return asked | {name: value for name, value in options.items() if name in IN_QUERY}


def made(
    response: HttpResponse,
    *,
    output_format: object = None,
    characters: int | None = None,
    seconds: Decimal | None = None,
) -> MediaAnswer:
    """The sound that is the answer's body."""
    declared = response.media_type() or ""
    if not response.content or declared.startswith("text/") or declared.endswith("json"):
        raise UnreadableResponse(
            f"the answer is not sound but {described(response.content)}",
            accepted="yes",
            request_id=request_id(response),
        )
    artifact = InlineArtifact(
        data=response.content,
        media_type=media_type(response.content, output_format, declared),
        metadata=samples(output_format),
    )
    song = response.headers.get("song-id")
    return MediaAnswer(
        request_id=request_id(response),
        artifacts=(artifact,),
        usage=used(response, characters=characters, seconds=seconds),
        metadata={"song_id": song} if song else {},
    )


def media_type(sound: bytes, output_format: object, declared: str = "") -> str:
    """What it is: as asked where raw samples cannot show it, else by its first bytes."""
    codec = str(output_format or "").partition("_")[0]
    if codec in {"pcm", "ulaw", "alaw"}:
        return MEDIA_TYPES[codec]
    found = sniffed(sound)
    if found != "application/octet-stream":
        return found
    return MEDIA_TYPES.get(codec) or declared or "audio/mpeg"


def samples(output_format: object) -> dict[str, Any]:
    """What raw samples are, as their bytes cannot say it."""
    codec, _, rate = str(output_format or "").partition("_")
    if codec != "pcm" or not (rate.isascii() and rate.isdigit()):
        return {}
    return {"sample_rate": int(rate), "sample_format": "s16le", "channels": 1}


def used(
    response: HttpResponse, *, characters: int | None = None, seconds: Decimal | None = None
) -> Usage:
    """Credits as the header tells them; characters and seconds as we count them."""
    told = response.headers.get("character-cost")
    return Usage(
        characters=characters,
        seconds=seconds,
        credits=amount(told),
        requests=1,
        estimated=told is None,
        raw={} if told is None else {"character-cost": told},
    )


def amount(told: str | None) -> Decimal | None:
    """A finite amount, or nothing."""
    try:
        found = Decimal(told) if told is not None else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() and found >= 0 else None


def request_id(response: HttpResponse) -> str | None:
    """Their name of the exchange."""
    for name in ELEVENLABS_ERRORS.request_id_headers:
        found: str | None = response.headers.get(name)
        if found:
            return found
    return None
