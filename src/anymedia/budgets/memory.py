"""Budgets counted in this process. Nothing here waits, unless accounts are founded elsewhere."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from anymedia.budgets.budget import (
    REACHED,
    Budget,
    Founded,
    Founding,
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
from anymedia.clock import Clock
from anymedia.contracts.budget import BudgetSettings, BudgetStanding

KEPT_SECONDS = 40 * 86_400.0
"""An account is kept this long after its period, for costs that arrive late."""
MOST_CORRECTIONS = 100_000


@dataclass(slots=True)
class Account:
    """What one subject has spent in one period."""

    budget: Budget
    spent: int = 0
    reserved: int = 0
    told: set[str] = field(default_factory=set)

    @property
    def committed(self) -> int:
        """What is not left any more."""
        return self.spent + self.reserved


@dataclass(slots=True)
class Held:
    """A reservation, and the accounts it lies in."""

    spender: Spender | None
    """`None` when all that is known is that the ledger has it."""
    at: float
    amount: int
    keys: tuple[str, ...]


class MemoryBudgets:
    """Adds up in this process alone."""

    def __init__(
        self,
        settings: Sequence[BudgetSettings],
        *,
        clock: Clock,
        tell: Tell = lambda _: None,
        founding: Founding | None = None,
    ) -> None:
        self._concerns = Concerns(settings)
        self._clock = clock
        self._tell = tell
        self._founding = founding
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._held: dict[str, Held] = {}
        self._corrected: OrderedDict[str, None] = OrderedDict()

    def configure(self, settings: Sequence[BudgetSettings]) -> None:
        """Other budgets; what was spent and is reserved stays, and counts in new ones too."""
        self._concerns = Concerns(settings)
        for account in self._accounts.values():
            of, now = account.budget.settings, account.budget.starts
            found = self._concerns.of(of.scope, account.budget.subject, of.period, now)
            if found is not None and found.key == account.budget.key:
                account.budget = found
        if self._founding is not None:
            return  # the ledger knows what is reserved
        for held in self._held.values():
            if held.spender is None:
                continue
            for budget in self._concerns.find(held.spender, held.at):
                if budget.key not in held.keys:
                    held.keys = (*held.keys, budget.key)
                    self._account(budget).reserved += held.amount

    def concerned(self, spender: Spender) -> tuple[Budget, ...]:
        """The budgets that an attempt of this kind falls under at this moment."""
        return self._concerns.find(spender, self._now())

    def reserve_now(
        self,
        attempt_id: str,
        spender: Spender,
        nano_usd: int | None,
    ) -> None:
        """An account may have to be opened."""

    async def reserve(
        self, attempt_id: str, spender: Spender, nano_usd: int | None
    ) -> Reserved | Reached:
        """Take the most it can cost out of all budgets or none; `None` is an unknown price."""
        if attempt_id in self._held:
            return Reserved(attempt_id)
        now, amount = self._now(), bounded(nano_usd)
        budgets = self._concerns.find(spender, now)
        if not budgets:
            return Reserved(attempt_id)
        await self._found(budgets)
        if attempt_id in self._held:
            return Reserved(attempt_id)  # meanwhile
        accounts = [self._account(budget) for budget in budgets]
        committed = [account.committed for account in accounts]
        reached = verdict(budgets, committed, amount)
        if reached is not None:
            self.refused(reached)
            return reached
        self._hold(attempt_id, spender, now, amount or 0, budgets)
        return Reserved(attempt_id, over=warned(budgets, committed, amount))

    def _hold(
        self,
        attempt_id: str,
        spender: Spender | None,
        at: float,
        amount: int,
        budgets: Sequence[Budget],
    ) -> None:
        self._held[attempt_id] = Held(spender, at, amount, tuple(one.key for one in budgets))
        for budget in budgets:
            account = self._account(budget)
            account.reserved += amount
            self._look(account)

    def settle_now(self, attempt_id: str, nano_usd: int | None) -> Awaitable[None]:
        """The same as `settle`."""
        return self.settle(attempt_id, nano_usd)

    async def settle(self, attempt_id: str, nano_usd: int | None) -> None:
        """What it did cost; `None` while nobody knows: then it stays reserved."""
        amount = bounded(nano_usd)
        if amount is not None:
            self._end(attempt_id, amount)

    def _end(self, attempt_id: str, amount: int) -> None:
        held = self._held.pop(attempt_id, None)
        for key in held.keys if held is not None else ():
            if (account := self._accounts.get(key)) is not None:
                assert held is not None
                account.reserved -= held.amount
                account.spent += amount
                self._look(account)

    async def release(self, attempt_id: str) -> None:
        """Nothing was spent."""
        await self.settle(attempt_id, 0)

    async def correct(
        self, entry_id: str, spender: Spender, nano_usd: int, *, at: datetime
    ) -> None:
        """An attempt of then cost so much more (or less, below nothing) than was settled."""
        if entry_id in self._corrected:
            return
        self._corrected[entry_id] = None
        if len(self._corrected) > MOST_CORRECTIONS:
            self._corrected.popitem(last=False)
        budgets = self._concerns.find(spender, at.timestamp())
        new = {budget.key for budget in budgets if budget.key not in self._accounts}
        await self._found(budgets)
        for budget in budgets:
            if self._founding is not None and budget.key in new:
                continue  # the ledger said so already
            account = self._account(budget)
            account.spent += nano_usd
            self._look(account)

    async def standing(self) -> tuple[BudgetStanding, ...]:
        """How all budgets stand in the present period, as far as anything is in them."""
        now = self._now()
        await self._found(self._concerns.named(now))
        found = []
        for account in list(self._accounts.values()):
            settings, subject = account.budget.settings, account.budget.subject
            budget = self._concerns.of(settings.scope, subject, settings.period, now)
            if budget is not None and budget.key == account.budget.key:
                found.append(stands(budget, account.spent, account.reserved))
        return tuple(found)

    async def tend(self) -> None:
        """Nothing has to be done."""

    async def close(self) -> None:
        """Nothing has to be given back."""

    # --- what others, who count elsewhere, tell it ----------------------------------------

    def record(
        self, attempt_id: str, spender: Spender, amount: int, budgets: Sequence[Budget]
    ) -> None:
        """Count a reservation that was made elsewhere, without asking whether there is room."""
        if attempt_id not in self._held:
            self._hold(attempt_id, spender, self._now(), amount, budgets)

    def holds(self, attempt_id: str) -> bool:
        """Whether an attempt has reserved something."""
        return attempt_id in self._held

    def heard(self, budget: Budget, committed: int) -> None:
        """What is known elsewhere of an account: with the reservations of other processes."""
        account = self._account(budget)
        account.spent = committed - account.reserved
        self._look(account)

    def refused(self, reached: Reached) -> None:
        """A budget was in the way of a request."""
        if not (reached.unpriced or reached.never):
            self._mark(self._account(reached.budget), (REACHED,))

    def known(self, budget: Budget) -> Founded:
        """What this process knows of an account."""
        account = self._accounts.get(budget.key)
        inside = {one: held.amount for one, held in self._held.items() if budget.key in held.keys}
        if account is None:
            return Founded(0, inside)
        return Founded(account.committed - sum(inside.values()), inside)

    # --- accounts -------------------------------------------------------------------------

    async def _found(self, budgets: Sequence[Budget]) -> None:
        """Open accounts that are needed and not there yet."""
        new = [budget for budget in budgets if budget.key not in self._accounts]
        if not new:
            return
        if self._founding is None:
            for budget in new:
                self._account(budget)
            return
        for budget, founded in zip(new, await self._founding(new), strict=True):
            if budget.key not in self._accounts:
                self._begin(budget, founded)

    def _begin(self, budget: Budget, founded: Founded) -> None:
        account = self._account(budget)
        account.spent = founded.spent
        for attempt_id, amount in founded.open.items():
            held = self._held.get(attempt_id)
            if held is None:
                held = self._held[attempt_id] = Held(None, budget.starts, amount, ())
            held.keys = (*held.keys, budget.key)
            account.reserved += held.amount
        # What was passed before this process began was told then.
        account.told.update(budget.marks(account.committed))

    def _account(self, budget: Budget) -> Account:
        account = self._accounts.get(budget.key)
        if account is None:
            self._sweep()
            account = self._accounts[budget.key] = Account(budget)
        elif account.budget is not budget:
            account.budget = budget
        return account

    def _sweep(self) -> None:
        """Forget accounts of long ago, two for each that is opened."""
        for _ in range(min(2, len(self._accounts))):
            key, account = next(iter(self._accounts.items()))
            if account.budget.ends + KEPT_SECONDS < self._now():
                del self._accounts[key]
            else:
                self._accounts.move_to_end(key)
        attempt_id, held = next(iter(self._held.items()), ("", None))
        if held is not None and held.at + KEPT_SECONDS < self._now():
            self._end(attempt_id, held.amount)  # nobody knows, and nobody will

    def _look(self, account: Account) -> None:
        if account.budget.settings.alert_at:
            self._mark(account, account.budget.marks(account.committed))

    def _mark(self, account: Account, marks: Sequence[str]) -> None:
        for mark in marks:
            if mark not in account.told:
                account.told.add(mark)
                self._tell(alert(account.budget, mark, account.committed, self._clock.now()))

    def _now(self) -> float:
        return self._clock.time()
