"""Jobs that wait: for a time, for a provider that is paused, for room; and the same job twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import Conflict, NotFound
from anymedia.contracts.limit import LimitSettings
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.video import VideoRequest
from anymedia.jobs.service import Jobs
from anymedia.store.schema import jobs as job_rows
from tests.jobs.test_abandoned import Stage, until
from tests.jobs.test_course import ELSEWHERE, Bench, done, finished, states

ONE_AT_A_TIME = (LimitSettings(scope="provider", name="acme", concurrent=1),)


def in_an_hour() -> datetime:
    """A moment that no test reaches."""
    return datetime.now(UTC) + timedelta(hours=1)


async def at_rest(client: Any, waiting: int) -> None:
    """Until so many jobs wait for room."""
    newest = (await client.jobs.list(limit=1))[0]
    await until(client, newest.id, lambda _: len(client._jobs._desk.underway.lines) >= waiting)


# --- delayed start --------------------------------------------------------------------------


def test_a_job_begins_no_earlier_than_it_should(tmp_path: Path) -> None:
    """Nothing is sent before; then it goes its way."""
    stage = Stage(tmp_path)
    stage.stands["acme"] = done()

    async def course() -> tuple[Any, Any]:
        async with stage.bench.client as client:
            handle = await client.submit_video(
                "a fox", duration_seconds=5, not_before=in_an_hour(), timeout=60
            )
            client._jobs.start()
            soon = await client.submit_video("a hare", duration_seconds=5)
            await soon.wait()
            early = (await client.jobs.get(handle.id)).job

            def now(c: Any) -> None:
                at = job_rows.c.id == handle.id
                moment = client._engine.clock.time()
                values = {"not_before": moment, "due_at": moment}
                c.execute(job_rows.update().where(at).values(**values))

            await client._jobs._database.write(now)
            await handle.wait()
            return early, handle.job

    early, job = finished(course())
    assert (early.status, early.attempts) == ("queued", ())
    assert early.not_before is not None
    assert early.deadline == early.not_before + timedelta(seconds=60)
    assert job.status == "succeeded"


def test_a_job_that_has_not_begun_can_be_cancelled(tmp_path: Path) -> None:
    """At once, and nothing was asked for."""
    stage = Stage(tmp_path)

    async def course() -> Any:
        async with stage.bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5, not_before=in_an_hour())
            client._jobs.start()
            await client.jobs.cancel(handle.id)
            return await until(client, handle.id, lambda job: job.final)

    job = finished(course())
    assert (job.status, job.cancel, job.attempts) == ("cancelled", "confirmed", ())
    assert stage.bench.paths() == []


def test_working_until_idle_does_not_wait_for_tomorrow(tmp_path: Path) -> None:
    """What begins later is left for later."""
    stage = Stage(tmp_path)

    async def course() -> Any:
        async with stage.bench.client as client:
            await client.submit_video("a fox", duration_seconds=5, not_before=in_an_hour())
            await asyncio.wait_for(client.jobs.work(until_idle=True), 20)
            return await client.jobs.list()

    (handle,) = finished(course())
    assert handle.job.status == "queued"


# --- paused providers -----------------------------------------------------------------------


def test_a_paused_provider_gets_no_new_jobs_and_those_under_way_go_on(tmp_path: Path) -> None:
    """The second waits, until the provider is resumed."""
    stage = Stage(tmp_path)

    async def course() -> tuple[int, Any]:
        async with stage.bench.client as client:
            first = await client.submit_video("a fox", duration_seconds=5)
            await first.submitted()
            await client.jobs.pause("acme")
            second = await client.submit_video("a hare", duration_seconds=5)
            await at_rest(client, 1)
            stage.stands["acme"] = done()
            await first.wait()
            posts = stage.posts()
            assert [one.provider for one in await client.jobs.pauses()] == ["acme"]
            await client.jobs.resume("acme")
            await second.wait()
            return posts, second.job

    posts, job = finished(course())
    assert posts == 1
    assert job.status == "succeeded"


def test_a_job_goes_elsewhere_while_its_provider_is_paused(tmp_path: Path) -> None:
    """And says so; another medium of the same provider is not concerned."""
    stage = Stage(tmp_path, both=True)
    stage.stands["bolt"] = done(ELSEWHERE)

    async def course() -> Any:
        async with stage.bench.client as client:
            await client.jobs.pause("acme", "video")
            await client.jobs.pause("bolt", "audio")
            handle = await client.submit_video("a fox", duration_seconds=5)
            await handle.wait()
            return handle.job

    job = finished(course())
    assert states(job) == [("acme", "skipped"), ("bolt", "succeeded")]
    assert "paused" in (job.attempts[0].reason or "")


def test_a_pause_is_heeded_by_other_processes(tmp_path: Path) -> None:
    """It is written down; whoever begins later finds it."""
    first, second = Stage(tmp_path), Stage(tmp_path)

    async def course() -> int:
        async with first.bench.client as client:
            await client.jobs.pause("acme")
        async with second.bench.client as client:
            await client.submit_video("a fox", duration_seconds=5)
            client._jobs.start()
            await at_rest(client, 1)
            return second.posts()

    assert finished(course()) == 0


def test_a_job_that_waits_for_a_paused_provider_can_be_cancelled(tmp_path: Path) -> None:
    """Nothing was asked for."""
    stage = Stage(tmp_path)

    async def course() -> Any:
        async with stage.bench.client as client:
            await client.jobs.pause("acme")
            handle = await client.submit_video("a fox", duration_seconds=5)
            client._jobs.start()
            await at_rest(client, 1)
            await client.jobs.cancel(handle.id)
            job = await until(client, handle.id, lambda job: job.final)
            assert len(client._jobs._desk.underway.lines) == 0
            return job

    assert finished(course()).status == "cancelled"
    assert stage.posts() == 0


def test_who_does_not_exist_cannot_be_paused(tmp_path: Path) -> None:
    """A slip of the pen would pause nobody."""

    async def course() -> None:
        async with Stage(tmp_path).bench.client as client:
            await client.jobs.pause("acne")

    with pytest.raises(NotFound, match="acne"):
        finished(course())


# --- whose turn it is -----------------------------------------------------------------------


def test_a_free_slot_goes_to_the_more_important_job(tmp_path: Path) -> None:
    """Whoever came first."""
    stage = Stage(tmp_path, limits=ONE_AT_A_TIME)

    async def course() -> list[str]:
        async with stage.bench.client as client:
            first = await client.submit_video("first", duration_seconds=5)
            await first.submitted()
            plain = await client.submit_video("plain", duration_seconds=5)
            await at_rest(client, 1)
            urgent = await client.submit_video("urgent", duration_seconds=5, priority=5)
            await at_rest(client, 2)
            stage.stands["acme"] = done()
            for handle in (first, plain, urgent):
                await handle.wait()
            return [body["text"] for body in stage.bench.transport.bodies() if body]

    assert finished(course()) == ["first", "urgent", "plain"]


def test_callers_take_turns(tmp_path: Path) -> None:
    """One caller's many do not hold up another's one."""
    stage = Stage(tmp_path, limits=ONE_AT_A_TIME)

    async def course() -> list[str]:
        async with stage.bench.client as client:
            mine: Jobs = client._jobs
            for number in range(5):
                await mine.submit(VideoRequest(prompt=f"mine {number}", duration_seconds=5))
            mine.start()
            await at_rest(client, 4)
            job = await mine.of("key_2").submit(VideoRequest(prompt="hers", duration_seconds=5))
            await at_rest(client, 5)
            stage.stands["acme"] = done()
            await mine.of("key_2").wait(job.id)
            return [body["text"] for body in stage.bench.transport.bodies() if body]

    assert "hers" in finished(course())[:3]


# --- the same job twice ---------------------------------------------------------------------


def test_the_same_key_is_the_same_job_also_after_it_was_tried_again(tmp_path: Path) -> None:
    """Another body under the key is a mistake."""
    stage = Stage(tmp_path)
    request = VideoRequest(prompt="a fox", duration_seconds=5, idempotency_key="k")

    async def course() -> None:
        async with stage.bench.client as client:
            jobs: Jobs = client._jobs
            first = await jobs.submit(request)
            await jobs.cancel(first.id)
            jobs.start()
            await until(client, first.id, lambda job: job.final)
            assert (await jobs.submit(request)).id == first.id
            await jobs.retry(first.id)
            again = await jobs.submit(request)
            assert (again.id, again.final) == (first.id, False)
            with pytest.raises(Conflict):
                await jobs.submit(request.model_copy(update={"prompt": "a hare"}))
            assert (await jobs.of("key_2").submit(request)).id != first.id

    finished(course())


def test_two_processes_that_get_the_same_key_at_once_make_one_job(tmp_path: Path) -> None:
    """Whoever comes second finds the first's."""
    benches = [Bench(tmp_path, settings=Settings(retry=RetryConfig())) for _ in range(2)]
    request = VideoRequest(prompt="a fox", duration_seconds=5, idempotency_key="k")

    async def course() -> set[str]:
        async with benches[0].client as one, benches[1].client as other:
            made = await asyncio.gather(
                *(client._jobs.submit(request) for client in (one, other) for _ in range(20))
            )
            return {job.id for job in made}

    assert len(finished(course())) == 1
