"""Postgres hands out jobs: pgqueuer behind the dispatcher, in the same database.

The queue holds ids and nothing else. Whoever takes one out claims the job's row under its lease
and keeps it in its own heap; the queue forgets it. So a waiting job costs the queue nothing, and
the queue may lose everything in a crash (its tables are not logged): the rows are the truth, and
every few seconds somebody looks there for jobs that nobody works on and queues them again.

A process takes as many as it has fewer than the others, so that work is shared evenly however it
comes in; what nobody with fewer has taken within a second is taken by whoever looks. Where all get
about the same, what comes in need not go through the queue at all (`anymedia.jobs.shares`).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.queries import EntrypointExecutionParameter, Queries

from anymedia.clock import Clock
from anymedia.contracts.errors import StorageFailed
from anymedia.jobs import rows
from anymedia.jobs.lease import Lease
from anymedia.jobs.shares import Shares
from anymedia.store.address import Address, address
from anymedia.store.database import Database

PREFIX = "anymedia_"
ENTRYPOINT = QueueEntrypoint("anymedia-job")
LOOK_CHANNEL = "anymedia_look"
"""Here an owner is told to look at a job of its own: it was cancelled, or its provider called."""
CLAIM_AT_ONCE = 100
SWEEP_SHARE = 1 / 3
"""Of a lease: so often the rows are looked at for jobs that nobody works on."""
SWEEP_AT_ONCE = 2000
SETTLED_SECONDS = 0.5
"""So long what was taken out stays in the queue's books: longer than anybody looks around."""
GLANCE_SECONDS = 0.1
PATIENCE_SECONDS = 1.0
"""So long who has more than others leaves queued jobs to them."""
TIDY_SECONDS = 60.0
INSTALLING = 0x616E796D71756575
FAILURES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What the client says to a question that comes while the server's last words are being read.
    asyncpg.InternalClientError,
)


def settings_for(schema: str | None) -> DBSettings:
    """The queue's tables, beside ours. All names are said: the environment has no say in them."""
    names = {
        "channel": "ch_pgqueuer",
        "function": "fn_pgqueuer_changed",
        "statistics_table": "pgqueuer_statistics",
        "queue_status_type": "pgqueuer_status",
        "queue_table": "pgqueuer",
        "queue_table_log": "pgqueuer_log",
        "trigger": "tg_pgqueuer_changed",
        "schedules_table": "pgqueuer_schedules",
    }
    return DBSettings(
        prefix=PREFIX,
        db_schema=schema,
        durability=Durability.volatile,
        **{name: PREFIX + value for name, value in names.items()},  # type: ignore[arg-type]  # all are texts
    )


