"""Money at its borders: midnight, a budget that changes, costs that come late, partly or absurdly."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from anymedia.client.aio import AsyncClient
from anymedia.clock import SystemClock
from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import BudgetReached, GenerationError
from anymedia.contracts.job import Failed, JobState, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.usage import Usage
from anymedia.providers.spec import Job, Pace
from anymedia.testing.samples import mp4
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, get
from tests.support.acme import ACME
from tests.support.transport import ScriptedTransport, answer, timed_out

T = TypeVar("T")
GOOD = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500})  # 0.003 USD
CLIP = HttpResponse(200, mp4(), {"content-type": "video/mp4"})
TAKEN = answer({"id": "c_1"})
WAITING = answer({"id": "c_1"})
DONE = answer({"id": "c_1", "state": "done", "urls": ["https://api.acme.example/v1/files/1.mp4"]})
QUICK = Pace(first_seconds=0.02, longest_seconds=0.02)


class Calendar(SystemClock):
    """Real time to wait by, and a date that a test turns."""

    def __init__(self, *day: int) -> None:
        self.turn(*day)

    def turn(self, year: int, month: int, day: int, *time: int) -> None:
        """To another date, and hour."""
        hour, minute, second = (*time, 0, 0, 0)[:3]
        self.at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def time(self) -> float:
        return self.at.timestamp()


def client(
    directory: Path,
    *answers: Any,
    clock: Calendar,
    settings: Settings,
    transport: ScriptedTransport | None = None,
    **ways: Any,
) -> AsyncClient:
    """A client of Acme, which answers what is written and is polled at once."""
    played = transport or ScriptedTransport(*answers)
    made = AsyncClient(settings, data_dir=directory, transport=played, clock=clock, seed=7)
    operations = tuple(
        replace(one, pace=QUICK, **ways) if isinstance(one, Job) else one for one in ACME.operations
    )
    made.providers.register(replace(ACME, operations=operations))
    made.providers.register(ProviderSettings(name="acme", api_key=SecretStr("acme-secret-key")))
    return made


def money(limit: str | None = None, **fields: Any) -> Settings:
    """Settings with a budget of so much for everybody together, if any."""
    budget = {"scope": "all", "period": "day", "limit_usd": limit, **fields}
    return Settings(
        retry=RetryConfig(base_delay_seconds=0.01, max_attempts=1),
        budgets=(BudgetSettings.model_validate(budget),) if limit is not None else (),
    )


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it; real time is a backstop only."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def said(made: AsyncClient) -> None:
    """A text of 0.003 dollars, which might have cost no more."""
    await made.text("hi", model="words-1", max_output_tokens=500)


@contextmanager
def refused() -> Iterator[None]:
    """The budget is in the way."""
    with pytest.raises(BudgetReached):
        yield


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("UTC", (2026, 11, 21, 23, 59, 59), (2026, 11, 22)),
        ("Europe/Berlin", (2026, 11, 21, 22, 59, 59), (2026, 11, 21, 23)),
        ("America/New_York", (2026, 11, 22, 4, 59, 59), (2026, 11, 22, 5)),
        ("Asia/Kathmandu", (2026, 11, 21, 18, 14, 59), (2026, 11, 21, 18, 15)),
        ("Europe/Berlin", (2026, 10, 25, 22, 59, 59), (2026, 10, 25, 23)),  # a day of 25 hours
    ],
)
def test_a_day_of_a_budget_ends_at_midnight_where_it_says(
    tmp_path: Path, zone: str, before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """A second before, the day's money is gone; at midnight there is new, and only then."""
    clock = Calendar(*before)

    async def course() -> tuple[Any, ...]:
        settings = money("0.004", time_zone=zone)
        async with client(tmp_path, *[GOOD] * 2, clock=clock, settings=settings) as made:
            await said(made)
            with refused():
                await said(made)
            clock.turn(*after)
            await said(made)
            with refused():
                await said(made)
            days = await made.costs("day", time_zone=zone)
            return (*await made.budgets(), days)

    standing, days = finished(course())
    assert standing.spent == Decimal("0.003")
    assert standing.resets_at - standing.starts_at == timedelta(days=1)
    assert [line.amount for line in days.lines] == [Decimal("0.003")] * 2


