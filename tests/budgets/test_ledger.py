"""Budgets beside the ledger: founded on it, following it, rebuilt from it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.budgets.budget import Reserved
from anymedia.budgets.memory import MemoryBudgets
from anymedia.budgets.tally import FOLDER
from anymedia.contracts.budget import BudgetSettings
from anymedia.store.budgets import DANGLING_SECONDS, LedgerBudgets
from anymedia.store.journal import FOLDER as JOURNALS, Journal
from anymedia.store.schema import VERSION
from tests.budgets.workbench import DOLLAR, Bench, bench, budget, ledger_row, spender
from tests.store.test_upgrades import SINCE
from tests.support.clock import FakeClock

Work = Callable[[Bench], Awaitable[None]]
each = pytest.mark.usefixtures("each_database")


def in_ledger(directory: Path, body: Work, *settings: BudgetSettings, **fields: Any) -> None:
    """With budgets in a database."""

    async def work() -> None:
        kind = fields.pop("kind", "ledger")
        async with bench(kind, *(settings or (budget(),)), directory=directory, **fields) as one:
            await body(one)

    asyncio.run(work())


@each
def test_a_new_budget_begins_with_what_the_ledger_knows(tmp_path: Path) -> None:
    """Settled, open and corrected attempts of the period, by key, tag, medium and model."""

    async def body(one: Bench) -> None:
        await one.enter(attempt_id="old", entry="settle", amount=50 * DOLLAR)
        one.clock.advance(11 * 3600)
        await one.enter(attempt_id="late", entry="reserve", amount=40 * DOLLAR)
        one.clock.advance(13 * 3600)  # the next day, at noon
        await one.enter(attempt_id="late", entry="settle", amount=40 * DOLLAR)
        await one.enter(attempt_id="a", entry="settle", amount=1 * DOLLAR, tags=("film",))
        await one.enter(attempt_id="b", entry="reserve", amount=2 * DOLLAR)
        await one.enter(attempt_id="b", entry="settle", amount=3 * DOLLAR, tags=("film",))
        await one.enter(attempt_id="c", entry="reserve", amount=4 * DOLLAR)
        await one.enter(attempt_id="d", entry="reserve", amount=30 * DOLLAR)
        await one.enter(attempt_id="d", entry="release", amount=0)
        await one.enter(attempt_id="e", entry="settle", amount=9 * DOLLAR, owner="ben")
        await one.enter(attempt_id="a", entry="correct", amount=2 * DOLLAR)
        one.budgets.configure(
            (
                budget("100"),
                budget("100", scope="tag", name="film"),
                budget("100", scope="medium", name="video"),
                budget("100", scope="model", name="acme/clip-2"),
                budget("1000", scope="all", period="total"),
            )
        )
        await one.reserve("mine", 1)
        found = {
            str(each.scope): (float(each.spent), float(each.reserved))
            for each in await one.budgets.standing()
        }
        assert found == {
            "key": (5, 5),
            "tag": (5, 0),
            "medium": (14, 5),
            "model": (14, 5),
            "all": (104, 5),
        }
        await one.enter(attempt_id="c", entry="settle", amount=1 * DOLLAR)
        assert (await one.sums())[:2] == [6, 1]

    in_ledger(tmp_path, body, BudgetSettings(scope="tag", limit_usd=Decimal(1)))


@each
def test_who_ends_an_attempt_in_the_ledger_has_ended_its_reservation(tmp_path: Path) -> None:
    """Jobs only reserve. Rows may be entered twice; an unknown cost leaves it reserved."""

    async def body(one: Bench) -> None:
        for attempt in ("a", "b", "c", "d"):
            await one.reserved(attempt, 2)
            await one.enter(attempt_id=attempt, entry="reserve", amount=2 * DOLLAR)
        for _ in range(2):
            await one.enter(attempt_id="a", entry="settle", amount=3 * DOLLAR)
            await one.enter(attempt_id="b", entry="release", amount=0)
            await one.enter(attempt_id="c", entry="pending")
            await one.enter(attempt_id="d", entry="settle", amount=None)
            assert (await one.sums())[:2] == [5, 2]  # no price: what was reserved
        await one.settle("a", 9)
        assert (await one.stands()).spent == 5

    in_ledger(tmp_path, body)


@each
def test_a_correction_in_the_ledger_counts_once_and_where_it_belongs(tmp_path: Path) -> None:
    """It says what the attempt did cost after all; the difference goes to the attempt's day."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 2)
        await one.enter(attempt_id="a", entry="settle", amount=2 * DOLLAR)
        await one.reserved("open", 4)
        await one.enter(attempt_id="open", entry="pending")
        for _ in range(2):
            await one.enter(attempt_id="a", entry="correct", amount=5 * DOLLAR)
            await one.enter(attempt_id="open", entry="correct", amount=3 * DOLLAR)
        assert (await one.stands()).spent == 8
        assert (await one.stands()).reserved == 0
        one.clock.advance(86_400)
        await one.reserved("b", 1)
        await one.enter(id="again", attempt_id="a", entry="correct", amount=1 * DOLLAR)
        assert (await one.stands()).spent == 0
        await one.budgets.correct("again", spender(), 7 * DOLLAR, at=one.clock.now())
        assert (await one.stands()).spent == 7

    in_ledger(tmp_path, body)


