"""Costs that arrive late, and those that never do: rows more, and budgets that follow."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.client import AsyncClient
from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import Conflict, InvalidRequest, NotFound
from anymedia.store.corrections import write_off
from anymedia.store.costs import costs
from anymedia.store.intake import enter
from tests.budgets.workbench import DOLLAR, Bench, bench, budget
from tests.money.books import NOON, entered, entry, ledger
from tests.support.clock import FakeClock

ECHO = Settings(providers=(ProviderSettings(name="echo"),))


def settled(directory: Path, name: str, amount: Any, **facts: Any) -> Decimal:
    """What something comes to, once it is settled."""

    async def work() -> Decimal:
        async with AsyncClient(ECHO, data_dir=directory) as client:
            return (await client.settle(name, amount, **facts)).total.amount

    return asyncio.run(work())


def test_a_cost_that_arrives_days_later_is_a_row_more(tmp_path: Path) -> None:
    """By the provider's id, an attempt's or a job's; what was pending is not any more."""
    lost = entry("a", None, kind="pending", basis="pending", reference="r-1", job_id="job_1")
    asyncio.run(entered(tmp_path, lost))
    assert settled(tmp_path, "r-1", "0.40") == Decimal("0.4")
    assert settled(tmp_path, "a", "0.30", why="their support said so") == Decimal("0.3")
    assert settled(tmp_path, "job_1", 0.25) == Decimal("0.25")

    async def work() -> None:
        async with AsyncClient(ECHO, data_dir=tmp_path) as client:
            total = (await client.costs()).total
            assert (total.amount, total.pending, total.requests) == (Decimal("0.25"), 0, 1)

    asyncio.run(work())


def test_a_name_that_is_not_ones_alone_is_refused(tmp_path: Path) -> None:
    """With what to name instead; and so is what is under way, unknown, or absurd."""
    asyncio.run(
        entered(
            tmp_path,
            entry("a", "1", job_id="job_1"),
            entry("b", "1", job_id="job_1"),
            entry("c", "1", kind="reserve", reference="r"),
            entry("d", "1", reference="same", provider="acme"),
            entry("e", "1", reference="same", provider="bolt"),
        )
    )
    with pytest.raises(Conflict, match="2 attempts; name one of `a`, `b`"):
        settled(tmp_path, "job_1", 1)
    with pytest.raises(Conflict, match="under way"):
        settled(tmp_path, "r", 1)
    with pytest.raises(NotFound, match="nobody"):
        settled(tmp_path, "nobody", 1)
    for amount in ("-1", "much", "NaN", "1e12"):
        with pytest.raises(InvalidRequest, match="no amount"):
            settled(tmp_path, "a", amount)
    assert settled(tmp_path, "same", 2, provider="bolt") == 2


def test_a_text_that_nobody_knows_about_counts_at_its_bound_and_then_at_what_it_cost(
    tmp_path: Path,
) -> None:
    """Once, and not on top: the bound gives way to the amount."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 2)
        await one.settle("a", None)
        lost = {"attempt_id": "a", "entry": "pending", "bound": 2 * DOLLAR, "basis": "pending"}
        await one.enter(id="a:settle", **lost)
        assert (await one.sums())[0] == 2
        await one.enter(attempt_id="a", entry="correct", amount=DOLLAR // 2)
        assert (await one.sums())[0] == 0.5
        one.budgets.configure((budget("100", scope="all", period="total"),))
        await one.reserved("b", 1)
        assert (await one.sums("all", ""))[0] == 1.5, (
            "founded on the ledger, with what is under way"
        )

    async def work() -> None:
        async with bench("allowance", budget(), directory=tmp_path) as one:
            await body(one)

    asyncio.run(work())


def test_an_account_that_is_founded_later_holds_the_bound(tmp_path: Path) -> None:
    """And gives it back with the correction."""

    async def work() -> None:
        async with bench("ledger", budget(), directory=tmp_path) as one:
            lost = {"attempt_id": "a", "entry": "pending", "bound": 2 * DOLLAR, "basis": "pending"}
            await one.enter(id="a:settle", **lost)
            await one.reserved("b", 1)
            assert (await one.sums())[:2] == [0, 3]
            await one.enter(attempt_id="a", entry="correct", amount=0)
            assert (await one.sums())[:2] == [0, 1]

    asyncio.run(work())


def test_what_nobody_ever_says_is_written_off() -> None:
    """Requests that were answered at once and are old enough; jobs can be looked into."""
    old, new = timedelta(days=8), timedelta(days=6)
    lost: dict[str, Any] = {"kind": "pending", "basis": "pending", "bound": 5, "medium": "text"}
    with ledger() as connection:
        enter(
            connection,
            [
                entry("old", None, ago=old, **lost),
                entry("new", None, ago=new, **lost),
                entry("job", None, ago=old, job_id="job_1", **lost),
                entry("known", None, ago=old, **lost),
                entry("known", "0.70", kind="correct", ago=old),
            ],
        )
        before = (NOON - timedelta(days=7)).timestamp()
        assert write_off(connection, before, 10, "nobody said") == 1
        assert write_off(connection, before, 10, "nobody said") == 0
        total = costs(connection, "provider").total
        assert (total.pending, total.amount) == (2, Decimal("0.70"))
        assert total.pending_amount == Decimal("0.00000001"), "its bound is told"


def test_a_budget_is_free_again_when_nobody_has_said_for_days(tmp_path: Path) -> None:
    """By the upkeep of whoever has budgets, after the days that are configured."""
    clock = FakeClock()
    settings = Settings(
        providers=(ProviderSettings(name="echo"),),
        budgets=(BudgetSettings(scope="all", period="total", limit_usd=Decimal(10)),),
        unknown_cost_days=2,
    )
    lost = entry(
        "a",
        None,
        kind="pending",
        basis="pending",
        bound=4 * DOLLAR,
        medium="text",
        at=clock.now(),
        owner="local",
    )

    async def stands(directory: Path) -> tuple[Decimal, Decimal]:
        from anymedia.client.costs import WritingOff

        async with AsyncClient(settings, data_dir=directory, clock=clock) as client:
            (one,) = await client.budgets()
            await WritingOff(client._engine, client._database, directory).tend()
            (then,) = await client.budgets()
            return one.reserved, then.reserved

    asyncio.run(entered(tmp_path, lost))
    assert asyncio.run(stands(tmp_path)) == (Decimal(4), Decimal(4))
    clock.advance(3 * 86_400)
    assert asyncio.run(stands(tmp_path)) == (Decimal(4), Decimal(0))
