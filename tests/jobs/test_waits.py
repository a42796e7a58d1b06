"""Jobs remembered while they wait: nothing that another process does to them is overlooked."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, update

from anymedia.contracts.configuration import Settings
from anymedia.jobs import rows
from anymedia.jobs.waits import Waiting, Waits
from anymedia.store.schema import attempts, jobs
from tests.jobs.test_abandoned import Stage, stop, until
from tests.jobs.test_course import done, finished
from tests.support.clock import FakeClock
from tests.support.postgres import database_in
from tests.webhooks.callers import Bench as Caller, work

pytestmark = pytest.mark.usefixtures("each_database")
JOB = {
    "owner": "ann",
    "medium": "video",
    "status": "running",
    "id": "job_1",
    "worker": "wrk_me",
    "request": "{}",
    "request_hash": "h",
}
WAITS: dict[str, Any] = {
    "owner": "ann",
    "medium": "video",
    "provider": "acme",
    "model": "clip-2",
    "variant": None,
    "handle": "c_1",
    "accepted_at": 0.0,
    "progress": 0.0,
    "until": math.inf,
}
ENOUGH = 3
"""So many questions, and the rows are not looked at for them any more."""


async def moment(reached: Callable[[], bool]) -> None:
    """Until it is so; real time is a backstop only."""
    async with asyncio.timeout(20):
        while not reached():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0)


def questions(stage: Stage) -> int:
    """How often it was asked how the clip stands."""
    return stage.bench.paths().count("GET /clips/c_1")


async def waiting(stage: Stage, client: Any) -> Any:
    """A clip that its provider is at, and that is remembered."""
    handle = await client.submit_video("a fox", duration_seconds=5)
    await handle.submitted()
    await moment(lambda: questions(stage) >= ENOUGH)
    await moment(lambda: client._jobs._desk.waits.of(handle.id) is not None)
    return handle


async def changed(client: Any, change: Callable[[Connection, float], None]) -> None:
    """Another process changes rows."""
    now = client._jobs._desk.now()
    await client._jobs._database.write(lambda c: change(c, now))


def test_a_cancel_by_another_process_is_seen(tmp_path: Path) -> None:
    """Its owner remembers the job, looks at what others do, and stops it at the provider."""
    owner, other = Stage(tmp_path, ways={"cancel": stop}), Stage(tmp_path)

    async def course() -> str:
        async with owner.bench.client as client, other.bench.client as elsewhere:
            handle = await waiting(owner, client)
            await elsewhere.jobs.cancel(handle.id)
            return (await until(client, handle.id, lambda job: job.final)).status

    assert finished(course()) == "cancelled"
    assert owner.stopped == ["acme"]
    assert other.bench.paths() == []


def test_a_cancel_is_seen_long_before_the_next_question(tmp_path: Path) -> None:
    """That would be in a quarter of an hour."""
    owner, other = Caller(tmp_path), Caller(tmp_path)

    async def course() -> Any:
        async with owner.client as client, other.client as elsewhere:
            handle, _ = await owner.submitted()
            await elsewhere.jobs.cancel(handle.id)
            job = await until(client, handle.id, lambda job: job.cancel != "requested")
            return job.cancel

    assert finished(course()) == "impossible"


def test_a_call_that_another_process_hears_is_heeded(tmp_path: Path) -> None:
    """The result that came with it is fetched, and nobody is asked how it stands."""
    owner, other = Caller(tmp_path), Caller(tmp_path)

    async def course() -> str:
        async with owner.client, other.client:
            handle, token = await owner.submitted()
            await other.call(token, work())
            await handle.wait(timeout_seconds=15)
            return str(handle.job.status)

    assert finished(course()) == "succeeded"
    assert owner.asked == ["POST /work", "GET /files/1.png"]
    assert other.asked == []


def test_a_job_that_another_process_has_taken_is_let_go_of(tmp_path: Path) -> None:
    """It is asked about there, and here no more."""
    stage = Stage(tmp_path)

    async def course() -> tuple[int, int]:
        async with stage.bench.client as client:
            handle = await waiting(stage, client)

            def take(c: Connection, now: float) -> None:
                rows.insert_worker(c, "wrk_other", 1, now, 3600.0)
                rows.set_job(c, handle.id, now, worker="wrk_other", due_at=now)

            await changed(client, take)
            await moment(lambda: client._jobs.health()["waiting"] == 0)
            await moment(lambda: client._jobs.health()["running"] == 0)
            asked = questions(stage)
            client._jobs._dispatcher.enqueue(handle.id)
            await client.jobs.get(handle.id)
            return asked, questions(stage)

    before, after = finished(course())
    assert before == after


def test_what_was_read_under_a_lost_lease_is_not_believed(tmp_path: Path) -> None:
    """The process has another name now, and reads again what it wins back."""
    stage = Stage(tmp_path)

    async def course() -> tuple[bool, bool, str]:
        async with stage.bench.client as client:
            handle = await waiting(stage, client)
            lease, waits = client._jobs._dispatcher._lease, client._jobs._desk.waits
            name = lease.worker
            remembered = waits._known[handle.id]
            await client._jobs._database.write(lambda c: rows.retire(c, name))
            await lease.take()
            believed = waits.of(handle.id) is not None
            client._jobs._dispatcher._lost()
            kept = handle.id in waits._known
            await moment(lambda: waits.of(handle.id) is not None)
            assert waits.of(handle.id) is not remembered
            stage.stands["acme"] = done()
            await handle.wait(timeout_seconds=15)
            return believed, kept, handle.job.status

    assert finished(course()) == (False, False, "succeeded")


def test_news_about_a_job_that_is_over_changes_nothing(tmp_path: Path) -> None:
    """Its rows were changed unseen; what the provider says then is not acted on from memory."""
    stage = Stage(tmp_path)

    async def course() -> tuple[str, str]:
        async with stage.bench.client as client:
            handle = await waiting(stage, client)

            def end(c: Connection, now: float) -> None:
                # Without a word in `due_at`, so that only the news itself leads to the rows.
                c.execute(update(attempts).values(state="failed", finished_at=now))
                c.execute(update(jobs).values(status="failed", due_at=None, finished_at=now))

            await changed(client, end)
            stage.stands["acme"] = done()
            await moment(lambda: client._jobs.health()["waiting"] == 0)
            await moment(lambda: client._jobs.health()["running"] == 0)
            job = (await client.jobs.get(handle.id)).job
            return job.status, job.attempts[-1].state

    assert finished(course()) == ("failed", "failed")
    assert "GET /files/1.mp4" not in stage.bench.paths()


def test_a_change_that_was_committed_late_is_seen_all_the_same(tmp_path: Path) -> None:
    """Every look goes back a little, and now and then one goes back far."""
    clock = FakeClock()

    async def course() -> list[list[str]]:
        database = database_in(tmp_path)
        playing: Any = SimpleNamespace(clock=clock, settings=Settings())
        waits = Waits(playing, database, playing, lambda: "wrk_me")
        now = waits._now()
        row = {**JOB, "created_at": now, "updated_at": now, "due_at": now - 300}
        await database.write(lambda c: c.execute(jobs.insert(), row))
        waits.keep(Waiting("job_1", "att_1", "wrk_me", now - 300, **WAITS))
        seen = [await waits.changed()]

        async def looked(seconds: float, late: float) -> None:
            clock.advance(seconds)
            due = waits._now() - late
            await database.write(lambda c: c.execute(update(jobs).values(due_at=due)))
            seen.append(await waits.changed())

        await looked(1.0, late=0.5)
        await looked(1.0, late=2.5)
        await looked(3.0, late=5.5)  # from before the last look, but not by much
        await looked(1.0, late=25.0)
        await looked(5.0, late=25.0)
        await database.close()
        return seen

    found = finished(course())
    assert found == [[], ["job_1"], ["job_1"], ["job_1"], [], ["job_1"]]


def test_after_a_restart_waiting_jobs_are_asked_about_from_one_look_at_the_rows(
    tmp_path: Path,
) -> None:
    """Many at once; none is submitted again."""
    first, second = Stage(tmp_path), Stage(tmp_path)

    async def begin() -> str:
        async with first.bench.client as client:
            return str((await waiting(first, client)).id)

    job_id = finished(begin())

    async def go_on() -> tuple[bool, str]:
        async with second.bench.client as client:
            client._jobs.start()
            await moment(lambda: client._jobs.health()["waiting"] > 0 or questions(second) > 0)
            recalled = client._jobs._desk.waits.of(job_id) is not None
            second.stands["acme"] = done()
            job = await until(client, job_id, lambda job: job.final)
            return recalled, job.status

    assert finished(go_on()) == (True, "succeeded")
    assert second.posts() == 0
