"""What every kind of budgets does: in memory, in the database, by allowance, in Redis."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from anymedia.budgets.budget import Reserved
from anymedia.contracts.budget import BudgetSettings
from tests.budgets.workbench import KINDS, Bench, Body, Kind, bench, budget, kinds, spender
from tests.support.clock import FakeClock

each = pytest.mark.parametrize("kind", kinds(*KINDS))


def using(kind: Kind, body: Body, *settings: BudgetSettings, **fields: Any) -> None:
    """Run it with budgets of a kind."""

    async def work() -> None:
        async with bench(kind, *(settings or (budget(),)), **fields) as one:
            await body(one)
            await one.budgets.close()

    asyncio.run(work())


@each
def test_reservations_count_and_what_does_not_fit_is_refused(kind: Kind) -> None:
    """Ten dollars: six and four fit, and then nothing does."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 6)
        reached = await one.refused("b", 4.01)
        assert reached.on_reached == "refuse"
        assert reached.left == 4_000_000_000
        assert "of key `ann`, $10 a day, has $4 left" in reached.message
        assert "2026-11-22T00:00:00" in reached.message
        await one.reserved("c", 4)
        await one.refused("d", 0.000_000_001)

    using(kind, body)


@each
def test_what_was_not_spent_is_there_again(kind: Kind) -> None:
    """Settled for less, and released."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 10)
        await one.settle("a", 3)
        await one.reserved("b", 7)
        await one.budgets.release("b")
        await one.reserved("c", 7)
        await one.refused("d", 0.01)

    using(kind, body)


@each
def test_what_costs_more_than_anybody_expected_is_spent_all_the_same(kind: Kind) -> None:
    """Twelve of ten dollars: nothing more until tomorrow."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 5)
        await one.settle("a", 12)
        stands = await one.stands()
        assert (stands.spent, stands.left) == (Decimal(12), Decimal(-2))
        reached = await one.refused("b", 0.01)
        assert reached.left == -2_000_000_000
        one.clock.advance(12 * 3600)
        await one.reserved("c", 10)

    using(kind, body)


@each
def test_an_unknown_cost_stays_reserved(kind: Kind) -> None:
    """Nobody knows whether it is charged."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 8)
        await one.settle("a", None)
        await one.refused("b", 3)

    using(kind, body)


@each
def test_each_step_may_be_repeated(kind: Kind) -> None:
    """And what nobody knows is no mistake."""

    async def body(one: Bench) -> None:
        for _ in range(3):
            await one.reserved("a", 4)
        for _ in range(3):
            await one.settle("a", 5)
        await one.settle("nobody", 5)
        await one.budgets.release("nobody")
        assert (await one.stands()).spent == 5
        assert (await one.stands()).reserved == 0

    using(kind, body)


@each
def test_all_budgets_or_none(kind: Kind) -> None:
    """What one of them refuses is taken from none; the strictest speaks."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 6)
        reached = await one.refused("b", 3)
        assert reached.budget.settings.scope == "provider"
        assert (await one.stands("provider", "acme")).left == 2
        elsewhere = spender(provider="other")
        await one.reserved("c", 3, elsewhere)
        reached = await one.refused("d", 20, elsewhere)
        assert (reached.budget.settings.scope, reached.never) == ("key", True)

    using(
        kind,
        body,
        budget(),
        budget("8", scope="provider", on_reached="switch"),
        budget("100", scope="all", period="total"),
    )


@each
def test_every_scope_counts_what_it_is_about(kind: Kind) -> None:
    """Keys, tags, providers, media, models, everything."""

    async def body(one: Bench) -> None:
        tagged = spender(tags=("film", "teaser", "film"))
        await one.reserved("a", 1, tagged)
        await one.settle("a", 1)
        await one.reserved("b", 2, spender("ben", medium="image", model="pic"))
        found = {(each.scope, each.name): each for each in await one.budgets.standing()}
        assert {key: (stands.spent + stands.reserved) for key, stands in found.items()} == {
            ("key", "ann"): 1,
            ("key", "ben"): 2,
            ("tag", "film"): 1,
            ("tag", "teaser"): 1,
            ("provider", "acme"): 3,
            ("medium", "video"): 1,
            ("model", "acme/clip-2"): 1,
            ("model", "acme/pic"): 2,
            ("all", ""): 3,
        }

    using(
        kind,
        body,
        *(budget(scope=scope) for scope in ("key", "tag", "provider", "model", "all")),
        budget(scope="medium", name="video"),
    )


