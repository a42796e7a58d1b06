"""A job that comes in at a process which works is that process' own from its first row.

On Postgres it is offered to all, so that work is shared evenly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select

from anymedia.contracts.errors import StorageFailed
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from anymedia.jobs.service import Jobs
from anymedia.store.database import Database
from anymedia.store.schema import jobs
from anymedia.store.transaction import write_rest
from tests.jobs.test_course import finished
from tests.jobs.worker import jobs_in

pytestmark = pytest.mark.usefixtures("each_database")
T = TypeVar("T")
NOWHERE = "http://127.0.0.1:1"
"""Nothing listens there: a job that somebody looks at fails, and one that nobody knows of waits."""


class Overheard:
    """A database that notes whose each new job is as it is written, and may lose an answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.directory, self.url = database.directory, database.url
        self.workers: list[str | None] = []
        self.deaf = False

    async def write(self, work: Callable[[Connection], T], *, job: str | None = None) -> T:
        def noted(connection: Connection) -> tuple[T, list[str | None]]:
            outcome = work(connection)
            if not (isinstance(outcome, tuple) and isinstance(outcome[0], Job)):
                return outcome, []
            write_rest(connection)
            query = select(jobs.c.worker).where(jobs.c.id == outcome[0].id)
            return outcome, [connection.execute(query).scalar()]

        outcome, whose = await self._database.write(noted, job=job)
        self.workers += whose
        if whose and self.deaf:
            self.deaf = False
            raise StorageFailed("the connection broke")
        return outcome

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._database.read(work)

    def time(self, now: float) -> float:
        return self._database.time(now)

    async def close(self) -> None:
        await self._database.close()


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[tuple[Jobs, Overheard]]:
    """Jobs, and what is written."""
    overheard: list[Overheard] = []

    def between(database: Database) -> Database:
        overheard.append(Overheard(database))
        return overheard[0]

    own = jobs_in(directory, NOWHERE, "nothing", between=between)
    try:
        yield own, overheard[0]
    finally:
        await own.close()
        await overheard[0].close()


async def at_work(own: Jobs) -> str | None:
    """The name that a job is written down under once the process works; on Postgres none is."""
    own.start()
    while not own.health()["worker"]:  # noqa: ASYNC110  a lease tells nobody
        await asyncio.sleep(0)
    await own.list()  # whoever has its lease works as soon as it has its turn
    return own._dispatcher.taking()


def wish(prompt: str) -> ImageRequest:
    """A job."""
    return ImageRequest(prompt=prompt, model="counting/one")


def ended(own: Jobs, job_id: str) -> Coroutine[Any, Any, Job]:
    """The job when it is over."""
    return own._until(job_id, lambda job: job.final)


def test_it_is_written_down_under_the_name_of_who_took_it(
    tmp_path: Path, each_database: str
) -> None:
    """Nobody has to look for it; who does not work leaves it to all."""

    async def course() -> tuple[str | None, list[str | None], list[Job]]:
        async with opened(tmp_path) as (own, overheard):
            idle = await own.submit(wish("an owl"))
            name = await at_work(own)
            mine = await own.submit(wish("a hare"))
            return name, overheard.workers, [await ended(own, one.id) for one in (idle, mine)]

    name, workers, over = finished(course())
    assert workers == [None, name]
    assert (name is None) == (each_database == "postgres")
    assert [job.status for job in over] == ["failed", "failed"]


def test_who_hangs_up_while_it_is_written_down_leaves_a_job_that_goes_on(tmp_path: Path) -> None:
    """It was taken on, and somebody knows of it."""

    async def course() -> list[Job]:
        async with opened(tmp_path) as (own, overheard):
            await at_work(own)
            asking = asyncio.ensure_future(own.submit(wish("a hare")))
            while not overheard.workers:
                await asyncio.sleep(0)
                asking.cancel()
                if asking.done() and not overheard.workers and not await own.list():
                    asking = asyncio.ensure_future(own.submit(wish("a hare")))
            return [await ended(own, one.id) for one in await own.list()]

    over = finished(course())
    assert {job.status for job in over} == {"failed"}


def test_a_job_whose_commit_was_not_heard_of_is_found(tmp_path: Path) -> None:
    """The database took it, and the answer was lost: it is ours, and it goes on."""

    async def course() -> tuple[str | None, list[str | None], Job]:
        async with opened(tmp_path) as (own, overheard):
            name = await at_work(own)
            overheard.deaf = True
            with pytest.raises(StorageFailed):
                await own.submit(wish("a hare"))
            (one,) = await own.list()
            return name, overheard.workers, await ended(own, one.id)

    name, workers, job = finished(course())
    assert workers == [name]
    assert job.status == "failed"