def test_a_budget_that_is_changed_while_a_job_runs_holds_from_then_on(tmp_path: Path) -> None:
    """What is under way stays reserved and is paid; what comes next meets the new limit."""
    clock = Calendar(2026, 11, 21, 12)
    ready = asyncio.Event()

    def poll(_: str) -> Exchange[JobState]:
        response = yield get("/clips/c_1")
        if not ready.is_set() or b"done" not in response.content:
            return Running()
        url = "https://api.acme.example/v1/files/1.mp4"
        return Succeeded(artifacts=(RemoteArtifact(url=url),))

    async def course() -> list[Any]:
        seen: list[Any] = []
        transport = ScriptedTransport(TAKEN)
        transport.otherwise = lambda out: CLIP if "/files/" in out.url else DONE
        settings = money("0.80")
        async with client(
            tmp_path, clock=clock, settings=settings, transport=transport, poll=poll
        ) as made:
            handle = await made.submit_video("a fox", duration_seconds=5)
            await handle.submitted()
            seen += await made.budgets()
            made.configure(money("0.40"))
            with refused():
                await said(made)
            ready.set()
            await handle.wait(timeout_seconds=30)
            seen += await made.budgets()
            with refused():
                await said(made)
            made.configure(money("0.60"))
            transport.then(GOOD)
            await said(made)
            seen += await made.budgets()
        return seen

    running, settled, raised = finished(course())
    assert (running.limit, running.reserved, running.spent) == (
        Decimal("0.80"),
        Decimal("0.5"),
        Decimal(0),
    )
    assert (settled.limit, settled.reserved, settled.left) == (
        Decimal("0.40"),
        Decimal(0),
        Decimal("-0.1"),
    )
    assert (raised.spent, raised.left) == (Decimal("0.503"), Decimal("0.097"))


def test_a_cost_that_arrives_days_later_belongs_to_the_day_it_was_spent(tmp_path: Path) -> None:
    """Nobody knew what came of a request; three days on, the invoice does."""
    clock = Calendar(2026, 11, 18, 12)

    async def course() -> tuple[Any, ...]:
        async with client(tmp_path, timed_out(), GOOD, clock=clock, settings=money("1")) as made:
            with pytest.raises(GenerationError) as caught:
                await made.video("a fox", duration_seconds=5)
            before = await made.costs("day")
            clock.at += timedelta(days=3)
            await said(made)
            jobs = await made.jobs.list()
            after = await made.settle(jobs[0].id, "0.45", why="invoice of November")
            again = await made.settle(jobs[0].id, "0.45", why="told twice")
            return caught.value, before, after, again, await made.costs("day"), await made.budgets()

    error, before, after, again, days, (standing,) = finished(course())
    assert error.accepted == "unknown"
    assert (before.total.amount, before.total.pending) == (Decimal(0), 1)
    assert before.total.pending_amount == Decimal("0.5")
    assert after.total.amount == again.total.amount == Decimal("0.45")
    assert [(line.group, line.amount) for line in days.lines] == [
        ("2026-11-18", Decimal("0.45")),
        ("2026-11-21", Decimal("0.003")),
    ]
    assert days.total.pending == 0
    assert standing.spent == Decimal("0.003"), "today's money is not what was spent three days ago"


def test_a_job_that_fails_after_a_part_was_charged_costs_that_part(tmp_path: Path) -> None:
    """Two seconds of five were made and billed: they are owed, the rest is free again."""

    def poll(_: str) -> Exchange[JobState]:
        yield get("/clips/c_1")
        problem = Problem(code="PROVIDER_ERROR", message="the renderer died", retryable=True)
        return Failed(problem=problem, usage=Usage(seconds=Decimal(2)), charged=True)

    async def course() -> tuple[Any, ...]:
        clock = Calendar(2026, 11, 21, 12)
        made = client(tmp_path, TAKEN, WAITING, clock=clock, settings=money("0.80"), poll=poll)
        async with made:
            handle = await made.submit_video("a fox", duration_seconds=5)
            with pytest.raises(GenerationError, match="renderer died"):
                await handle.wait(timeout_seconds=30)
            return handle.job, await made.costs(), await made.budgets()

    job, costs, (standing,) = finished(course())
    assert (job.status, job.cost.amount, job.cost.basis) == ("failed", Decimal("0.2"), "computed")
    assert (costs.total.amount, costs.total.failed) == (Decimal("0.2"), 1)
    assert (standing.spent, standing.reserved) == (Decimal("0.2"), Decimal(0))