@each
def test_a_budget_with_a_name_stands_in_for_the_general_one(kind: Kind) -> None:
    """Everybody has ten dollars, Ann has two hundred, whichever is written first."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 150)
        await one.refused("b", 11, spender("ben"))

    using(kind, body, budget(), budget("200", name="ann"))
    using(kind, body, budget("200", name="ann"), budget())


@each
def test_unpriced_models_are_refused_unless_allowed(kind: Kind) -> None:
    """Where they are allowed, something must be left; a budget that warns says so."""

    async def body(one: Bench) -> None:
        reached = await one.refused("a", None)
        assert reached.unpriced
        assert "`allow_unpriced`" in reached.message
        allowed, warned = spender("ben"), spender("cem")
        await one.reserved("b", 9, allowed)
        assert isinstance(await one.reserve("c", None, allowed), Reserved)
        await one.settle("c", 1)
        assert not (await one.refused("d", None, allowed)).unpriced
        answer = await one.reserve("e", None, warned)
        assert isinstance(answer, Reserved)
        assert [over.subject for over in answer.over] == ["cem"]
        assert isinstance(await one.reserve("f", None, spender("dan")), Reserved)

    using(
        kind,
        body,
        budget(name="ann"),
        budget(name="ben", allow_unpriced=True),
        budget(name="cem", on_reached="warn"),
    )


@each
def test_what_is_free_needs_nothing_left(kind: Kind) -> None:
    """A local model goes on when the money is gone."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 10)
        await one.settle("a", 11)
        await one.reserved("b", 0)
        await one.settle("b", 0)

    using(kind, body)


@each
def test_a_budget_of_nothing_lets_only_free_things_pass(kind: Kind) -> None:
    """For keys that may use what runs here."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 0)
        assert (await one.refused("b", 0.001)).never

    using(kind, body, budget("0", alert_at=(0.5,)))


@each
def test_a_budget_that_warns_lets_through_and_counts(kind: Kind) -> None:
    """And says so from the moment when too little is left."""

    async def body(one: Bench) -> None:
        assert (await one.reserved("a", 9)).over == ()
        over = (await one.reserved("b", 9)).over
        assert [each.subject for each in over] == ["ann"]
        await one.settle("b", 9)
        await one.settle("a", 9)
        assert (await one.stands()).spent == 18

    using(kind, body, budget(on_reached="warn"))


@each
def test_what_shall_happen_is_in_the_answer(kind: Kind) -> None:
    """Of several that are in the way, the strictest."""

    async def body(one: Bench) -> None:
        reached = await one.refused("a", 2)
        assert (reached.on_reached, reached.degrade_to) == ("degrade", "draft")
        reached = await one.refused("b", 4)
        assert (reached.on_reached, reached.degrade_to) == ("switch", None)

    using(
        kind,
        body,
        budget("1", on_reached="degrade", degrade_to="draft"),
        budget("3", scope="provider", on_reached="switch"),
    )


@each
def test_each_mark_is_told_once_in_each_period(kind: Kind) -> None:
    """Half, four fifths, everything; and that a request was refused."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 4)
        await one.budgets.tend()
        assert one.alerts == []
        for number in range(6):
            await one.reserved(f"b{number}", 1)
            await one.settle(f"b{number}", 1)
            await one.budgets.tend()
        await one.refused("c", 1)
        await one.refused("d", 1)
        await one.budgets.tend()
        told = [(each.kind, each.share, each.name) for each in one.alerts]
        assert told == [
            ("budget-threshold", 0.5, "ann"),
            ("budget-threshold", 0.8, "ann"),
            ("budget-threshold", 1.0, "ann"),
            ("budget-reached", None, "ann"),
        ]
        assert one.alerts[0].limit == 10
        assert one.alerts[0].resets_at == datetime(2026, 11, 22, tzinfo=UTC)
        one.clock.advance(86_400)
        await one.reserved("e", 9)
        await one.budgets.tend()
        assert [each.share for each in one.alerts[4:]] == [0.5, 0.8]

    using(kind, body, budget(alert_at=(0.5, 0.8, 1.0)))


@each
def test_an_attempt_belongs_to_the_period_in_which_it_was_reserved(kind: Kind) -> None:
    """However long it takes."""

    async def body(one: Bench) -> None:
        one.clock.advance(11 * 3600)  # 23:00
        await one.reserved("a", 8)
        one.clock.advance(2 * 3600)
        await one.reserved("b", 7)
        await one.settle("a", 9)
        assert (await one.stands()).reserved + (await one.stands()).spent == 7
        await one.reserved("c", 3)

    using(kind, body)


