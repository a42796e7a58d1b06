"""One request of a connection and its answer, as the application sees them.

It does what the server's own class does, for answers that are small as a rule: their heads and
bodies go out in one piece, and a head is looked through once and not header by header.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain, repeat
from typing import Any

from starlette.types import Message, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

from anymedia.engine.burst import Bursting
from anymedia.gateway.head import Head

HELD_BYTES = 64 * 1024
"""The head of an answer no larger than this waits for its body, which comes at once."""
FIT = bytes(n for n in range(256) if n == 9 or (n >= 32 and n != 127))
"""What a head may hold within its lines."""
END = b"\r\n"
LAST = b"connection: close\r\n\r\n"
GOOD = STATUS_LINE[200]


class Cycle(RequestResponseCycle):
    """Hands on what comes of a request, and writes its answer."""

    access_log = False
    """A log of requests is written elsewhere."""
    body: bytes | bytearray  # type: ignore[assignment]  # as it came, where it came at once

    def __init__(
        self,
        head: Head,
        loop: asyncio.AbstractEventLoop,
        scope: Callable[[], Scope],
        transport: Bursting,
        flow: FlowControl,
        logger: logging.Logger,
        default_headers: list[tuple[bytes, bytes]],
        on_response: Callable[[], None],
        *,
        expect_100_continue: bool,
        keep_alive: bool,
    ) -> None:
        self.head = head
        """What the request said, looked through once."""
        self.state: dict[str, Any] = {}
        """What is known of it before an application is asked."""
        self.loop = loop
        """That it is on."""
        self._scope_of = scope
        self.transport: Any = transport
        self.flow = flow
        self.logger = logger
        self.default_headers = default_headers
        self.on_response = on_response
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_100_continue
        # As its parent does, but for an event that hardly anybody waits for.
        self.disconnected = self.response_started = self.response_complete = False
        self.more_body = True
        self.body = b""
        self.chunked_encoding: bool | None = None
        self.expected_content_length = 0
        self._news = False
        self._event: asyncio.Event | None = None
        """For whoever waits for news."""
        self._held: bytes | None = None
        self._left: Callable[[], None] | None = None

    @cached_property
    def scope(self) -> Any:  # type: ignore[override]  # made where an application is asked
        """The request as applications know it."""
        scope = self._scope_of()
        scope["state"].update(self.state)
        return scope

    # --- what the connection tells ----------------------------------------------------------

    @property
    def message_event(self) -> Any:
        """Set when there is news. It is this itself, as there is one for each anyway."""
        return self

    @message_event.setter
    def message_event(self, _: Any) -> None:
        """There is no other."""

    def takes(self, body: bytes) -> None:
        """Some of the body has come."""
        if not self.body:
            self.body = body
        elif isinstance(self.body, bytes):
            self.body = bytearray(self.body) + body
        else:
            self.body += body

    def complete(self) -> None:
        """All of it has."""
        self.more_body = False
        self.set()

    def set(self) -> None:
        """Something has come, or nothing more will."""
        self._news = True
        if self._event is not None:
            self._event.set()
        if self.disconnected and self._left is not None:
            left, self._left = self._left, None
            left()

    # --- what the application asks for ------------------------------------------------------

    def leaving(self, told: Callable[[], None] | None) -> None:
        """Tell this one when the caller hangs up, if so; nobody any more where it is `None`."""
        self._left = told
        if told is not None:
            self.flow.resume_reading()
            if self.disconnected:
                self.set()

    @property
    def receive(self) -> Cycle:  # type: ignore[override]  # it is called all the same
        """Whoever hands on pieces of the body can also tell when the caller leaves."""
        return self

    def whole_body(self) -> bytes | None:
        """The whole body, where it has come already and nobody has asked for any of it."""
        if self.more_body or not self._news or self.waiting_for_100_continue:
            return None
        if self.disconnected or self.response_complete:
            return None
        if self.flow.read_paused:
            self.flow.resume_reading()
        self._news = False
        body, self.body = self.body, b""
        return bytes(body)

    def at_hand(self) -> Message | None:
        """The same as a message."""
        body = self.whole_body()
        if body is None:
            return None
        return {"type": "http.request", "body": body, "more_body": False}

    async def __call__(self) -> Message:
        """The next piece of the body, or the end."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            if not self._news:
                await self._wait()
            self._news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        return {"type": "http.request", "body": bytes(body), "more_body": self.more_body}

    async def _wait(self) -> None:
        if self._event is None:
            self._event = asyncio.Event()
        while not (self._news or self.disconnected or self.response_complete):
            self._event.clear()
            await self._event.wait()

    async def send(self, message: Message) -> None:  # type: ignore[override]  # likewise
        """Write some of the answer."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            if message["type"] != "http.response.start":
                raise RuntimeError(f"an answer cannot begin with `{message['type']}`")
            self.response_started, self.waiting_for_100_continue = True, False
            head = self._head(message["status"], message.get("headers", ()))
            if self.chunked_encoding is False and self.expected_content_length <= HELD_BYTES:
                self._held = head
            else:
                self.transport.write(head)
            return
        held = self._held
        if held is not None:
            self._held = None
            body = message.get("body", b"")
            if (
                message["type"] == "http.response.body"
                and not message.get("more_body", False)
                and len(body) == self.expected_content_length
                and self.head.method != "HEAD"
            ):
                self.transport.later(held + body)
                self.response_complete = True
                self.set()
                if not self.keep_alive:
                    self.transport.close()
                self.on_response()
                return
            self.transport.write(held)
        await super().send(message)  # type: ignore[arg-type]  # the same by another name

    def answer(self, lines: bytes, body: bytes) -> None:
        """All of a good answer at once. `lines` are the rest of its head, its length among them.

        Whoever writes them answers for their being lines (`block`).
        """
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        end = END if self.keep_alive else LAST
        self.transport.later(b"".join((GOOD, standing(self.default_headers), lines, end, body)))
        self.set()
        if not self.keep_alive:
            self.transport.close()
        on_response = self.on_response
        on_response()

    def _head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Status and headers. `RuntimeError` for what would be read in another way."""
        lines = [*self.default_headers, *headers]
        said = dict(lines)
        if b"content-length" in said and self.chunked_encoding is None:
            self.expected_content_length = int(said[b"content-length"])
            self.chunked_encoding = False
        if said.get(b"transfer-encoding") == b"chunked":
            self.expected_content_length = 0
            self.chunked_encoding = True
        closes = b"close" in said.get(b"connection", b"").lower()
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append((b"connection", b"close"))
        unsized = self.chunked_encoding is None and status not in {204, 304}
        if unsized and self.head.method != "HEAD":
            self.chunked_encoding = True
            lines.append((b"transfer-encoding", b"chunked"))
        return STATUS_LINE[status] + block(lines) + END


def block(lines: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Headers as they are written. `RuntimeError` for what would be read in another way."""
    if not lines:
        return b""
    names, values = zip(*lines, strict=True)
    written = b"".join(chain.from_iterable(zip(map(started, names), values, repeat(END))))
    if written.translate(None, FIT) != END * len(lines):
        raise RuntimeError("a header of the answer holds what would end it")
    return written


class Standing:
    """The same of those that the server adds to every answer: for a second it is one list."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[list[tuple[bytes, bytes]] | None, bytes] = (None, b"")
        """One value: servers of several threads may ask, and each is to get its own."""

    def __call__(self, lines: list[tuple[bytes, bytes]]) -> bytes:
        """As they are written."""
        of, written = self._kept
        if lines is not of:
            written = block(lines)
            self._kept = lines, written
        return written


standing = Standing()


@lru_cache(maxsize=1024)
def started(name: bytes) -> bytes:
    """How a header's line begins. `RuntimeError` for what is no name in lower case."""
    if not name or HEADER_RE.search(name) or name != name.lower():
        raise RuntimeError("a header of the answer has a name that is none")
    return name + b": "