def test_the_bill_comes_from_whom_one_named(tmp_path: Path) -> None:
    """A reseller lists `acme/words-1` too: who has it at first hand is asked, not the dearer one."""
    resold = ACME.models[0].model_copy(update={"id": "acme/words-1", "provider": "mall"})
    mall = replace(ACME, name="mall", base_url="https://api.mall.example/v1", models=(resold,))

    async def course() -> tuple[Any, Any]:
        clock = Calendar(2026, 11, 21, 12)
        async with client(tmp_path, GOOD, GOOD, clock=clock, settings=money()) as made:
            made.providers.register(mall)
            key = SecretStr("mall-secret-key")
            made.providers.register(ProviderSettings(name="mall", api_key=key, priority=1))
            direct = await made.text("hi", model="acme/words-1")
            return direct, await made.text("hi", model="acme/words-1", provider="mall")

    direct, resold_one = finished(course())
    assert (direct.provider, resold_one.provider) == ("acme", "mall")


def test_a_web_page_in_place_of_a_result_is_not_kept_and_paid_for_as_one(tmp_path: Path) -> None:
    """An error page with status 200: the clip is fetched again, and that is what is billed."""
    page = HttpResponse(200, b"<html>bad gateway</html>", {"content-type": "text/html"})

    async def course() -> Any:
        clock = Calendar(2026, 11, 21, 12)
        answers = (TAKEN, DONE, page, DONE, CLIP)
        async with client(tmp_path, *answers, clock=clock, settings=money()) as made:
            return await made.video("a fox", duration_seconds=5)

    result = finished(course())
    assert result.artifacts[0].read() == mp4()
    assert result.cost.amount == Decimal("0.50")


ABSURD = ("-0.01", "NaN", "Infinity", "-Infinity", "1000000000000")


@pytest.mark.parametrize("cost", ABSURD)
def test_a_text_whose_reported_cost_cannot_be_is_priced_by_the_list(
    tmp_path: Path, cost: str
) -> None:
    """And the result says so; nothing is earned by asking."""
    mad = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500, "usd": cost})

    async def course() -> tuple[Any, ...]:
        clock = Calendar(2026, 11, 21, 12)
        async with client(tmp_path, mad, clock=clock, settings=money()) as made:
            result = await made.text("hi", model="words-1", max_output_tokens=500)
            return result, await made.costs()

    result, costs = finished(course())
    assert (result.cost.amount, result.cost.basis) == (Decimal("0.003"), "computed")
    assert costs.total.amount == Decimal("0.003")
    (notice,) = result.warnings
    assert (notice.code, cost.strip("-")[:3] in notice.message) == ("provider-note", True)


@pytest.mark.parametrize("cost", ABSURD)
def test_a_clip_whose_reported_cost_cannot_be_is_priced_by_the_list(
    tmp_path: Path, cost: str
) -> None:
    """Also when it was written down in between."""

    def poll(_: str) -> Exchange[JobState]:
        yield get("/clips/c_1")
        url = "https://api.acme.example/v1/files/1.mp4"
        return Succeeded(artifacts=(RemoteArtifact(url=url),), reported_cost=Decimal(cost))

    async def course() -> tuple[Any, ...]:
        clock = Calendar(2026, 11, 21, 12)
        answers = (TAKEN, DONE, CLIP)
        async with client(tmp_path, *answers, clock=clock, settings=money(), poll=poll) as made:
            result = await made.video("a fox", duration_seconds=5)
            return result, await made.costs()

    result, costs = finished(course())
    assert (result.cost.amount, result.cost.basis) == (Decimal("0.50"), "computed")
    assert costs.total.amount == Decimal("0.5")
    assert "provider-note" in {notice.code for notice in result.warnings}
