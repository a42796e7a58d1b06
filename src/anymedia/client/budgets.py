"""The budgets of an installation: who counts what, for jobs and for what is answered at once.

Without Redis the database counts: jobs reserve in it, and what is quick spends from an allowance
lent by it. With Redis, everything is counted there, and the ledger says what an account begins
with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anymedia.budgets.allowance import AllowanceBudgets
from anymedia.budgets.budget import Budgets
from anymedia.budgets.redis import RedisBudgets
from anymedia.budgets.tally import FOLDER, Tally
from anymedia.clock import Clock
from anymedia.contracts.budget import BudgetAlert, BudgetSettings, BudgetStanding
from anymedia.state.redis import RedisLink
from anymedia.store.budgets import LedgerBudgets
from anymedia.store.database import Database


@dataclass(frozen=True, slots=True)
class Books:
    """Who counts for whom."""

    jobs: Budgets
    quick: Budgets
    ledger: LedgerBudgets
    redis: RedisBudgets | None = None

    def configure(self, settings: tuple[BudgetSettings, ...]) -> None:
        """Other budgets; what was spent and is reserved stays."""
        for one in {id(one): one for one in (self.ledger, self.quick, self.jobs)}.values():
            one.configure(settings)

    async def standing(self) -> tuple[BudgetStanding, ...]:
        """How each budget stands."""
        return await self.quick.standing()  # which tells first what it has spent by itself

    async def tend(self) -> None:
        """What has to be done every few seconds: allowances given back, alerts told."""
        if self.redis is not None:
            await self.redis.reconcile(self.ledger.settled)
            await self.redis.tend()
            return
        await self.quick.tend()

    async def close(self) -> None:
        """Give back what is not needed any more."""
        await self.quick.close()


def opened(
    settings: tuple[BudgetSettings, ...],
    *,
    database: Database,
    clock: Clock,
    link: RedisLink | None,
    tell: Callable[[BudgetAlert], None],
) -> Books:
    """The budgets, on this database and, where there is one, on Redis."""
    ledger = LedgerBudgets(settings, database=database, clock=clock, tell=tell)
    if link is not None:
        shared = RedisBudgets(settings, link=link, clock=clock, tell=tell, founding=ledger.founded)
        return Books(shared, shared, ledger, shared)
    tally = Tally(database.directory / FOLDER)
    return Books(ledger, AllowanceBudgets(ledger, tally, clock=clock), ledger)
