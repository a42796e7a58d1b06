"""Providers that answer nonsense: each comes to one clear end, nothing is lost, nothing paid twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import OutcomeUnknown, UnreadableResponse
from anymedia.contracts.request import RetryConfig
from anymedia.jobs.watching import EMPTY_AFTER, FORGOTTEN_AFTER
from anymedia.testing.samples import mp4
from anymedia.wire.http import HttpResponse
from tests.jobs.test_abandoned import Stage, outcome, until
from tests.jobs.test_course import CLIP, Bench, done, ended, failed, finished, states, taken
from tests.support.transport import Streamed, answer

WAITING = answer({"id": "c_1", "state": "waiting"})
EMPTY = answer({"id": "c_1", "state": "done", "urls": []})
GONE = HttpResponse(404, b'{"message": "no such clip"}')
EXPIRED = HttpResponse(403, b"expired")


def test_success_without_a_result_is_asked_about_again(tmp_path: Path) -> None:
    """It may take a moment until it is there."""
    bench = Bench(tmp_path, taken(), EMPTY, EMPTY, done(), CLIP)
    result, job = ended(bench)
    assert result.artifacts[0].read() == mp4()
    assert states(job) == [("acme", "succeeded")]


def test_success_that_never_has_a_result_has_failed(tmp_path: Path) -> None:
    """It is not bought again: nobody knows whether it is charged."""
    bench = Bench(tmp_path, taken(), *[EMPTY] * EMPTY_AFTER, both=True)
    error, job = ended(bench)
    assert isinstance(error, UnreadableResponse)
    assert "success without a result" in error.message
    assert states(job) == [("acme", "failed")]
    assert job.cost.basis == "pending"
    assert bench.paths().count("POST /clips") == 1


def test_a_result_that_has_expired_is_fetched_by_a_fresh_link(tmp_path: Path) -> None:
    """The provider is asked for one, and not paid for another clip."""
    fresh = "https://api.acme.example/v1/files/2.mp4"
    bench = Bench(tmp_path, taken(), done(), EXPIRED, done(fresh), CLIP)
    result, _ = ended(bench)
    assert result.artifacts[0].read() == mp4()
    assert bench.paths()[-3:] == ["GET /files/1.mp4", "GET /clips/c_1", "GET /files/2.mp4"]
    assert bench.paths().count("POST /clips") == 1


def test_a_result_that_never_ends_is_read_up_to_the_limit_and_not_again(tmp_path: Path) -> None:
    """What it would be is not known, so it is not kept; it was made, so its cost is open."""
    piece = 256 * 1024
    endless = Streamed([mp4().ljust(piece, b"x"), *[bytes(piece)] * 7, AssertionError("too far")])
    settings = Settings(retry=RetryConfig(base_delay_seconds=0.01), max_artifact_bytes=4 * piece)
    bench = Bench(tmp_path, taken(), done(), endless, both=True, settings=settings)
    error, job = ended(bench)
    assert "larger than 1,048,576 bytes (`max_artifact_bytes`)" in error.message
    assert states(job) == [("acme", "failed")]
    assert (job.artifacts, job.cost.basis) == ((), "pending")
    assert bench.paths().count("POST /clips") == 1
    assert bench.paths().count("GET /files/1.mp4") == 1
    assert [one for one in (tmp_path / "artifacts").rglob("*") if one.is_file()] == []


def test_fetching_a_result_may_not_take_for_ever(tmp_path: Path) -> None:
    """However slowly the bytes trickle, and however many may come: time is bounded too."""
    bench = Bench(tmp_path, taken(), done(), CLIP)
    ended(bench)
    fetching = next(one for one in bench.transport.sent if one.url.endswith("/files/1.mp4"))
    assert fetching.total_seconds <= 3600
    assert fetching.read_seconds is not None
    assert fetching.read_seconds <= 60


@pytest.mark.parametrize("later", [WAITING, failed("changed my mind"), EMPTY, GONE])
def test_a_status_that_goes_backwards_is_not_believed(tmp_path: Path, later: Any) -> None:
    """It was done once: its result is fetched, whatever is said after that."""
    bench = Bench(tmp_path, taken(), done(), EXPIRED, later, CLIP)
    result, job = ended(bench)
    assert result.artifacts[0].read() == mp4()
    assert states(job) == [("acme", "succeeded")]


def test_a_handle_that_is_unknown_for_a_moment_goes_on(tmp_path: Path) -> None:
    """Providers store what they have taken on a little later."""
    bench = Bench(tmp_path, taken(), GONE, GONE, WAITING, done(), CLIP)
    _, job = ended(bench)
    assert states(job) == [("acme", "succeeded")]
    assert bench.paths().count("POST /clips") == 1


def test_a_handle_that_stays_unknown_has_failed(tmp_path: Path) -> None:
    """After so many times; the cost is open, and it is not bought again."""
    bench = Bench(tmp_path, taken(), *[GONE] * FORGOTTEN_AFTER, both=True)
    error, job = ended(bench)
    assert "no longer knows this job" in error.message
    assert states(job) == [("acme", "failed")]
    assert job.cost.basis == "pending"


def test_the_id_of_another_job_under_way_is_not_taken_for_its_own(tmp_path: Path) -> None:
    """Whose result it is nobody knows, so it is handed to one of them only, and a person decides."""
    stage = Stage(tmp_path)

    async def course() -> tuple[Any, Any, Any]:
        async with stage.bench.client as client:
            first = await client.submit_video("a fox", duration_seconds=5)
            await first.submitted()
            second = await client.submit_video("a hare", duration_seconds=5)
            error = await outcome(second)
            stage.stands["acme"] = done()
            return error, await first.wait(), await until(client, second.id, lambda job: job.final)

    error, result, job = finished(course())
    assert isinstance(error, OutcomeUnknown)
    assert result.artifacts[0].read() == mp4()
    assert (job.status, job.artifacts) == ("outcome_unknown", ())
    assert job.cost.basis == "pending"


def test_an_id_that_comes_again_after_its_job_has_ended_is_a_new_one(tmp_path: Path) -> None:
    """Some count from one every day."""
    bench = Bench(tmp_path, *(taken(), done(), CLIP) * 2)

    async def course() -> list[str]:
        async with bench.client as client:
            first = await client.video("a fox", duration_seconds=5)
            second = await client.video("a hare", duration_seconds=5)
            return [first.artifacts[0].id, second.artifacts[0].id]

    assert len(set(finished(course()))) == 2


def test_a_job_stuck_between_two_states_is_found_and_carried_on(tmp_path: Path) -> None:
    """Not over, and nothing due: nobody would have looked at it."""
    stage = Stage(tmp_path)

    async def course() -> str:
        async with stage.bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            await client._jobs._database.write(
                lambda c: c.exec_driver_sql("UPDATE jobs SET due_at = NULL").rowcount
            )
            stage.stands["acme"] = done()
            await handle.wait()
            return str(handle.job.status)

    assert finished(course()) == "succeeded"
