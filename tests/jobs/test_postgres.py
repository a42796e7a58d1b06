"""Jobs on Postgres, worked on by several processes: shared evenly, each job once, signals heard."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from sqlalchemy import Connection, func, select

from anymedia.clock import SystemClock
from anymedia.contracts.errors import Conflict, StorageFailed
from anymedia.contracts.image import ImageRequest
from anymedia.jobs import rows
from anymedia.jobs.dispatcher import HeapDispatcher, dispatcher_for
from anymedia.jobs.queue import install, queries
from anymedia.jobs.service import Jobs
from anymedia.store.address import address
from anymedia.store.database import Database, database_at
from anymedia.store.schema import jobs as job_rows, timeline, workers
from tests.jobs.worker import jobs_in
from tests.support.forwarder import Forwarder
from tests.support.postgres import fresh_url, needs_postgres

pytestmark = needs_postgres()
NOBODY = "http://127.0.0.1:9"
NEVER = 3600.0


@pytest.fixture
def url() -> Iterator[str]:
    """A schema of its own."""
    with fresh_url() as found:
        yield found


async def until(reached: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for something that happens elsewhere; not for ever."""

    async def looking() -> None:
        while not reached():  # noqa: ASYNC110  nobody tells us of it
            await asyncio.sleep(0.01)

    await asyncio.wait_for(looking(), seconds)


def accepted(number: int) -> Callable[[Connection], None]:
    """So many jobs that wait to be worked on."""

    def work(c: Connection) -> None:
        for one in range(number):
            rows.insert_job(
                c, id=f"job_{one:04}", owner="local", medium="image", status="queued",
                request="{}", request_hash="h", created_at=1.0, updated_at=1.0, due_at=1.0,
            )  # fmt: skip

    return work


class Process:
    """What one process has: a connection of its own, and a dispatcher that keeps jobs waiting."""

    def __init__(self, url: str, directory: Path, *, lease_seconds: float = 3.0) -> None:
        self.database: Database = database_at(directory, url)
        self.looked_at: list[str] = []
        self.dispatcher: HeapDispatcher = dispatcher_for(
            self.database, SystemClock(), print, lease_seconds=lease_seconds
        )
        self.dispatcher.handle(self._step)
        self.running: asyncio.Task[None] | None = None

    async def _step(self, job_id: str) -> float | None:
        self.looked_at.append(job_id)
        return NEVER

    def start(self) -> None:
        """Work."""
        self.running = asyncio.create_task(self.dispatcher.run())

    async def at_work(self) -> None:
        """Work, and return when the others can see that: it holds its lease and listens."""
        self.start()
        await until(lambda: self.dispatcher.health()["queue"] == "listening")

    async def take_on(self, job_id: str) -> bool:
        """A job comes in here. Whether this process keeps it."""
        worker = self.dispatcher.taking()

        def work(c: Connection) -> None:
            rows.insert_job(
                c, id=job_id, owner="local", medium="image", status="queued", worker=worker,
                request="{}", request_hash="h", created_at=1.0, updated_at=1.0, due_at=1.0,
            )  # fmt: skip

        await self.database.write(work, job=job_id)
        if worker is None:
            self.dispatcher.enqueue(job_id)
        else:
            self.dispatcher.took(job_id, worker)
        return worker is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Leave, also where a test fails: what it has open is not another test's trouble."""
        self.dispatcher.stop()
        if self.running is not None:
            await self.running
        await self.dispatcher.close()
        await self.database.close()


def shares(c: Connection) -> dict[str | None, int]:
    """How many jobs each worker has."""
    query = select(job_rows.c.worker, func.count()).group_by(job_rows.c.worker)
    return {row[0]: row[1] for row in c.execute(query)}


def test_two_processes_share_what_is_waiting_within_a_tenth(url: str, tmp_path: Path) -> None:
    """Six hundred jobs that nobody has queued: found by a look around, each had by one process."""

    async def course() -> None:
        async with Process(url, tmp_path) as first, Process(url, tmp_path) as second:
            await first.at_work()
            await second.at_work()
            await first.database.write(accepted(600))
            await until(lambda: len({*first.looked_at, *second.looked_at}) >= 600)
            found = await first.database.read(shares)
            assert {*first.looked_at, *second.looked_at} == {f"job_{n:04}" for n in range(600)}
            assert sum(found.values()) == 600
            assert None not in found
            assert max(found.values()) - min(found.values()) <= 60, found

    asyncio.run(course())


def test_two_processes_share_what_trickles_in(url: str, tmp_path: Path) -> None:
    """One by one, and all by way of the first: it does not keep them to itself."""

    async def course() -> None:
        async with Process(url, tmp_path) as first, Process(url, tmp_path) as second:
            await first.at_work()
            await second.at_work()
            await first.database.write(accepted(80))
            for number in range(80):
                first.dispatcher.enqueue(f"job_{number:04}")
                await asyncio.sleep(0.005)
            await until(lambda: len({*first.looked_at, *second.looked_at}) >= 80)
            found = await first.database.read(shares)
            assert max(found.values()) - min(found.values()) <= 8, found

    asyncio.run(course())


