"""A job's course with a provider that the test plays: what is sent, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from anymedia import AsyncClient
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    ContentRefused,
    CostLimitExceeded,
    GenerationError,
    OutcomeUnknown,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from anymedia.contracts.request import RetryConfig
from anymedia.jobs import rows
from anymedia.jobs.desk import LostLease
from anymedia.providers.spec import Job as Operation, Pace, Provider
from anymedia.testing.samples import mp4
from anymedia.wire.http import HttpResponse
from tests.jobs.worker import jobs_in
from tests.support.acme import ACME, BOLT
from tests.support.postgres import url_in
from tests.support.transport import ScriptedTransport, answer, cut, timed_out, unreachable

pytestmark = pytest.mark.usefixtures("each_database")
T = TypeVar("T")
CLIP = HttpResponse(200, mp4(), {"content-type": "video/mp4"})
URL = "https://api.acme.example/v1/files/1.mp4"
ELSEWHERE = "https://api.bolt.example/v1/files/1.mp4"


QUICK = Pace(first_seconds=0.01, longest_seconds=0.05)


def hurried(provider: Provider, **ways: Any) -> Provider:
    """The same provider, polled without much patience; or in other ways, where some are given."""
    return replace(
        provider,
        operations=tuple(
            replace(one, pace=QUICK, **ways) if isinstance(one, Operation) else one
            for one in provider.operations
        ),
    )


def able(provider: Provider, tasks: tuple[str, ...]) -> Provider:
    """The same provider, whose clips can be made in these ways."""
    models = tuple(
        one.model_copy(update={"tasks": tasks}) if tasks and one.medium == "video" else one
        for one in provider.models
    )
    return replace(provider, models=models)


class Bench:
    """A client on a directory, and the transport that it is answered by."""

    def __init__(
        self,
        directory: Path,
        *answers: Any,
        both: bool = False,
        settings: Settings | None = None,
        keys: tuple[str, ...] = (),
        tasks: tuple[str, ...] = (),
        ways: dict[str, Any] | None = None,
    ) -> None:
        self.transport = ScriptedTransport(*answers)
        self.client = AsyncClient(
            (settings or Settings(retry=RetryConfig(base_delay_seconds=0.01))).model_copy(
                update={"database_url": url_in(directory)}
            ),
            data_dir=directory,
            transport=self.transport,
            seed=7,
        )
        for position, provider in enumerate((ACME, BOLT) if both else (ACME,)):
            self.client.providers.register(hurried(able(provider, tasks), **(ways or {})))
            self.client.providers.register(
                ProviderSettings(
                    name=provider.name,
                    api_key=None if keys else SecretStr(f"{provider.name}-secret-key"),
                    api_keys=tuple(map(SecretStr, keys)),
                    priority=position,
                )
            )

    def paths(self) -> list[str]:
        """What was asked for, as method and path."""
        return [f"{one.method} {one.url.partition('example/v1')[2]}" for one in self.transport.sent]


def ended(bench: Bench, **fields: Any) -> tuple[Any, Job]:
    """A clip's result or failure, and its job."""

    async def course() -> tuple[Any, Job]:
        async with bench.client as client:
            fields.setdefault("duration_seconds", 5)
            handle = await client.submit_video(fields.pop("prompt", "a fox"), **fields)
            try:
                result: Any = await handle.wait(timeout_seconds=3600)
            except GenerationError as error:
                result = error
            return result, handle.job

    return finished(course())


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it; real time is a backstop only."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def taken(identifier: str = "c_1") -> HttpResponse:
    """The answer to a submission."""
    return answer({"id": identifier})


def done(url: str = URL) -> HttpResponse:
    """A finished clip."""
    return answer({"id": "c_1", "state": "done", "urls": [url]})


def failed(reason: str) -> HttpResponse:
    """A clip that came to nothing."""
    return answer({"id": "c_1", "state": "error", "error": reason})


