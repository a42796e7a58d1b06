"""A provider calls while somebody is about to give up: the job goes on, and is not forgotten."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, RowMapping

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.jobs import rows
from anymedia.jobs.acceptance import adopt, answered
from anymedia.jobs.beginning import begin
from anymedia.jobs.recovery import unknown
from anymedia.jobs.service import Jobs
from anymedia.jobs.watching import stopped
from anymedia.providers.spec import Submitted
from tests.jobs.worker import jobs_in

pytestmark = pytest.mark.usefixtures("each_database")
ME = "wrk_me"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
DONE = MediaAnswer(artifacts=(RemoteArtifact(url="http://127.0.0.1:1/result"),), usage=Usage())


async def sending(jobs: Jobs, named: str = ME) -> tuple[RowMapping, RowMapping]:
    """A job of ours whose submission is out, as somebody saw it who now acts on that."""
    job = await jobs.submit(ImageRequest(prompt="a fox", model="counting/one"))
    jobs._desk.worker = lambda: named

    def claim(c: Connection) -> None:
        rows.insert_worker(c, named, 1, NOW, 60.0)
        rows.set_job(c, job.id, NOW, worker=named)

    await jobs._database.write(claim)
    row = await jobs._database.read(lambda c: rows.job(c, job.id))
    assert row is not None
    await begin(jobs._desk, row, [])  # writes down that it is sent

    def send(c: Connection) -> None:
        (attempt,) = rows.attempts_of(c, [job.id])
        assert attempt["state"] == "sending"
        rows.set_attempt(c, attempt["id"], opened_at=NOW, send_deadline=NOW)

    await jobs._database.write(send)
    return await seen(jobs, job.id)


async def seen(jobs: Jobs, job_id: str) -> tuple[RowMapping, RowMapping]:
    """A job and its attempt."""

    def look(c: Connection) -> tuple[RowMapping, RowMapping]:
        row = rows.job(c, job_id)
        assert row is not None
        return row, rows.attempts_of(c, [job_id])[0]

    return await jobs._database.read(look)


def test_a_submission_that_was_reported_is_not_given_up(tmp_path: Path) -> None:
    """Whoever was about to call it unknown goes on with it: nobody else would."""

    async def course() -> None:
        jobs = jobs_in(tmp_path, "http://127.0.0.1:1", "nothing")
        job, attempt = await sending(jobs)
        await adopt(jobs._desk, job, attempt, Submitted(handle="w1"))
        assert await unknown(jobs._desk, job, attempt) == 0.0
        assert (await jobs.get(job["id"])).attempts[0].state == "accepted"
        await jobs.close()
        await jobs._database.close()

    asyncio.run(course())


def test_a_result_that_was_reported_wins_over_a_stop(tmp_path: Path) -> None:
    """It was stopped, the answer says, and meanwhile its result has come: that is fetched."""

    async def course() -> None:
        jobs = jobs_in(tmp_path, "http://127.0.0.1:1", "nothing")
        job, attempt = await sending(jobs)
        await adopt(jobs._desk, job, attempt, Submitted(handle="w1"))
        job, attempt = await seen(jobs, job["id"])
        await answered(jobs._desk, job, attempt, DONE, before=("accepted",))
        assert await stopped(jobs._desk, job, attempt, Usage(), charged=False) == 0.0
        assert (await jobs.get(job["id"])).status == "running"
        await jobs.close()
        await jobs._database.close()

    asyncio.run(course())
