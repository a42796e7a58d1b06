"""Time that passes faster, alike in all processes of a test, so that leases and pauses end soon."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class HurriedClock:
    """From a moment on: the same in every process that knows the moment and the pace."""

    def __init__(self, real: float, here: float, pace: float) -> None:
        self.real, self.here, self.pace = real, here, pace

    def hurry(self, pace: float) -> None:
        """From now on, time passes at another pace."""
        now = time.time()
        self.real, self.here, self.pace = now, self.here + (now - self.real) * self.pace, pace

    def time(self) -> float:
        """Seconds since 1970, here."""
        return self.here + (time.time() - self.real) * self.pace

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self.pace

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.pace)