class QueueSource:
    """One process' connection to the queue: it takes out, puts in, and listens."""

    def __init__(self, database: Database, clock: Clock, report: Callable[[str], None]) -> None:
        assert database.url is not None
        self._database = database
        self._clock = clock
        self._report = report
        self._address = address(database.url)
        self._line = Line(self._address)
        self._shares = Shares(database, clock)
        self._name = QueueManagerId(uuid4())
        self._wake: Callable[[str | None], None] | None = None
        self._offered: dict[str, None] = {}
        self._passing: asyncio.Task[None] | None = None
        self._glancing: asyncio.Task[None] | None = None
        self._picked: list[tuple[float, Job]] = []
        """What was taken out and is still in the queue's books, and since when (monotonic)."""
        self._swept = self._tidied = -math.inf
        self._waiting_since: float | None = None
        """Since when jobs wait that we leave to those who have fewer, and that nobody takes."""
        self._waiting = 0
        """How many there were at the last look."""

    async def begin(self, wake: Callable[[str | None], None]) -> None:
        self._wake = wake

    def offer(self, job_id: str) -> None:
        self._offered[job_id] = None
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._pass_on())

    def keeps(self, load: int) -> bool:
        """Only where the others get as many: else who has fewer may take it."""
        return self._shares.keeps(load)

    def health(self) -> dict[str, Any]:
        return {"queue": "listening" if self._line.open else "looking"}

    async def end(self) -> None:
        if self._passing is not None:
            await self._passing
        await self._shares.close()
        if self._glancing is not None:
            self._glancing.cancel()
            await asyncio.gather(self._glancing, return_exceptions=True)
        if self._picked:
            with contextlib.suppress(StorageFailed):
                async with self._asking() as queue:
                    await self._strike_off(queue, math.inf)
        await self._line.close()

    # --- taking out -----------------------------------------------------------------------

    async def claim(self, lease: Lease, load: int) -> tuple[list[str], bool]:
        now = self._clock.monotonic()
        self._shares.work_under(lease)
        async with self._asking() as queue:
            if self._wake is not None:
                await self._line.listen(self._wake)
            if now - self._swept >= lease.seconds * SWEEP_SHARE:
                self._swept = now
                await self._sweep(queue, lease)
            await self._strike_off(queue, now - SETTLED_SECONDS)
            if now - self._tidied >= TIDY_SECONDS:
                self._tidied = now
                await queue.clear_queue_log(str(ENTRYPOINT))
            room, queued = await self._room(queue, lease, load)
            if room <= 0:
                return [], False
            picked = await queue.dequeue(
                batch_size=room,
                entrypoints={ENTRYPOINT: EntrypointExecutionParameter(concurrency_limit=0)},
                queue_manager_id=self._name,
                global_concurrency_limit=None,
                heartbeat_timeout=timedelta(seconds=lease.seconds),
            )
            if not picked:
                return [], False
            ids = [(job.payload or b"").decode() for job in picked]
            taken = await self._claimed(lease, ids, load)
            self._picked += [(now, job) for job in picked]
            for job_id in set(ids).difference(taken):
                await self._line.say(job_id)  # somebody has it, who may want to know
        return taken, queued > len(picked)

    async def _strike_off(self, queue: Queries, until: float) -> None:
        """Let the queue forget what was taken out a while ago.

        Somebody who has just read that such a job is free would else queue it once more: it would
        lie there twice, and be counted among what is left to share.
        """
        old = [job for at, job in self._picked if at <= until]
        if old:
            await queue.log_jobs([(job, "successful", None) for job in old])
            del self._picked[: len(old)]

    async def _claimed(self, lease: Lease, ids: list[str], load: int) -> list[str]:
        worker, now = lease.worker, lease.now()
        return await self._database.write(lambda c: rows.claim_these(c, worker, now, ids, load))

    async def _room(self, queue: Queries, lease: Lease, load: int) -> tuple[int, int]:
        """How many to take out now, and how many there are."""
        if not await sizes_of(queue):
            self._waiting_since = None
            return 0, 0
        worker, now = lease.worker, lease.now()
        # First what they have, then what waits: what somebody takes in between is in neither, so
        # that our share is too small until the next look. The other way about it would be in both.
        others = await self._database.write(lambda c: rows.compare(c, worker, now, load))
        sizes = await sizes_of(queue)
        queued = sum(sizes.values())
        # What somebody has taken out and not yet struck off is in that process' load, or soon is.
        waiting = sizes.get("queued", 0)
        share = (load + sum(others) + waiting) / (len(others) + 1)
        fair = math.ceil(share - load)
        if fair > 0:
            self._waiting_since = None
            return min(fair, CLAIM_AT_ONCE), queued
        moment = self._clock.monotonic()
        if self._waiting_since is None or queued < self._waiting:  # or somebody is taking them
            self._waiting_since = moment
        self._waiting = queued
        if moment - self._waiting_since < PATIENCE_SECONDS:
            self._look_again()
            return 0, queued
        return min(queued, CLAIM_AT_ONCE), queued

    def _look_again(self) -> None:
        """Soon: what the others had may be old, and they may think the same of us."""
        if self._glancing is None or self._glancing.done():
            self._glancing = asyncio.create_task(self._glance())

    async def _glance(self) -> None:
        await self._clock.sleep(GLANCE_SECONDS)
        if self._wake is not None:
            self._wake(None)

    # --- putting in -----------------------------------------------------------------------

    async def _pass_on(self) -> None:
        while self._offered:
            ids = list(self._offered)
            self._offered.clear()
            try:
                async with self._asking() as queue:
                    for job_id in await put(queue, ids):
                        await self._line.say(job_id)  # somebody may just have taken it out
            except StorageFailed as error:
                # Their rows are there: whoever looks around next finds them.
                self._report(f"jobs could not be queued: {error.message}")

    async def _sweep(self, queue: Queries, lease: Lease) -> None:
        now = lease.now()
        found = await self._database.read(lambda c: rows.free(c, now, SWEEP_AT_ONCE))
        if found:
            await put(queue, found)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Queries]:
        try:
            yield await self._line.queue()
        except FAILURES as error:
            await self._line.drop()
            raise StorageFailed(
                f"the queue in `{self._address.named}` cannot be reached: "
                f"{str(error) or type(error).__name__}"
            ) from None


