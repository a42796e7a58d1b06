"""Spending without asking for every cent: what a process may spend by itself.

A call of a thousandth of a cent must not wait for a database. So a process is lent a part of each
account and spends from that; when it is used up, it asks for another. A part is a 64th of the
limit, or a sixteenth of what is left if that is less: so parts shrink as a budget comes to its
end, and little is left in the hands of those who do not need it. What has not been needed for a
few seconds goes back. All that is lent counts as spent for everybody else, so nothing is ever
spent twice.

What a process has used stands in its tally, which survives it. If it is killed, others give back
what it did not use; what was under way then counts as spent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from anymedia.budgets.budget import LARGEST, Budget, Reached, Reserved, Spender, bounded
from anymedia.budgets.concerns import MOST_REMEMBERED
from anymedia.budgets.tally import Tally
from anymedia.clock import Clock
from anymedia.contracts.budget import BudgetSettings, BudgetStanding
from anymedia.contracts.errors import StorageFailed

LEAST_SHARE = 64
LEFT_SHARE = 16
REFUSED_SECONDS = 0.5
"""So long a refusal holds without asking again, unless this process itself gives something back."""
MOST_REFUSED = 10_000
STALE = -LARGEST
"""What is granted where limits have changed since: less than anything, until the bank is asked."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One account that a process wants to spend from."""

    budget: Budget
    slot: int
    used: int


@dataclass(frozen=True, slots=True)
class Granted:
    """What a process has been lent of each, since it first asked."""

    amounts: tuple[int, ...]
    over: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a process has used of an account, and how much more of it it wants to keep."""

    used: int
    keep: int
    close: bool = False
    """Whether it does not need the account any more."""


class Bank(Protocol):
    """Who lends."""

    def configure(self, settings: Sequence[BudgetSettings]) -> None: ...
    def concerned(self, spender: Spender) -> tuple[Budget, ...]: ...
    async def draw(
        self, holder: str, asks: Sequence[Ask], nano_usd: int | None
    ) -> Granted | Reached:
        """Lend at least what an attempt needs of every account, or nothing of any."""
        ...

    async def report(self, holder: str, reports: Mapping[str, Report]) -> Mapping[str, int]:
        """Take back what is not kept. What has been lent of each account now."""
        ...

    async def correct(
        self, entry_id: str, spender: Spender, nano_usd: int, *, at: datetime
    ) -> None: ...
    async def standing(self) -> tuple[BudgetStanding, ...]: ...
    async def tend(self) -> None: ...


def part(limit: int, left: int) -> int:
    """How much is lent at a time."""
    return max(min(limit // LEAST_SHARE, left // LEFT_SHARE), 0)


class Purse:
    """What this process has of one account."""

    __slots__ = ("budget", "granted", "over", "reported", "seen", "slot", "used")

    def __init__(self, budget: Budget, slot: int) -> None:
        self.budget = budget
        self.slot = slot
        self.granted = 0
        self.used = 0
        """In flight and settled."""
        self.reported = 0
        self.seen = 0
        """What was used when somebody last looked whether it is needed."""
        self.over = False
        """Whether it only warns, and had too little left when it was last asked."""

    @property
    def room(self) -> int:
        """What it may still spend by itself."""
        return self.granted - self.used


@dataclass(frozen=True, slots=True)
class Ready:
    """What somebody's attempts come out of, and within which time that is true."""

    since: float
    until: float
    purses: tuple[Purse, ...]


