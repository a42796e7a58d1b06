"""Time, as something that is handed in."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is, and waiting. Tests bring their own."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        ...

    def time(self) -> float:
        """The same as seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Come back later."""
        ...


class SystemClock:
    """This machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    """Both are asked several times for each request: so without a call in between."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