def test_what_two_processes_take_on_is_shared_without_the_queue(url: str, tmp_path: Path) -> None:
    """Both get about as many: most stay where they came in, and neither gets ahead."""

    async def course() -> None:
        async with Process(url, tmp_path) as first, Process(url, tmp_path) as second:
            await first.at_work()
            await second.at_work()
            kept = 0
            for number in range(800):
                one = (first, second)[number % 2]
                kept += await one.take_on(f"job_{number:04}")
            await until(lambda: len({*first.looked_at, *second.looked_at}) >= 800)
            found = await first.database.read(shares)
            assert sum(found.values()) == 800
            assert max(found.values()) - min(found.values()) <= 80, found
            assert kept >= 200

    asyncio.run(course())


def test_what_one_process_takes_on_is_shared_too(url: str, tmp_path: Path) -> None:
    """All come in at the first, hundreds at once: it keeps its share and no more."""

    async def course() -> None:
        async with Process(url, tmp_path) as first, Process(url, tmp_path) as second:
            await first.at_work()
            await second.at_work()
            names = [f"job_{number:04}" for number in range(800)]
            for start in range(0, 800, 40):
                await asyncio.gather(*map(first.take_on, names[start : start + 40]))
            await until(lambda: len({*first.looked_at, *second.looked_at}) >= 800)
            found = await first.database.read(shares)
            assert max(found.values()) - min(found.values()) <= 80, found

    asyncio.run(course())


def test_what_a_dead_process_had_goes_on_elsewhere(url: str, tmp_path: Path) -> None:
    """Its lease ends with nobody renewing it; whoever looks around finds its jobs."""

    async def course() -> None:
        async with Process(url, tmp_path) as alive:
            await alive.database.write(accepted(20))
            await alive.database.write(lambda c: rows.insert_worker(c, "wrk_dead", 1, 0.0, 1.5))
            taken = await alive.database.write(lambda c: rows.claim(c, "wrk_dead", 2.0, 100))
            assert len(taken) == 20
            alive.start()
            await until(lambda: alive.dispatcher.worker != "")
            assert await alive.database.read(shares) == {"wrk_dead": 20}
            await until(lambda: len(alive.looked_at) == 20)
            assert await alive.database.read(shares) == {alive.dispatcher.worker: 20}

    asyncio.run(course())


def test_a_signal_reaches_the_process_that_has_the_job(url: str, tmp_path: Path) -> None:
    """From another that works, and from one that only asks; at once, not at the next look."""

    async def course() -> None:
        async with (
            Process(url, tmp_path) as owner,
            Process(url, tmp_path) as other,
            Process(url, tmp_path) as passing_by,
        ):
            await owner.database.write(accepted(1))
            owner.start()
            await until(lambda: len(owner.looked_at) == 1)
            other.start()
            other.dispatcher.signal_cancel("job_0000")
            await until(lambda: len(owner.looked_at) == 2)
            passing_by.dispatcher.signal_cancel("job_0000")
            await until(lambda: len(owner.looked_at) == 3)
            assert other.looked_at == []

    asyncio.run(course())


def test_a_worker_goes_on_when_the_database_was_away(url: str, tmp_path: Path) -> None:
    """Cut off beyond its lease and back: a new name, the same jobs, and it hears of new ones."""

    async def course(wire: Forwarder, by_wire: str) -> None:
        async with (
            Process(url, tmp_path) as helper,
            Process(by_wire, tmp_path, lease_seconds=1.0) as one,
        ):
            await helper.database.write(accepted(10))
            one.start()
            await until(lambda: len(one.looked_at) == 10)
            name = one.dispatcher.worker
            wire.cut()
            await asyncio.sleep(2.5)
            wire.mend()
            await until(lambda: one.dispatcher.worker != name and len(one.looked_at) >= 20)

            async def all_are_its_own() -> None:
                # On a crowded machine a lease of a second may end again meanwhile.
                while await helper.database.read(shares) != {one.dispatcher.worker: 10}:  # noqa: ASYNC110  rows tell nobody
                    await asyncio.sleep(0.05)

            await asyncio.wait_for(all_are_its_own(), 30)

    parts = database_at(tmp_path, url).address.url  # type: ignore[attr-defined]  # it is on Postgres
    with Forwarder(parts.host or "", parts.port or 5432) as wire:
        by_wire = url.replace(f"{parts.host}:{parts.port}", f"127.0.0.1:{wire.port}")
        asyncio.run(course(wire, by_wire))


def submitting(url: str, directory: Path) -> Jobs:
    """A process that takes jobs on."""
    return jobs_in(directory, NOBODY, "nothing", database_url=url)


