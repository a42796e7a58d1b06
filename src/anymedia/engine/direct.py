"""HTTP/1.1 spoken by the event loop itself, for short ways over plain `http://`.

A model server beside the gateway (vLLM, Ollama, a proxy of one's own) is asked thousands of times a
second. There most of what a question costs is the way to another thread and back, which the network
client of `transport` has to take. Here are bytes, one parser (llhttp, by httptools) and one timer.

Nothing clever lives here. What is not plain HTTP without a proxy goes by the other way: TLS, HTTP/2,
certificates, names that are pinned. Connections are kept for `KEPT_SECONDS` at most, which is less
than any server's own patience, the one that came back last first.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from asyncio import get_running_loop
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from itertools import chain
from math import inf
from threading import get_ident
from typing import Any

from anymedia.contracts.errors import NetworkFailed, ProviderTimeout, UnreadableResponse
from anymedia.contracts.version import __version__
from anymedia.engine.burst import Burst
from anymedia.wire.http import Headers, HttpResponse, Unread
from anymedia.wire.large import Body

KEPT_SECONDS = 4.0
"""uvicorn, which most model servers stand on, closes connections after 5 s of silence."""
MOST_KEPT = 512
"""Connections to one address that nobody uses."""
MOST_WAITING_BYTES = 64 * 1024
"""Of a stream: who listens slowly makes the provider wait."""
MOST_HEAD_BYTES = 64 * 1024
COPIED_BYTES = 64 * 1024
"""A larger body is written as it is: copying it would take longer than a second call."""
MOST_PIECE_BYTES = 16 * 1024 * 1024
"""Of what a single piece of a stream unpacks to."""
PLAIN = re.compile(r"http://([A-Za-z0-9.-]+(?::(\d{1,5}))?)(/[!-~]*)", re.ASCII)
MOST_PORT = 65_535
MOST_NAMES = 1_000
"""Of headers, that are remembered."""
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\t\x20-\x7e]*")


class Direct:
    """Connections to plain addresses, kept and used again."""

    def __init__(self, *, connect_seconds: float) -> None:
        self._connect_seconds = connect_seconds
        self._kept: dict[str, list[Line]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._burst = Burst()
        self._thread = 0
        self._closed = False

    async def ask(
        self, url: str, head: bytes, body: Body, *, seconds: float, limit_bytes: int
    ) -> HttpResponse:
        """The whole answer, up to a size."""
        place = url.split("/", 3)[2]
        line = self._free(place) or await self._connected(place, seconds)
        try:
            await line.ask(head, body, seconds=seconds, limit_bytes=limit_bytes)
        except BaseException:
            line.drop()
            raise
        response = HttpResponse(line.status, b"".join(line.parts), line.headers, url)
        self._keep(line)
        return response

    @asynccontextmanager
    async def hear(
        self, url: str, head: bytes, body: Body, *, seconds: float, silence_seconds: float | None
    ) -> AsyncIterator[tuple[HttpResponse, AsyncIterator[bytes]]]:
        """The head of the answer, and its body as it comes."""
        place = url.split("/", 3)[2]
        line = self._free(place) or await self._connected(place, seconds)
        try:
            await line.ask(head, body, seconds=seconds, silence_seconds=silence_seconds)
            yield HttpResponse(line.status, b"", line.headers, url), line.chunks()
        finally:
            if line.complete and not line.parts:
                self._keep(line)
            else:
                line.drop()

    async def close(self) -> None:
        """Hang up everywhere."""
        self._closed = True
        for lines in self._kept.values():
            for line in lines:
                line.drop()
        self._kept.clear()
        await asyncio.sleep(0)  # what was hung up on is closed in the loop's next round

    def _free(self, place: str) -> Line | None:
        loop = self._loop
        if loop is None or self._thread != get_ident() or not loop.is_running():
            # Whoever runs one loop after another has one set of lines each. Which one runs is not
            # asked every time: it cannot be another in this thread, and asking calls the kernel.
            self._loop, self._thread, self._kept = get_running_loop(), get_ident(), {}
            self._burst = Burst()
            return None
        lines = self._kept.get(place)
        while lines:
            line = lines.pop()
            if line.open and loop.time() - line.since < KEPT_SECONDS:
                return line
            line.drop()
        return None

    def _keep(self, line: Line) -> None:
        if self._closed or not line.reusable:
            line.drop()
            return
        line.since = since = line.loop.time()
        lines = line.siblings
        lines.append(line)
        if since - lines[0].since >= KEPT_SECONDS or len(lines) > MOST_KEPT:
            lines.pop(0).drop()

    async def _connected(self, place: str, seconds: float) -> Line:
        host, _, port = place.partition(":")
        loop, siblings = get_running_loop(), self._kept.setdefault(place, [])
        burst = self._burst
        try:
            async with asyncio.timeout(min(seconds, self._connect_seconds)):
                _, line = await loop.create_connection(
                    lambda: Line(loop, siblings, burst), host, int(port or 80)
                )
        except TimeoutError:
            raise ProviderTimeout("timed out while connecting", accepted="no") from None
        except OSError as error:
            # Its words may hold the address of a proxy or of a resolver; its kind does not.
            why = error.strerror if error.errno is not None and error.errno > 0 else None
            raise NetworkFailed(
                f"could not connect: {why or type(error).__name__}", accepted="no"
            ) from None
        return line


class Line(asyncio.Protocol):
    """One connection: a question at a time, and its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, siblings: list[Line], burst: Burst) -> None:
        self.loop = loop
        self._burst = burst
        self.siblings = siblings
        """Others to the same place that nobody uses."""
        self.since = 0.0
        """When its last answer was complete."""
        self.open = False
        self.complete = True
        """Whether nothing is to come: the answer has been read to its end, or nobody has asked."""
        self.reusable = False
        self.status = 0
        self.headers: Headers = Headers()
        self._transport: Any = None
        self._parser: Any = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None
        self.parts: list[bytes] = []
        """Of the body, that have come and nobody has taken."""
        self._size = 0
        self._counting = True
        """Whether the size of the body has to be watched."""
        self._limit: int | None = None
        self._paused = False
        self._said: dict[bytes, bytes] = {}
        """Of the head, as it comes; after it, of what follows the body."""
        self.on_header = self._said.setdefault
        """One header. Of repeated ones the first counts, and nothing else is looked at before the
        head is complete: so the parser puts them down itself."""
        self._unpacking: Any = None
        self._head_size = 0
        self._ends = self._heard = self._silence = 0.0
        self._strikes = inf
        """When the timer does."""

    # --- asking -----------------------------------------------------------------------------

    def ask(
        self,
        head: bytes,
        body: Body,
        *,
        seconds: float,
        limit_bytes: int | None = None,
        silence_seconds: float | None = None,
    ) -> asyncio.Future[None]:
        """Send. To be awaited: all of the answer where there is a limit, else its head."""
        loop = self.loop
        self.complete = False
        self.status = self._size = 0
        self._unpacking, self._counting = None, True
        self.parts = []
        self._limit = limit_bytes
        now = loop.time()
        self._ends = due = now + seconds
        if limit_bytes is None:
            self._heard, self._silence = now, min(silence_seconds or seconds, seconds)
            due = now + self._silence
        if due < self._strikes:
            self._watch(due)
        self._waiter = waiter = loop.create_future()
        size = len(body)
        if size > COPIED_BYTES:
            self._transport.write(b"%b%d\r\n\r\n" % (head, size))
            for piece in (body,) if isinstance(body, bytes) else body:
                self._transport.write(piece)
        else:
            whole = b"".join((head, str(size).encode(), b"\r\n\r\n", bytes(body)))
            self._burst.add(loop, self._transport, whole)
        return waiter

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; what came together is handed on together."""
        while True:
            if self.parts:
                chunk = b"".join(self.parts)
                self.parts.clear()
                self._size = 0
                if self._paused:
                    self._paused = False
                    if self.open:
                        self._transport.resume_reading()
                yield chunk
            elif self.complete:
                return
            elif self._failure is not None:
                raise self._failure
            else:
                self._waiter = self.loop.create_future()
                await self._waiter

    def _wake(self) -> None:
        """Something has happened that whoever waits should know."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._failure is None or (self.parts and self._limit is None):
            waiter.set_result(None)
        else:  # what has come of a whole body is not all of it
            waiter.set_exception(self._failure)

    def _watch(self, due: float) -> None:
        """Look at a time. A timer that strikes sooner is left: it looks, and waits for the rest."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._strikes = self.loop.call_at(due, self._look), due

    def _look(self) -> None:
        """The timer: it is too late, unless something has been heard meanwhile."""
        self._timer, self._strikes = None, inf
        if self.complete:
            return  # nobody waits; whoever asks next sets another
        now = self.loop.time()
        if self._paused:
            self._heard = now  # the silence is not the provider's
        due = self._ends
        if self._limit is None:
            due = min(due, self._heard + self._silence)
        if now < due:
            self._watch(due)
            return
        self._fail(ProviderTimeout("timed out while waiting for the answer", accepted="unknown"))

    def _fail(self, error: Exception) -> None:
        if self._failure is None and not self.complete:
            self._failure = error
            self.open = self.reusable = False  # nobody else is to hear of it
            self._wake()
        self._end_timer()

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._strikes = None, inf

    def drop(self) -> None:
        """Hang up."""
        self._end_timer()
        self.open = self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # --- what the loop tells ------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """There is a connection."""
        from httptools import HttpResponseParser

        self._parser = HttpResponseParser(self)
        self._transport = transport
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """There is none any more."""
        self.open = self.reusable = False
        if self.complete:
            self._end_timer()
            return
        if exc is None and self.status and self._until_the_end():
            self.on_message_complete()
            return
        self._fail(NetworkFailed("the connection broke: it was closed", accepted="unknown"))

    def data_received(self, data: bytes) -> None:
        """Bytes."""
        if self.complete:
            self.drop()  # nobody has asked anything
            return
        if not self.status:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except Exception as error:  # noqa: BLE001  whatever the parser finds wrong, it is no HTTP
            inner = error.__context__
            known = isinstance(inner, UnreadableResponse | NetworkFailed)
            self._fail(
                inner  # type: ignore[arg-type]  # just looked at
                if known
                else NetworkFailed("the connection broke: no HTTP came back", accepted="unknown")
            )
            self.drop()
            return
        if (self._said or not self.status) and not self.complete:
            if self.status:  # inside what follows the body, of which this may be the beginning
                self._head_size += min(len(data), self._held())
            if self._head_size > MOST_HEAD_BYTES:
                self._fail(endless())
                self.drop()
                return
        if self._limit is None:
            self._heard = self.loop.time()
            if self.parts or self.complete:
                self._wake()
            if self._size > MOST_WAITING_BYTES and not self._paused and self.open:
                self._paused = True
                self._transport.pause_reading()

    # --- what the parser tells ----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A status line. After a complete answer there is none: nothing more was asked."""
        if self.complete:
            raise UnreadableResponse("two answers came to one question", accepted="yes")

    def on_headers_complete(self) -> None:
        """The head is there."""
        status, said = self._parser.get_status_code(), self._said
        if status < 200:  # the answer proper is still to come
            said.clear()
            return
        self.status = status
        # The pieces that it came in hold more: what was said before it, and some of the body.
        if self._head_size > MOST_HEAD_BYTES and self._held() > MOST_HEAD_BYTES:
            raise endless()
        self._head_size = 0
        found: dict[str, bytes] = {}
        lowered = LOWERED
        for name, value in reversed(said.items()):
            # The first counts of those, too, that differ in case alone.
            found[lowered[name]] = value
        said.clear()
        self.headers = Unread(found)
        if "content-encoding" in found:
            packed = found["content-encoding"].decode("latin-1").lower()
            if packed != "identity":
                self._unpacking = unpacking(packed)
        limit = self._limit
        if limit is None:
            self._wake()
        elif "content-length" in found:
            if int(found["content-length"]) > limit:  # the parser takes nothing but digits
                raise self._too_large()
            self._counting = self._unpacking is not None  # there is no more than was declared

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._counting:
            limit = self._limit
            if self._unpacking is not None:
                room = (MOST_PIECE_BYTES if limit is None else limit - self._size) + 1
                body = self._unpacking.decompress(body, room)
                if self._unpacking.unconsumed_tail:
                    raise self._too_large()
            self._size += len(body)
            if limit is not None and self._size > limit:
                raise self._too_large()
        self.parts.append(body)

    def on_message_complete(self) -> None:
        """That was all."""
        if not self.status:
            return  # a 1xx
        if self._said:  # what came after the body is nothing that anybody reads
            if self._held() > MOST_HEAD_BYTES:
                raise endless()
            self._said.clear()
            self._head_size = 0
        self.complete = True
        self.reusable = self.open and self._parser.should_keep_alive()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _held(self) -> int:
        """How much of a head is there; what is repeated is there once."""
        return sum(map(len, chain(self._said, self._said.values())))

    def _too_large(self) -> UnreadableResponse:
        from anymedia.engine.transport import too_large

        return too_large(MOST_PIECE_BYTES if self._limit is None else self._limit)

    def _until_the_end(self) -> bool:
        """Whether the answer ends where the connection does."""
        said = self.headers
        return "content-length" not in said and "transfer-encoding" not in said