@each
def test_a_cost_that_arrives_later_counts_in_its_own_period(kind: Kind) -> None:
    """Yesterday's refund does not help today; today's does. Each once."""

    async def body(one: Bench) -> None:
        yesterday = one.clock.now()
        await one.reserved("a", 5)
        await one.settle("a", 5)
        one.clock.advance(86_400)
        await one.reserved("b", 10)
        await one.settle("b", 10)
        dollar = 1_000_000_000
        await one.stands()
        await one.budgets.correct("row 1", spender(), 3 * dollar, at=yesterday)
        assert (await one.stands()).spent == 10
        for _ in range(2):
            await one.budgets.correct("row 2", spender(), -4 * dollar, at=one.clock.now())
        assert (await one.stands()).spent == 6
        await one.reserved("c", 4)
        await one.refused("d", 0.01)

    using(kind, body)


@each
def test_a_limit_that_is_changed_holds_for_what_comes(kind: Kind) -> None:
    """What is reserved stays; another budget counts it from then on, where it can."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 6)
        one.budgets.configure((budget("5"),))
        await one.refused("b", 0.01)
        await one.settle("a", 4)
        await one.reserved("c", 1)
        await one.refused("d", 0.01)
        one.budgets.configure((budget("20"),))
        await one.reserved("e", 15)
        one.budgets.configure(())
        await one.reserved("f", 1_000)
        await one.settle("f", 1_000)
        one.budgets.configure((budget("20"),))
        await one.settle("e", 14)
        assert (await one.stands()).spent + (await one.stands()).reserved == 19

    using(kind, body)


@each
def test_many_at_once_never_get_more_than_there_is(kind: Kind) -> None:
    """Three hundred ask for seven cents each at the same time."""

    async def body(one: Bench) -> None:
        answers = await asyncio.gather(*[one.reserve(f"a{n}", 0.07) for n in range(300)])
        got = sum(isinstance(answer, Reserved) for answer in answers)
        assert got == 142

    using(kind, body)


@pytest.mark.parametrize(
    ("start", "zone", "period", "resets_at"),
    [
        ("2026-11-21T12:00+00:00", "UTC", "day", "2026-11-22T00:00+00:00"),
        ("2026-11-21T23:30+00:00", "Europe/Berlin", "day", "2026-11-22T23:00+00:00"),
        ("2026-03-29T00:30+00:00", "Europe/Berlin", "day", "2026-03-29T22:00+00:00"),  # 23 hours
        ("2026-10-25T12:00+00:00", "Europe/Berlin", "day", "2026-10-25T23:00+00:00"),  # 25 hours
        ("2026-12-31T23:30+00:00", "UTC", "month", "2027-01-01T00:00+00:00"),
        ("2026-12-31T23:30+00:00", "Asia/Tokyo", "month", "2027-01-31T15:00+00:00"),
        ("2028-02-29T12:00+00:00", "America/New_York", "month", "2028-03-01T05:00+00:00"),
        # Clocks there go from midnight to one: the day begins at one.
        ("2026-09-06T03:59+00:00", "America/Santiago", "day", "2026-09-06T04:00+00:00"),
        # They go back from midnight to eleven: the day is 25 hours long.
        ("2026-04-05T03:30+00:00", "America/Santiago", "day", "2026-04-05T04:00+00:00"),
        ("2026-11-21T12:00+00:00", "Pacific/Kiritimati", "total", None),
    ],
)
def test_periods_end_at_midnight_there(
    start: str, zone: str, period: str, resets_at: str | None
) -> None:
    """Just before it the money is gone; from then on it is there again."""
    clock = FakeClock(datetime.fromisoformat(start))

    async def body(one: Bench) -> None:
        await one.reserved("a", 10)
        await one.settle("a", 10)
        reached = await one.refused("b", 1)
        assert reached.budget.resets_at == (
            None if resets_at is None else datetime.fromisoformat(resets_at)
        )
        if reached.budget.resets_at is None:
            clock.advance(1_000 * 86_400)
            await one.refused("c", 1)
            return
        clock.advance((reached.budget.resets_at - clock.now()).total_seconds() - 0.001)
        await one.refused("c", 1)
        clock.advance(0.001)
        await one.reserved("d", 10)

    using("memory", body, budget(period=period, time_zone=zone), clock=clock)