def test_the_same_key_from_many_processes_at_once_is_one_job(url: str, tmp_path: Path) -> None:
    """All get it; who asks for something else under it is refused."""

    async def course() -> None:
        many = [submitting(url, tmp_path) for _ in range(4)]
        request = ImageRequest(prompt="a fox", model="counting/one", idempotency_key="k1")
        found = await asyncio.gather(*(one.submit(request) for one in many for _ in range(5)))
        assert len({job.id for job in found}) == 1
        events = await many[0]._database.read(
            lambda c: c.execute(select(func.count()).select_from(timeline)).scalar_one()
        )
        assert events == 1
        with pytest.raises(Conflict):
            await many[1].submit(request.model_copy(update={"prompt": "a hare"}))
        for one in many:
            await one.close()
            await one._database.close()

    asyncio.run(course())


class Stuck(AsyncpgDriver):
    """Stops for good in the middle of making the queue's tables, as a process that is frozen."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self.stopped = asyncio.Event()

    async def execute(self, query: str, *given: Any) -> str:
        if "CREATE UNLOGGED TABLE" in query:
            self.stopped.set()
            await asyncio.Event().wait()
        return await super().execute(query, *given)


def test_who_stops_while_the_queue_is_made_keeps_nobody_out(url: str, tmp_path: Path) -> None:
    """The server ends its transaction, and the next one makes the tables."""

    async def course() -> None:
        where = address(url)
        brief = {**where.arguments["server_settings"], "idle_in_transaction_session_timeout": "500"}
        given = {**where.arguments, "server_settings": brief}
        async with Process(url, tmp_path) as one:
            await one.database.write(accepted(5))  # which makes our own tables
            connection = await asyncpg.connect(where.dsn, **given)
            queue = queries(connection, where.schema)
            queue.driver = stuck = Stuck(connection)
            stopping = asyncio.create_task(install(queue, connection))
            await until(lambda: stuck.stopped.is_set() or stopping.done())
            assert not stopping.done(), stopping.exception()
            one.start()
            await until(lambda: len(one.looked_at) == 5)
            stopping.cancel()
            with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)):
                await stopping  # its connection is gone
            connection.terminate()

    asyncio.run(course())


class Torn(AsyncpgDriver):
    """A connection that the server has just ended, which its client has not understood yet."""

    async def fetch(self, query: str, *given: Any) -> list[dict[str, Any]]:
        raise asyncpg.InternalClientError("cannot switch to state 11; another is in progress")


def test_a_worker_goes_on_when_its_line_to_the_queue_is_torn(url: str, tmp_path: Path) -> None:
    """It says so, and makes another."""

    async def course() -> None:
        async with Process(url, tmp_path) as one:
            await one.at_work()
            line = one.dispatcher._source._line  # type: ignore[attr-defined]  # it is on Postgres
            line._queue.driver = Torn(line._connection)
            await one.database.write(accepted(5))
            await until(lambda: len(one.looked_at) == 5)

    asyncio.run(course())


def test_workers_say_on_which_machine_they_are(url: str, tmp_path: Path) -> None:
    """A number alone means nothing to another machine."""

    async def course() -> None:
        passing_by = database_at(tmp_path, url)
        async with Process(url, tmp_path) as one:
            await one.at_work()
            (row,) = await passing_by.read(lambda c: c.execute(select(workers)).mappings().all())
            assert row["host"]
            assert row["pid"]
        assert await passing_by.read(lambda c: c.execute(select(workers)).all()) == []
        await passing_by.close()

    asyncio.run(course())


def test_without_a_database_new_jobs_are_refused_in_one_line(tmp_path: Path) -> None:
    """The gateway answers 503 with it."""

    async def course() -> None:
        jobs = submitting("postgresql://me:word@127.0.0.1:9/db", tmp_path)
        with pytest.raises(StorageFailed, match="cannot be opened") as caught:
            await jobs.submit(ImageRequest(prompt="a fox", model="counting/one"))
        assert "\n" not in caught.value.message
        await jobs.close()

    asyncio.run(course())


def test_each_job_is_looked_at_by_one_process_at_a_time(url: str, tmp_path: Path) -> None:
    """Claims of the same rows at the same time."""

    async def course() -> None:
        one = database_at(tmp_path, url)
        await one.write(accepted(200))
        for worker in ("a", "b", "c"):
            await one.write(lambda c, w=worker: rows.insert_worker(c, w, 1, 0.0, 60.0))  # type: ignore[misc]  # mypy cannot type a lambda's defaults
        others = [database_at(tmp_path, url) for _ in range(3)]

        async def claimed(database: Database, worker: str) -> list[str]:
            got: list[str] = []
            for _ in range(40):
                got += await database.write(lambda c: rows.claim(c, worker, 2.0, 10))
            return got

        got = await asyncio.gather(*map(claimed, others, ("a", "b", "c")))
        counted = Counter(job_id for each in got for job_id in each)
        assert len(counted) == 200
        assert set(counted.values()) == {1}
        for database in (one, *others):
            await database.close()

    asyncio.run(course())
