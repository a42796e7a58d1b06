"""WAV files (RIFF), written and read by hand: they carry what echo said, so that it can be heard."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

SOFTWARE = "anymedia echo"
"""Stands in the file's ISFT; only then is its comment taken for what it says."""


def wav(samples: bytes, rate: int, channels: int, comment: str | None = None) -> bytes:
    """A file of 16-bit samples, its comment in a LIST INFO chunk."""
    kind = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    chunks = chunk(b"fmt ", kind)
    if comment is not None:
        told = chunk(b"ICMT", comment.encode() + b"\0")
        chunks += chunk(b"LIST", b"INFO" + chunk(b"ISFT", SOFTWARE.encode() + b"\0") + told)
    chunks += chunk(b"data", samples)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def chunk(name: bytes, content: bytes) -> bytes:
    """A RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


class WaveFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a WAV file tells of itself."""

    rate: int
    channels: int
    seconds: float
    software: str = ""
    comment: str = ""


def read(data: bytes) -> WaveFile | None:
    """What is known of a WAV file; nothing if it is none."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    rate = channels = size = 0
    block = 1
    info: dict[bytes, str] = {}
    for name, content in chunks(data[12:]):
        if name == b"fmt " and len(content) >= 16:
            _, channels, rate, _, block, _ = struct.unpack("<HHIIHH", content[:16])
        elif name == b"data":
            size = len(content)
        elif name == b"LIST" and content[:4] == b"INFO":
            for key, value in chunks(content[4:]):
                info[key] = value.rstrip(b"\0").decode("utf-8", "replace")
    if rate == 0:
        return None
    return WaveFile(
        rate=rate,
        channels=channels,
        seconds=size / max(block, 1) / rate,
        software=info.get(b"ISFT", ""),
        comment=info.get(b"ICMT", ""),
    )


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks in a stretch of RIFF; what is cut off ends them."""
    at = 0
    while at + 8 <= len(data):
        (size,) = struct.unpack("<I", data[at + 4 : at + 8])
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
