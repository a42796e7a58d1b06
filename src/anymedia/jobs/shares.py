"""How many of the jobs that come in here a process may make its own at once.

A job that goes through the queue is written three times more. Where all processes get about as much
to do, it would come back to where it was: so a process keeps what comes in for as long as it has no
more than the others will have, going by how much they got of late. The rest is queued, for whoever
has fewer.
"""

from __future__ import annotations

import asyncio
import math

from anymedia.clock import Clock
from anymedia.contracts.errors import StorageFailed
from anymedia.jobs import rows
from anymedia.jobs.lease import Lease
from anymedia.store.database import Database

LOOK_SECONDS = 0.1
"""How often the others are looked at while jobs come in."""
UNEVEN = 0.05
"""By so much of what the others have a process may have more than they."""


class Shares:
    """What is known of the others' loads, and how many jobs may still be kept."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lease: Lease | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked = -math.inf
        self._least: float | None = None
        """What the one who has fewest had at that moment; `None` when that is not known."""
        self._left = 0.0

    def work_under(self, lease: Lease) -> None:
        """Under which name this process works."""
        self._lease = lease

    def keeps(self, load: int) -> bool:
        """Whether the next job is to be this process' own, which has so many."""
        if self._clock.monotonic() - self._looked >= LOOK_SECONDS:
            self._look(load)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    async def close(self) -> None:
        """Ask nobody any more."""
        if self._looking is not None:
            await self._looking

    def _look(self, load: int) -> None:
        lease = self._lease
        if lease is None or (self._looking is not None and not self._looking.done()):
            return
        self._looking = asyncio.create_task(self._compare(lease, load))

    async def _compare(self, lease: Lease, load: int) -> None:
        worker, now, before = lease.worker, lease.now(), self._looked
        try:
            others = await self._database.write(lambda c: rows.compare(c, worker, now, load))
        except StorageFailed:
            others, self._left, self._least = [], 0.0, None
            return
        finally:
            self._looked = self._clock.monotonic()
        least = min(others, default=math.inf)
        known, self._least = self._least, least
        if least == math.inf:  # nobody else is there
            self._left = math.inf
            return
        got = 0.0 if known is None or known == math.inf else max(0.0, least - known)
        took = max(self._looked - before, LOOK_SECONDS)
        # What they had is a moment ago: about as much again as they got has come since.
        ahead = min(2 * got * LOOK_SECONDS / took, least * UNEVEN)
        self._left = max(0.0, least - load + ahead)
