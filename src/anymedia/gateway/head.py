"""The head of a request: what was said before its body, looked through once.

Clients that ask again on a connection say the same again, byte for byte but for the length of what
follows. Such a head needs no second reading: whoever has the first one's bytes has the second one's
meaning (`Pattern`).
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

Headers: TypeAlias = list[tuple[bytes, bytes]]
REQUEST_ID = b"x-request-id"
"""Who sends it has named the request."""
LENGTH = re.compile(rb"\r\n(?i:content-length):[ \t]*(\d{1,8})[ \t]*\r\n")
MOST_KEPT_BYTES = 8 * 1024
"""A longer one is read anew every time: each connection keeps one."""
MOST_DIGITS = 9


class Head:
    """What the first line and the headers say. Nobody changes it."""

    __slots__ = (
        "credential",
        "headers",
        "lane",
        "method",
        "path",
        "query",
        "raw_path",
        "said",
        "url",
        "version",
    )

    def __init__(
        self,
        method: str,
        url: bytes,
        parts: tuple[str, bytes, bytes],
        version: str,
        headers: Headers,
        said: dict[bytes, bytes],
    ) -> None:
        self.method = method
        self.url = url
        self.path, self.raw_path, self.query = parts
        self.version = version
        self.headers = headers
        self.said = said
        """The headers by name; of those that came several times, the last."""
        self.lane: Any = None
        """Where its kind is served without further questions; `False` where nowhere, and `None` until
        somebody has looked (`fast_path`)."""
        self.credential: bytes | None = None
        """What says who asks, likewise."""

    @property
    def distinct(self) -> bool:
        """Whether no header came twice."""
        return len(self.said) == len(self.headers)

    def with_length(self, digits: bytes) -> Headers:
        """Its headers, about a body of another length."""
        if self.said[b"content-length"] == digits:
            return self.headers
        return [
            (name, digits if name == b"content-length" else value) for name, value in self.headers
        ]


class Pattern:
    """The bytes of a head, with room for another length."""

    __slots__ = ("_begins", "_ends", "_from", "_until", "head")

    def __init__(self, head: Head, begins: bytes, ends: bytes) -> None:
        self.head = head
        self._begins = begins
        self._ends = ends
        self._from = len(begins)
        self._until = self._from + MOST_DIGITS

    def match(self, data: bytes) -> tuple[bytes, bytes, int] | None:
        """What is said of the length, the body, and how much of it is still to come.

        `None` where these bytes do not begin with this head, or there is more than one request.
        """
        if not data.startswith(self._begins):
            return None
        end = data.find(b"\r", self._from, self._until)
        if end < 0 or not data.startswith(self._ends, end):
            return None
        digits = data[self._from : end]
        if not digits.isdigit():
            return None
        begins = end + len(self._ends)
        to_come = int(digits) - len(data) + begins
        return (digits, data[begins:], to_come) if to_come >= 0 else None


def pattern(head: Head, written: bytes) -> Pattern | None:
    """What repeats in a head that was let in, if anything may; a message framed by its one length.

    Where more was written than this one head, its bytes would be another message's framing.
    """
    if b"upgrade" in head.said or len(written) > MOST_KEPT_BYTES:
        return None
    found = LENGTH.search(written)
    if found is None or written.find(b"\r\n\r\n") != len(written) - 4:
        return None
    if head.said.get(b"content-length") != found[1]:
        return None
    return Pattern(head, written[: found.start(1)], written[found.end(1) :])
