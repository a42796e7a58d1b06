"""Answers to requests with an `Idempotency-Key`, held in Redis for all processes.

A key is claimed with a lease that its process renews while it asks; when the process dies, the
lease ends and the next one asks. While Redis is away, each process knows its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from anymedia.clock import Clock
from anymedia.state.redis import RedisLink, Unavailable

LAYOUT = 1
LEASE_SECONDS = 15.0
LOOK_SECONDS = 0.1


class Given(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it was sent."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Row(msgspec.Struct, frozen=True, array_like=True):
    """What lies under a key."""

    layout: int
    asked: bytes
    given: Given | None = None
    """Nothing while it is asked for."""


class SharedRepeats:
    """What was asked for with a key, as all processes know it."""

    def __init__(self, link: RedisLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._renewing: dict[str, asyncio.Task[None]] = {}

    async def claim(self, name: str, asked: bytes, check: Callable[[bytes], None]) -> Given | None:
        """Another process' answer, waited for; nothing when the key is ours from now on.

        `check` raises where it stands for another request.
        """
        mine = msgspec.msgpack.encode(Row(LAYOUT, asked))
        try:
            while True:
                lease = int(LEASE_SECONDS * 1000)
                if await self._link.command("SET", self._key(name), mine, "NX", "PX", lease):
                    self._renewing[name] = asyncio.create_task(self._renew(name))
                    return None
                row = read(await self._link.command("GET", self._key(name)))
                if row is not None:
                    check(row.asked)
                    if row.given is not None:
                        return row.given
                await self._clock.sleep(LOOK_SECONDS)
        except Unavailable:
            return None

    async def keep(self, name: str, asked: bytes, given: Given, seconds: float) -> None:
        """Hold an answer for all."""
        await self._stop_renewing(name)
        row = msgspec.msgpack.encode(Row(LAYOUT, asked, given))
        with contextlib.suppress(Unavailable):
            await self._link.command("SET", self._key(name), row, "PX", int(seconds * 1000))

    async def let_go(self, name: str) -> None:
        """It came to nothing: whoever comes next may ask."""
        if await self._stop_renewing(name):
            with contextlib.suppress(Unavailable):
                await self._link.command("DEL", self._key(name))

    async def _renew(self, name: str) -> None:
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            with contextlib.suppress(Unavailable):
                lease = int(LEASE_SECONDS * 1000)
                await self._link.command("PEXPIRE", self._key(name), lease)

    async def _stop_renewing(self, name: str) -> bool:
        task = self._renewing.pop(name, None)
        if task is None:
            return False
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return True

    def _key(self, name: str) -> str:
        return self._link.key("repeats", name)


def read(raw: bytes | None) -> Row | None:
    """What lies under a key; nothing where it has gone meanwhile, or is another release's."""
    if raw is None:
        return None
    try:
        row = msgspec.msgpack.decode(raw, type=Row)
    except (msgspec.DecodeError, ValueError):
        return None
    return row if row.layout == LAYOUT else None
