"""Time limits of jobs: what is under way when they pass is stopped, or watched to its end and kept."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, update

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import GenerationError, ProviderTimeout
from anymedia.contracts.job import CancelOutcome, Job
from anymedia.contracts.limit import LimitSettings
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.route import FailoverSettings
from anymedia.engine.transport import Outgoing
from anymedia.store.schema import attempts, jobs
from anymedia.testing.samples import mp4
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from tests.jobs.test_course import CLIP, ELSEWHERE, Bench, done, failed, finished, states, taken
from tests.support.transport import answer

WAITING = answer({"id": "c_1", "state": "waiting"})
LONG = 600.0


class Stage:
    """Two providers that do what the test says, whenever it says so."""

    def __init__(self, directory: Path, *, both: bool = False, **fields: Any) -> None:
        self.bench = Bench(
            directory, both=both, ways=fields.pop("ways", None), settings=settings(**fields)
        )
        self.bench.transport.otherwise = self.plays
        self.stands = {"acme": WAITING, "bolt": WAITING}
        self.stopped: list[str] = []

    def plays(self, outgoing: Outgoing) -> HttpResponse:
        """Take everything on; say how it stands; hand out the clip."""
        name = "bolt" if "api.bolt" in outgoing.url else "acme"
        if outgoing.url.endswith("/stop"):
            self.stopped.append(name)
            return answer({})
        if outgoing.method == "POST":
            return taken("c_1" if name == "acme" else "c_2")
        return CLIP if "/files/" in outgoing.url else self.stands[name]

    def posts(self) -> int:
        """How often something was bought."""
        return self.bench.paths().count("POST /clips")


def settings(**fields: Any) -> Settings:
    """Settings that lose no time."""
    limits = fields.pop("limits", ())
    return Settings(
        retry=RetryConfig(base_delay_seconds=0.01),
        failover=FailoverSettings(**fields),
        limits=limits,
    )


def stop(handle: str) -> Exchange[CancelOutcome]:
    """Ask to stop; it does."""
    yield post(f"/clips/{handle}/stop")
    return "confirmed"


async def until(client: Any, job_id: str, reached: Any) -> Job:
    """The job once it is as a test wants it."""
    job: Job = await client._jobs._until(job_id, reached)
    return job


def is_over(job: Job) -> bool:
    """Whether every attempt has ended."""
    return job.final and all(one.finished_at is not None for one in job.attempts)


async def later(client: Any, job_id: str, seconds: float) -> None:
    """So much time passes for one job."""

    def work(c: Connection) -> None:
        at = jobs.c.id == job_id
        c.execute(update(jobs).where(at).values(deadline=jobs.c.deadline - seconds))
        at = attempts.c.job_id == job_id
        moved = {"accepted_at": attempts.c.accepted_at - seconds}
        c.execute(update(attempts).where(at).values(**moved))

    await client._jobs._database.write(work)
    client._jobs._dispatcher.enqueue(job_id)


async def expired(client: Any, **fields: Any) -> Any:
    """A clip that was submitted, and whose time is over."""
    handle = await client.submit_video("a fox", duration_seconds=5, timeout=LONG, **fields)
    await handle.submitted()
    await later(client, handle.id, LONG)
    return handle


async def outcome(handle: Any) -> Any:
    """The result, or why there is none."""
    try:
        return await handle.wait()
    except GenerationError as error:
        return error


def test_a_job_ends_at_its_deadline_and_what_comes_late_is_kept_and_charged(
    tmp_path: Path,
) -> None:
    """Failed with TIMEOUT; then Acme is done all the same."""
    stage = Stage(tmp_path)

    async def course() -> tuple[Any, Job, Job]:
        async with stage.bench.client as client:
            handle = await expired(client)
            error = await outcome(handle)
            early = (await client.jobs.get(handle.id)).job
            stage.stands["acme"] = done()
            late = await until(client, handle.id, is_over)
            assert late.attempts[0].late_artifacts[0].read() == mp4()
            return error, early, late

    error, early, late = finished(course())
    assert isinstance(error, ProviderTimeout)
    assert error.code == "TIMEOUT"
    assert (early.status, states(early)) == ("failed", [("acme", "abandoned")])
    assert early.cost.basis == "pending"
    assert (late.status, states(late)) == ("failed", [("acme", "succeeded")])
    assert late.cost.amount == Decimal("0.50")
    assert late.artifacts == ()
    assert stage.posts() == 1


def test_who_can_be_stopped_is_stopped_at_the_deadline(tmp_path: Path) -> None:
    """Asked once; then there is nothing left to watch."""
    stage = Stage(tmp_path, ways={"cancel": stop})

    async def course() -> Job:
        async with stage.bench.client as client:
            handle = await expired(client)
            await outcome(handle)
            return await until(client, handle.id, is_over)

    job = finished(course())
    assert (job.status, states(job)) == ("failed", [("acme", "cancelled")])
    assert stage.stopped == ["acme"]


def test_another_process_keeps_watching_what_was_abandoned(tmp_path: Path) -> None:
    """The first one stops; the second keeps the late result."""
    first = Stage(tmp_path)

    async def begin() -> str:
        async with first.bench.client as client:
            handle = await expired(client)
            await outcome(handle)
            return str(handle.id)

    job_id = finished(begin())
    second = Stage(tmp_path)
    second.stands["acme"] = done()

    async def end() -> Job:
        async with second.bench.client as client:
            client._jobs.start()
            return await until(client, job_id, is_over)

    assert states(finished(end())) == [("acme", "succeeded")]
    assert second.posts() == 0


def test_who_takes_too_long_is_abandoned_for_the_next(tmp_path: Path) -> None:
    """`abandon_after_seconds`: the second makes the result, the first is kept beside it."""
    stage = Stage(tmp_path, both=True, abandon_after_seconds=LONG)
    stage.stands["bolt"] = done(ELSEWHERE)

    async def course() -> tuple[Any, Job]:
        async with stage.bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            await handle.submitted()
            await later(client, handle.id, LONG)
            result = await outcome(handle)
            stage.stands["acme"] = done()
            return result, await until(client, handle.id, is_over)

    result, job = finished(course())
    assert result.provider == "bolt"
    assert states(job) == [("acme", "succeeded"), ("bolt", "succeeded")]
    assert (job.status, job.provider) == ("succeeded", "bolt")
    assert len(job.artifacts) == len(job.attempts[0].late_artifacts) == 1
    assert job.cost.amount == Decimal("1.00")


def test_with_nobody_else_to_ask_nobody_is_abandoned(tmp_path: Path) -> None:
    """It takes long; that is better than nothing."""
    stage = Stage(tmp_path, abandon_after_seconds=LONG)

    async def course() -> Job:
        async with stage.bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            await handle.submitted()
            await later(client, handle.id, LONG)
            asked = len(stage.bench.paths())
            await until(client, handle.id, lambda _: len(stage.bench.paths()) > asked + 2)
            stage.stands["acme"] = done()
            await handle.wait()
            return handle.job

    job = finished(course())
    assert states(job) == [("acme", "succeeded")]
    assert job.attempts[0].abandoned_at is None


def test_what_was_abandoned_and_is_done_first_is_the_result(tmp_path: Path) -> None:
    """The caller need not wait for the second, which is abandoned in turn and kept beside it."""
    stage = Stage(tmp_path, both=True, abandon_after_seconds=LONG)

    async def course() -> tuple[Any, Job]:
        async with stage.bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            await handle.submitted()
            await later(client, handle.id, LONG)
            await until(client, handle.id, lambda job: states(job)[-1] == ("bolt", "accepted"))
            stage.stands["acme"] = done()
            result = await outcome(handle)
            stage.stands["bolt"] = failed("no more")
            return result, await until(client, handle.id, is_over)

    result, job = finished(course())
    assert result.provider == "acme"
    assert (job.status, states(job)) == ("succeeded", [("acme", "succeeded"), ("bolt", "failed")])


def test_while_there_is_hope_for_what_was_abandoned_the_job_goes_on(tmp_path: Path) -> None:
    """The second fails; the first brings it after all."""
    stage = Stage(tmp_path, both=True, abandon_after_seconds=LONG)
    stage.stands["bolt"] = failed("no")

    async def course() -> tuple[Any, Job]:
        async with stage.bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5, fallback=True)
            await handle.submitted()
            await later(client, handle.id, LONG)
            await until(client, handle.id, lambda job: ("bolt", "failed") in states(job))
            stage.stands["acme"] = done()
            return await outcome(handle), (await client.jobs.get(handle.id)).job

    result, job = finished(course())
    assert result.provider == "acme"
    assert job.status == "succeeded"


def test_what_was_abandoned_keeps_its_slot_until_it_ends(tmp_path: Path) -> None:
    """Its provider still counts it."""
    limits = (LimitSettings(scope="provider", name="acme", concurrent=1),)
    stage = Stage(tmp_path, limits=limits)

    async def course() -> tuple[int, Job]:
        async with stage.bench.client as client:
            first = await expired(client)
            await outcome(first)
            second = await client.submit_video("a hare", duration_seconds=5)
            asked = len(stage.bench.paths())
            await until(client, first.id, lambda _: len(stage.bench.paths()) > asked)
            before = stage.posts()
            stage.stands["acme"] = done()
            await second.wait()
            return before, second.job

    before, job = finished(course())
    assert before == 1
    assert job.status == "succeeded"
    assert stage.posts() == 2


def test_a_job_that_waits_for_room_ends_at_its_deadline_too(tmp_path: Path) -> None:
    """Nothing was asked for, so nothing is owed."""
    limits = (LimitSettings(scope="provider", name="acme", concurrent=1),)
    stage = Stage(tmp_path, limits=limits)

    async def course() -> Job:
        async with stage.bench.client as client:
            first = await client.submit_video("a fox", duration_seconds=5)
            await first.submitted()
            second = await client.submit_video("a hare", duration_seconds=5, timeout=LONG)
            await until(client, second.id, lambda _: len(client._jobs._desk.underway.lines))
            await later(client, second.id, LONG)
            error = await outcome(second)
            assert isinstance(error, ProviderTimeout)
            return (await client.jobs.get(second.id)).job

    job = finished(course())
    assert (job.status, job.attempts) == ("failed", ())
    assert stage.posts() == 1
