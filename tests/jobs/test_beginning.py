"""The beginning of an attempt: one transaction where nothing keeps it, and never on old news."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping

from anymedia.contracts.image import ImageRequest
from anymedia.jobs import rows
from anymedia.jobs.acceptance import adopt
from anymedia.jobs.beginning import Begun, begin
from anymedia.jobs.service import Jobs
from anymedia.jobs.steps import step
from anymedia.providers.spec import Submitted
from tests.jobs.worker import jobs_in

pytestmark = pytest.mark.usefixtures("each_database")
NOWHERE = "http://127.0.0.1:1"
ME = "wrk_me"


async def ours(jobs: Jobs, named: str = ME) -> RowMapping:
    """A job that is ours, as it was when it became so."""
    jobs._desk.worker = jobs._desk.waits._worker = lambda: named
    job = await jobs.submit(ImageRequest(prompt="a fox", model="counting/one"))

    def claim(c: Connection) -> RowMapping:
        now = jobs._desk.now()
        rows.insert_worker(c, named, 1, now, 60.0)
        return rows.with_set(c, job.id, now, worker=named)

    return await jobs._database.write(claim)


def run(directory: Path, course: Any) -> None:
    """To its end, and everything closed."""

    async def running() -> None:
        jobs = jobs_in(directory, NOWHERE, "nothing")
        try:
            await course(jobs)
        finally:
            await jobs.close()
            await jobs._database.close()

    asyncio.run(running())


def events(c: Connection, job_id: str) -> list[str]:
    """What happened to a job."""
    return [one["event"] for one in rows.timeline_of(c, job_id)]


def test_an_attempt_is_written_down_as_being_sent(tmp_path: Path) -> None:
    """Its row, its reservation, its job and what happened, in one transaction."""

    async def course(jobs: Jobs) -> None:
        job = await ours(jobs)
        begun = await begin(jobs._desk, job, [])
        assert isinstance(begun, Begun)
        assert begun.ready is not None
        assert begun.attempt["state"] == "sending"
        assert begun.attempt["opened_at"] == begun.at == begun.attempt["created_at"]
        assert begun.attempt["send_deadline"] > begun.at

        def look(c: Connection) -> None:
            found = rows.job(c, job["id"])
            assert found is not None
            assert found["status"] == "running"
            assert events(c, job["id"])[-2:] == ["attempt-prepared", "attempt-sending"]
            assert set(rows.reserved_for(c, [begun.attempt["id"]])) <= {begun.attempt["id"]}

        await jobs._database.read(look)
        begun.ready.given_up(jobs._desk)

    run(tmp_path, course)


def test_a_job_that_was_cancelled_meanwhile_is_not_begun(tmp_path: Path) -> None:
    """What is remembered of it is old: nothing is written, nobody is asked, it is looked at again."""

    async def course(jobs: Jobs) -> None:
        job = await ours(jobs)
        jobs._desk.waits.begin(job)

        def cancel(c: Connection) -> None:
            rows.set_job(c, job["id"], job["updated_at"] + 1.0, cancel="wanted")

        await jobs._database.write(cancel)
        assert await step(jobs._desk, job["id"]) == 0.0
        assert await jobs._database.read(lambda c: rows.attempts_of(c, [job["id"]])) == []
        assert await step(jobs._desk, job["id"]) is None
        assert (await jobs.get(job["id"])).status == "cancelled"
        assert await jobs._database.read(lambda c: rows.attempts_of(c, [job["id"]])) == []

    run(tmp_path, course)


def test_what_is_remembered_of_a_new_job_is_used_once(tmp_path: Path) -> None:
    """And only under the lease that it became ours under."""

    async def course(jobs: Jobs) -> None:
        job = await ours(jobs)
        waits = jobs._desk.waits
        waits.begin(job)
        assert waits.fresh(job["id"]) == job
        assert waits.fresh(job["id"]) is None
        waits.begin(job)
        waits.forget(job["id"])
        assert waits.fresh(job["id"]) is None
        waits.begin(job)
        waits._worker = lambda: "wrk_other"
        assert waits.fresh(job["id"]) is None

    run(tmp_path, course)


def test_several_are_taken_on_at_once_and_a_cancel_of_one_is_seen(tmp_path: Path) -> None:
    """Rows that nobody has changed need not be read again; the one that was changed is."""

    async def course(jobs: Jobs) -> None:
        desk: Any = jobs._desk
        mine = [await ours(jobs, named=f"wrk_{number}") for number in range(3)]
        desk.worker = desk.waits._worker = lambda: ME
        for job in mine:
            await jobs._database.write(partial(rows.take, worker=ME, job_ids=[job["id"]]))
        seen: list[Any] = [{**job, "worker": ME} for job in mine]
        begun: list[Any] = [await begin(desk, job, []) for job in seen]

        def cancel(c: Connection) -> None:
            now = desk.now()
            rows.set_job(c, mine[1]["id"], now, cancel="wanted", due_at=now)

        await jobs._database.write(cancel)
        await asyncio.gather(
            *(
                adopt(desk, job, one.attempt, Submitted(handle=f"w{number}"))
                for number, (job, one) in enumerate(zip(seen, begun, strict=True))
            )
        )
        for number, job in enumerate(mine):
            row: Any = await jobs._database.read(partial(rows.job, job_id=job["id"]))
            waiting = desk.waits.of(job["id"])
            assert row["status"] == "running"
            assert (waiting is None) is (number == 1)
            assert row["cancel"] == ("wanted" if number == 1 else None)
            if waiting is not None:
                assert waiting.due_at == row["due_at"] == row["updated_at"]
        for one in begun:
            one.ready.given_up(desk)

    run(tmp_path, course)
