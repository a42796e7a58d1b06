"""Providers that get no new jobs for a while, because somebody said so. Every process heeds it."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, delete, select

from anymedia.clock import Clock
from anymedia.contracts.job import Pause
from anymedia.contracts.media import Medium
from anymedia.jobs.telling import moment
from anymedia.store.database import Database
from anymedia.store.schema import pauses
from anymedia.store.upsert import unless_there

LOOK_SECONDS = 1.0
"""How long what was read is believed: what another process pauses is heeded so soon."""
ALL = ""


class Pauses:
    """Who is paused, as this process knows it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: frozenset[tuple[str, str]] = frozenset()
        self._read_at: float | None = None

    async def look(self) -> None:
        """Read who is paused, unless that was done a moment ago."""
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= LOOK_SECONDS:
            self._read_at = now
            found = await self._database.read(every)
            self._known = frozenset((one.provider, one.media or ALL) for one in found)

    def holds(self, provider: str, medium: Medium) -> bool:
        """Whether a provider gets no new jobs of a medium."""
        return bool(self._known) and (
            (provider, ALL) in self._known or (provider, medium) in self._known
        )

    async def every(self) -> tuple[Pause, ...]:
        """All of them."""
        return tuple(await self._database.read(every))

    async def add(self, provider: str, medium: Medium | None) -> None:
        """Pause a provider; twice is once."""
        now = self._clock.time()
        row = {"provider": provider, "medium": medium or ALL, "since": now}
        await self._database.write(
            lambda c: c.execute(unless_there(c, pauses, "provider", "medium"), row).rowcount
        )
        self._read_at = None

    async def remove(self, provider: str, medium: Medium | None) -> None:
        """Give a provider new jobs again; without a medium, of all media."""
        query = delete(pauses).where(pauses.c.provider == provider)
        if medium is not None:
            query = query.where(pauses.c.medium == medium)
        await self._database.write(lambda c: c.execute(query).rowcount)
        self._read_at = None


def every(connection: Connection) -> list[Pause]:
    """All pauses, in the order of their names."""
    query = select(pauses).order_by(pauses.c.provider, pauses.c.medium)
    return [
        Pause(
            provider=row["provider"],
            media=cast("Medium", row["medium"]) if row["medium"] != ALL else None,
            since=moment(row["since"]),
        )
        for row in connection.execute(query).mappings()
    ]


def key_of(provider: str, medium: Medium) -> str:
    """The line of those who wait for a provider to go on with a medium."""
    return f"pause:{provider}:{medium}"
