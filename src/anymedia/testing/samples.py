"""Small real media for doubles to answer with, made without any codec."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int, *, shade: int = 1) -> bytes:
    """A picture of one shade (0 is black, 1 is white), one bit a pixel."""
    row = b"\0" + (b"\xff" if shade else b"\0") * ((width + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(row * height, 9)),
            chunk(b"IEND", b""),
        )
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pcm(seconds: float, *, rate: int = 24_000) -> bytes:
    """Silence as raw 16-bit samples."""
    return bytes(2 * round(seconds * rate))


def wav(seconds: float, *, rate: int = 24_000) -> bytes:
    """Silence in a file."""
    samples = pcm(seconds, rate=rate)
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVE" + layout + struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI", b"RIFF", len(body)) + body


MP3_FRAME_SECONDS = 1152 / 44_100


def mp3(seconds: float) -> bytes:
    """Silence in frames of MPEG-1 layer 3, 128 kbit/s at 44.1 kHz, mono."""
    frame = b"\xff\xfb\x90\xc4" + bytes(413)
    return frame * max(1, round(seconds / MP3_FRAME_SECONDS))