def endless() -> UnreadableResponse:
    """A head that does not come to its end, or too late."""
    return UnreadableResponse("the answer's head has no end", accepted="unknown")


class Lowered(dict[bytes, str]):
    """Headers' names as they are looked for, by how they are written."""

    def __missing__(self, name: bytes) -> str:
        if len(self) >= MOST_NAMES:
            self.clear()
        found = self[name] = name.decode("latin-1").lower()
        return found


LOWERED = Lowered()


def unpacking(packed: str) -> Any:
    """Unpacks what was packed though nobody asked for it. `UnreadableResponse` where we cannot."""
    if packed in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise UnreadableResponse(f"the answer is packed as `{packed[:40]}`", accepted="unknown")


def head_of(url: str, headers: dict[str, str], method: str = "POST") -> bytes | None:
    """A request's first bytes, up to its length; `None` where it cannot go this way."""
    return begun(method, url, lines_of(headers))


def begun(method: str, url: str, lines: bytes | None) -> bytes | None:
    """The same from the lines of its headers, for who asks for many URLs with the same ones."""
    parts = PLAIN.fullmatch(url)
    if lines is None or parts is None:
        return None
    place, port, target = parts.groups()
    if port is not None and not 0 < int(port) <= MOST_PORT:
        return None
    start = f"{method} {target.partition('#')[0]} HTTP/1.1\r\nhost: {place}\r\n"
    return start.encode("latin-1") + lines


def lines_of(headers: dict[str, str]) -> bytes | None:
    """What headers are on the wire, up to the length; `None` where they cannot go this way."""
    if find_spec("httptools") is None:
        return None
    said = {name.lower() for name in headers}
    if said & {"host", "content-length", "transfer-encoding", "connection", "expect"}:
        return None
    if not all(NAME.fullmatch(n) and VALUE.fullmatch(v) for n, v in headers.items()):
        return None
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if "user-agent" not in said:
        lines.insert(0, f"user-agent: anymedia/{__version__}")
    return ("\r\n".join([*lines, "content-length: "])).encode("latin-1")
