"""Several processes with one budget; some of them die."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from anymedia.budgets.redis import RedisBudgets
from anymedia.budgets.tally import ENDING, FOLDER
from anymedia.clock import SystemClock
from anymedia.contracts.budget import BudgetStanding
from anymedia.contracts.configuration import StateSettings
from anymedia.state.redis import RedisLink
from anymedia.store.budgets import LedgerBudgets
from tests.budgets.hammer import DEAREST, settings
from tests.budgets.workbench import DOLLAR, SHARED, Kind, emptied, kinds, placed
from tests.support.postgres import database_in
from tests.support.redis import fresh_state

ROOT = Path(__file__).parents[2]
LIMIT = 12
"""Dollars."""


async def started(
    kind: Kind, where: str, state: StateSettings, *names: str, more: str = ""
) -> list[Any]:
    """Processes with 25 callers each, which begin at the same time."""
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.budgets.hammer", kind, where, state.namespace, name, "25",
            str(LIMIT), more, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe,
        )
        for name in names
    ]  # fmt: skip
    for one in processes:
        assert one.stdout is not None
        assert await one.stdout.readline() == b"ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write(b"go\n")
    return processes


def grown(file: Path, size: int) -> None:
    """Wait until a file is so large; not for ever."""
    for _ in range(3_000):
        if file.stat().st_size >= size:
            return
        time.sleep(0.005)


async def stands(kind: Kind, where: str, state: StateSettings) -> BudgetStanding:
    """How the budget stands, for somebody who comes later."""
    clock = SystemClock()
    if kind == "redis":
        link = RedisLink(state, clock=clock, report=lambda _: None)
        found = await RedisBudgets(settings(str(LIMIT)), link=link, clock=clock).standing()
        await emptied(link)
        await link.close()
    else:
        database = database_in(Path(where))
        budgets = LedgerBudgets(settings(str(LIMIT)), database=database, clock=clock)
        await budgets.tend()
        found = await budgets.standing()
        await database.close()
    return next(one for one in found if one.scope == "key")


@pytest.mark.parametrize("kind", kinds(*SHARED))
def test_fifty_callers_in_two_processes_spend_nearly_all_and_never_more(
    kind: Kind, tmp_path: Path
) -> None:
    """Twelve dollars, three cents at most a call: all but five percent is spent, to the cent."""

    async def work() -> None:
        state = fresh_state()
        where = str(state.redis_url) if kind == "redis" else str(tmp_path)
        processes = await started(kind, where, state, "first", "second")
        outputs = [await one.communicate() for one in processes]
        assert [one.returncode for one in processes] == [0, 0], outputs
        got = [json.loads(out) for out, _ in outputs]
        spent = sum(one["spent"] for one in got)
        # SQLite is not fair: who writes all the time may keep the other waiting to the end.
        assert kind != "redis" or all(one["calls"] for one in got)
        assert all(one["refused"] for one in got)
        assert sum(one["alone"] for one in got) == 0
        assert 0.95 * LIMIT * DOLLAR <= spent <= LIMIT * DOLLAR
        later = await stands(kind, where, state)
        assert later.spent * DOLLAR == spent
        assert later.reserved == 0
        print(f"{kind}: {spent / DOLLAR:.3f} of {LIMIT} spent in {[one['calls'] for one in got]}")

    with placed(kind, tmp_path):
        asyncio.run(work())


@pytest.mark.parametrize("kind", kinds(*SHARED))
def test_what_was_under_way_in_a_process_that_died_counts(kind: Kind, tmp_path: Path) -> None:
    """Killed with 25 calls in flight: what was spent and reserved counts, and not a cent more."""

    async def work() -> None:
        state = fresh_state()
        where = str(state.redis_url) if kind == "redis" else str(tmp_path)
        (dying,) = await started(kind, where, state, "first", more="hang")
        got = json.loads(await dying.stdout.readline())
        dying.kill()
        await dying.communicate()
        assert got["in_flight"] == 25 * 30_000_000
        later = await stands(kind, where, state)
        committed = (later.spent + later.reserved) * DOLLAR
        assert committed == got["spent"] + got["in_flight"]
        assert list((tmp_path / FOLDER).glob(f"*{ENDING}")) == []

    with placed(kind, tmp_path):
        asyncio.run(work())


@pytest.mark.parametrize("kind", kinds("allowance", "redis", "allowance-postgres"))
def test_the_invoice_stays_below_the_budget_however_often_processes_die(
    kind: Kind, tmp_path: Path
) -> None:
    """Two at a time, killed at any moment; the provider bills whatever reached it."""

    async def work() -> None:
        state, invoice = fresh_state(), tmp_path / "invoice"
        where = str(state.redis_url) if kind == "redis" else str(tmp_path / "data")
        invoice.touch()
        kills = 6
        for number in range(kills):
            name = f"dying {number}"
            before = invoice.stat().st_size
            (one,) = await started(kind, where, state, name, more=str(invoice))
            await asyncio.to_thread(grown, invoice, before + 300)
            if one.returncode is None:
                one.kill()
            await one.communicate()
        last = await started(kind, where, state, "a", "b", more=str(invoice))
        outputs = [await one.communicate() for one in last]
        assert [one.returncode for one in last] == [0, 0], outputs
        billed = sum(map(int, invoice.read_text().split()))
        later = await stands(kind, where, state)
        committed = (later.spent + later.reserved) * DOLLAR
        assert billed <= committed <= LIMIT * DOLLAR
        # What was under way when they died is lost, and no more than that.
        assert committed - billed <= kills * 25 * DEAREST
        assert committed >= 0.95 * LIMIT * DOLLAR

    with placed(kind, tmp_path / "data"):
        asyncio.run(work())