def states(job: Job) -> list[tuple[str, str]]:
    """Every attempt: where, and how it ended."""
    return [(attempt.provider, attempt.state) for attempt in job.attempts]


def test_a_clip_is_submitted_polled_fetched_and_settled(tmp_path: Path) -> None:
    """One POST; the file is ours, hashed and looked at; the cost is the price list's."""
    bench = Bench(tmp_path, taken(), answer({"id": "c_1", "state": "waiting"}), done(), CLIP)
    result, job = ended(bench, metadata={"order": 7})
    assert bench.paths() == ["POST /clips", "GET /clips/c_1", "GET /clips/c_1", "GET /files/1.mp4"]
    (artifact,) = result.artifacts
    assert artifact.read() == mp4()
    assert (artifact.width, artifact.seconds, artifact.codec) == (64, 1.0, "h264")
    assert job.cost.amount == result.cost.amount == Decimal("0.50")
    assert states(job) == [("acme", "succeeded")]
    assert job.metadata == {"order": 7}
    assert job.attempts[0].provider_job_id == "c_1"


def test_our_name_for_the_attempt_goes_with_the_submission(tmp_path: Path) -> None:
    """So that a lost one can be found; it is not the job's id, which others may see."""
    bench = Bench(tmp_path, taken(), done(), CLIP)
    _, job = ended(bench)
    label = bench.transport.bodies()[0]["label"]
    assert label
    assert label != job.id


@pytest.mark.parametrize("lost", [cut(), timed_out(), HttpResponse(502, b"<html></html>")])
def test_a_submission_without_an_answer_is_neither_repeated_nor_sent_elsewhere(
    tmp_path: Path, lost: Any
) -> None:
    """It may have been taken on: cost pending, and a person decides."""
    bench = Bench(tmp_path, lost, both=True)
    error, job = ended(bench)
    assert isinstance(error, OutcomeUnknown)
    assert bench.paths() == ["POST /clips"]
    assert job.status == "outcome_unknown"
    assert (job.cost.amount, job.cost.basis) == (None, "pending")
    assert f"anymedia jobs resolve {job.id}" in error.message


def test_what_was_certainly_not_taken_on_is_sent_again(tmp_path: Path) -> None:
    """No connection, and "too many requests" with the time to wait."""
    busy = answer({"message": "slow down"}, 429, retry_after="0.2")
    bench = Bench(tmp_path, unreachable(), busy, taken(), done(), CLIP)
    result, job = ended(bench)
    assert [attempt.state for attempt in job.attempts][-1] == "succeeded"
    assert bench.paths().count("POST /clips") == 3
    assert result.cost.amount == Decimal("0.50")
    waited = (job.timeline[-1].at - job.timeline[0].at).total_seconds()
    assert waited >= 0.2


def test_a_refusal_before_acceptance_goes_to_the_next_provider(tmp_path: Path) -> None:
    """Out of credit here is not out of credit there; nothing was spent."""
    empty = answer({"error": {"code": "no_credit", "message": "empty"}}, 429)
    bench = Bench(tmp_path, empty, taken(), done(ELSEWHERE), CLIP, both=True)
    result, job = ended(bench)
    assert [one.provider for one in job.attempts] == ["acme", "bolt"]
    assert result.provider == "bolt"
    assert job.attempts[0].cost is not None
    assert job.attempts[0].cost.amount == 0


def test_a_job_that_fails_late_says_why(tmp_path: Path) -> None:
    """It was accepted, so it is not bought again by itself."""
    bench = Bench(tmp_path, taken(), failed("renderer lost"), both=True)
    error, job = ended(bench)
    assert "renderer lost" in error.message
    assert job.status == "failed"
    assert states(job) == [("acme", "failed")]


def test_a_download_that_breaks_is_fetched_again(tmp_path: Path) -> None:
    """What was paid for is not lost over a cut connection; nothing is submitted again."""
    bench = Bench(tmp_path, taken(), done(), cut(), CLIP)
    bench.transport.then(CLIP)
    result, _ = ended(bench)
    assert result.artifacts[0].read() == mp4()
    assert bench.paths().count("POST /clips") == 1


