"""Tickets: a job's handle, which holds the whole order and so needs no memory behind it."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Literal

import msgspec

from anymedia.echo.orders import AudioOrder, VideoOrder
from anymedia.echo.refusal import no_such
from anymedia.echo.script import Script

MOST_BYTES = 4 * 1024 * 1024
"""What a ticket may hold unpacked, so that a forged one cannot fill the memory."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One job: what was ordered, and when."""

    id: str
    medium: Literal["video", "audio"]
    placed_at: float
    """Seconds since 1970."""
    script: Script
    video: VideoOrder | None = None
    audio: AudioOrder | None = None

    @property
    def order(self) -> VideoOrder | AudioOrder:
        """What was ordered."""
        found = self.video if self.medium == "video" else self.audio
        if found is None:
            raise no_such("job")
        return found

    @property
    def done_at(self) -> float:
        """When it is finished, in seconds since 1970."""
        delay = self.script.delay_seconds
        return self.placed_at + (1.5 if delay is None else max(delay, 0.0))

    def packed(self) -> str:
        """As text that can stand in a URL."""
        squeezed = zlib.compress(msgspec.msgpack.encode(self), 9)
        return base64.urlsafe_b64encode(squeezed).decode().rstrip("=")


def unpacked(handle: str) -> Ticket:
    """The ticket in a handle; a `Refusal` when there is none."""
    try:
        squeezed = base64.urlsafe_b64decode(handle + "=" * (-len(handle) % 4))
        loosener = zlib.decompressobj()
        content = loosener.decompress(squeezed, MOST_BYTES)
        if loosener.unconsumed_tail:
            raise no_such("job")
        return msgspec.msgpack.decode(content, type=Ticket)
    except (binascii.Error, ValueError, zlib.error, msgspec.DecodeError, RecursionError):
        raise no_such("job") from None
