"""Budgets as callers meet them: nothing is spent beyond, whatever is asked at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.test_course import CLIP, ELSEWHERE, Bench, done, finished, states, taken
from tests.support.redis import fresh_state, needs_redis
from tests.support.transport import answer

from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import BudgetReached
from anymedia.contracts.request import RetryConfig

GOOD = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500})  # 0.003 USD


def budget(limit: str, **fields: Any) -> BudgetSettings:
    """So many dollars a day for everybody together, unless said."""
    facts = {"scope": "all", "period": "day", "limit_usd": Decimal(limit), **fields}
    return BudgetSettings.model_validate(facts)


def settings(*budgets: BudgetSettings, **fields: Any) -> Settings:
    """Settings that lose no time."""
    return Settings(retry=RetryConfig(base_delay_seconds=0.01), budgets=budgets, **fields)


def test_texts_are_paid_from_the_budget_until_it_is_used_up(tmp_path: Path) -> None:
    """By what they cost, not by what they might have cost; then nothing is sent."""
    bench = Bench(tmp_path, *[GOOD] * 20, settings=settings(budget("0.0305")))

    async def course() -> tuple[Any, Any]:
        async with bench.client as client:
            for _ in range(10):
                await client.text("hi", model="words-1", max_output_tokens=700)
            with pytest.raises(BudgetReached) as caught:
                await client.text("hi", model="words-1", max_output_tokens=700)
            return caught.value, await client.budgets()

    error, (standing,) = finished(course())  # the eleventh might cost 0.0028 of the 0.0005 left
    assert (error.code, error.accepted) == ("BUDGET_EXCEEDED", "no")
    assert "has $0.0005 left" in error.message
    assert standing.spent == Decimal("0.030")
    assert len(bench.transport.sent) == 10


def test_many_at_once_do_not_go_beyond(tmp_path: Path) -> None:
    """Fifty at once where there is money for a few: what is under way counts as spent."""
    bench = Bench(tmp_path, *[GOOD] * 50, settings=settings(budget("0.012")))

    async def course() -> list[Any]:
        async with bench.client as client:
            calls = (client.text(f"hi {n}", model="words-1") for n in range(50))
            return await asyncio.gather(*calls, return_exceptions=True)

    results = finished(course())
    answered = [one for one in results if not isinstance(one, Exception)]
    assert {type(one) for one in results if isinstance(one, Exception)} == {BudgetReached}
    assert 1 <= len(answered) <= 4
    assert sum(one.cost.amount for one in answered) <= Decimal("0.012")


def test_a_clip_reserves_what_it_may_cost_and_the_next_process_knows(tmp_path: Path) -> None:
    """One fits into the budget; the second is refused, here and after a restart."""
    first = Bench(tmp_path, taken(), done(), CLIP, settings=settings(budget("0.80")))

    async def two(bench: Bench) -> list[Any]:
        async with bench.client as client:
            found: list[Any] = []
            for _ in range(2):
                try:
                    found.append(await client.video("a fox", duration_seconds=5))
                except BudgetReached as error:
                    found.append(error)
            return [*found, *await client.budgets()]

    clip, refused, standing = finished(two(first))
    assert clip.cost.amount == Decimal("0.50")
    assert isinstance(refused, BudgetReached)
    assert (standing.spent, standing.reserved, standing.left) == (
        Decimal("0.5"),
        Decimal(0),
        Decimal("0.3"),
    )
    second = Bench(tmp_path, settings=settings(budget("0.80")))
    *refusals, standing = finished(two(second))
    assert {type(one) for one in refusals} == {BudgetReached}
    assert standing.left == Decimal("0.3")
    assert second.transport.sent == []


def test_where_the_budget_says_switch_another_provider_is_asked(tmp_path: Path) -> None:
    """And the job says who was passed over, and why."""
    bench = Bench(
        tmp_path,
        *(taken(), done(), CLIP),
        *(taken("c_2"), done(ELSEWHERE), CLIP),
        both=True,
        settings=settings(budget("0.60", scope="provider", on_reached="switch")),
    )

    async def course() -> list[Any]:
        async with bench.client as client:
            jobs = []
            for _ in range(2):
                handle = await client.submit_video("a fox", duration_seconds=5)
                await handle.wait(timeout_seconds=30)
                jobs.append(handle.job)
            return jobs

    first, second = finished(course())
    assert states(first) == [("acme", "succeeded")]
    assert states(second) == [("acme", "skipped"), ("bolt", "succeeded")]
    assert "budget of provider `acme`" in (second.attempts[0].reason or "")


def test_where_it_says_degrade_a_lower_preset_is_made(tmp_path: Path) -> None:
    """With a warning, for the money that is left."""
    bench = Bench(
        tmp_path,
        *(taken(), done(), CLIP),
        settings=settings(budget("0.60", on_reached="degrade", degrade_to="draft")),
    )

    async def course() -> Any:
        async with bench.client as client:
            return await client.video("a fox", duration_seconds=5, quality="high")

    result = finished(course())
    assert result.cost.amount == Decimal("0.50")
    assert "degraded" in {one.code for one in result.warnings}


def test_where_it_says_warn_the_request_goes_through(tmp_path: Path) -> None:
    """And its result says so."""
    bench = Bench(tmp_path, GOOD, settings=settings(budget("0.001", on_reached="warn")))

    async def course() -> Any:
        async with bench.client as client:
            return await client.text("hi", model="words-1")

    assert "budget-exceeded" in {one.code for one in finished(course()).warnings}


@needs_redis
def test_two_installations_on_one_redis_share_a_budget(tmp_path: Path) -> None:
    """What one has spent, the other does not have."""
    state = fresh_state()
    one, other = (
        Bench(tmp_path / name, *[GOOD] * 3, settings=settings(budget("0.0065"), state=state))
        for name in ("one", "other")
    )

    async def course() -> int:
        answered = 0
        async with one.client, other.client:
            for bench in (one, other, one, other):
                try:
                    await bench.client.text("hi", model="words-1", max_output_tokens=700)
                except BudgetReached:
                    continue
                answered += 1
        return answered

    assert finished(course()) == 2
