"""Documents so large that working on them in one go would hold everybody else up.

A hundred megabytes of JSON take a fifth of a second to read, check and write anew, and whoever shares
the event loop waits for it. Of such a document nothing is decoded and nothing copied that need not be.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Raw

LARGE_BYTES = 1024 * 1024
STEP_BYTES = 256 * 1024
QUOTE = b'"'


def is_large(raw: Raw) -> bool:
    """Whether a part of a document is one of those."""
    return memoryview(raw).nbytes > LARGE_BYTES


def is_string(raw: Raw) -> bool:
    """Whether a part of a document that could be read is a string; its words are not looked at."""
    return bytes(memoryview(raw)[:1]) == QUOTE


class Pieces:
    """A document in pieces that lie where they were read. Putting them together would copy them."""

    __slots__ = ("_pieces", "_size")

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._size = sum(map(len, pieces))

    def __len__(self) -> int:
        """In bytes."""
        return self._size

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return iter(self._pieces)

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)


Body: TypeAlias = bytes | Pieces
"""What is sent."""


def put_together(fields: Mapping[str, Raw]) -> Pieces:
    """An object of these fields."""
    pieces: list[bytes | memoryview] = []
    for name, raw in fields.items():
        pieces += (b"," if pieces else b"{", msgspec.json.encode(name), b":", memoryview(raw))
    return Pieces((*pieces, b"}" if pieces else b"{}"))


def read_through(document: bytes) -> Iterator[None]:
    """Read text in steps, between which others may have their turn. Raises `UnicodeDecodeError`."""
    if document.isascii():
        return
    decoder, whole = codecs.getincrementaldecoder("utf-8")(), memoryview(document)
    for start in range(0, len(whole), STEP_BYTES):
        decoder.decode(whole[start : start + STEP_BYTES])
        yield
    decoder.decode(b"", final=True)
