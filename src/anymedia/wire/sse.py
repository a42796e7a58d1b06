"""Server-sent events and newline-delimited JSON, from bytes that arrive in any pieces.

After the WHATWG specification: lines end in LF, CR or CRLF; a leading BOM is skipped; comments
start with a colon; `data` lines join with LF; an event ends at an empty line. One departure: an
event that the end of the stream cuts short is given to the caller too (as some providers leave
out the last empty line), marked `complete=False`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anymedia.contracts.errors import UnreadableResponse

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""An image can come as one event; nothing honest is larger."""


BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name (`message` unless given), data and id."""

    data: str
    name: str = "message"
    id: str | None = None
    complete: bool = True


class SseParser:
    """Cuts a byte stream into events."""

    __slots__ = ("_buffer", "_data", "_first", "_id", "_name", "_seen", "_size", "_skip_lf")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._data: list[str] = []
        self._name = ""
        self._id: str | None = None
        self._first = True
        self._skip_lf = False
        self._size = 0
        self._seen = 0
        """How much of the buffer is known to hold no end of line."""

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that `chunk` completes."""
        self._buffer += chunk
        if self._first:
            if len(self._buffer) < len(BOM):
                return  # not yet known, and too short for an event
            self._first = False
            if self._buffer.startswith(BOM):
                del self._buffer[: len(BOM)]
        yield from self._lines(final=False)
        if len(self._buffer) + self._size > MAX_EVENT_BYTES:
            raise too_large()

    def end(self) -> Iterator[ServerEvent]:
        """What is left when the stream is over."""
        yield from self._lines(final=True)
        if self._data:
            yield self._dispatch(complete=False)

    def _lines(self, *, final: bool) -> Iterator[ServerEvent]:
        buffer = self._buffer
        start = 0
        while True:
            if self._skip_lf and start < len(buffer):
                # The LF of a CRLF whose CR ended the chunk before.
                start += buffer[start] == 0x0A
                self._skip_lf = False
            search = max(start, self._seen)
            lf = buffer.find(b"\n", search)
            cr = buffer.find(b"\r", search, lf if lf != -1 else len(buffer))
            end = cr if cr != -1 else lf
            if end == -1:
                break
            line = bytes(buffer[start:end])
            start = end + 1
            self._skip_lf = end == cr
            event = self._line(line)
            if event is not None:
                yield event
        del buffer[:start]
        self._seen = len(buffer)
        if final and buffer:
            event = self._line(bytes(buffer))
            buffer.clear()
            if event is not None:
                yield event

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            event = self._dispatch(complete=True) if self._data else None
            self._name, self._data, self._size = "", [], 0
            return event
        if line[0] == 0x3A:  # a comment, used as keep-alive
            return None
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        match name:
            case b"data":
                self._data.append(text)
                self._size += len(line)
                if self._size > MAX_EVENT_BYTES:
                    raise too_large()
            case b"event":
                self._name = text
            case b"id" if "\0" not in text:
                self._id = text
            case _:
                pass  # `retry` and unknown fields
        return None

    def _dispatch(self, *, complete: bool) -> ServerEvent:
        return ServerEvent(
            data="\n".join(self._data),
            name=self._name or "message",
            id=self._id,
            complete=complete,
        )


def too_large() -> UnreadableResponse:
    """No honest event or line is that large."""
    return UnreadableResponse(
        f"a single event of the stream is larger than {MAX_EVENT_BYTES >> 20} MiB",
        accepted="unknown",
    )


class LineParser:
    """Cuts a byte stream into lines, each an event: newline-delimited JSON."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        """The beginning of a line whose end has not come yet."""
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The lines that `chunk` completes."""
        *ends, rest = bytes(chunk).split(b"\n")
        for end in ends:
            yield from self._line(end, complete=True)
        self._pieces.append(rest)
        self._size += len(rest)
        if self._size > MAX_EVENT_BYTES:
            raise too_large()

    def end(self) -> Iterator[ServerEvent]:
        """The last line, where it has no end."""
        yield from self._line(b"", complete=False)

    def _line(self, end: bytes, *, complete: bool) -> Iterator[ServerEvent]:
        line = b"".join((*self._pieces, end)).decode("utf-8", "replace").strip()
        self._pieces.clear()
        self._size = 0
        if line:
            yield ServerEvent(data=line, complete=complete)
