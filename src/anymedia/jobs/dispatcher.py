"""Who looks at which job when: the port, and the dispatcher behind it.

A process that works on jobs holds a lease in its own name, renewed every few seconds; a job that
it has claimed is its own for as long as that lease lives. So ten thousand waiting jobs cost one
small write now and then, and an entry each in a heap ordered by when they are due. When a process
dies or sleeps too long its lease ends, and whoever looks next claims what it had.

Where a process hears of jobs that nobody works on is a `Source`: on one machine it looks at the
rows now and then; on Postgres a queue hands them out (`anymedia.jobs.queue`).
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

from anymedia.clock import Clock
from anymedia.contracts.errors import StorageFailed
from anymedia.jobs import rows
from anymedia.jobs.desk import LostLease
from anymedia.jobs.lease import LEASE_SECONDS, Lease
from anymedia.store.database import Database

Step: TypeAlias = Callable[[str], Awaitable[float | None]]
"""Does what follows for a job; seconds until the next time, or `None` when there is none."""

Idle: TypeAlias = Callable[[], Awaitable[bool]]
"""Whether others who give this process jobs have none left."""
LOOK_SECONDS = 1.0
"""How often to look for jobs that others have left, and for changes that others made to ours."""
GATHER_SECONDS = 2e-5
"""For each job that waits: those due within that time begin together, which takes half the work."""
MOST_GATHER_SECONDS = 0.25
CLAIM_AT_ONCE = 20_000
"""Finding them looks at all that are due, so that a hundred thousand are not taken in small bites."""
MOST_STEPS = 128
"""Steps under way at the same time in one process."""
AFTER_FAULT_SECONDS = 10.0
DOUBT_SECONDS = 30.0
"""So long a database that was away may take to do what it was told before."""


class Dispatcher(Protocol):
    """Says which job to look at next. The rows stay the truth; this may forget everything."""

    def handle(self, step: Step, memory: Memory | None = None) -> None:
        """What to do with a job, and what is remembered of it between two steps."""
        ...

    def enqueue(self, job_id: str) -> None:
        """There is something to do for a job, as soon as possible."""
        ...

    def taking(self) -> str | None:
        """The name under which a job that is taken on now is this process' own at once.

        `None` where it is better offered to all.
        """
        ...

    def took(self, job_id: str, worker: str) -> None:
        """A job is there under a name that `taking` gave."""
        ...

    def doubt(self) -> None:
        """A job that was being taken on may be this process' own, without its knowing."""
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


class Memory(Protocol):
    """What is remembered of a job from one step to the next, for as long as it is ours."""

    async def recall(self, job_ids: Sequence[str]) -> None:
        """These are ours from now on."""
        ...

    async def changed(self) -> Sequence[str]:
        """Jobs of ours that another process has changed."""
        ...

    def forget(self, job_id: str) -> None:
        """Something has happened to it."""
        ...

    def clear(self) -> None:
        """Nothing is ours any more."""
        ...


class Source(Protocol):
    """Where a process hears of jobs that nobody works on."""

    async def begin(self, wake: Callable[[str | None], None]) -> None:
        """From now on call `wake` when there may be something, with a job's id if it is about one."""
        ...

    def offer(self, job_id: str) -> None:
        """There is something to do for a job that is not this process' own."""
        ...

    def keeps(self, load: int) -> bool:
        """Whether a job that comes in now is to be ours at once, who have so many."""
        ...

    async def claim(self, lease: Lease, load: int) -> tuple[list[str], bool]:
        """Jobs that are ours from now on, and whether there may be more."""
        ...

    def health(self) -> dict[str, Any]:
        """How it goes."""
        ...

    async def end(self) -> None:
        """Pass on what was offered, and listen no more."""
        ...


