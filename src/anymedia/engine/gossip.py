"""What strategies and health learn here, told to the other processes on the same Redis, and theirs.

About once a second each process adds one entry to a capped stream, with everything that it has
seen since, and reads what others have added. Where sessions were served last is looked up when a
session is new here. Without Redis each process goes by what it has seen itself.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec

from anymedia.choosing import Chooser, Success, Successes
from anymedia.clock import Clock
from anymedia.resilience.health import Health
from anymedia.state.redis import RedisLink, Unavailable

MOST_TOLD = 1000
"""Observations in one entry; under more load than that, the latest."""
MOST_ENTRIES = 2000
READ_AT_ONCE = 100
KEPT_SECONDS = 3600
"""How long a session is at home somewhere."""


class Learnt(msgspec.Struct, array_like=True, frozen=True):
    """How an attempt went, for strategies."""

    names: tuple[str, ...]
    kind: str
    succeeded: bool | None
    seconds: float | None
    first_seconds: float | None
    usd: Decimal | None
    conformed: bool | None


class Seen(msgspec.Struct, array_like=True, frozen=True):
    """How an attempt went, for health."""

    provider: str
    succeeded: bool | None
    seconds: float | None
    expected_seconds: float | None


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What one process tells at once."""

    learnt: tuple[Learnt, ...]
    seen: tuple[Seen, ...]


class Gossip:
    """Tells and hears."""

    def __init__(
        self, link: RedisLink, *, chooser: Chooser, health: Health, clock: Clock, identity: str
    ) -> None:
        self._link = link
        self._clock = clock
        self._chooser = chooser
        self._health = health
        self._identity = identity.encode()
        self._stream = link.key("gossip")
        self._learnt: deque[Learnt] = deque(maxlen=MOST_TOLD)
        self._seen: deque[Seen] = deque(maxlen=MOST_TOLD)
        self._latest: bytes | None = None
        self._catch_up: Callable[[], None] = lambda: None

    def expect(self, catch_up: Callable[[], None]) -> None:
        """Call this before anything is told to others: it brings what waits to be told."""
        self._catch_up = catch_up

    def learnt(self, one: Learnt) -> None:
        """Something for the strategies of others."""
        self._learnt.append(one)

    def seen(self, one: Seen) -> None:
        """Something for the health that others report."""
        self._seen.append(one)

    async def sync(self) -> None:
        """Tell and hear. Never raises for want of Redis; what was not told is told later."""
        self._catch_up()
        try:
            if self._learnt or self._seen:
                entry = Entry(tuple(self._learnt), tuple(self._seen))
                await self._link.command(
                    *("XADD", self._stream, "MAXLEN", "~", MOST_ENTRIES, "*"),
                    *("by", self._identity, "what", msgspec.json.encode(entry)),
                )
                self._learnt.clear()
                self._seen.clear()
            for identifier, fields in await self._news():
                self._latest = identifier
                self._hear(fields)
        except Unavailable:
            return

    async def _news(self) -> list[tuple[bytes, Any]]:
        """Entries since the last look; at first the latest ones, so that nobody begins blind."""
        if self._latest is None:
            found = await self._link.command(
                "XREVRANGE", self._stream, "+", "-", "COUNT", READ_AT_ONCE
            )
            return list(reversed(found or []))
        since = b"(" + self._latest
        found = await self._link.command("XRANGE", self._stream, since, "+", "COUNT", READ_AT_ONCE)
        return list(found or [])

    def _hear(self, fields: Any) -> None:
        """What another process has seen. An entry that cannot be read is somebody else's."""
        if not isinstance(fields, dict) or fields.get(b"by") == self._identity:
            return
        try:
            entry = msgspec.json.decode(fields.get(b"what", b""), type=Entry)
        except (msgspec.DecodeError, TypeError):
            return
        self._catch_up()
        for well, learnt in groupby(entry.learnt, key=went_well):
            learn = self._learn_well if well else self._learn
            learn(tuple(learnt))
        for well, seen in groupby(entry.seen, key=was_well):
            see = self._see_well if well else self._see
            see(tuple(seen))

    def _learn_well(self, told: Sequence[Learnt]) -> None:
        """What went well one after another is learnt together, as if it had all been now."""
        now, chooser = self._clock.monotonic(), self._chooser
        found: dict[tuple[str, str], list[Success]] = {}
        for one in told:
            whole = one.seconds or 0.0
            quick = whole if one.first_seconds is None else one.first_seconds
            for name in one.names:
                found.setdefault((name, one.kind), []).append((now, quick, whole, one.usd))
                if chooser.takes_turns:
                    chooser.turned(name, one.kind)
        for (name, kind), successes in found.items():
            chooser.succeeded(name, kind, (now,) * len(successes), Successes.of(successes))

    def _learn(self, told: Sequence[Learnt]) -> None:
        for one in told:
            for name in one.names:
                self._chooser.begun(name, one.kind)
                self._chooser.ended(
                    name,
                    one.kind,
                    succeeded=one.succeeded,
                    seconds=one.seconds,
                    first_seconds=one.first_seconds,
                    usd=one.usd,
                    conformed=one.conformed,
                )

    def _see_well(self, told: Sequence[Seen]) -> None:
        found: dict[str, list[float]] = {}
        for one in told:
            found.setdefault(one.provider, []).append(one.seconds or 0.0)
        now = self._clock.monotonic()
        for provider, seconds in found.items():
            at = (now,) * len(seconds)
            self._health.succeeded(provider, len(seconds), at, seconds)

    def _see(self, told: Sequence[Seen]) -> None:
        for one in told:
            self._health.observed(
                one.provider,
                succeeded=one.succeeded,
                seconds=one.seconds,
                expected_seconds=one.expected_seconds,
            )

    # --- sessions -------------------------------------------------------------------------

    async def home_of(self, key: str) -> str | None:
        """Where a session was served last, by any process."""
        try:
            found = await self._link.command("GET", self._home(key))
        except Unavailable:
            return None
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else None

    async def at_home(self, key: str, name: str) -> None:
        """A session was served by a provider."""
        try:
            await self._link.command("SET", self._home(key), name, "EX", KEPT_SECONDS)
        except Unavailable:
            return

    def _home(self, key: str) -> str:
        return self._link.key("home", hashlib.sha256(key.encode()).hexdigest()[:32])


def went_well(one: Learnt) -> bool:
    """Whether nothing but averages is moved by it."""
    seconds = one.seconds if one.first_seconds is None else one.first_seconds
    timed = one.seconds is not None and seconds is not None and seconds > 0.0
    return timed and one.succeeded is True and one.conformed is not False


def was_well(one: Seen) -> bool:
    """The same, for health."""
    timed = one.seconds is not None and one.expected_seconds is None
    return timed and one.succeeded is True
