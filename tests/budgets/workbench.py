"""Budgets of every kind with what they need, and the ledger beside them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from anymedia.budgets.allowance import AllowanceBudgets
from anymedia.budgets.budget import Budgets, Reached, Reserved, Spender
from anymedia.budgets.memory import MemoryBudgets
from anymedia.budgets.redis import RedisBudgets
from anymedia.budgets.tally import FOLDER, Tally
from anymedia.clock import Clock
from anymedia.contracts.budget import BudgetAlert, BudgetSettings, BudgetStanding
from anymedia.contracts.configuration import StateSettings
from anymedia.state.redis import RedisLink
from anymedia.store.budgets import LedgerBudgets
from anymedia.store.database import Database
from anymedia.store.intake import enter
from anymedia.store.ledger import LedgerRow
from tests.support.clock import FakeClock
from tests.support.postgres import URL_FILE, database_in, elsewhere, needs_postgres, url_in
from tests.support.redis import URL, answers, fresh_state

Kind: TypeAlias = Literal[
    "memory", "ledger", "allowance", "redis", "ledger-postgres", "allowance-postgres"
]
KINDS: tuple[Kind, ...] = (
    *("memory", "ledger", "allowance", "redis"),
    *("ledger-postgres", "allowance-postgres"),
)
SHARED: tuple[Kind, ...] = ("ledger", "allowance", "redis", "ledger-postgres")
DOLLAR = 1_000_000_000
Body: TypeAlias = Callable[["Bench"], Awaitable[None]]


def spender(caller: str = "ann", **fields: Any) -> Spender:
    """Somebody who makes a clip, unless said."""
    facts = {"tags": (), "provider": "acme", "model": "clip-2", "medium": "video"} | fields
    return Spender(caller, **facts)


def budget(limit: str = "10", **fields: Any) -> BudgetSettings:
    """Ten dollars a day for everybody, unless said."""
    facts: dict[str, Any] = {"scope": "key", "period": "day", "limit_usd": limit}
    return BudgetSettings.model_validate(facts | fields)


@dataclass
class Bench:
    """One process' budgets."""

    budgets: Budgets
    clock: FakeClock
    alerts: list[BudgetAlert]
    database: Database | None = None
    link: RedisLink | None = None
    numbers: dict[str, int] = field(default_factory=dict)

    async def reserve(
        self, attempt: str, usd: float | None, who: Spender | None = None
    ) -> Reserved | Reached:
        """Ask for so many dollars."""
        amount = None if usd is None else round(usd * DOLLAR)
        return await self.budgets.reserve(attempt, who or spender(), amount)

    async def reserved(self, attempt: str, usd: float, who: Spender | None = None) -> Reserved:
        """Ask, and get."""
        answer = await self.reserve(attempt, usd, who)
        assert isinstance(answer, Reserved), answer
        return answer

    async def refused(self, attempt: str, usd: float | None, who: Spender | None = None) -> Reached:
        """Ask, and get nothing."""
        answer = await self.reserve(attempt, usd, who)
        assert isinstance(answer, Reached), answer
        return answer

    async def settle(self, attempt: str, usd: float | None) -> None:
        """It did cost so many dollars."""
        await self.budgets.settle(attempt, None if usd is None else round(usd * DOLLAR))

    async def stands(self, scope: str = "key", name: str = "ann") -> BudgetStanding:
        """How one budget stands."""
        for one in await self.budgets.standing():
            if (one.scope, one.name) == (scope, name):
                return one
        raise AssertionError(f"no budget of {scope} {name}")

    async def sums(self, scope: str = "key", name: str = "ann") -> list[float]:
        """Dollars spent, reserved and left."""
        one = await self.stands(scope, name)
        return [float(one.spent), float(one.reserved), float(one.left)]

    async def enter(self, **facts: Any) -> None:
        """A row of the ledger."""
        assert self.database is not None
        row = ledger_row(self.clock, **facts)
        await self.database.write(lambda c: enter(c, [row]))


def ledger_row(clock: Clock, **facts: Any) -> LedgerRow:
    """Ann's clip, unless said."""
    known: dict[str, Any] = {
        "at": clock.time(),
        "owner": "ann",
        "provider": "acme",
        "model": "clip-2",
        "medium": "video",
    }
    known |= facts
    known.setdefault("id", f"{known['attempt_id']}:{known['entry']}")
    return LedgerRow(**known)


@asynccontextmanager
async def bench(
    kind: Kind,
    *settings: BudgetSettings,
    clock: FakeClock | None = None,
    directory: Path | None = None,
    state: StateSettings | None = None,
    **fields: Any,
) -> AsyncIterator[Bench]:
    """One process. Those with the same directory or state share it."""
    clock = clock or FakeClock()
    alerts: list[BudgetAlert] = []
    async with AsyncExitStack() as stack:
        if kind == "memory":
            budgets: Budgets = MemoryBudgets(settings, clock=clock, tell=alerts.append, **fields)
            yield Bench(budgets, clock, alerts)
            return
        if kind == "redis":
            link = RedisLink(
                state or fresh_state(), clock=clock, report=fields.pop("report", lambda _: None)
            )
            stack.push_async_callback(link.close)
            budgets = RedisBudgets(settings, link=link, clock=clock, tell=alerts.append, **fields)
            yield Bench(budgets, clock, alerts, link=link)
            if link.up:
                await emptied(link)
            return
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(placed(kind, directory))
        database = database_in(directory)
        stack.push_async_callback(database.close)
        ledger = LedgerBudgets(settings, database=database, clock=clock, tell=alerts.append)
        budgets = ledger
        if kind.startswith("allowance"):
            tally = Tally(directory / FOLDER)
            stack.callback(tally.leave)
            budgets = AllowanceBudgets(ledger, tally, clock=clock)
        yield Bench(budgets, clock, alerts, database=database)


@contextmanager
def placed(kind: str, directory: Path) -> Iterator[None]:
    """A directory's database is where its kind says, unless somebody has placed it already."""
    with ExitStack() as stack:
        if kind.endswith("postgres") and url_in(directory) is None:
            stack.enter_context(elsewhere(directory))
            stack.callback((directory / URL_FILE).unlink)
        yield


async def emptied(link: RedisLink) -> None:
    """Nothing of a test stays in Redis."""
    found = await link.command("KEYS", link.key("*"))
    if found:
        await link.command("DEL", *found)


def kinds(*names: Kind) -> list[Any]:
    """Parameters of a test: without a Redis, those that need none."""
    import pytest

    mark = pytest.mark.skipif(not answers(URL), reason=f"no Redis at {URL}")
    marks = {"redis": mark, "postgres": needs_postgres()}
    return [pytest.param(one, marks=marks.get(one.rpartition("-")[2], ())) for one in names]