@pytest.mark.parametrize("kind", ["ledger", "allowance"])
@each
def test_after_a_restart_everything_is_as_it_was(tmp_path: Path, kind: str) -> None:
    """Spent, reserved, and which marks were told."""
    settings = budget(alert_at=(0.5,))

    async def first(one: Bench) -> None:
        await one.reserved("a", 6)
        await one.settle("a", 6)
        await one.reserved("b", 1)
        if kind == "ledger":
            await one.enter(attempt_id="b", entry="reserve", amount=DOLLAR)
        await one.budgets.tend()
        assert len(one.alerts) == 1

    async def second(one: Bench) -> None:
        stands = await one.stands()
        assert stands.spent + stands.reserved == 7
        await one.refused("c", 3.01)
        await one.reserved("d", 3)
        await one.budgets.tend()
        assert [each.kind for each in one.alerts] == ["budget-reached"]

    in_ledger(tmp_path, first, settings, kind=kind)  # it leaves without closing, as if killed
    in_ledger(tmp_path, second, settings, kind=kind)


@each
def test_a_reservation_of_which_the_ledger_never_heard_is_released(tmp_path: Path) -> None:
    """Its process died between reserving and writing the attempt down."""

    async def body(one: Bench) -> None:
        await one.reserved("lost", 4)
        await one.reserved("kept", 5)
        await one.enter(attempt_id="kept", entry="reserve", amount=5 * DOLLAR)
        one.clock.advance(DANGLING_SECONDS - 1)
        await one.budgets.tend()
        assert (await one.stands()).reserved == 9
        one.clock.advance(2)
        await one.budgets.tend()
        assert (await one.stands()).reserved == 5

    in_ledger(tmp_path, body)


@each
def test_what_lies_in_journals_counts_from_the_beginning(tmp_path: Path) -> None:
    """A process died before its rows came into the database."""
    clock = FakeClock()
    journal = Journal(tmp_path / JOURNALS)
    journal.record(ledger_row(clock, attempt_id="a", entry="settle", amount=8 * DOLLAR))

    async def body(one: Bench) -> None:
        await one.refused("b", 3)
        await one.reserved("c", 2)

    in_ledger(tmp_path, body, clock=clock)
    journal.close()


@each
def test_a_tally_that_is_lost_counts_as_used_up(tmp_path: Path) -> None:
    """Somebody deleted it: better too much than too little."""

    async def first(one: Bench) -> None:
        await one.reserved("a", 4)
        await one.settle("a", 1)

    async def second(one: Bench) -> None:
        await one.budgets.tend()
        assert (await one.stands()).spent == 4

    in_ledger(tmp_path, first, kind="allowance")
    for path in (tmp_path / FOLDER).iterdir():
        path.unlink()
    in_ledger(tmp_path, second, kind="allowance")


@each
def test_accounts_of_long_ago_are_forgotten(tmp_path: Path) -> None:
    """Forty days after their period; totals never."""

    async def body(one: Bench) -> None:
        await one.reserved("a", 1)
        await one.settle("a", 1)
        assert one.database is not None

        def count(connection: Any) -> int:
            return int(
                connection.exec_driver_sql("SELECT count(*) FROM budget_accounts").scalar_one()
            )

        for days, left in ((40, 2), (2, 1), (4_000, 1)):
            one.clock.advance(days * 86_400)
            await one.budgets.tend()
            assert await one.database.read(count) == left

    in_ledger(tmp_path, body, budget(), budget(scope="provider", period="total"))


@each
def test_budgets_in_memory_can_be_founded_on_the_ledger_too(tmp_path: Path) -> None:
    """For one process that keeps its jobs in a database."""

    async def body(one: Bench) -> None:
        await one.enter(attempt_id="a", entry="settle", amount=3 * DOLLAR)
        await one.enter(attempt_id="b", entry="reserve", amount=4 * DOLLAR)
        assert isinstance(one.budgets, LedgerBudgets)
        memory = MemoryBudgets(
            (budget(alert_at=(0.5, 0.9)),),
            clock=one.clock,
            tell=one.alerts.append,
            founding=one.budgets.founded,
        )
        other = Bench(memory, one.clock, one.alerts)
        assert (await other.refused("c", 4)).left == 3 * DOLLAR
        await memory.settle("b", 1 * DOLLAR)
        await other.reserved("d", 6)
        assert (await other.sums())[:2] == [4, 6]
        assert [each.share for each in one.alerts] == [None, 0.9]

    in_ledger(tmp_path, body)


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_an_earlier_release_opens_and_its_money_counts(
    tmp_path: Path, version: int
) -> None:
    """Without tables of budgets, and, in the first, without two columns."""

    async def before(one: Bench) -> None:
        await one.enter(attempt_id="a", entry="settle", amount=8 * DOLLAR)

    async def after(one: Bench) -> None:
        await one.refused("b", 3)
        assert isinstance(await one.reserve("c", 2), Reserved)

    in_ledger(tmp_path, before)
    with sqlite3.connect(tmp_path / "anymedia.db") as other:
        for step in range(VERSION - 1, version - 1, -1):
            for statement in SINCE[step]:
                other.execute(statement)
        other.execute(
            "UPDATE anymedia_meta SET value = ? WHERE key = 'schema_version'", (str(version),)
        )
    other.close()
    in_ledger(tmp_path, after)
    with sqlite3.connect(tmp_path / "anymedia.db") as other:
        found = other.execute(
            "SELECT value FROM anymedia_meta WHERE key = 'schema_version'"
        ).fetchone()
        columns = {row[1] for row in other.execute("PRAGMA table_info(attempts)")}
    other.close()
    assert found == (str(VERSION),)
    assert {"variant", "quality"} <= columns
