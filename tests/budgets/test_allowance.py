"""Spending from what was lent: seldom asking, giving back, surviving a failing bank."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from anymedia.budgets.allowance import (
    LEAST_SHARE,
    REFUSED_SECONDS,
    AllowanceBudgets,
    Ask,
    Granted,
    Report,
)
from anymedia.budgets.budget import Budget, Reached, Reserved, Spender, verdict
from anymedia.budgets.concerns import Concerns
from anymedia.budgets.tally import FIRST_SLOTS, FOLDER, Tally, abandoned, numbers
from anymedia.contracts.budget import BudgetSettings, BudgetStanding
from anymedia.contracts.errors import StorageFailed
from tests.budgets.workbench import DOLLAR, Bench, bench, budget, spender
from tests.support.clock import FakeClock


class CountingBank:
    """Lends a 64th of the limit at a time, and counts how often it was asked."""

    def __init__(self, clock: FakeClock, *settings: BudgetSettings) -> None:
        self.clock = clock
        self.concerns = Concerns(settings)
        self.draws = 0
        self.reports: list[Mapping[str, Report]] = []
        self.lent: dict[str, int] = {}
        self.broken = False

    def configure(self, settings: Sequence[BudgetSettings]) -> None:
        self.concerns = Concerns(settings)

    def concerned(self, spender: Spender) -> tuple[Budget, ...]:
        return self.concerns.find(spender, self.clock.time())

    async def draw(
        self, holder: str, asks: Sequence[Ask], nano_usd: int | None
    ) -> Granted | Reached:
        self.draws += 1
        await asyncio.sleep(0)
        if self.broken:
            raise StorageFailed("the disk is full")
        reached = verdict([ask.budget for ask in asks], [ask.used for ask in asks], nano_usd)
        if reached is not None:
            return reached
        for ask in asks:
            part = max(ask.budget.limit // LEAST_SHARE, nano_usd or 0)
            self.lent[ask.budget.key] = min(ask.used + part, ask.budget.limit)
        return Granted(tuple(self.lent[ask.budget.key] for ask in asks))

    async def report(self, holder: str, reports: Mapping[str, Report]) -> Mapping[str, int]:
        await asyncio.sleep(0)
        if self.broken:
            raise StorageFailed("the disk is full")
        self.reports.append(reports)
        for key, report in reports.items():
            self.lent[key] = min(self.lent[key], report.used + report.keep)
        return self.lent

    async def correct(
        self, entry_id: str, spender: Spender, nano_usd: int, *, at: datetime
    ) -> None:
        raise NotImplementedError

    async def standing(self) -> tuple[BudgetStanding, ...]:
        return ()

    async def tend(self) -> None:
        """Nothing to do."""


def banked(
    tmp_path: Path,
    body: Callable[[Bench, CountingBank], Awaitable[None]],
    *settings: BudgetSettings,
) -> None:
    """With a bank that counts."""

    async def work() -> None:
        clock = FakeClock()
        bank = CountingBank(clock, *(settings or (budget("64"),)))
        tally = Tally(tmp_path)
        await body(Bench(AllowanceBudgets(bank, tally, clock=clock), clock, []), bank)
        tally.leave()

    asyncio.run(work())


def test_most_calls_ask_nobody(tmp_path: Path) -> None:
    """A thousand calls of a cent: ten times for a dollar each."""

    async def body(one: Bench, bank: CountingBank) -> None:
        for number in range(1_000):
            await one.reserved(f"a{number}", 0.01)
            await one.settle(f"a{number}", 0.01)
        assert bank.draws == 10

    banked(tmp_path, body)


def test_many_who_wait_are_served_by_one_question(tmp_path: Path) -> None:
    """A hundred at once, nothing lent yet."""

    async def body(one: Bench, bank: CountingBank) -> None:
        await asyncio.gather(*[one.reserved(f"a{number}", 0.01) for number in range(100)])
        assert bank.draws == 1

    banked(tmp_path, body)


def test_a_refusal_holds_for_a_moment(tmp_path: Path) -> None:
    """A thousand calls against an empty budget ask once; giving something back ends it."""

    async def body(one: Bench, bank: CountingBank) -> None:
        await one.reserved("a", 64)
        for number in range(1_000):
            await one.refused(f"b{number}", 1)
        assert bank.draws == 2
        await one.refused("c", 0.5)  # asks for less, and so asks
        assert bank.draws == 3
        one.clock.advance(REFUSED_SECONDS)
        await one.refused("d", 1)
        assert bank.draws == 4
        await one.settle("a", 60)
        await one.reserved("e", 1)

    banked(tmp_path, body)


def test_what_is_not_needed_goes_back_and_nothing_is_said_twice(tmp_path: Path) -> None:
    """Used: a part is kept. Unused since the last look: all of it goes back, then it is closed."""

    async def body(one: Bench, bank: CountingBank) -> None:
        await one.reserved("a", 10)
        await one.settle("a", 1)
        await one.budgets.tend()
        assert [(each.used, each.keep) for each in bank.reports[-1].values()] == [(DOLLAR, DOLLAR)]
        await one.budgets.tend()
        assert [(each.used, each.keep) for each in bank.reports[-1].values()] == [(DOLLAR, 0)]
        await one.budgets.tend()
        assert [each.close for each in bank.reports[-1].values()] == [True]
        said = len(bank.reports)
        await one.budgets.tend()
        assert len(bank.reports) == said

    banked(tmp_path, body)


def test_yesterdays_allowance_goes_back_when_nothing_of_it_is_under_way(tmp_path: Path) -> None:
    """What is in flight over midnight is settled where it was reserved."""

    async def body(one: Bench, bank: CountingBank) -> None:
        await one.reserved("a", 0.5)
        one.clock.advance(13 * 3600)
        await one.reserved("b", 0.5)
        assert bank.draws == 2
        await one.budgets.tend()
        await one.settle("a", 0.25)
        await one.budgets.tend()
        closed = [key for key, each in bank.reports[-1].items() if each.close]
        assert [key.split("|")[3] for key in closed] == ["2026-11-21"]
        assert bank.reports[-1][closed[0]].used == DOLLAR // 4

    banked(tmp_path, body)


def test_a_bank_that_fails_fails_the_call_and_leaves_nothing(tmp_path: Path) -> None:
    """And what was lent stays usable."""

    async def body(one: Bench, bank: CountingBank) -> None:
        await one.reserved("a", 1)
        await one.settle("a", 0)
        bank.broken = True
        with pytest.raises(StorageFailed):
            await one.reserve("b", 2)
        for _ in range(3):
            with pytest.raises(StorageFailed):
                await one.budgets.tend()
        bank.broken = False
        await one.reserved("c", 64)

    banked(tmp_path, body)


def test_closing_gives_everything_back_and_leaves_no_file(tmp_path: Path) -> None:
    """What is under way counts as spent; what is said of it later changes nothing."""

    async def work() -> None:
        async with bench("allowance", budget(), directory=tmp_path) as one:
            await one.reserved("a", 2)
            await one.reserved("b", 3)
            await one.settle("b", 1)
            await one.budgets.close()
            await one.settle("a", 1)
            assert (await one.stands()).spent == 3
            assert list((tmp_path / FOLDER).iterdir()) == []
            await one.reserved("c", 7)
            await one.refused("d", 0.01)
            await one.budgets.close()

    asyncio.run(work())


def test_two_processes_find_what_the_other_does_not_need(tmp_path: Path) -> None:
    """Reserved high, settled low: after a moment the rest is there for the other."""

    async def work() -> None:
        clock = FakeClock()
        async with (
            bench("allowance", budget(), directory=tmp_path, clock=clock) as one,
            bench("allowance", budget(), directory=tmp_path, clock=clock) as other,
        ):
            await one.reserved("a", 10)
            await one.settle("a", 1)
            await other.refused("b", 5)
            await one.budgets.tend()
            clock.advance(REFUSED_SECONDS)
            await other.reserved("b", 5)
            await one.reserved("c", 3.8)
            assert (await other.stands()).spent == 6  # what the first has not reported yet
            await one.budgets.tend()
            stands = await other.stands()
            assert stands.spent == Decimal("9.8")

    asyncio.run(work())


def test_a_tally_outlives_its_process_and_is_found_when_that_is_gone(tmp_path: Path) -> None:
    """Locked while it lives; it grows; slots are used again."""
    tally = Tally(tmp_path)
    name = tally.open()
    slots = [tally.slot() for _ in range(FIRST_SLOTS * 3)]
    for slot in slots:
        tally.numbers[slot] = -(slot**4)
    with abandoned(tmp_path) as found:
        assert found == []
    assert numbers(tmp_path / name)[: len(slots)] == [-(slot**4) for slot in slots]
    tally.free(slots[5])
    assert tally.slot() == slots[5]
    assert numbers(tmp_path / name)[slots[5]] == 0
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    tally.leave()
    with abandoned(tmp_path) as found, abandoned(tmp_path) as again:
        assert [path.name for path in found] == [name]
        assert again == []  # somebody is looking at it


def test_what_costs_more_than_was_lent_is_known_to_others_at_once(tmp_path: Path) -> None:
    """Reserved for a cent, settled for nine dollars: nobody else is lent those."""

    async def work() -> None:
        clock = FakeClock()
        async with (
            bench("allowance", budget(), directory=tmp_path, clock=clock) as one,
            bench("allowance", budget(), directory=tmp_path, clock=clock) as other,
        ):
            await one.reserved("a", 0.01)
            await one.settle("a", 9)
            assert (await other.refused("b", 1.01)).left == DOLLAR

    asyncio.run(work())


def test_an_idle_allowance_goes_back_after_limits_have_changed(tmp_path: Path) -> None:
    """It is not usable until the bank is asked, and not forgotten either."""

    async def work() -> None:
        clock = FakeClock()
        async with (
            bench("allowance", budget(), directory=tmp_path, clock=clock) as one,
            bench("allowance", budget(), directory=tmp_path, clock=clock) as other,
        ):
            await one.reserved("a", 5)
            await one.budgets.release("a")
            for each in (one, other):
                each.budgets.configure((budget("6"),))
            await one.budgets.tend()
            await one.budgets.tend()
            await other.reserved("b", 6)

    asyncio.run(work())


def test_what_was_lent_is_spent_without_asking_and_no_longer_than_that_is_true(
    tmp_path: Path,
) -> None:
    """Until something is lent, after other limits, in another period and when it is given back."""

    async def body(one: Bench, bank: CountingBank) -> None:
        ann, numbers = spender(), iter(range(100))

        def at_once(usd: float) -> bool:
            attempt, amount = f"n{next(numbers)}", round(usd * DOLLAR)
            found = one.budgets.reserve_now(attempt, ann, amount)
            if found is not None:
                assert found == Reserved(attempt)
                assert one.budgets.settle_now(attempt, amount) is None
            return found is not None

        assert not at_once(0.1)
        await one.reserved("a", 0.1)
        assert [at_once(0.3), at_once(0.3), at_once(0.7), at_once(0.0)] == [True, True, False, True]
        assert one.budgets.reserve_now("none", ann, None) is None
        assert one.budgets.reserve_now("odd", ann, -1) is None
        assert one.budgets.reserve_now("a", ann, None) == Reserved("a")
        one.budgets.configure((budget("32"),))
        assert not at_once(0.1)
        await one.reserved("b", 0.1)
        assert at_once(0.1)
        one.clock.advance(13 * 3600)
        assert not at_once(0.1)
        await one.reserved("c", 0.1)
        assert at_once(0.1)
        for attempt in ("a", "b", "c"):
            await one.settle(attempt, 0)
        for _ in range(3):
            await one.budgets.tend()
        assert not at_once(0.1)

    banked(tmp_path, body)


def test_who_is_under_no_budget_is_told_so_each_time(tmp_path: Path) -> None:
    """Nothing is kept of them, so that a budget of theirs counts from when it is there."""

    async def body(one: Bench, bank: CountingBank) -> None:
        bob = spender("bob")
        for attempt in ("a", "b"):
            await one.reserved(attempt, 1_000, bob)
        assert bank.draws == 0
        one.budgets.configure((budget("1"),))
        await one.refused("c", 1_000, bob)

    banked(tmp_path, body, budget("64", name="ann"))


def test_more_than_was_lent_has_to_be_told(tmp_path: Path) -> None:
    """What was not enough is something to wait for; what was enough is not."""

    async def body(one: Bench, bank: CountingBank) -> None:
        await one.reserved("a", 0.5)
        await one.reserved("b", 0.5)
        assert one.budgets.settle_now("a", DOLLAR // 4) is None
        assert one.budgets.settle_now("unknown", DOLLAR) is None
        told = one.budgets.settle_now("b", 2 * DOLLAR)
        assert told is not None
        await told
        (report,) = bank.reports[-1].values()
        assert report.used == 2 * DOLLAR + DOLLAR // 4

    banked(tmp_path, body)


def test_what_others_spend_while_the_bank_is_asked_is_not_spent_twice(tmp_path: Path) -> None:
    """A small one takes what is there; the large one that asks for more asks again, and is refused."""

    async def body(one: Bench, bank: CountingBank) -> None:
        assert isinstance(await one.budgets.reserve("first", spender(), usd(0.9)), Reserved)
        await one.budgets.settle("first", usd(0.85))
        large = asyncio.create_task(one.budgets.reserve("large", spender(), usd(0.15)))
        await asyncio.sleep(0)
        assert bank.draws == 2  # it is being asked
        assert isinstance(await one.budgets.reserve("small", spender(), usd(0.05)), Reserved)
        assert isinstance(await large, Reached)
        assert isinstance(await one.budgets.reserve("next", spender(), usd(0.1)), Reserved)
        assert max(bank.lent.values()) == usd(1.0)

    banked(tmp_path, body, budget("1"))


def usd(amount: float) -> int:
    """Dollars as nano-dollars."""
    return round(amount * DOLLAR)