class AllowanceBudgets:
    """Spends from what it was lent, and asks a bank for more."""

    def __init__(self, bank: Bank, tally: Tally, *, clock: Clock) -> None:
        self._bank = bank
        self._tally = tally
        self._clock = clock
        self._time = clock.time
        self._purses: dict[str, Purse] = {}
        self._held: dict[str, tuple[int, tuple[Purse, ...]]] = {}
        self._refused: dict[str, tuple[float, int, Reached]] = {}
        self._ready: dict[Spender, Ready] = {}
        """Whose purses are all there. Forgotten when one is closed, or budgets change."""
        self._asking = asyncio.Lock()

    def configure(self, settings: Sequence[BudgetSettings]) -> None:
        """Other budgets; what was spent and is reserved stays."""
        self._bank.configure(settings)
        self._refused.clear()
        self._ready.clear()
        for purse in self._purses.values():
            purse.granted = STALE

    def concerned(self, spender: Spender) -> tuple[Budget, ...]:
        """The budgets that an attempt of this kind falls under at this moment."""
        return self._bank.concerned(spender)

    async def reserve(
        self, attempt_id: str, spender: Spender, nano_usd: int | None
    ) -> Reserved | Reached:
        """Take the most it can cost out of all budgets or none; `None` is an unknown price."""
        amount = bounded(nano_usd)
        if (answer := self.reserve_now(attempt_id, spender, amount)) is not None:
            return answer
        if not self._bank.concerned(spender):
            return Reserved(attempt_id)
        async with self._asking:
            return await self._reserve(attempt_id, spender, amount)

    def reserve_now(
        self, attempt_id: str, spender: Spender, nano_usd: int | None
    ) -> Reserved | None:
        """The same out of what was lent; `None` where that does not do."""
        if attempt_id in self._held:
            return Reserved(attempt_id)
        if nano_usd is None or not 0 <= nano_usd <= LARGEST:
            return None
        time = self._time
        now = time()
        ready = self._ready.get(spender)
        if ready is None or not ready.since <= now < ready.until:
            ready = self._find(spender)
        if ready is None:
            return None
        for purse in ready.purses:
            if purse.granted - purse.used < nano_usd:
                return None
        return self._take(attempt_id, ready.purses, nano_usd)

    def _find(self, spender: Spender) -> Ready | None:
        """The purses of a spender, if all of them are there."""
        budgets = self._bank.concerned(spender)
        purses = [self._purses[one.key] for one in budgets if one.key in self._purses]
        if not purses or len(purses) < len(budgets):
            return None
        if len(self._ready) >= MOST_REMEMBERED:
            self._ready.clear()
        since, until = max(one.starts for one in budgets), min(one.ends for one in budgets)
        found = self._ready[spender] = Ready(since, until, tuple(purses))
        return found

    async def _reserve(
        self, attempt_id: str, spender: Spender, amount: int | None
    ) -> Reserved | Reached:
        """One at a time: what one has been lent is often enough for the next."""
        if (enough := self.reserve_now(attempt_id, spender, amount)) is not None:
            return enough
        budgets = self._bank.concerned(spender)
        if (refused := self._refused_before(budgets, amount)) is not None:
            return refused
        holder = self._tally.open()
        purses = tuple(self._purse(budget) for budget in budgets)
        while True:
            asks = [Ask(one.budget, one.slot, one.used) for one in purses]
            answer = await self._bank.draw(holder, asks, amount)
            for one, ask in zip(purses, asks, strict=True):
                one.reported = ask.used
            if isinstance(answer, Reached):
                self._refuse(answer, amount)
                return answer
            for one, granted in zip(purses, answer.amounts, strict=True):
                one.granted = granted
                one.over = one.budget in answer.over
            # While the bank was asked, smaller ones may have spent what was still there.
            if all(
                one.used == ask.used or one.room >= (amount or 0)
                for one, ask in zip(purses, asks, strict=True)
            ):
                return self._take(attempt_id, purses, amount or 0)

    def _take(self, attempt_id: str, purses: tuple[Purse, ...], amount: int) -> Reserved:
        self._held[attempt_id] = (amount, purses)
        over: tuple[Budget, ...] = ()
        numbers = self._tally.numbers
        for purse in purses:
            purse.used += amount
            numbers[purse.slot] = purse.used
            if purse.over:
                over = (*over, purse.budget)
        return Reserved(attempt_id, over)

    def _refused_before(self, budgets: Sequence[Budget], amount: int | None) -> Reached | None:
        """A refusal of a moment ago, where this one asks for no less."""
        now = self._clock.monotonic()
        for budget in budgets:
            refused = self._refused.get(budget.key)
            if refused is None:
                continue
            until, least, answer = refused
            if now >= until or answer.budget.limit != budget.limit:
                del self._refused[budget.key]
            elif amount is not None and amount >= least and not answer.unpriced:
                return answer
        return None

    def _refuse(self, answer: Reached, amount: int | None) -> None:
        if amount is not None and not answer.never:
            until = self._clock.monotonic() + REFUSED_SECONDS
            if len(self._refused) >= MOST_REFUSED:
                self._refused.clear()
            self._refused[answer.budget.key] = (until, amount, answer)

    async def settle(self, attempt_id: str, nano_usd: int | None) -> None:
        """What it did cost. `None` when nobody knows: what was reserved counts as spent."""
        confession = self.settle_now(attempt_id, nano_usd)
        if confession is not None:
            await confession

    def settle_now(self, attempt_id: str, nano_usd: int | None) -> Awaitable[None] | None:
        """The same; what is left to be waited for, where the bank has to be told."""
        held = self._held.pop(attempt_id, None)
        if held is None:
            return None
        reserved, purses = held
        more = 0
        if nano_usd is not None:
            if not 0 <= nano_usd <= LARGEST:
                nano_usd = min(max(nano_usd, 0), LARGEST)
            more = nano_usd - reserved
        if not more:
            return None
        numbers = self._tally.numbers
        for purse in purses:
            purse.used += more
            numbers[purse.slot] = purse.used
        if more > 0:
            overdrawn = [one for one in purses if one.used > one.granted]
            return self._confess(overdrawn) if overdrawn else None
        if self._refused:
            for purse in purses:
                self._refused.pop(purse.budget.key, None)
        return None

    async def _confess(self, purses: Sequence[Purse]) -> None:
        """More was spent than was lent: the others must know at once, not in a few seconds."""
        async with self._asking:
            known = [one for one in purses if self._purses.get(one.budget.key) is one]
            with suppress(StorageFailed):  # then it is told when there is a way
                await self._report(known, idle=False)

    async def release(self, attempt_id: str) -> None:
        """Nothing was spent."""
        await self.settle(attempt_id, 0)

    async def correct(
        self, entry_id: str, spender: Spender, nano_usd: int, *, at: datetime
    ) -> None:
        """An attempt of then cost so much more (or less, below nothing) than was settled."""
        await self._bank.correct(entry_id, spender, nano_usd, at=at)

    async def standing(self) -> tuple[BudgetStanding, ...]:
        """How all budgets stand in the present period, as far as anything is in them."""
        async with self._asking:
            await self._report(list(self._purses.values()), idle=False)
        return await self._bank.standing()

    async def tend(self) -> None:
        """Report what was used and give back what is idle. Every few seconds."""
        async with self._asking:
            await self._report(list(self._purses.values()), idle=True)
        await self._bank.tend()

    async def close(self) -> None:
        """Give everything back; what is under way counts as spent."""
        async with self._asking:
            purses = list(self._purses.values())
            if purses:
                closing = {one.budget.key: Report(one.used, 0, close=True) for one in purses}
                await self._bank.report(self._tally.open(), closing)
            self._purses.clear()
            self._ready.clear()
            self._held.clear()
            self._tally.close()

    async def _report(self, purses: Sequence[Purse], *, idle: bool) -> None:
        now = self._clock.time()
        reports: dict[str, Report] = {}
        under_way = {purse for _, several in self._held.values() for purse in several}
        for purse in purses:
            over = purse.budget.ends <= now
            resting = idle and purse.used == purse.seen
            if purse not in under_way and (over or (resting and purse.room <= 0)):
                reports[purse.budget.key] = Report(purse.used, 0, close=True)
            elif (resting and purse.room > 0) or purse.used != purse.reported or over:
                idle_or_stale = resting or purse.granted == STALE
                keep = 0 if over or idle_or_stale else part(purse.budget.limit, purse.budget.limit)
                reports[purse.budget.key] = Report(purse.used, keep)
            if idle:
                purse.seen = purse.used
        if not reports:
            return
        # While the bank is asked, others go on spending, but no more than what it is told is kept.
        closed: dict[str, Purse] = {}
        for key, report in reports.items():
            purse = self._purses[key]
            purse.granted = min(purse.granted, report.used + report.keep)
            if report.close:
                closed[key] = self._purses.pop(key)
                self._ready.clear()
        try:
            granted = await self._bank.report(self._tally.open(), reports)
        except BaseException:
            self._purses |= closed
            raise
        for key, report in reports.items():
            if report.close:
                self._tally.free(closed[key].slot)
            else:
                purse = self._purses[key]
                purse.reported = report.used
                if purse.granted != STALE:
                    purse.granted = granted.get(key, purse.granted)

    def _purse(self, budget: Budget) -> Purse:
        purse = self._purses.get(budget.key)
        if purse is None:
            purse = self._purses[budget.key] = Purse(budget, self._tally.slot())
        purse.budget = budget
        return purse
