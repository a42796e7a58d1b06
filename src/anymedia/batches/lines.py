"""Reading lines: from JSONL in any pieces to requests, one after the other.

A line is `{"custom_id": ..., "media_type": ..., ...fields of that request}` (`medium` is the same),
or one of OpenAI's batch API. However long the file is, one line is in memory at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args

import msgspec

from anymedia.batches.foreign import chat_fields, is_foreign
from anymedia.contracts.errors import GenerationError, InvalidRequest, UnreadableInput
from anymedia.contracts.media import Medium
from anymedia.contracts.mistakes import printable
from anymedia.contracts.request import Request

Source: TypeAlias = (
    str | Path | bytes | Iterable[Mapping[str, Any] | bytes | str] | AsyncIterable[bytes]
)
"""A path, the bytes of a file, lines or documents, or a file in pieces."""
Build: TypeAlias = Callable[[Medium, Any, Mapping[str, Any]], Request[Any]]
"""Makes a request of a medium's fields; `InvalidRequest` lists what is wrong."""
MEDIA: tuple[str, ...] = get_args(Medium)
LONGEST_LINE = 16 * 1024 * 1024
LONGEST_ID = 256
PIECE = 64 * 1024
NAMES = ("media_type", "medium")
OURS = frozenset({"custom_id", *NAMES})


class BadLine(Exception):
    """A line is not a request."""

    def __init__(
        self,
        message: str,
        custom_id: str | None = None,
        *,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.custom_id = custom_id
        self.param = param
        self.code = code
        """A word for it in the dialect of the line."""


@dataclass(frozen=True, slots=True)
class Read:
    """A line that is a request."""

    custom_id: str
    request: Request[Any]


Reader: TypeAlias = Callable[[bytes | Mapping[str, Any]], Awaitable[Read | None]]
"""Understands a line; `None` for an empty one. Raises `BadLine`."""


def usual(build: Build, medium: Medium | None) -> Reader:
    """Reads lines in our own form, of a medium where they do not say."""

    async def reader(line: bytes | Mapping[str, Any]) -> Read | None:
        return read(line, build, medium)

    return reader


async def pieces(source: Source) -> AsyncIterator[bytes | Mapping[str, Any]]:
    """Whatever was given, as lines of bytes or as documents; empty lines too, to be counted."""
    match source:
        case bytes():
            for line in source.split(b"\n"):
                yield line
        case str() | Path():
            async for line in of_file(Path(source)):
                yield line
        case AsyncIterable():
            async for line in split(source):
                yield line
        case _:
            for one in source:
                yield one.encode("utf-8", "surrogatepass") if isinstance(one, str) else one


async def of_file(path: Path) -> AsyncIterator[bytes]:
    """The lines of a file."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnreadableInput(f"`{path}` cannot be read: {error.strerror or error}") from None
    with file:

        async def read() -> AsyncIterator[bytes]:
            while piece := file.read(PIECE):
                yield piece

        async for line in split(read()):
            yield line


async def split(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Lines out of pieces. One that is too long is cut, and told to be when it is read."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        rest = rest[: LONGEST_LINE + 1]
    if rest:
        yield rest


def read(line: bytes | Mapping[str, Any], build: Build, medium: Medium | None) -> Read | None:
    """The request that a line is; `None` for an empty one. Raises `BadLine`."""
    if isinstance(line, bytes):
        document = decoded(line)
        if document is None:
            return None
    else:
        document = dict(line)
    custom_id = document.get("custom_id")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= LONGEST_ID:
        raise BadLine(f"`custom_id`: expected a text of 1 to {LONGEST_ID} letters")
    try:
        if is_foreign(document):
            request = build("text", None, chat_fields(document))
        else:
            fields = {name: value for name, value in document.items() if name not in OURS}
            request = build(medium_of(document, medium), None, fields)
    except InvalidRequest as error:
        raise BadLine(plain(error), custom_id) from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadLine(str(error) or type(error).__name__, custom_id) from None
    if request.idempotency_key is not None:
        raise BadLine("`idempotency_key`: lines of a batch go by their `custom_id`", custom_id)
    return Read(custom_id, request)


def decoded(line: bytes) -> dict[str, Any] | None:
    """A line's object."""
    if len(line) > LONGEST_LINE:
        raise BadLine(f"it is longer than {LONGEST_LINE:,} bytes")
    line = line.strip(b" \t\r\xef\xbb\xbf")
    if not line:
        return None
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadLine("it is not a JSON object")
    return found


def medium_of(document: Mapping[str, Any], usual: Medium | None) -> Medium:
    """What a line asks for."""
    said = [document[name] for name in NAMES if name in document]
    if not said and usual is not None:
        return usual
    if len(said) == 2 and said[0] != said[1]:
        raise ValueError("`media_type` and `medium` differ; leave one out")
    if not said or said[0] not in MEDIA:
        raise ValueError(f"`media_type`: expected one of {', '.join(MEDIA)}")
    return said[0]  # type: ignore[no-any-return]  # one of them, as was just looked up


def plain(error: GenerationError) -> str:
    """What is wrong, in short: a batch's list names many."""
    found = error.details.get("mistakes")
    if not found:
        return error.message
    return "; ".join(
        f"`{printable(one['path'])}`: {one['expected']}" if one["path"] else str(one["expected"])
        for one in found[:5]
    )
