"""A clock on which those who sleep really wait, until the test lets time pass."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from heapq import heappop, heappush

from tests.support.clock import START


class SteppedClock:
    """Time that passes only in `step`, waking sleepers one after the other."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self.naps = 0
        """How often somebody slept."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def time(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.naps += 1
        self._count += 1
        sleeper = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._seconds + seconds, self._count, sleeper))
        await sleeper

    async def step(self, seconds: float) -> None:
        """Let time pass, and everybody do what there is to do on the way."""
        end = self._seconds + seconds
        await everybody()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, sleeper = heappop(self._sleepers)
            if not sleeper.done():
                self._seconds = max(self._seconds, due)
                sleeper.set_result(None)
                await everybody()
        self._seconds = end
        await everybody()


async def everybody() -> None:
    """Let all tasks run until they wait for something."""
    for _ in range(30):
        await asyncio.sleep(0)
