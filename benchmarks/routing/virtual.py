"""Time that passes because something happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, tzinfo=UTC)


class VirtualClock:
    """A clock that a simulation sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def time(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Nobody waits here."""
        raise NotImplementedError
