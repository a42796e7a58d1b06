"""Who looks at which job when: the port, and the dispatcher for one machine.

A process that works on jobs holds a lease in its own name, renewed every few seconds; a job that
it has claimed is its own for as long as that lease lives. So ten thousand waiting jobs cost one
small write now and then, and an entry each in a heap ordered by when they are due. When a process
dies or sleeps too long its lease ends, and whoever looks next claims what it had.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from anymedia.clock import Clock
from anymedia.contracts.errors import StorageFailed
from anymedia.jobs import rows
from anymedia.jobs.desk import LostLease
from anymedia.store.database import Database

Step: TypeAlias = Callable[[str], Awaitable[float | None]]
"""Does what follows for a job; seconds until the next time, or `None` when there is none."""

LEASE_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often to look for jobs that others have left."""
CLAIM_AT_ONCE = 500
MOST_STEPS = 128
"""Steps under way at the same time in one process."""
AFTER_FAULT_SECONDS = 10.0


class Dispatcher(Protocol):
    """Says which job to look at next. The rows stay the truth; this may forget everything."""

    def handle(self, step: Step) -> None:
        """What to do with a job."""
        ...

    def enqueue(self, job_id: str) -> None:
        """There is something to do for a job, as soon as possible."""
        ...

    async def run(self, *, until_idle: bool = False) -> None:
        """Work until stopped, or until nothing is pending."""
        ...

    def signal_cancel(self, job_id: str) -> None:
        """Somebody wants the job stopped: look at it now."""
        ...

    def health(self) -> dict[str, Any]:
        """How it goes."""
        ...


class LocalDispatcher:
    """For any number of processes on one machine that share a database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        report: Callable[[str], None],
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._report = report
        self._lease_seconds = lease_seconds
        self._step: Step | None = None
        self._worker = ""
        self._due: list[tuple[float, str]] = []
        self._owned: dict[str, float] = {}
        """Jobs that are ours and wait, with the moment they are due (monotonic)."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        """Jobs that were signalled while their step was under way."""
        self._claimed_again: set[str] = set()
        """Jobs that became ours once more while a step under an earlier lease was under way."""
        self._awake = asyncio.Event()
        self._stopping = False

    @property
    def worker(self) -> str:
        """The name that this process holds its lease under."""
        return self._worker

    def handle(self, step: Step) -> None:
        self._step = step

    def enqueue(self, job_id: str) -> None:
        if job_id in self._running:
            self._again.add(job_id)
        elif job_id in self._owned:
            self._wait_for(job_id, 0.0)
        self._awake.set()

    def signal_cancel(self, job_id: str) -> None:
        self.enqueue(job_id)

    def health(self) -> dict[str, Any]:
        return {
            "worker": self._worker,
            "waiting": len(self._owned),
            "running": len(self._running),
        }

    async def run(self, *, until_idle: bool = False) -> None:
        assert self._step is not None, "`handle` says what to do with a job"
        await self._register()
        beating = asyncio.create_task(self._beat())
        try:
            while not self._stopping:
                self._awake.clear()
                claimed = await self._claim()
                self._start_due()
                if until_idle and not claimed and await self._idle():
                    return
                if not claimed:
                    await self._rest()
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            await self._leave()

    def stop(self) -> None:
        """Begin nothing new; `run` returns when what is under way has ended."""
        self._stopping = True
        self._awake.set()

    # --- the lease ------------------------------------------------------------------------

    async def _register(self) -> None:
        worker = f"wrk_{secrets.token_hex(8)}"
        now = self._clock.now().timestamp()
        await self._database.write(
            lambda c: rows.insert_worker(c, worker, os.getpid(), now, self._lease_seconds)
        )
        self._worker = worker

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._lease_seconds / 4)
            worker, now = self._worker, self._clock.now().timestamp()
            try:
                alive = await self._database.write(
                    lambda c, w=worker, n=now: rows.beat(c, w, n, self._lease_seconds)  # type: ignore[misc]  # mypy cannot type a lambda's defaults
                )
            except StorageFailed as error:
                self._report(f"the lease could not be renewed: {error.message}")
                continue
            if not alive:
                # This process slept longer than its lease. What it had may be others' by now.
                self._owned.clear()
                self._due.clear()
                await self._register()
                self._awake.set()

    async def _leave(self) -> None:
        if self._running:
            await asyncio.wait(list(self._running.values()))
        with contextlib.suppress(StorageFailed):
            await self._database.write(lambda c: rows.retire(c, self._worker))

    # --- the work -------------------------------------------------------------------------

    async def _claim(self) -> bool:
        worker, now = self._worker, self._clock.now().timestamp()
        try:
            taken = await self._database.write(lambda c: rows.claim(c, worker, now, CLAIM_AT_ONCE))
        except StorageFailed as error:
            self._report(f"jobs could not be claimed: {error.message}")
            return False
        for job_id in taken:
            if job_id in self._running:
                self._claimed_again.add(job_id)
            else:
                self._wait_for(job_id, 0.0)
        return len(taken) == CLAIM_AT_ONCE

    def _wait_for(self, job_id: str, seconds: float) -> None:
        due = self._clock.monotonic() + seconds
        self._owned[job_id] = due
        heapq.heappush(self._due, (due, job_id))

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        while self._due and self._due[0][0] <= now and len(self._running) < MOST_STEPS:
            due, job_id = heapq.heappop(self._due)
            if self._owned.get(job_id) != due:
                continue  # it was put elsewhere in the heap since
            del self._owned[job_id]
            self._running[job_id] = asyncio.create_task(self._take_step(job_id))

    async def _take_step(self, job_id: str) -> None:
        assert self._step is not None
        wait: float | None = 0.0
        try:
            while wait is not None and wait <= 0 and not self._stopping:
                wait = await self._step(job_id)
        except LostLease:
            wait = None
        except StorageFailed as error:
            self._report(f"job {job_id}: {error.message}")
            wait = AFTER_FAULT_SECONDS / 2
        except Exception as error:  # noqa: BLE001  a fault in one job must not stop the others
            self._report(f"job {job_id}: {type(error).__name__} in a step; it is tried again")
            wait = AFTER_FAULT_SECONDS
        finally:
            del self._running[job_id]
        if job_id in self._again:
            self._again.discard(job_id)
            wait = 0.0 if wait is not None else None
        if job_id in self._claimed_again:
            self._claimed_again.discard(job_id)
            wait = 0.0
        if wait is not None and not self._stopping:
            self._wait_for(job_id, wait)
        self._awake.set()

    async def _idle(self) -> bool:
        if self._running or self._owned:
            return False
        return await self._database.read(rows.pending) == 0

    async def _rest(self) -> None:
        """Until something is due, something is signalled, or it is time to look around."""
        seconds = LOOK_SECONDS
        if self._due and len(self._running) < MOST_STEPS:
            seconds = min(seconds, max(0.0, self._due[0][0] - self._clock.monotonic()))
        waiting = asyncio.ensure_future(self._awake.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()
