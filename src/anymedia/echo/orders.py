"""Orders for long work, settled: every default filled in, every input cut down to what is needed."""

from __future__ import annotations

import msgspec


class VideoOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A clip to be made."""

    prompt: str
    seed: int
    count: int
    width: int
    height: int
    fps: float
    seconds: float
    sound: bool
    first: bytes | None = None
    """The picture it starts on, as JPEG."""
    last: bytes | None = None
    """The picture it ends on."""
    references: tuple[bytes, ...] = ()
    graded: bool = False
    """Whether the picture is changed as the prompt says, rather than kept."""


class AudioOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Music or an effect to be made."""

    prompt: str
    seed: int
    count: int
    seconds: float
    rate: int
    effect: bool = False
    loop: bool = False
    lyrics: str | None = None
    format: str = "wav"
