"""Budgets in the database of the data directory: shared by all processes of a machine.

The ledger is the authority. Reservations are rows beside it, and end when the ledger says that
their attempt has (see `anymedia.store.accounts`), so jobs have only to reserve.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, select

from anymedia.budgets.allowance import Ask, Granted, Report
from anymedia.budgets.budget import (
    REACHED,
    Budget,
    Founded,
    Reached,
    Reserved,
    Spender,
    Tell,
    alert,
    bounded,
    stands,
    verdict,
    warned,
)
from anymedia.budgets.concerns import Concerns
from anymedia.budgets.memory import KEPT_SECONDS
from anymedia.budgets.tally import FOLDER, abandoned, numbers
from anymedia.clock import Clock
from anymedia.contracts.budget import BudgetAlert, BudgetSettings, BudgetStanding
from anymedia.store import accounts, allowances
from anymedia.store.database import Database
from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER as JOURNALS
from anymedia.store.schema import budget_accounts

DANGLING_SECONDS = 600.0
"""A reservation of which the ledger knows nothing after so long was made by a process that died."""
NEWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction answers, and who has to be told of what when it is on the disk."""

    answer: Reserved | Reached | Granted
    alerts: tuple[BudgetAlert, ...] = ()


class LedgerBudgets:
    """Reserves in the database, one transaction each: for what takes long or costs much.

    It also lends to `AllowanceBudgets`, for what is quick.
    """

    def __init__(
        self,
        settings: Sequence[BudgetSettings],
        *,
        database: Database,
        clock: Clock,
        tell: Tell = lambda _: None,
    ) -> None:
        self._concerns = Concerns(settings)
        self._database = database
        self._clock = clock
        self._tell = tell
        self._ready = False

    def configure(self, settings: Sequence[BudgetSettings]) -> None:
        """Other budgets; what was spent and is reserved stays."""
        self._concerns = Concerns(settings)
        self._ready = False

    def concerned(self, spender: Spender) -> tuple[Budget, ...]:
        """The budgets that an attempt of this kind falls under at this moment."""
        return self._concerns.find(spender, self._now())

    def reserve_now(
        self,
        attempt_id: str,
        spender: Spender,
        nano_usd: int | None,
    ) -> None:
        """The database has to be asked."""

    async def reserve(
        self, attempt_id: str, spender: Spender, nano_usd: int | None
    ) -> Reserved | Reached:
        """Take the most it can cost out of all budgets or none; `None` is an unknown price.

        When this returns, it is on the disk. Whoever reserves writes a row of the ledger soon.
        """
        budgets = self.concerned(spender)
        if not budgets:
            return Reserved(attempt_id)
        await self._begin()
        work = partial(
            self._reserve, attempt_id=attempt_id, budgets=budgets, amount=bounded(nano_usd)
        )
        answer = self._told(await self._database.write(work))
        assert not isinstance(answer, Granted)
        return answer

    def _reserve(
        self,
        connection: Connection,
        attempt_id: str,
        budgets: Sequence[Budget],
        amount: int | None,
    ) -> Outcome:
        if accounts.held(connection, attempt_id):
            return Outcome(Reserved(attempt_id))
        committed = [one.committed for one in accounts.opened(connection, budgets)]
        reached = verdict(budgets, committed, amount)
        if reached is not None:
            return self._reached(connection, reached)
        keys = [budget.key for budget in budgets]
        accounts.hold(connection, attempt_id, keys, amount or 0, self._now())
        over = warned(budgets, committed, amount)
        return Outcome(Reserved(attempt_id, over), self._marked(connection, budgets))

    def settle_now(self, attempt_id: str, nano_usd: int | None) -> Awaitable[None]:
        """The same as `settle`."""
        return self.settle(attempt_id, nano_usd)

    async def settle(self, attempt_id: str, nano_usd: int | None) -> None:
        """What it did cost, for those who do not enter that into the ledger themselves."""
        if nano_usd is not None:
            amount = bounded(nano_usd)
            await self._database.write(lambda c: accounts.end(c, attempt_id, amount))

    async def release(self, attempt_id: str) -> None:
        """Nothing was spent."""
        await self.settle(attempt_id, 0)

    async def correct(
        self, entry_id: str, spender: Spender, nano_usd: int, *, at: datetime
    ) -> None:
        """An attempt of then cost so much more (or less, below nothing) than was settled.

        Rows of the ledger that say `correct` do this by themselves.
        """
        moment = at.timestamp()
        await self._database.write(
            lambda c: accounts.correct(c, entry_id, spender, nano_usd, moment)
        )

    async def standing(self) -> tuple[BudgetStanding, ...]:
        """How all budgets stand in the present period, as far as anything is in them."""
        await self._begin()
        return await self._database.write(self._standing)

    def _standing(self, connection: Connection) -> tuple[BudgetStanding, ...]:
        now = self._now()
        accounts.opened(connection, self._concerns.named(now))
        query = select(budget_accounts).where(
            budget_accounts.c.starts <= now, budget_accounts.c.ends > now
        )
        found = []
        for row in connection.execute(query.order_by(budget_accounts.c.key)).mappings():
            budget = self._concerns.of(*accounts.subject_of(row), now)
            if budget is not None and budget.key == row["key"]:
                found.append(stands(budget, row["spent"], row["held"]))
        return tuple(found)

    async def founded(self, budgets: Sequence[Budget]) -> list[Founded]:
        """What the ledger knows, for those who count elsewhere."""
        await self._begin()
        return await self._database.read(
            lambda c: [accounts.founding(c, budget) for budget in budgets]
        )

    async def settled(self, attempt_ids: Sequence[str]) -> dict[str, int | None]:
        """What became of those attempts that are over, for those who count elsewhere."""
        await take_in(self._database, self._database.directory / JOURNALS)
        return await self._database.read(lambda c: accounts.settled(c, attempt_ids))

    # --- a bank for allowances ------------------------------------------------------------

    async def draw(
        self, holder: str, asks: Sequence[Ask], nano_usd: int | None
    ) -> Granted | Reached:
        """Lend at least what an attempt needs of every account, or nothing of any."""
        await self._begin()

        def work(connection: Connection) -> Outcome:
            drawn = allowances.drawn(connection, holder, asks, nano_usd)
            if drawn.reached is not None:
                return self._reached(connection, drawn.reached)
            alerts = self._marked(connection, [ask.budget for ask in asks])
            return Outcome(Granted(drawn.amounts, drawn.over), alerts)

        answer = self._told(await self._database.write(work))
        assert not isinstance(answer, Reserved)
        return answer

    async def report(self, holder: str, reports: Mapping[str, Report]) -> Mapping[str, int]:
        """Take back what is not kept. What has been lent of each account now."""
        return await self._database.write(lambda c: allowances.reported(c, holder, reports))

    # --- upkeep ---------------------------------------------------------------------------

    async def tend(self) -> None:
        """Tell of marks that were passed, and clear up after processes that died."""
        if self._concerns.settings:
            await self._begin()
            await self._clear_up()
            for one in await self._database.write(self._news):
                self._tell(one)

    async def close(self) -> None:
        """Nothing has to be given back."""

    async def _begin(self) -> None:
        """Once: what others left behind, so that accounts begin with all that is known."""
        if self._ready:
            return
        await take_in(self._database, self._database.directory / JOURNALS)
        await self._clear_up()
        self._ready = True

    async def _clear_up(self) -> None:
        directory = self._database.directory / FOLDER
        with abandoned(directory) as paths:
            for path in paths:
                work = partial(allowances.buried, holder=path.name, numbers=numbers(path))
                await self._database.write(work)
                path.unlink(missing_ok=True)

        def work_of_the_lost(connection: Connection) -> None:
            for holder in allowances.lost(connection, directory):
                allowances.buried(connection, holder, None)
            accounts.dangling(connection, self._now() - DANGLING_SECONDS)
            accounts.pruned(connection, self._now() - KEPT_SECONDS)

        await self._database.write(work_of_the_lost)

    def _news(self, connection: Connection) -> list[BudgetAlert]:
        """Marks that were passed as rows entered the ledger."""
        now, alerts = self._now(), list[BudgetAlert]()
        for row in accounts.with_news(connection, now, NEWS_AT_ONCE):
            budget = self._concerns.of(*accounts.subject_of(row), now)
            if budget is not None and budget.key == row["key"]:
                alerts += self._alerts(connection, budget, row["spent"] + row["held"])
        return alerts

    def _marked(self, connection: Connection, budgets: Sequence[Budget]) -> tuple[BudgetAlert, ...]:
        watched = [budget for budget in budgets if budget.settings.alert_at]
        found = accounts.fetched(connection, [budget.key for budget in watched]) if watched else {}
        return tuple(
            one
            for budget in watched
            for one in self._alerts(
                connection, budget, found[budget.key].spent + found[budget.key].held
            )
        )

    def _alerts(
        self, connection: Connection, budget: Budget, committed: int
    ) -> tuple[BudgetAlert, ...]:
        marks = budget.marks(committed)
        new = accounts.passed(connection, budget, marks) if marks else []
        return tuple(alert(budget, mark, committed, self._clock.now()) for mark in new)

    def _reached(self, connection: Connection, reached: Reached) -> Outcome:
        alerts: tuple[BudgetAlert, ...] = ()
        if not (reached.unpriced or reached.never):
            budget = reached.budget
            new = accounts.passed(connection, budget, (REACHED,))
            committed = budget.limit - reached.left
            alerts = tuple(alert(budget, one, committed, self._clock.now()) for one in new)
        return Outcome(reached, alerts)

    def _told(self, outcome: Outcome) -> Reserved | Reached | Granted:
        for one in outcome.alerts:
            self._tell(one)
        return outcome.answer

    def _now(self) -> float:
        return self._clock.time()
