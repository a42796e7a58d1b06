"""A job that goes on elsewhere after its provider had taken it on: one id, every attempt, both costs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import ContentRefused, NoRouteSucceeded
from anymedia.contracts.job import Failed, JobState
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.route import FailoverSettings
from anymedia.testing.samples import mp4
from anymedia.wire.exchange import Exchange
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
from tests.support.acme import poll
from tests.support.transport import answer

REFUSED = answer({"id": "c_1", "state": "error", "error": "blocked by the filter"})


def settings(**fields: Any) -> Settings:
    """Settings that lose no time."""
    return Settings(retry=RetryConfig(base_delay_seconds=0.01), failover=FailoverSettings(**fields))


def late_refusal(handle: str) -> Exchange[JobState]:
    """As Acme says how a clip stands, but what its filter stops is known as that."""
    state = yield from poll(handle)
    if isinstance(state, Failed) and "blocked" in state.problem.message:
        problem = ContentRefused(state.problem.message, accepted="yes").problem()
        return state.model_copy(update={"problem": problem})
    return state


def uncharged(handle: str) -> Exchange[JobState]:
    """As Acme says how a clip stands, but failures are free."""
    state = yield from poll(handle)
    return state.model_copy(update={"charged": False}) if isinstance(state, Failed) else state


def charged(handle: str) -> Exchange[JobState]:
    """As Acme says how a clip stands; who fails bills it all the same, and says what."""
    state = yield from late_refusal(handle)
    return state.model_copy(update={"charged": True}) if isinstance(state, Failed) else state


def polled(directory: Path, asks: Any, *answers: Any, **fields: Any) -> Bench:
    """Two providers, or one, that are asked in a way of their own how a clip stands."""
    return Bench(directory, *answers, ways={"poll": asks}, **fields)


def test_a_refusal_at_minute_two_goes_to_the_next_provider_under_the_same_id(
    tmp_path: Path,
) -> None:
    """Both attempts are there, each with its cost, and the result is the second one's."""
    answers = (taken(), REFUSED, taken("c_2"), done(ELSEWHERE), CLIP)
    result, job = ended(polled(tmp_path, charged, *answers, both=True))
    assert result.artifacts[0].read() == mp4()
    assert states(job) == [("acme", "failed"), ("bolt", "succeeded")]
    assert result.job_id == job.id
    assert job.attempts[1].cost is not None
    assert job.attempts[1].cost.amount == Decimal("0.50")
    assert job.attempts[0].cost is not None
    assert job.attempts[0].cost.basis == "pending"  # charged, and nobody says how much
    assert job.cost.basis == "pending"


def test_a_refusal_that_nobody_else_could_take_is_told_as_one(tmp_path: Path) -> None:
    """The only provider there is has refused it."""
    bench = polled(tmp_path, late_refusal, taken(), REFUSED)
    error, job = ended(bench)
    assert isinstance(error, ContentRefused)
    assert (job.status, states(job)) == ("failed", [("acme", "failed")])


def test_a_failure_that_is_not_charged_goes_to_the_next_provider(tmp_path: Path) -> None:
    """Nothing is paid twice."""
    answers = (taken(), failed("renderer lost"), taken("c_2"), done(ELSEWHERE), CLIP)
    result, job = ended(polled(tmp_path, uncharged, *answers, both=True))
    assert states(job) == [("acme", "failed"), ("bolt", "succeeded")]
    assert result.cost.amount == Decimal("0.50")


@pytest.mark.parametrize(
    ("route", "asked", "expected"),
    [
        ("unless_charged", None, [("acme", "failed")]),
        ("always", None, [("acme", "failed"), ("bolt", "succeeded")]),
        ("unless_charged", True, [("acme", "failed"), ("bolt", "succeeded")]),
        ("always", False, [("acme", "failed")]),
    ],
)
def test_what_may_be_charged_is_bought_elsewhere_where_route_or_caller_say_so(
    tmp_path: Path, route: Any, asked: bool | None, expected: list[tuple[str, str]]
) -> None:
    """The caller's word before the route's."""
    bench = Bench(
        tmp_path,
        *(taken(), failed("renderer lost"), taken("c_2"), done(ELSEWHERE), CLIP),
        both=True,
        settings=settings(late_fallback=route),
    )
    _, job = ended(bench, fallback=asked)
    assert states(job) == expected


def test_max_cost_is_for_all_attempts_together(tmp_path: Path) -> None:
    """What the first may still be charged for counts with what was reserved for it."""
    bench = polled(tmp_path, charged, taken(), REFUSED, both=True)
    error, job = ended(bench, max_cost="0.90")
    assert states(job) == [("acme", "failed")]
    assert job.status == "failed"
    assert "blocked" in str(error.message)
    assert bench.paths().count("POST /clips") == 1


def test_max_cost_leaves_room_for_what_was_not_charged(tmp_path: Path) -> None:
    """Twice 0.50 is more than 0.90, but the first was free."""
    answers = (taken(), failed("lost"), taken("c_2"), done(ELSEWHERE), CLIP)
    result, _ = ended(polled(tmp_path, uncharged, *answers, both=True), max_cost="0.90")
    assert result.provider == "bolt"


def test_when_all_have_failed_late_the_error_names_them_all(tmp_path: Path) -> None:
    """In order, each once."""
    answers = (taken(), failed("first lost"), taken("c_2"), failed("second lost"))
    bench = polled(tmp_path, uncharged, *answers, both=True)
    error, job = ended(bench)
    assert isinstance(error, NoRouteSucceeded)
    assert states(job) == [("acme", "failed"), ("bolt", "failed")]
    assert [failure.provider for failure in error.failures] == ["acme", "bolt"] or (
        "first lost" in error.message and "second lost" in error.message
    )
    assert bench.paths().count("POST /clips") == 2


def test_a_job_that_somebody_wants_stopped_is_not_bought_again(tmp_path: Path) -> None:
    """Acme cannot stop it; when it fails there, that is the end."""
    bench = polled(tmp_path, uncharged, both=True)
    answers: list[Any] = []

    def plays(outgoing: Any) -> Any:
        if outgoing.method == "POST":
            return taken()
        return answers[-1] if answers else answer({"id": "c_1", "state": "waiting"})

    bench.transport.otherwise = plays

    async def course() -> Any:
        async with bench.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            await handle.submitted()
            await client.jobs.cancel(handle.id)
            await client._jobs._until(handle.id, lambda job: job.cancel == "impossible")
            answers.append(failed("lost"))
            await client._jobs._until(handle.id, lambda job: job.final)
            return (await client.jobs.get(handle.id)).job

    job = finished(course())
    assert states(job) == [("acme", "failed")]
