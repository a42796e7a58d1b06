"""A Memcached, in its text protocol, that may refuse, hang or come back.

Nothing waits longer than it is given. After a failure it is left alone for a moment, longer each
time; whoever asks meanwhile is told `Unavailable` at once. The operator hears once that it is gone
and once that it is back.

A connection on which an answer is still to come is closed, whatever the reason: the next who used
it would read an answer that is not theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

from anymedia.cache.shared import Lying
from anymedia.clock import Clock
from anymedia.state.redis import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Unavailable

MOST_CONNECTIONS = 32
LARGEST_READ_BYTES = 128 * 1024 * 1024
"""Of one value; more is not what we have written."""
REFUSED = frozenset({b"NOT_STORED", b"EXISTS", b"NOT_FOUND"})


class Talk:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def said(self, words: bytes) -> None:
        """Send something."""
        self._writer.write(words)
        await self._writer.drain()

    async def line(self) -> bytes:
        """The next line."""
        return (await self._reader.readuntil(b"\r\n"))[:-2]

    async def block(self, size: int) -> bytes:
        """A value of so many bytes."""
        if not 0 <= size <= LARGEST_READ_BYTES:
            raise ValueError("a value of impossible size")
        data = await self._reader.readexactly(size + 2)
        if data[-2:] != b"\r\n":
            raise ValueError("a value that does not end where it should")
        return data[:-2]

    @property
    def over(self) -> bool:
        """Whether the other side has hung up."""
        return self._reader.at_eof() or self._writer.is_closing()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def closed(self) -> None:
        """Wait until it has hung up."""
        with suppress(OSError):
            await self._writer.wait_closed()


class MemcachedLink:
    """One Memcached, shared with other processes."""

    def __init__(
        self, url: str, *, clock: Clock, report: Callable[[str], None], timeout_seconds: float
    ) -> None:
        there = urlsplit(url)
        self._host, self._port = there.hostname or "127.0.0.1", there.port or 11211
        self._clock = clock
        self._report = report
        self._timeout_seconds = timeout_seconds
        self._idle: list[Talk] = []
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)
        self._pause = 0.0
        self._silent_until = float("-inf")
        self._failed_at = float("-inf")

    @property
    def up(self) -> bool:
        """Whether it answered last time."""
        return self._pause == 0.0

    async def get(self, *keys: str) -> dict[str, Lying]:
        """What lies under each key, where there is anything. Raises `Unavailable`."""
        found: dict[str, Lying] = {}
        async with self._asking() as talk:
            await talk.said(f"gets {' '.join(keys)}\r\n".encode())
            while (line := await talk.line()) != b"END":
                kind, key, _, size, token = line.split(b" ")
                if kind != b"VALUE" or key.decode() not in keys:
                    raise ValueError("an answer to another question")
                found[key.decode()] = Lying(await talk.block(int(size)), token)
        return found

    async def store(
        self,
        how: Literal["set", "add", "cas"],
        key: str,
        data: bytes,
        *,
        seconds: int = 0,
        token: bytes = b"",
    ) -> bool:
        """Put something there; whether it was taken. Raises `Unavailable`."""
        head = f"{how} {key} 0 {seconds} {len(data)}".encode()
        async with self._asking() as talk:
            await talk.said(b" ".join((head, token)).rstrip() + b"\r\n" + data + b"\r\n")
            line = await talk.line()
            if line == b"STORED":
                return True
            if line in REFUSED or line.startswith(b"SERVER_ERROR object too large"):
                return False
            raise ValueError(line[:100].decode("ascii", "replace"))

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Talk]:
        async with self._room:
            now = self._clock.monotonic()
            if now < self._silent_until:
                raise Unavailable("Memcached is being left alone for a moment")
            if not self.up:
                # One asks whether it is back; the others need not all wait for the same silence.
                self._silent_until = now + self._timeout_seconds
            talk: Talk | None = None
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    talk = self._open() or await self._connected()
                    yield talk
            except (
                OSError,
                EOFError,
                ValueError,
                TimeoutError,
                asyncio.LimitOverrunError,
            ) as error:
                if talk is not None:
                    talk.close()
                raise self._gone(error, now) from None
            except BaseException:
                if talk is not None:
                    talk.close()
                raise
            self._idle.append(talk)
            if not self.up:
                self._pause, self._silent_until = 0.0, float("-inf")
                self._report("Memcached answers again: the cache is shared again")

    def _open(self) -> Talk | None:
        """A connection from before, unless it was too long ago for the server."""
        while self._idle:
            talk = self._idle.pop()
            if not talk.over:
                return talk
            talk.close()
        return None

    async def _connected(self) -> Talk:
        return Talk(*await asyncio.open_connection(self._host, self._port))

    def _gone(self, error: Exception, asked_at: float) -> Unavailable:
        why = f"{type(error).__name__}: {error}".rstrip(": ")
        for talk in self._idle:
            talk.close()  # those of a server that has gone are of no use
        self._idle.clear()
        if self.up:
            self._report(
                f"Memcached cannot be used ({why}): the cache goes on without it until it is back"
            )
        if asked_at > self._failed_at:  # of many that were asking at the time, one has said so
            self._failed_at = self._clock.monotonic()
            self._pause = min(max(self._pause * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            self._silent_until = self._failed_at + self._pause
        return Unavailable(why)

    async def close(self) -> None:
        """Close its connections."""
        while self._idle:
            talk = self._idle.pop()
            talk.close()
            await talk.closed()
