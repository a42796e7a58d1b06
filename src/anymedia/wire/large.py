"""Documents so large that working on them in one go would hold everybody else up.

A hundred megabytes of JSON take a fifth of a second to read, check and write anew, and whoever shares
the event loop waits for it. Of such a document nothing is decoded and nothing copied that need not be.

What makes a document large are a few long strings as a rule, files in base64. What is between them
is small: it is read, and the strings stay where they are (`Outlined`).
"""

from __future__ import annotations

import codecs
import re
import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Raw

LARGE_BYTES = 1024 * 1024
STEP_BYTES = 256 * 1024
QUOTE = b'"'
BACKSLASH = ord("\\")
LONG_BYTES = 4 * 1024
"""Of a string that is left out."""
BYTES_PER_QUOTE = 8 * 1024
"""Where there are more quotation marks, reading the document takes less time than looking at them."""
QUOTES_AT_ONCE = 1_000
MOST_BACKSLASHES = 64
"""In a row, that are counted."""
OMITTED = secrets.token_hex(16).encode()
"""Stands for what is left out. Nobody outside can know it."""
OMISSION = re.compile(OMITTED + rb"([0-9a-f]{8})")
FIELDS = msgspec.json.Decoder(dict[str, Raw])


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


class Outlined(dict[str, Raw]):
    """The fields of a document as they were written, and without their long strings."""

    __slots__ = ("brief",)

    def __init__(self, fields: Mapping[str, Raw], brief: Mapping[str, Raw]) -> None:
        super().__init__(fields)
        self.brief = brief


def in_brief(fields: Mapping[str, Raw], name: str) -> Raw:
    """A field, which says all that it says but for the words of long strings. Raises `KeyError`."""
    return fields.brief[name] if isinstance(fields, Outlined) else fields[name]


def outlined(document: bytes) -> Generator[None, None, Outlined | None]:
    """Find an object's fields in steps, between which others may have their turn.

    `None` where that would take longer than to read the whole. Raises what reading it raises.
    Of the long strings only the beginning and the end are found, as wherever they are passed on.
    """
    strings = yield from long_strings(document)
    if not strings:
        return None
    between: list[bytes] = []
    end = 0
    for number, string in enumerate(strings):
        between += (document[end : string.start], OMITTED, b"%08x" % number)
        end = string.stop
    brief = FIELDS.decode(b"".join((*between, document[end:])))
    whole = memoryview(document)
    return Outlined({name: in_full(raw, strings, whole) for name, raw in brief.items()}, brief)


def in_full(raw: Raw, strings: Sequence[slice], document: memoryview) -> Raw:
    """A field as it was written: what is around the first and the last that was left out is as it was."""
    omissions = [*OMISSION.finditer(raw)]
    if not omissions:
        return raw
    first, last = omissions[0], omissions[-1]
    begins = strings[int(first[1], 16)].start - first.start()
    ends = strings[int(last[1], 16)].stop + memoryview(raw).nbytes - last.end()
    return Raw(document[begins:ends])


def long_strings(document: bytes) -> Generator[None, None, list[slice]]:
    """Where long strings lie, without their quotation marks; none where there are too many to look."""
    found: list[slice] = []
    left = len(document) // BYTES_PER_QUOTE + QUOTES_AT_ONCE
    position, begins = 0, -1
    while position < len(document):
        until = position + STEP_BYTES
        at = document.find(QUOTE, position, until)
        if at < 0:
            position = until
            yield
            continue
        left -= 1
        if left % QUOTES_AT_ONCE == 0:
            if left <= 0:
                return []
            yield
        position = at + 1
        if begins < 0:
            begins = position
            continue
        backslashes = 0
        while document[at - backslashes - 1] == BACKSLASH:
            backslashes += 1
            if backslashes > MOST_BACKSLASHES:
                return []
        if backslashes % 2 == 0:
            if at - begins > LONG_BYTES:
                found.append(slice(begins, at))
            begins = -1
    return found if begins < 0 else []


def put_together(fields: Mapping[str, Raw]) -> Pieces:
    """An object of these fields."""
    pieces: list[bytes | memoryview] = []
    for name, raw in fields.items():
        pieces += (b"," if pieces else b"{", msgspec.json.encode(name), b":", memoryview(raw))
    return Pieces((*pieces, b"}" if pieces else b"{}"))


def read_through(document: bytes) -> Iterator[None]:
    """Read text in steps, between which others may have their turn. Raises `UnicodeDecodeError`."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(document), STEP_BYTES):
        piece = document[start : start + STEP_BYTES]
        if not piece.isascii() or decoder.getstate()[0]:
            decoder.decode(piece)
        yield
    decoder.decode(b"", final=True)