class RowsSource:
    """The rows themselves, looked at now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, wake: Callable[[str | None], None]) -> None:
        """Nobody tells us anything."""

    def offer(self, job_id: str) -> None:
        """Its row says so."""

    def keeps(self, load: int) -> bool:
        """Whoever looks next would take all there is."""
        return True

    async def claim(self, lease: Lease, load: int) -> tuple[list[str], bool]:
        worker, now = lease.worker, lease.now()
        taken = await self._database.write(lambda c: rows.claim(c, worker, now, CLAIM_AT_ONCE))
        return taken, len(taken) == CLAIM_AT_ONCE

    def health(self) -> dict[str, Any]:
        return {}

    async def end(self) -> None:
        """Nothing was begun."""


class HeapDispatcher:
    """For any number of processes that share a database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        report: Callable[[str], None],
        source: Source,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._report = report
        self._source = source
        self._lease = Lease(database, clock, report, seconds=lease_seconds)
        self._step: Step | None = None
        self._memory: Memory | None = None
        self._due: list[tuple[float, str]] = []
        self._owned: dict[str, float] = {}
        """Jobs that are ours and wait, with the moment they are due (monotonic)."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        """Jobs that were signalled while their step was under way."""
        self._claimed_again: set[str] = set()
        """Jobs that became ours once more while a step under an earlier lease was under way."""
        self._awake = asyncio.Event()
        self._look_around = True
        """There may be something to claim."""
        self._doubts_until = -math.inf
        """Something failed, and may have been done all the same: jobs may be ours unknown to us."""
        self._working = False
        """Under a lease, and not about to end."""
        self._look_at_rows = self._rests_until = 0.0
        """When the rows are looked at next, and when something is done next (monotonic)."""
        self._stopping = False
        self._end = math.inf
        """What is under way may take until then (monotonic) once we are stopping."""

    @property
    def worker(self) -> str:
        """The name that this process holds its lease under."""
        return self._lease.worker

    def handle(self, step: Step, memory: Memory | None = None) -> None:
        self._step, self._memory = step, memory

    def enqueue(self, job_id: str) -> None:
        if not self._look_at(job_id):
            self._source.offer(job_id)
            self._look_around = True
        self._awake.set()

    def signal_cancel(self, job_id: str) -> None:
        self.enqueue(job_id)

    def taking(self) -> str | None:
        ours = self._working and not self._stopping and self._source.keeps(self._load())
        return self.worker if ours else None

    def took(self, job_id: str, worker: str) -> None:
        if self._working and not self._stopping and worker == self.worker:
            self._hold([job_id])
        else:  # the lease has ended meanwhile
            self.enqueue(job_id)

    def doubt(self) -> None:
        self._doubts_until = self._clock.monotonic() + DOUBT_SECONDS

    def health(self) -> dict[str, Any]:
        return {
            "worker": self.worker,
            "waiting": len(self._owned),
            "running": len(self._running),
            **self._source.health(),
        }

    async def run(self, *, until_idle: bool = False, besides: Idle | None = None) -> None:
        assert self._step is not None, "`handle` says what to do with a job"
        await self._lease.take()
        self._working = True
        await self._source.begin(self._told)
        beating = asyncio.create_task(self._lease.renew(self._load, self._lost))
        try:
            while not self._stopping:
                self._awake.clear()
                claimed = await self._looked()
                self._start_due()
                if until_idle and not claimed and await self._idle(besides):
                    return
                if not claimed:
                    await self._rest()
        finally:
            self._working = False
            await self._drained()  # under the lease: what is being sent is ours to the end
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            await self._lease.give_up()
            await self._source.end()

    def stop(self, within_seconds: float | None = None) -> None:
        """Begin nothing new; `run` returns when what is under way has ended.

        What takes longer than `within_seconds` is cut off. That is as safe as if this process had
        died, and as dear: what was being sent has to be found out about.
        """
        self._stopping = True
        if within_seconds is not None:
            self._end = min(self._end, self._clock.monotonic() + within_seconds)
        self._awake.set()

    async def _drained(self) -> None:
        while self._running:
            self._awake.clear()
            left = self._end - self._clock.monotonic()
            if left <= 0:
                for step in self._running.values():
                    step.cancel()
                await asyncio.wait(list(self._running.values()))
                return
            await self._wakened(min(left, LOOK_SECONDS))

    async def close(self) -> None:
        """Pass on what was offered, also where nobody worked."""
        await self._source.end()

    # --- what others tell ------------------------------------------------------------------

    def _load(self) -> int:
        return len(self._owned) + len(self._running)

    def _lost(self) -> None:
        """The lease has another name, and nothing is claimed under it yet."""
        self._owned.clear()
        self._due.clear()
        if self._memory is not None:
            self._memory.clear()
        self._look_around = True
        self._awake.set()

    def _told(self, job_id: str | None) -> None:
        if job_id is None:
            self._look_around = True
            self._awake.set()
        elif self._look_at(job_id):
            self._awake.set()

    def _look_at(self, job_id: str) -> bool:
        """Look at a job as soon as possible, if it is ours."""
        self._forget(job_id)
        if job_id in self._running:
            self._again.add(job_id)
        elif job_id in self._owned:
            self._wait_for(job_id, 0.0)
        else:
            return False
        return True

    # --- the work -------------------------------------------------------------------------

    async def _looked(self) -> bool:
        """Look around now and then, and when something was said. Whether there may be more."""
        now = self._clock.monotonic()
        rows_are_due = now >= self._look_at_rows
        if not rows_are_due and not self._look_around:
            return False
        self._look_around = False
        if rows_are_due:
            self._look_at_rows = now + LOOK_SECONDS
            await self._hear()
        return await self._claim()

    async def _hear(self) -> None:
        """What other processes have done to our jobs."""
        if self._memory is None:
            return
        try:
            for job_id in await self._memory.changed():
                self._look_at(job_id)
        except StorageFailed as error:
            self._report(f"changes to jobs could not be seen: {error.message}")

    async def _claim(self) -> bool:
        try:
            if self._clock.monotonic() < self._doubts_until:
                await self._find_own()
            taken, more = await self._source.claim(self._lease, self._load())
        except StorageFailed as error:
            self.doubt()
            self._report(f"jobs could not be claimed: {error.message}")
            return False
        if more:
            self._look_around = True
        if taken and self._memory is not None:
            # What cannot be recalled now is read from its rows when its time comes.
            with contextlib.suppress(StorageFailed):
                await self._memory.recall(taken)
        self._hold(taken)
        return more

    async def _find_own(self) -> None:
        """Jobs whose rows say that they are ours, and that we do not know of."""
        worker, now = self._lease.worker, self._lease.now()
        ours = await self._database.read(lambda c: rows.held_by(c, worker, now))
        self._hold([one for one in ours if one not in self._owned and one not in self._running])

    def _hold(self, taken: Sequence[str]) -> None:
        for job_id in taken:
            if job_id in self._running:
                self._claimed_again.add(job_id)
            else:
                self._wait_for(job_id, 0.0)

    def _wait_for(self, job_id: str, seconds: float) -> None:
        due = self._clock.monotonic() + seconds
        self._owned[job_id] = due
        heapq.heappush(self._due, (due, job_id))
        if due < self._rests_until:
            self._awake.set()

    def _start_due(self) -> None:
        while len(self._running) < MOST_STEPS:
            job_id = self._next_due()
            if job_id is None:
                return
            self._running[job_id] = asyncio.create_task(self._take_steps(job_id))

    def _next_due(self) -> str | None:
        """A job whose time has come."""
        now = self._clock.monotonic()
        while self._due and self._due[0][0] <= now:
            due, job_id = heapq.heappop(self._due)
            if self._owned.get(job_id) == due:  # else it was put elsewhere in the heap since
                del self._owned[job_id]
                return job_id
        return None

    async def _take_steps(self, job_id: str) -> None:
        """Take a job's step, and then those of others that are due, one after another."""
        task = self._running[job_id]
        following: str | None = job_id
        while following is not None:
            await self._take_step(following)
            following = None if self._stopping else self._next_due()
            if following is not None:
                self._running[following] = task

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
            self._forget(job_id)
            wait = 0.0 if wait is not None else None
        if job_id in self._claimed_again:
            self._claimed_again.discard(job_id)
            self._forget(job_id)
            wait = 0.0
        if wait is not None and not self._stopping:
            self._wait_for(job_id, wait)
        else:
            self._forget(job_id)
            self._look_around = True
            self._awake.set()

    def _forget(self, job_id: str) -> None:
        if self._memory is not None:
            self._memory.forget(job_id)

    async def _idle(self, besides: Idle | None) -> bool:
        if self._running or self._owned or (besides is not None and not await besides()):
            return False
        now = self._lease.now()
        try:
            return await self._database.read(lambda c: rows.pending(c, now)) == 0
        except StorageFailed:
            return False

    async def _rest(self) -> None:
        """Until something is due, something is signalled, or it is time to look around."""
        now = self._clock.monotonic()
        seconds = max(0.0, self._look_at_rows - now)
        if self._due and len(self._running) < MOST_STEPS:
            together = min(GATHER_SECONDS * len(self._due), MOST_GATHER_SECONDS)
            seconds = min(seconds, max(self._due[0][0] - now, together))
        self._rests_until = now + seconds
        await self._wakened(seconds)

    async def _wakened(self, seconds: float) -> None:
        waiting = asyncio.ensure_future(self._awake.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()


def dispatcher_for(
    database: Database,
    clock: Clock,
    report: Callable[[str], None],
    *,
    lease_seconds: float = LEASE_SECONDS,
) -> HeapDispatcher:
    """The dispatcher that suits a database."""
    source: Source = RowsSource(database)
    if database.url is not None:
        from anymedia.jobs.queue import QueueSource

        source = QueueSource(database, clock, report)
    return HeapDispatcher(database, clock, report, source, lease_seconds=lease_seconds)
