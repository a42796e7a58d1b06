"""Grey pictures of any size in the three formats, made without any codec.

The formats allow for codes so short that one shade over a whole picture costs next to nothing.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from anymedia.testing.samples import png


def segment(marker: int, content: bytes) -> bytes:
    """One segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(width: int, height: int) -> bytes:
    """Baseline, one component: each block of 8 x 8 is two zero bits, "no change" and "no more"."""
    one_short_code = bytes([1] + [0] * 15) + b"\0"
    bits = 2 * math.ceil(width / 8) * math.ceil(height / 8)
    spare = -bits % 8
    scan = bytearray((bits + spare) // 8)
    scan[-1] |= (1 << spare) - 1  # padded with ones
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0" + bytes([1, 1, 0, 0, 1, 0, 1, 0, 0])),
            segment(0xDB, b"\0" + b"\x01" * 64),
            segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"),
            segment(0xC4, b"\x00" + one_short_code),
            segment(0xC4, b"\x10" + one_short_code),
            segment(0xDA, b"\x01\x01\0\0\x3f\0"),
            bytes(scan),
            b"\xff\xd9",
        ]
    )


def webp(width: int, height: int) -> bytes:
    """Lossless: five codes of one symbol each, so that the pixels themselves take no bits."""
    fields = [(width - 1, 14), (height - 1, 14), (0, 1), (0, 3), (0, 1), (0, 1), (0, 1)]
    for symbol in (128, 128, 128, 255):
        fields += [(1, 1), (0, 1), (1, 1), (symbol, 8)]
    fields += [(1, 1), (0, 1), (0, 1), (0, 1)]  # distances, of which there are none
    packed = at = 0
    for value, width_bits in fields:
        packed |= value << at
        at += width_bits
    chunk = b"\x2f" + packed.to_bytes((at + 7) // 8, "little")
    padded = chunk + b"\0" * (len(chunk) % 2)
    body = b"WEBPVP8L" + struct.pack("<I", len(chunk)) + padded
    return b"RIFF" + struct.pack("<I", len(body)) + body


FORMATS: dict[str, Callable[[int, int], bytes]] = {"jpeg": jpeg, "png": png, "webp": webp}
