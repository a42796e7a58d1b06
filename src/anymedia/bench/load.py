"""A load generator: many connections that ask the same again and again, and how they were answered.

`python -m anymedia.bench.load PLAN` prints one JSON line when it is done, others before it where
the plan asks for them. Without a rate every connection asks as soon as it was answered. With one,
requests are due at moments of their own, and whoever has to wait for a free connection has waited:
a server that stalls cannot slow down those who measure it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import cast

import msgspec

from anymedia.bench.loops import run
from anymedia.bench.plan import REFUSED, Found, Plan, Tally, merge

TICK_SECONDS = 0.001
RECONNECT_SECONDS = 0.05
CHUNKED_ENDS = b"\r\n0\r\n\r\n"
EVENT = b"data:"


class Connection(asyncio.Protocol):
    """One connection: asks, and tells when it was answered."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._asked: float | None = None
        self._head = b""
        self._tail = b""
        self._status = 0
        self._left: int | None = None
        self._closes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._load.free(self)

    def ask(self, since: float) -> None:
        """Send a request that was due at some moment."""
        assert self._transport is not None
        self._asked, self._head, self._tail, self._status, self._left = since, b"", b"", 0, None
        self._transport.write(self._load.wire)

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        if self._status == 0:
            self._head += data
            ends = self._head.find(b"\r\n\r\n")
            if ends < 0:
                return
            data = self._head[ends + 4 :]
            self._read_head(self._head[: ends + 2])
        if not data and self._left != 0:
            return
        seen = self._load.tally
        seen.events += (self._tail[-4:] + data).count(EVENT)
        if self._left is None:
            self._tail = (self._tail + data)[-len(CHUNKED_ENDS) :]
            complete = self._tail == CHUNKED_ENDS or data == CHUNKED_ENDS[2:]
        else:
            self._left -= len(data)
            self._tail = data[-4:]
            complete = self._left <= 0
        if complete and self._asked is not None:
            seen.count(self._status, perf_counter() - self._asked, late=self._load.over)
            self._asked = None
            self._load.done()
            if self._closes:
                self._transport.close()  # type: ignore[union-attr]  # it has just told us something
            else:
                self._load.free(self)

    def connection_lost(self, _: Exception | None) -> None:
        """It is closed: by the server, or at the end."""
        self._transport = None
        self._load.lost(self, asked=self._asked is not None)

    def close(self) -> None:
        """Break off whatever is going on."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def began(self) -> bool:
        """Whether an answer is on its way."""
        return self._status != 0

    def _read_head(self, head: bytes) -> None:
        self._status = int(head[9:12])
        for one in head.lower().split(b"\r\n"):
            if one.startswith(b"content-length:"):
                self._left = int(one[15:])
            elif one.startswith(b"connection:"):
                self._closes = one.endswith(b"close")
            elif one.startswith(b"retry-after:") and self._status in REFUSED:
                self._load.tally.told_when += 1


class Load:
    """All connections, and what they have seen."""

    def __init__(self, plan: Plan, tell: Callable[[Found], None]) -> None:
        self.plan = plan
        self.wire = plan.ask.wire()
        self.tally = Tally()
        self._whole = self.tally
        self._tell = tell
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._due: deque[float] = deque()
        """When requests were due that have no connection yet."""
        self._under_way = 0
        self._started = self._over = self._ended = False
        """`_over`: nothing more is due. `_ended`: nothing more is sent."""
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self._over

    async def run(self) -> Found:
        """Do it."""
        # Opened a few at a time: what is measured are requests, not a queue of connections.
        for _ in range(self.plan.connections):
            await self._connect()
        if self.plan.hold:
            return await self._hold()
        self.tally = self._whole = Tally()
        self._started, began = True, perf_counter()
        if self.plan.rate is None:
            while self._idle:
                self._ask(self._idle.popleft(), perf_counter())
        ends, told = began + self.plan.seconds, began
        issued = 0
        while (now := perf_counter()) < ends:
            if self.plan.rate is not None:
                wanted = int((now - began) * self.plan.rate)
                while issued < wanted:
                    issued += 1
                    self._wanted(began + issued / self.plan.rate)
            if self.plan.every_seconds and now - told >= self.plan.every_seconds:
                self._interim()
                told = now
            await asyncio.sleep(TICK_SECONDS if self.plan.rate else min(0.05, ends - now))
        self._over = True
        lasted = perf_counter() - began
        await self._drained()
        return self._whole.found(self._under_way + len(self._due), lasted)

    def free(self, connection: Connection) -> None:
        """A connection has nothing to do."""
        self._all.add(connection)
        if self._due and not self._ended:
            self._ask(connection, self._due.popleft())
        elif self._over or self.plan.hold:
            return
        elif self.plan.rate is None and self._started:
            self._ask(connection, perf_counter())
        else:
            self._idle.append(connection)

    def done(self) -> None:
        """A request was answered."""
        self._under_way -= 1

    def lost(self, connection: Connection, *, asked: bool) -> None:
        """A connection is closed; another takes its place."""
        self._all.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        if asked:
            self._under_way -= 1
            self.tally.broken += 1
        if not self._ended:
            task = asyncio.get_running_loop().create_task(self._connect(again=True))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, *, again: bool = False) -> None:
        loop, ask = asyncio.get_running_loop(), self.plan.ask
        while not self._ended:
            try:
                await loop.create_connection(lambda: Connection(self), ask.host, ask.port)
            except OSError:
                if not again:
                    raise
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                return

    def _wanted(self, since: float) -> None:
        if self._idle:
            self._ask(self._idle.popleft(), since)
        else:
            self._due.append(since)

    def _ask(self, connection: Connection, since: float) -> None:
        if not connection.open:  # it is being closed; `lost` brings another
            self._due.append(since)
            return
        self._under_way += 1
        self.tally.sent += 1
        connection.ask(since)

    def _interim(self) -> None:
        part = self.tally
        self._tell(part.found(0))
        if part is not self._whole:
            merge(self._whole, part)
        else:
            self._whole = part
        self.tally = Tally()

    async def _drained(self) -> None:
        ends = perf_counter() + self.plan.patience_seconds
        while (self._under_way or self._due) and perf_counter() < ends:  # noqa: ASYNC110  answers tell nobody
            await asyncio.sleep(0.01)
        self._ended = True
        if self.tally is not self._whole:
            merge(self._whole, self.tally)
        for one in list(self._all):
            one.close()

    async def _hold(self) -> Found:
        streams = list(self._all)
        for one in streams:
            self._ask(one, perf_counter())
        ends = perf_counter() + self.plan.patience_seconds
        while perf_counter() < ends and not all(one.began for one in streams):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        begun = sum(one.began and one.open for one in streams)
        self._tell(self.tally.found(len(streams) - begun))
        # Counted from here on; those before came while streams were opened.
        self.tally = self._whole = Tally()
        await asyncio.sleep(self.plan.seconds)
        found = self.tally.found(self._under_way)
        self._over = self._ended = True
        for one in streams:
            one.close()
        return found


def tell(found: Found) -> None:
    """One line, for whoever started us."""
    print(msgspec.json.encode(found).decode(), flush=True)  # noqa: T201  that is what stdout is for


async def main(words: str) -> None:
    """Carry out a plan."""
    tell(await Load(msgspec.json.decode(words, type=Plan), tell).run())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        run(main(sys.argv[1]))