async def sizes_of(queue: Queries) -> dict[str, int]:
    """How many jobs the queue has in its books, by where they stand."""
    found = await queue.queue_size()
    return {one.status: one.count for one in found if one.entrypoint == ENTRYPOINT}


async def put(queue: Queries, ids: list[str]) -> list[str]:
    """Queue jobs; one that is queued already is queued once. Those that were."""
    queued = await queue.enqueue(
        [str(ENTRYPOINT)] * len(ids),
        [one.encode() for one in ids],
        [0] * len(ids),
        dedupe_key=list(ids),
        on_conflict="skip",
    )
    return [one for one, place in zip(ids, queued, strict=True) if place is None]


class Line:
    """The connection to the queue, made when it is needed and again when it was lost."""

    def __init__(self, where: Address) -> None:
        self._address = where
        self._connection: asyncpg.Connection | None = None
        self._queue: Queries | None = None
        self._listening = False
        self._opening = asyncio.Lock()

    @property
    def open(self) -> bool:
        """Whether we would hear of new jobs."""
        return self._listening and self._connection is not None and not self._connection.is_closed()

    async def queue(self) -> Queries:
        """The queue."""
        async with self._opening:
            if self._connection is not None and self._connection.is_closed():
                await self.drop()
            if self._queue is None:
                self._connection = await asyncpg.connect(
                    self._address.dsn, **self._address.arguments
                )
                self._queue = queries(self._connection, self._address.schema)
                await install(self._queue, self._connection)
            return self._queue

    async def listen(self, wake: Callable[[str | None], None]) -> None:
        """Be told of what is queued, and of jobs of one's own."""
        if self._listening or self._queue is None:
            return
        driver, where = self._queue.driver, self._address.schema or ""
        await driver.add_listener(self._queue.qbe.settings.channel, lambda _: wake(None))

        def told(said: str | bytes | bytearray) -> None:
            schema, _, job_id = str(said).partition(" ")
            if schema == where:
                wake(job_id)

        await driver.add_listener(LOOK_CHANNEL, told)
        self._listening = True

    async def say(self, job_id: str) -> None:
        """Tell whoever has a job to look at it."""
        if self._queue is not None:
            await self._queue.driver.notify(LOOK_CHANNEL, f"{self._address.schema or ''} {job_id}")

    async def drop(self) -> None:
        """It is lost, or may be: the next question begins anew."""
        connection, self._connection, self._queue = self._connection, None, None
        self._listening = False
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Hang up."""
        connection, self._connection, self._queue = self._connection, None, None
        self._listening = False
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(*FAILURES):
                await connection.close(timeout=5)


def queries(connection: asyncpg.Connection, schema: str | None) -> Queries:
    """The queue on a connection."""
    settings = settings_for(schema)
    return Queries(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(settings),
        qbq=QueryQueueBuilder(settings),
        qbs=QuerySchedulerBuilder(settings),
    )


async def install(queue: Queries, connection: asyncpg.Connection) -> None:
    """The queue's tables, by one process while the others wait.

    In a transaction: should this process stop in the middle, the server ends that, and the others
    go on.
    """
    if not await queue.schema_is_installed():
        async with connection.transaction():
            await queue.driver.execute("SELECT pg_advisory_xact_lock($1)", INSTALLING)
            if not await queue.schema_is_installed():
                await queue.install(create_schema=False)
    if (await queue.plan_upgrade()).statements:
        await queue.apply_upgrade()
