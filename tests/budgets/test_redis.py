"""Budgets in Redis: away and back, emptied, told once, reconciled with the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from anymedia.budgets.budget import Budget, Founded, Reserved
from anymedia.budgets.redis import STALE_SECONDS, RedisBudgets
from anymedia.contracts.budget import BudgetSettings
from tests.budgets.workbench import DOLLAR, Bench, bench, budget, emptied, spender
from tests.limits.test_sharing import Gate
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state, needs_redis

pytestmark = needs_redis


@asynccontextmanager
async def gated(*settings: BudgetSettings) -> AsyncIterator[tuple[Gate, Bench, Bench]]:
    """Two processes' budgets on one Redis, the first through a gate."""
    clock, gate = FakeClock(), Gate()
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    state = fresh_state()
    through = state.model_copy(
        update={"redis_url": f"redis://127.0.0.1:{port}/0", "timeout_seconds": 0.15}
    )
    try:
        async with (
            bench("redis", *settings, clock=clock, state=state) as other,
            bench("redis", *settings, clock=clock, state=through) as first,
        ):
            yield gate, first, other
            gate.mode = "open"
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("mode", ["shut", "hanging", "deaf", "full"])
def test_redis_goes_away_and_comes_back(mode: str) -> None:
    """Meanwhile the process goes on from what it last heard; afterwards both agree."""

    async def work() -> None:
        async with gated(budget(alert_at=(0.8,)), budget("1000", scope="all")) as (
            gate,
            one,
            other,
        ):
            await other.reserved("x", 3)
            await one.reserved("a", 2)
            gate.mode = mode
            answer = await one.reserved("b", 4)
            assert not answer.shared
            assert (await one.refused("c", 1.5)).left == DOLLAR
            await one.settle("a", 1)
            await one.settle("b", 3)
            await one.reserved("d", 1)
            assert (await one.stands()).left == 2
            assert (await other.stands()).left == 5 - (4 if mode == "deaf" else 0)
            gate.mode = "open"
            one.clock.advance(10)
            await one.budgets.tend()
            assert await other.sums() == [4, 4, 2]
            await other.refused("y", 2.5)
            await other.settle("x", 0)
            assert (await one.reserved("e", 5)).shared
            assert [each.kind for each in (*one.alerts, *other.alerts)].count(
                "budget-threshold"
            ) == 1

    asyncio.run(work())


def test_who_is_cancelled_while_asking_leaves_nothing_behind() -> None:
    """Redis has reserved it and nobody heard: the next call gives it back."""

    async def work() -> None:
        async with gated(budget()) as (gate, one, other):
            await one.reserved("warm", 1)
            gate.mode = "deaf"
            asking = asyncio.create_task(one.reserve("a", 5))
            for _ in range(1_000):
                if (await other.stands()).reserved == 6:
                    break
            assert not asking.done()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            gate.mode = "open"
            await one.budgets.tend()
            assert (await other.stands()).reserved == 1

    asyncio.run(work())


def test_a_redis_that_lost_everything_is_told_by_who_knows() -> None:
    """What was spent and what is under way, also by others as far as that was heard."""

    async def work() -> None:
        async with gated(budget()) as (_, one, other):
            await other.reserved("x", 2)
            await other.settle("x", 2)
            await one.reserved("a", 3)
            assert other.link is not None
            await emptied(other.link)
            await one.reserved("b", 1)
            assert (await other.sums())[:2] == [2, 4]
            await one.settle("a", 1)
            assert (await other.stands()).left == 6

    asyncio.run(work())


def test_an_account_begins_with_what_the_ledger_knows() -> None:
    """Once, however many ask at the same time; open attempts can be settled."""

    async def founding(budgets: Sequence[Budget]) -> list[Founded]:
        return [Founded(4 * DOLLAR, {"old": 2 * DOLLAR}) for _ in budgets]

    async def work() -> None:
        async with bench("redis", budget(), founding=founding) as one:
            answers = await asyncio.gather(*[one.reserve(f"a{n}", 1) for n in range(10)])
            assert sum(isinstance(answer, Reserved) for answer in answers) == 4
            assert (await one.sums())[:2] == [4, 6]
            await one.settle("old", 1)
            assert (await one.sums())[:2] == [5, 4]
            later = one.clock.now()
            await one.budgets.correct("new", spender("ben"), DOLLAR, at=later)
            assert "ben" not in [each.name for each in await one.budgets.standing()]

    asyncio.run(work())


def test_marks_are_told_by_one_of_several() -> None:
    """Each once."""

    async def work() -> None:
        async with gated(budget(alert_at=(0.5,))) as (_, one, other):
            for number in range(5):
                await one.reserved(f"a{number}", 1)
                await other.reserved(f"b{number}", 1)
            await one.refused("c", 1)
            await other.refused("d", 1)
            told = [each.kind for each in (*one.alerts, *other.alerts)]
            assert sorted(told) == ["budget-reached", "budget-threshold"]

    asyncio.run(work())


def test_an_end_that_was_never_told_is_found_in_the_ledger(tmp_path: Path) -> None:
    """A process died between writing the end down and telling Redis."""

    async def work() -> None:
        clock = FakeClock()
        async with (
            bench("redis", budget(), clock=clock) as one,
            bench("ledger", budget(), clock=clock, directory=tmp_path) as ledger,
        ):
            await one.reserved("ended", 4)
            await ledger.enter(attempt_id="ended", entry="settle", amount=DOLLAR)
            await one.reserved("running", 2)
            await ledger.enter(attempt_id="running", entry="reserve", amount=2 * DOLLAR)
            await one.reserved("unheard of", 1)
            assert isinstance(one.budgets, RedisBudgets)
            assert isinstance(ledger.budgets, type(ledger.budgets))
            settled = ledger.budgets.settled  # type: ignore[attr-defined]  # a ledger's
            assert await one.budgets.reconcile(settled) == 0
            clock.advance(STALE_SECONDS + 1)
            assert await one.budgets.reconcile(settled) == 1
            assert (await one.sums())[:2] == [1, 3]

    asyncio.run(work())


def test_nothing_stays_for_ever_but_totals() -> None:
    """Every key of a period expires some time after it."""

    async def work() -> None:
        async with bench("redis", budget(), budget(scope="all", period="total")) as one:
            await one.reserved("a", 1)
            await one.settle("a", 1)
            await one.reserved("b", 1)
            await one.budgets.correct("c", spender(), 1, at=one.clock.now())
            assert one.link is not None
            keys = await one.link.command("KEYS", one.link.key("*"))
            for_ever = {
                key.decode().split("{budgets}:")[1]
                for key in keys
                if await one.link.command("PTTL", key) == -1
            }
            assert for_ever == {"account:all|total|||", "subjects:all|total|||", "open"}

    asyncio.run(work())
