"""What strategies and health learn here, told to the other processes on the same Redis, and theirs.

About once a second each process adds one entry to a capped stream, with everything that it has
seen since, and reads what others have added. Where sessions were served last is looked up when a
session is new here. Without Redis each process goes by what it has seen itself.
"""

from __future__ import annotations

import hashlib
from collections import deque
from decimal import Decimal
from typing import Any

import msgspec

from anymedia.choosing import Chooser
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

    def __init__(self, link: RedisLink, *, chooser: Chooser, health: Health, identity: str) -> None:
        self._link = link
        self._chooser = chooser
        self._health = health
        self._identity = identity.encode()
        self._stream = link.key("gossip")
        self._learnt: deque[Learnt] = deque(maxlen=MOST_TOLD)
        self._seen: deque[Seen] = deque(maxlen=MOST_TOLD)
        self._latest: bytes | None = None

    def learnt(self, one: Learnt) -> None:
        """Something for the strategies of others."""
        self._learnt.append(one)

    def seen(self, one: Seen) -> None:
        """Something for the health that others report."""
        self._seen.append(one)

    async def sync(self) -> None:
        """Tell and hear. Never raises for want of Redis; what was not told is told later."""
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
        for one in entry.learnt:
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
        for seen in entry.seen:
            self._health.observed(
                seen.provider,
                succeeded=seen.succeeded,
                seconds=seen.seconds,
                expected_seconds=seen.expected_seconds,
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
