"""A process' lease: for as long as it lives, what the process has claimed is its own."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable

from anymedia.clock import Clock
from anymedia.contracts.errors import StorageFailed
from anymedia.jobs import rows
from anymedia.store.database import Database

LEASE_SECONDS = 6.0
"""So soon after a process was killed others may have its jobs: all of it within ten seconds."""


class Lease:
    """One process' row, renewed while it works."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        report: Callable[[str], None],
        *,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._report = report
        self.seconds = seconds
        self.worker = ""
        """The name that it is held under."""

    def now(self) -> float:
        """The time that all who share the database go by."""
        return self._database.time(self._clock.time())

    async def take(self) -> None:
        """Begin under a new name."""
        worker, now = f"wrk_{secrets.token_hex(8)}", self.now()
        await self._database.write(
            lambda c: rows.insert_worker(c, worker, os.getpid(), now, self.seconds)
        )
        self.worker = worker

    async def renew(self, load: Callable[[], int], lost: Callable[[], None]) -> None:
        """Renew it for ever. `lost` is told when that came too late and it has another name."""
        while True:
            await self._clock.sleep(self.seconds / 4)
            worker, now, jobs = self.worker, self.now(), load()
            try:
                alive = await self._database.write(
                    lambda c, w=worker, n=now, j=jobs: rows.beat(c, w, n, self.seconds, j)  # type: ignore[misc]  # mypy cannot type a lambda's defaults
                )
                if not alive:
                    # This process slept longer than its lease. What it had may be others' by now.
                    await self.take()
                    lost()
            except StorageFailed as error:
                self._report(f"the lease could not be renewed: {error.message}")

    async def give_up(self) -> None:
        """What was claimed is free at once."""
        worker = self.worker
        with contextlib.suppress(StorageFailed):
            await self._database.write(lambda c: rows.retire(c, worker))
