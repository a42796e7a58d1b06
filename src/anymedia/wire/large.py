"""Documents so large that working on them in one go would hold everybody else up.

A hundred megabytes of JSON take a fifth of a second to read, check and write anew, and whoever shares
the event loop waits for it. Of such a document nothing is decoded that need not be, and what has to
be copied is copied by a thread that lets others work meanwhile.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping

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


def put_together(fields: Mapping[str, Raw]) -> bytes:
    """An object of these fields. Others can work meanwhile if this is done by a thread."""
    pieces: list[bytes | memoryview] = []
    for name, raw in fields.items():
        pieces += (b"," if pieces else b"{", msgspec.json.encode(name), b":", memoryview(raw))
    return b"".join((*pieces, b"}" if pieces else b"{}"))


def read_through(document: bytes) -> Iterator[None]:
    """Read text in steps, between which others may have their turn. Raises `UnicodeDecodeError`."""
    if document.isascii():
        return
    decoder, whole = codecs.getincrementaldecoder("utf-8")(), memoryview(document)
    for start in range(0, len(whole), STEP_BYTES):
        decoder.decode(whole[start : start + STEP_BYTES])
        yield
    decoder.decode(b"", final=True)