def test_a_poll_that_fails_is_asked_again(tmp_path: Path) -> None:
    """An HTML page, a cut answer, a server error: the job goes on at its provider."""
    bench = Bench(
        tmp_path,
        taken(),
        HttpResponse(502, b"<html>bad gateway</html>"),
        HttpResponse(200, b'{"id": "c_1", "sta'),
        cut(),
        answer({"id": "c_1", "state": "never-heard-of"}),
        done(),
        CLIP,
    )
    result, job = ended(bench)
    assert result.artifacts
    assert states(job) == [("acme", "succeeded")]


def test_a_request_that_costs_too_much_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """`max_cost` is asked before money moves."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client as client:
            await client.video("a fox", duration_seconds=10, max_cost="0.99")

    with pytest.raises(CostLimitExceeded, match=r"0\.99"):
        finished(course())
    assert bench.paths() == []


def test_another_process_carries_a_job_on(tmp_path: Path) -> None:
    """The first is closed while the provider works; the second polls, and submits nothing."""
    first = Bench(tmp_path, taken())

    async def begin() -> str:
        async with first.client as client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            await handle.submitted()
            return handle.id

    job_id = finished(begin())
    second = Bench(tmp_path, done(), CLIP)

    async def end() -> Any:
        async with second.client as client:
            return await client.jobs.wait(job_id, timeout_seconds=3600)

    result = finished(end())
    assert result.artifacts[0].read() == mp4()
    assert second.paths() == ["GET /clips/c_1", "GET /files/1.mp4"]


def test_costs_are_reserved_and_settled_in_the_ledger(tmp_path: Path) -> None:
    """One attempt, its reservation and what it came to."""
    bench = Bench(tmp_path, taken(), done(), CLIP)

    async def course() -> Any:
        async with bench.client as client:
            await client.video("a fox", duration_seconds=5)
            return await client.costs(by="provider")

    report = finished(course())
    assert "0.5" in str(report)


def test_a_prompt_is_not_in_the_timeline(tmp_path: Path) -> None:
    """It may be shown to others than the caller."""
    bench = Bench(tmp_path, taken(), done(), CLIP)
    _, job = ended(bench, prompt="the secret fox")
    assert "secret fox" not in str(job.timeline)
    assert "acme-secret-key" not in job.model_dump_json()


def test_a_refusal_is_told_as_one(tmp_path: Path) -> None:
    """By the only provider there is."""
    blocked = answer({"error": {"code": "blocked", "message": "not this"}}, 400)
    bench = Bench(tmp_path, blocked)
    error, job = ended(bench)
    assert job.status == "failed"
    assert isinstance(error, ContentRefused)


def test_a_step_is_locked_out_though_its_process_has_won_the_job_back(tmp_path: Path) -> None:
    """It acts on what it saw under an earlier lease; another process may have gone on since."""

    async def course() -> None:
        jobs = jobs_in(tmp_path, "http://127.0.0.1:9", "nothing")
        job = await jobs.submit(ImageRequest(prompt="a fox", model="counting/one"))
        desk, names = jobs._desk, ["wrk_1", "wrk_2"]
        desk.worker = lambda: names[0]

        async def owned_by(worker: str) -> None:
            await desk.database.write(lambda c: rows.set_job(c, job.id, 0.0, worker=worker))

        await owned_by("wrk_1")
        early = desk.under_lease()
        assert await early.change(job.id, lambda c: 1) == 1
        await owned_by("wrk_other")
        names.pop(0)
        await owned_by("wrk_2")
        with pytest.raises(LostLease):
            await early.change(job.id, lambda c: 1)
        assert await desk.under_lease().change(job.id, lambda c: 2) == 2
        await jobs.close()
        await jobs._database.close()

    finished(course())
