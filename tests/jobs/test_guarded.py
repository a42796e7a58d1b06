"""Jobs among limits, circuits, credentials: who is asked, what is held, what is learnt."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import (
    CircuitOpen,
    GenerationError,
    LimitReached,
    NoRouteSucceeded,
)
from anymedia.contracts.limit import LimitSettings
from anymedia.contracts.media import MediaArtifact
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.resilience import CircuitBreakerSettings
from anymedia.contracts.route import FailoverSettings
from anymedia.engine.transport import Outgoing
from anymedia.wire.http import HttpResponse
from tests.jobs.test_course import (
    CLIP,
    ELSEWHERE,
    Bench,
    done,
    ended,
    failed,
    finished,
    states,
    taken,
)
from tests.support.transport import answer, timed_out

pytestmark = pytest.mark.usefixtures("each_database")
WAITING = answer({"id": "c_1", "state": "waiting"})
DOWN = HttpResponse(503, b"{}")
ONE_AT_A_TIME = (LimitSettings(scope="provider", name="acme", concurrent=1),)
QUICK = RetryConfig(max_attempts=1, base_delay_seconds=0.01)


def settings(**fields: Any) -> Settings:
    """Settings that lose no time."""
    return Settings(retry=RetryConfig(base_delay_seconds=0.01), **fields)


def accepts(outgoing: Outgoing) -> HttpResponse:
    """Takes every clip on and is never done with it."""
    return taken() if outgoing.method == "POST" else WAITING


def in_an_hour(outgoing: Outgoing) -> HttpResponse:
    """Takes every clip on; whoever asks is put off."""
    if outgoing.method == "POST":
        return taken()
    return HttpResponse(503, b"{}", {"retry-after": "250"})


def both_ended(bench: Bench, count: int) -> list[Any]:
    """So many clips, all at once; their jobs."""

    async def course() -> list[Any]:
        async with bench.client as client:
            handles = [await client.submit_video("a fox", duration_seconds=5) for _ in range(count)]
            for handle in handles:
                await handle.wait(timeout_seconds=30)
            return [handle.job for handle in handles]

    return finished(course())


def test_a_slot_is_held_for_a_jobs_whole_life(tmp_path: Path) -> None:
    """The second clip is submitted when the first has been fetched, not when it was accepted."""
    bench = Bench(
        tmp_path,
        *(taken(), WAITING, WAITING, done(), CLIP),
        *(taken(), WAITING, done(), CLIP),
        settings=settings(limits=ONE_AT_A_TIME),
    )
    jobs = both_ended(bench, 2)
    paths = bench.paths()
    submits = [n for n, path in enumerate(paths) if path == "POST /clips"]
    fetches = [n for n, path in enumerate(paths) if path == "GET /files/1.mp4"]
    assert submits[1] > fetches[0]
    assert [job.status for job in jobs] == ["succeeded", "succeeded"]


def test_a_full_provider_is_passed_over_and_the_job_says_so(tmp_path: Path) -> None:
    """The second clip goes elsewhere, with a row for who was passed over and why."""
    bench = Bench(tmp_path, settings=settings(limits=ONE_AT_A_TIME), both=True)
    bench.transport.otherwise = accepts

    async def course() -> Any:
        async with bench.client as client:
            first = await client.submit_video("a fox", duration_seconds=5)
            await client._jobs.submitted(first.job.id)
            second = await client.submit_video("a hare", duration_seconds=5)
            return await client._jobs.submitted(second.job.id)

    job = finished(course())
    assert states(job) == [("acme", "skipped"), ("bolt", "accepted")]
    assert "`concurrent` of `provider:acme`" in (job.attempts[0].reason or "")


def test_a_route_that_refuses_fails_the_job_at_once(tmp_path: Path) -> None:
    """`on_full: refuse`, and the time when there may be room where that is known."""
    bench = Bench(
        tmp_path,
        settings=settings(
            limits=(LimitSettings(scope="caller", per_hour=1),),
            failover=FailoverSettings(on_full="refuse"),
        ),
    )
    bench.transport.otherwise = accepts

    async def course() -> Any:
        async with bench.client as client:
            first = await client.submit_video("a fox", duration_seconds=5)
            await client._jobs.submitted(first.job.id)
            second = await client.submit_video("a hare", duration_seconds=5)
            with pytest.raises(LimitReached) as caught:
                await second.wait(timeout_seconds=30)
            return caught.value

    error = finished(course())
    assert error.retry_after is not None
    assert error.retry_after > 3000


def test_without_room_for_the_preset_a_lower_one_is_made(tmp_path: Path) -> None:
    """`degrade_to`: said in a warning, and the attempt is what was really asked for."""
    bench = Bench(
        tmp_path,
        *(taken(), done(), CLIP),
        *(taken(), done(), CLIP),
        settings=settings(
            limits=(LimitSettings(scope="all", usd_per_hour=Decimal("1.80")),),
            failover=FailoverSettings(degrade_to="draft"),
        ),
    )

    async def course() -> tuple[Any, Any]:
        async with bench.client as client:
            first = await client.video("a fox", duration_seconds=5, quality="high")
            return first, await client.video("a hare", duration_seconds=5, quality="high")

    high, draft = finished(course())
    assert [one.cost.amount for one in (high, draft)] == [Decimal("1.25"), Decimal("0.50")]
    assert "degraded" not in {one.code for one in high.warnings}
    (warning,) = [one for one in draft.warnings if one.code == "degraded"]
    assert warning.message.startswith("`draft` instead of `high`")


def test_who_takes_jobs_on_and_fails_them_is_left_alone(tmp_path: Path) -> None:
    """Accepting is not succeeding: the circuit learns from how jobs end."""
    bench = Bench(
        tmp_path,
        *(taken(), failed("out of memory")) * 3,
        *(taken("c_2"), done(ELSEWHERE), CLIP),
        settings=settings(circuit_breaker=CircuitBreakerSettings(minimum_jobs=3, failure_rate=0.8)),
        both=True,
    )

    async def course() -> Any:
        async with bench.client as client:
            for _ in range(3):
                handle = await client.submit_video("a fox", duration_seconds=5)
                with pytest.raises(GenerationError):
                    await handle.wait(timeout_seconds=30)
            handle = await client.submit_video("a fox", duration_seconds=5)
            await handle.wait(timeout_seconds=30)
            return handle.job

    assert states(finished(course())) == [("acme", "skipped"), ("bolt", "succeeded")]


def test_when_all_are_left_alone_a_job_is_a_probe(tmp_path: Path) -> None:
    """It is answered soon, one way or the other."""
    bench = Bench(
        tmp_path,
        *(HttpResponse(401, b"{}"),) * 2,
        *(taken(), done(), CLIP),
        settings=settings(circuit_breaker=CircuitBreakerSettings(failure_threshold=2)),
    )

    async def course() -> Any:
        async with bench.client as client:
            for _ in range(2):
                handle = await client.submit_video("a fox", duration_seconds=5, retry=QUICK)
                with pytest.raises(GenerationError):
                    await handle.wait(timeout_seconds=30)
            handle = await client.submit_video("a fox", duration_seconds=5, retry=QUICK)
            await handle.wait(timeout_seconds=30)
            return handle.job

    job = finished(course())
    assert states(job)[-1] == ("acme", "succeeded")
    assert job.attempts[-1].reason == "all are left alone; this one was due first"


def test_a_submission_that_nobody_knows_of_goes_elsewhere_only_where_that_is_wanted(
    tmp_path: Path,
) -> None:
    """`retry_unknown`: the first attempt stays open, with its cost pending."""
    bench = Bench(
        tmp_path,
        timed_out(),
        *(taken("c_2"), done(ELSEWHERE), CLIP),
        settings=settings(failover=FailoverSettings(retry_unknown=True)),
        both=True,
    )
    _, job = ended(bench)
    assert states(job) == [("acme", "outcome_unknown"), ("bolt", "succeeded")]
    assert job.attempts[0].cost is not None
    assert job.attempts[0].cost.basis == "pending"
    assert job.status == "succeeded"


def test_a_job_is_polled_with_the_credential_that_submitted_it(tmp_path: Path) -> None:
    """Also by another process: the attempt remembers which one it was."""
    keys = ("first-secret-key-1111", "second-secret-key-2222")
    bench = Bench(tmp_path, taken(), WAITING, keys=keys)

    async def submit() -> str:
        async with bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            await client._jobs.submitted(handle.job.id)
            return str(handle.job.id)

    job_id = finished(submit())
    later = Bench(tmp_path, done(), CLIP, keys=keys[::-1])

    async def wait() -> None:
        async with later.client as client:
            await client.jobs.wait(job_id, timeout_seconds=30)

    finished(wait())
    sent = [*bench.transport.sent, *later.transport.sent]
    used = {one.headers["Authorization"] for one in sent if "/clips" in one.url}
    assert len(sent) > 2
    assert len(used) == 1


def test_what_goes_on_with_a_clip_goes_where_it_was_made(tmp_path: Path) -> None:
    """Whoever else comes first by priority."""
    bench = Bench(
        tmp_path,
        *(taken("c_2"), done(ELSEWHERE), CLIP),
        *(taken("c_3"), done(ELSEWHERE), CLIP),
        both=True,
        tasks=("text_to_video", "video_to_video"),
    )

    async def course() -> Any:
        async with bench.client as client:
            first = await client.video("a fox", duration_seconds=5, provider="bolt")
            clip = MediaArtifact(
                artifact_id=first.artifacts[0].id, media_type=first.artifacts[0].media_type
            )
            handle = await client.submit_video("and on", duration_seconds=5, video=clip)
            await handle.wait(timeout_seconds=30)
            return handle.job

    job = finished(course())
    assert states(job) == [("bolt", "succeeded")]
    assert job.attempts[0].reason == "where it was before"


def test_nobody_left_is_one_clear_answer(tmp_path: Path) -> None:
    """All were asked, or left alone: a failed job that says so."""
    bench = Bench(
        tmp_path,
        *(HttpResponse(401, b"{}"),) * 2,
        settings=settings(circuit_breaker=CircuitBreakerSettings(failure_threshold=1)),
        both=True,
    )
    error, job = ended(bench, retry=QUICK)
    assert isinstance(error, NoRouteSucceeded | CircuitOpen)
    assert job.status == "failed"
    assert job.finished_at is not None


def test_after_a_restart_a_job_has_its_place_again(tmp_path: Path) -> None:
    """Before a new one can take it: who was there first is looked at first."""
    first = Bench(tmp_path, settings=settings(limits=ONE_AT_A_TIME))
    asked = asyncio.Event()

    def notes(outgoing: Outgoing) -> HttpResponse:
        if outgoing.method == "GET":
            asked.set()
        return in_an_hour(outgoing)

    first.transport.otherwise = notes

    async def submit() -> None:
        async with first.client as client:
            await client.submit_video("a fox", duration_seconds=5)
            await asked.wait()

    finished(submit())
    second = Bench(tmp_path, settings=settings(limits=ONE_AT_A_TIME), both=True)
    second.transport.otherwise = in_an_hour

    async def another() -> Any:
        async with second.client as client:
            handle = await client.submit_video("a hare", duration_seconds=5)
            return await client._jobs.submitted(handle.job.id)

    assert states(finished(another())) == [("acme", "skipped"), ("bolt", "accepted")]
