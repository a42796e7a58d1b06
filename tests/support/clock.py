"""A clock that a test owns: it stands still, and sleeping on it is what moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class FakeClock:
    """Time that passes only when somebody sleeps, or when the test says so."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._seconds = 0.0
        self.sleeps: list[float] = []
        """How long was slept, each time."""

    def now(self) -> datetime:
        return self._now

    def time(self) -> float:
        return self._now.timestamp()

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds
        self._now += timedelta(seconds=seconds)
