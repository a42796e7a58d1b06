"""A connection from outside: how much of it is read, how long it is waited for, what noise is told.

The parser reads strictly, and the server waits without end. Here the head of a request has a size
and a time, and so has what nobody reads of an answer. What two servers could understand in two ways
is refused, in the dialect of whoever asked, and nothing that follows it on the connection is looked
at. Nothing of it is logged: strangers do not write our log; refusals are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import httptools
from starlette.responses import Response
from starlette.types import Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from anymedia.contracts.gateway import GatewaySettings
from anymedia.engine.burst import Burst, Bursting
from anymedia.gateway.crew import Crew
from anymedia.gateway.cycle import Cycle
from anymedia.gateway.head import REQUEST_ID, Head, Pattern, pattern
from anymedia.gateway.judging import (
    FRAMING,
    LONGEST_URL,
    Unfit,
    check_size,
    has_body,
    judged,
    refusal_of,
    unfit,
)
from anymedia.gateway.overload import HEALTH, Load
from anymedia.gateway.spec import Refused
from anymedia.gateway.turned_away import TurnedAway

MOST_PIPELINED = 16
LINGER_SECONDS = 5.0
"""How long somebody who was refused may go on sending, to get round to reading why."""
SOON_SECONDS = 1.0
"""How long a request waits for its body before somebody is asked who waits for it properly."""
CROWDED_SECONDS = 2.0
"""How long a connection beyond their number may take to ask whether we are well."""
OVERHEAD_BYTES = 64 * 1024
OVERHEAD = 8
"""Bytes around the pieces of a body: so many, and so many for each byte of it."""

Told: TypeAlias = Callable[[Refused, dict[str, Any]], Response]
"""A refusal in the dialect of whoever asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a connection may take."""

    head_bytes: int
    headers: int
    head_seconds: float
    idle_seconds: float
    send_seconds: float
    connections: int


def rules_of(settings: GatewaySettings) -> Rules:
    """As they are configured; a change holds for the next start."""
    return Rules(
        head_bytes=settings.max_head_bytes,
        headers=settings.max_headers,
        head_seconds=settings.head_seconds,
        idle_seconds=settings.idle_seconds,
        send_seconds=settings.send_seconds,
        connections=settings.max_connections,
    )


class Connection(HttpToolsProtocol):
    """Reads requests until there is something wrong with one."""

    cycle: Cycle
    """The last request of those that have come."""

    def __init__(
        self,
        *,
        rules: Rules,
        load: Load,
        told: Told,
        turned_away: TurnedAway,
        burst: Burst,
        crew: Crew,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._rules = rules
        self._load = load
        self._told = told
        self._crew = crew
        self._burst = burst
        self._turned_away = turned_away
        self._in_head = self._in_body = self._again = False
        self._taken = False
        """Whether the message that is read has become a request, or was answered instead."""
        self._began_now = False
        """Whether the message began in the piece that was read last."""
        self._alone = False
        """Whether nothing of another message is in that piece."""
        self._size = 0
        """Of that piece."""
        self._read = 0
        """Bytes of the pieces before it that belong to this message alone."""
        self._first = 0
        """Bytes of the piece that it began in, of which some may belong to the one before."""
        self._of_body = 0
        self._trailers = 0
        self._deaf = False
        """Whether nothing is read any more."""
        self._head: Head | None = None
        """Of the message that is read, once it is there."""
        self._pattern: Pattern | None = None
        """What the last message began with, if the next one may begin with the same."""
        self._to_come = 0
        """Bytes of a body whose head was known, and which the parser does not see."""
        self._waits = False
        """Whether a request waits for its body before anybody is asked."""
        self._crowded = False
        self._resting_since = 0.0
        self._patience: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    # --- coming and going -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self._bursting = Bursting(transport, self.loop, self._burst)
        super().connection_made(self._bursting)  # type: ignore[arg-type]  # it does what one does
        self._crowded = len(self.connections) > self._rules.connections
        self._wait(CROWDED_SECONDS if self._crowded else self._rules.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._no_longer()
        self._unset_keepalive_if_required()
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Whoever asked does not read: they may think for a while."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self._rules.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """They do."""
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    # --- reading --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Some bytes, which need not end where a request does."""
        if self._deaf:
            return
        if self._to_come:
            data = self._more(data)
            if not data:
                return
        if self._pattern is not None and not self._in_body:
            if self._repeated(self._pattern, data):
                return
            self._pattern = None
        self._began_now, self._size = False, len(data)
        self._alone = not (self._in_head or self._in_body)
        left = data
        try:
            while left:
                left = self._parsed(left)
        except httptools.HttpParserError as error:
            self._refuse(refusal_of(error))
            return
        if self._alone and self._began_now and self._head is not None and self.cycle.keep_alive:
            self._pattern = pattern(self._head, data[: len(data) - self._of_body])
        if not self._in_head and not self._in_body:
            return
        if self._began_now:
            self._first = self._size
        else:
            self._read += self._size
        if self._in_head:
            if self._patience is None and self._idle:
                self._wait(self._rules.head_seconds)
            if self._read > self._rules.head_bytes:
                self._refuse(self._too_long())
        elif self._read - self._of_body > OVERHEAD_BYTES + OVERHEAD * self._of_body:
            self._refuse(Refused("the body has more wrapping than content"))

    def _repeated(self, known: Pattern, data: bytes) -> bool:
        """Take a request that begins like the last one, unless there is more to it."""
        found = known.match(data) if self.cycle.response_complete else None
        if found is None:
            return False
        digits, body, to_come = found
        full = self._load.full(known.head.path, len(self.tasks))
        if to_come > HIGH_WATER_LIMIT or (full and (to_come or REQUEST_ID in known.head.said)):
            return False
        if full:
            self._answer(full, known.head)
            return True
        cycle = self._begin(known.head, known.head.with_length(digits), keep_alive=True)
        cycle.takes(body)
        if to_come:
            # It comes at once as a rule: many write their heads and bodies one after the other.
            self._to_come, self._in_body, self._waits = to_come, True, True
            self._wait(SOON_SECONDS)
            return True
        cycle.complete()
        self._start_asgi_task(cycle, self.app)
        return True

    def _more(self, data: bytes) -> bytes:
        """Take more of the body of such a request; what comes after it."""
        cycle, piece = self.cycle, data[: self._to_come]
        beyond = data[self._to_come :]
        self._to_come -= len(piece)
        self._in_body = self._to_come > 0
        if not cycle.response_complete:
            cycle.takes(piece)
            if self._in_body:
                cycle.set()
            else:
                cycle.complete()
        if not self._in_body:
            self._now()
        return beyond

    def _now(self) -> None:
        """Wait no longer; have a request answered that has waited for its body."""
        self._no_longer()
        if self._waits:
            self._waits = False
            self._start_asgi_task(self.cycle, self.app)

    def _parsed(self, data: bytes) -> bytes:
        """Read, and return what is left.

        Nobody is upgraded. The parser takes what follows a wish for it for another language, and
        would read a body as the next request: so another parser goes on, which has not heard of it.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            left = data[upgrade.args[0] :]
        else:
            return b""
        self.parser = httptools.HttpRequestParser(self)
        framing = [one for one in self.headers if one[0] in FRAMING]
        if has_body(framing):
            self._again = True
            head = b"".join(b"%b: %b\r\n" % one for one in framing)
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + head + b"\r\n")
            self._again = False
        return left

    # --- what the parser finds ------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._again:
            return
        self._alone = self._alone and not self._began_now
        self._in_head, self._began_now, self._taken = True, True, False
        self._read = self._first = self._of_body = self._trailers = 0
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._head = None

    def on_url(self, url: bytes) -> None:
        """Some of its URL."""
        if self._again:
            return
        self.url += url
        if len(self.url) > LONGEST_URL:
            raise unfit(f"the URL is longer than {LONGEST_URL:,} bytes", 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes after the body is none."""
        if self._in_head:
            self.headers.append((name.lower(), value))
        elif not self._again:
            self._trailers += 1
            if self._trailers > self._rules.headers:
                raise unfit("there are too many trailers", 431)

    def on_headers_complete(self) -> None:
        """The head is there: let it in, or not."""
        if self._again:
            return
        self._in_head, self._in_body = False, True
        if self._patience is not None:
            self._no_longer()
        head = self._judged()
        if self._crowded and head.path not in HEALTH:
            raise Unfit(self._load.refusal("there are too many connections"))
        idle = self._idle
        if idle:
            if full := self._load.full(head.path, len(self.tasks)):
                if not self.parser.should_keep_alive():
                    raise Unfit(full)
                self._answer(full, head)
                return
        elif len(self.pipeline) >= MOST_PIPELINED:
            raise unfit(f"more than {MOST_PIPELINED} requests wait on one connection", 429)
        keep_alive = head.version == "1.1" and not self._crowded and self.parser.should_keep_alive()
        cycle = self._begin(head, head.headers, keep_alive=keep_alive)
        if idle:
            # Another may only be known by its beginning where nothing else is under way.
            self._head = None if self.expect_100_continue else head
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _begin(self, head: Head, headers: list[tuple[bytes, bytes]], *, keep_alive: bool) -> Cycle:
        """A request for the application."""
        self._taken = True
        cycle = self.cycle = Cycle(
            head,
            self.loop,
            lambda: self._scope(head, headers),
            self._bursting,
            self.flow,
            self.logger,
            self.server_state.default_headers,
            self.on_response_complete,
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
        )
        if head.version == "1.0":
            cycle.send = Unframed(cycle)  # type: ignore[method-assign]
        return cycle

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered."""
        self._crew.begin(cycle, app, self.tasks)  # type: ignore[arg-type]  # all are made above

    def _scope(self, head: Head, headers: list[tuple[bytes, bytes]]) -> Scope:
        """A request as applications know it."""
        root = self.root_path
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": head.version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": head.method,
            "root_path": root,
            "path": root + head.path,
            "raw_path": root.encode("ascii") + head.raw_path if root else head.raw_path,
            "query_string": head.query,
            "headers": headers,
            "state": self.app_state.copy(),
        }

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._of_body += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.takes(body)
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.set()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._again or (self.parser.should_upgrade() and has_body(self.headers)):
            return
        self._in_body = False
        if self._patience is not None:
            self._no_longer()
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.complete()

    def on_response_complete(self) -> None:
        """It is answered: now the next one, or for a while nothing."""
        self.server_state.total_requests += 1
        closing = self._bursting.is_closing
        if not closing():
            if self.flow.read_paused:
                self.flow.resume_reading()
            if self.pipeline:
                cycle, app = self.pipeline.pop()
                self._start_asgi_task(cycle, app)
            else:
                self._rest()
        if self._deaf:
            if self._idle:
                self.transport.close()
        elif self._in_body:
            self._wait(min(LINGER_SECONDS, self._rules.send_seconds))
        elif self._in_head:
            self._wait(self._rules.head_seconds)

    def _judged(self) -> Head:
        """What was said, if it can be understood in one way."""
        rules, arrived = self._rules, self._size + self._read + self._first
        check_size(self.headers, rules.headers, rules.head_bytes, arrived=arrived)
        parser = self.parser
        head = judged(self.headers, self.url, parser.get_method(), parser.get_http_version())
        self.expect_100_continue = b"expect" in head.said
        return head

    def _too_long(self) -> Refused:
        if not self.headers and len(self.url) > LONGEST_URL // 2:
            return Refused(f"the URL is longer than {LONGEST_URL:,} bytes", status=414)
        return Refused(f"the headers are larger than {self._rules.head_bytes:,} bytes", status=431)

    # --- refusing -------------------------------------------------------------------------

    @property
    def _idle(self) -> bool:
        """Whether nothing is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _answer(self, refusal: Refused, head: Head) -> None:
        """Refuse a request, and read on: its body goes nowhere."""
        self._taken = True
        self.cycle = Answered()  # type: ignore[assignment]  # as much of one as is looked at
        if REQUEST_ID in head.said:
            self._write(refusal, last=False)
        else:
            defaults = self.server_state.default_headers
            self._bursting.later(self._turned_away.written(refusal, head, defaults))
        self.on_response_complete()

    def _refuse(self, refusal: Refused) -> None:
        """Refuse what cannot be read, and read no more; what came before is answered."""
        self._deaf = True
        self._no_longer()
        broken = self._in_body and self._taken
        if not self._idle:
            if not broken:
                return
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
                return
            begun = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if begun:
                self.transport.abort()
                return
        if not broken or not self._idle:  # nobody is answered twice
            self._write(refusal, last=True)
        self._wait(min(LINGER_SECONDS, self._rules.send_seconds))
        if self.transport.can_write_eof():
            # Closing now would reset the connection before the answer is read.
            self.transport.write_eof()

    def _write(self, refusal: Refused, *, last: bool) -> None:
        known = self._in_head or self._in_body
        scope = {
            "type": "http",
            "method": self.parser.get_method().decode() if self._in_body else "",
            "path": self._path if known else "/",
            "query_string": b"",
            "headers": self.headers if known else [],
        }
        response = self._told(refusal, scope)
        headers = [*self.server_state.default_headers, *response.raw_headers]
        if last:
            headers.append((b"connection", b"close"))
        self.transport.write(
            STATUS_LINE[response.status_code]
            + b"".join(b"%b: %b\r\n" % one for one in headers)
            + b"\r\n"
            + bytes(response.body)
        )

    @property
    def _path(self) -> str:
        return self.url.partition(b"?")[0].decode("latin-1")

    # --- waiting --------------------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        self._no_longer()
        self._patience = self.loop.call_later(seconds, self._too_late)

    def _no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _rest(self) -> None:
        """Wait for the next request. The timer of an earlier wait goes on: it finds out."""
        self._resting_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        """Nothing may have come for long enough."""
        self.timeout_keep_alive_task = None
        busy = self._in_head or self._in_body or not self._idle
        if busy or self._deaf or self.transport.is_closing():
            return  # the next answer sets another
        left = self._resting_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()

    def _too_late(self) -> None:
        self._patience = None
        if self._waits:
            self._now()  # whoever reads the body waits for the rest of it, and says if that is too long
        elif self._in_head and not self._deaf:
            seconds = self._rules.head_seconds
            self._refuse(Refused(f"the headers did not arrive within {seconds:g} s", status=408))
        else:
            self.transport.abort() if self._in_body or self._deaf else self.transport.close()


class Unframed:
    """Answers HTTP/1.0, which knows no chunks: what has no length ends with the connection."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._open = False

    async def __call__(self, message: Any) -> None:
        """Send on."""
        cycle = self._cycle
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            self._open = b"content-length" not in names
            if self._open:
                cycle.chunked_encoding = False
        elif self._open:
            cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)


class Answered:
    """Stands for a request that was refused: what comes of it is passed over."""

    response_complete = True

    @property
    def message_event(self) -> Answered:
        """Nobody waits for one."""
        return self

    def set(self) -> None:
        """Nobody."""
