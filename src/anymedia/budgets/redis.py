"""Budgets that several processes share, counted in one Redis.

What Redis answers this process also writes down for itself, in `own`. So when Redis is gone it goes
on from what it last heard, and when Redis is back it is told what was reserved and settled
meanwhile, in order. What several processes spend in that time they do not know of each other.

An account that Redis does not have (any more) is founded on the ledger, where there is one, and on
what this process knows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from anymedia.budgets.budget import (
    Budget,
    Founded,
    Founding,
    Reached,
    Reserved,
    Spender,
    Tell,
    bounded,
    stands,
    verdict,
    warned,
)
from anymedia.budgets.concerns import MOST_REMEMBERED, Concerns, budget_of
from anymedia.budgets.memory import KEPT_SECONDS, MemoryBudgets
from anymedia.budgets.owed import Correction, Reservation, Settlement, Step
from anymedia.budgets.period import FOREVER
from anymedia.budgets.scripts import CORRECT, FOUND, LOOK, RESERVE, SETTLE
from anymedia.clock import Clock
from anymedia.contracts.budget import BudgetAlert, BudgetSettings, BudgetStanding
from anymedia.state.redis import RedisLink, Unavailable

TAG = "{budgets}"
MOST_OWED = 100_000
STALE_SECONDS = 600.0
"""An attempt that is open for longer is looked up in the ledger, should its end have been lost."""
AT_ONCE = 200
LIFE = int(KEPT_SECONDS * 1000)
"""Of what is reserved and of corrections, in milliseconds."""


class RedisBudgets:
    """Adds up in Redis, and in this process while Redis is away."""

    def __init__(
        self,
        settings: Sequence[BudgetSettings],
        *,
        link: RedisLink,
        clock: Clock,
        tell: Tell = lambda _: None,
        founding: Founding | None = None,
    ) -> None:
        self._link = link
        self._clock = clock
        self._tell = tell
        self._founding = founding
        self._alerts: list[BudgetAlert] = []
        self._concerns = Concerns(settings)
        self._own = MemoryBudgets(
            settings, clock=clock, tell=self._alerts.append, founding=founding
        )
        self._owed: deque[Step] = deque(maxlen=MOST_OWED)
        self._line = asyncio.Lock()
        self._budgets: dict[str, Budget] = {}

    def configure(self, settings: Sequence[BudgetSettings]) -> None:
        """Other budgets; what was spent and is reserved stays."""
        self._concerns = Concerns(settings)
        self._own.configure(settings)

    def concerned(self, spender: Spender) -> tuple[Budget, ...]:
        """The budgets that an attempt of this kind falls under at this moment."""
        return self._concerns.find(spender, self._now())

    def reserve_now(
        self,
        attempt_id: str,
        spender: Spender,
        nano_usd: int | None,
    ) -> None:
        """Redis has to be asked."""

    async def reserve(
        self, attempt_id: str, spender: Spender, nano_usd: int | None
    ) -> Reserved | Reached:
        """Take the most it can cost out of all budgets or none; `None` is an unknown price."""
        if self._own.holds(attempt_id):
            return Reserved(attempt_id)
        budgets = self.concerned(spender)
        if not budgets:
            return Reserved(attempt_id)
        amount = bounded(nano_usd)
        step = Reservation(attempt_id, budgets, amount or 0, self._now())
        await self._catch_up()
        if self._owed:
            return await self._alone(step, spender, amount)
        try:
            answer = await self._reserve(step, "ask", priced=amount is not None)
        except Unavailable:
            return await self._alone(step, spender, amount)
        except BaseException:
            self._owed.append(Settlement(attempt_id, 0))  # it may have been heard
            raise
        committed = [int(one) for one in answer[2:]]
        if answer[0] == b"reached":
            reached = verdict(budgets, committed, amount) or Reached(budgets[0], 0)
            self._own.refused(reached)
            await self._announce()
            return reached
        new = int(answer[1])
        for budget, before in zip(budgets, committed, strict=True):
            self._own.heard(budget, before if new else before - step.amount)
        self._own.record(attempt_id, spender, step.amount, budgets)
        await self._announce()
        return Reserved(attempt_id, over=warned(budgets, committed, amount))

    async def _alone(
        self, step: Reservation, spender: Spender, amount: int | None
    ) -> Reserved | Reached:
        """Redis does not answer. It may have heard the question all the same."""
        answer = await self._own.reserve(step.attempt_id, spender, amount)
        if isinstance(answer, Reserved):
            self._owed.append(step)
            answer = Reserved(answer.attempt_id, answer.over, shared=False)
        else:
            self._owed.append(Settlement(step.attempt_id, 0))
        await self._announce()
        return answer

    def settle_now(self, attempt_id: str, nano_usd: int | None) -> Awaitable[None]:
        """The same as `settle`."""
        return self.settle(attempt_id, nano_usd)

    async def settle(self, attempt_id: str, nano_usd: int | None) -> None:
        """What it did cost; `None` while nobody knows: then it stays reserved."""
        amount = bounded(nano_usd)
        if amount is None:
            return
        await self._own.settle(attempt_id, amount)
        await self._say(Settlement(attempt_id, amount))

    async def release(self, attempt_id: str) -> None:
        """Nothing was spent."""
        await self.settle(attempt_id, 0)

    async def correct(
        self, entry_id: str, spender: Spender, nano_usd: int, *, at: datetime
    ) -> None:
        """An attempt of then cost so much more (or less, below nothing) than was settled."""
        budgets = self._concerns.find(spender, at.timestamp())
        await self._say(Correction(entry_id, budgets, nano_usd))
        await self._own.correct(entry_id, spender, nano_usd, at=at)

    async def standing(self) -> tuple[BudgetStanding, ...]:
        """How all budgets stand in the present period, as far as anything is in them."""
        await self._catch_up()
        try:
            if self._owed:
                return await self._own.standing()
            return await self._standing()
        except Unavailable:
            return await self._own.standing()

    async def _standing(self) -> tuple[BudgetStanding, ...]:
        now = self._now()
        found: dict[str, Budget] = {one.key: one for one in self._concerns.named(now)}
        several = {
            self._subjects_key(budget_of(one, "", now)): one for one in self._concerns.settings
        }
        for subjects, settings in several.items():  # of many keys, all are in one place
            for subject in sorted(await self._link.command("SMEMBERS", subjects)):
                budget = self._concerns.of(settings.scope, subject.decode(), settings.period, now)
                if budget is not None:
                    found[budget.key] = budget
        budgets = list(found.values())
        told: list[BudgetStanding] = []
        for start in range(0, len(budgets), AT_ONCE):
            some = budgets[start : start + AT_ONCE]
            answer = await self._link.run(LOOK, [self._account_key(one) for one in some], [])
            told += [
                stands(one, int(spent or 0), int(held or 0))
                for one, (spent, held) in zip(some, answer, strict=True)
            ]
        return tuple(told)

    async def tend(self) -> None:
        """Tell Redis what it missed."""
        await self._catch_up()
        await self._announce()

    async def close(self) -> None:
        """Nothing has to be given back."""
        await self._catch_up()

    async def reconcile(
        self, settled: Callable[[Sequence[str]], Any], *, older_than_seconds: float = STALE_SECONDS
    ) -> int:
        """End what the ledger knows to have ended, should its end not have been told here.

        `settled` is `LedgerBudgets.settled`. How many there were.
        """
        latest = self._now() - older_than_seconds
        names = await self._link.command(
            "ZRANGEBYSCORE", self._open_key, "-inf", latest, "LIMIT", 0, AT_ONCE * 10
        )
        ended: dict[str, int | None] = await settled([name.decode() for name in names])
        for attempt_id, amount in ended.items():
            if amount is not None:
                await self.settle(attempt_id, amount)
        return len(ended)

    # --- saying it to Redis ---------------------------------------------------------------

    async def _say(self, step: Step) -> None:
        """Tell Redis, after everything else that it has missed."""
        if self._owed:
            self._owed.append(step)
            await self._catch_up()
            return
        try:
            await self._deliver(step)
        except BaseException as error:
            self._owed.append(step)
            if not isinstance(error, Unavailable):
                raise
        await self._announce()

    async def _catch_up(self) -> None:
        """Tell Redis what it missed, the oldest first, as far as it listens."""
        if not self._owed:
            return
        async with self._line:
            while self._owed:
                step = self._owed[0]
                try:
                    await self._deliver(step)
                except Unavailable:
                    return
                if self._owed and self._owed[0] is step:
                    self._owed.popleft()

    async def _deliver(self, step: Step) -> None:
        match step:
            case Reservation():
                await self._reserve(step, "record", priced=True)
            case Settlement():
                keys = [self._attempt_key(step.attempt_id), self._open_key]
                answer = await self._link.run(SETTLE, keys, [step.attempt_id, step.amount])
                for key, spent, held in zip(*[iter(answer[1:])] * 3, strict=True):
                    if (budget := self._budgets.get(key.decode())) is not None:
                        self._own.heard(budget, int(spent) + int(held))
            case Correction():
                if self._founding is None:
                    await self._found(step.budgets)
                keys = [self._link.key(TAG, "correction", step.entry_id)]
                keys += [self._account_key(one) for one in step.budgets]
                await self._link.run(CORRECT, keys, [LIFE, step.amount])

    async def _reserve(self, step: Reservation, verb: str, *, priced: bool) -> list[Any]:
        keys = [self._attempt_key(step.attempt_id), self._open_key]
        arguments: list[Any] = [step.attempt_id, step.at, verb, LIFE, step.amount, int(priced)]
        for one in step.budgets:
            keys.append(self._account_key(one))
            takes = one.settings.allow_unpriced
            arguments += [one.limit, int(one.blocks), int(takes), self._life(one)]
        while True:
            answer: list[Any] = await self._link.run(RESERVE, keys, arguments)
            if answer[0] != b"missing":
                return answer
            await self._found([step.budgets[place - 1] for place in answer[1:]])

    async def _found(self, budgets: Sequence[Budget]) -> None:
        """Open accounts that Redis does not have."""
        told = (
            [Founded() for _ in budgets]
            if self._founding is None
            else await self._founding(budgets)
        )
        for budget, founded in zip(budgets, told, strict=True):
            known = self._own.known(budget)
            spent = known.spent if self._founding is None else founded.spent
            inside = {**known.open, **founded.open}
            subjects = self._subjects_key(budget)
            keys = [self._account_key(budget), subjects, self._open_key]
            arguments: list[Any] = [self._now(), self._life(budget), LIFE, budget.subject, spent]
            for attempt_id, amount in inside.items():
                arguments += [attempt_id, self._attempt_key(attempt_id), amount]
            await self._link.run(FOUND, keys, arguments)

    # --- alerts ---------------------------------------------------------------------------

    async def _announce(self) -> None:
        """Pass on what this process has noticed, unless another one has."""
        while self._alerts:
            one = self._alerts.pop(0)
            now = one.at.timestamp()
            budget = self._concerns.of(one.scope, one.name, one.period, now)
            mark = "reached" if one.share is None else f"{one.share:g}"
            try:
                first = budget is None or await self._link.command(
                    "HSETNX", self._account_key(budget), f"told:{mark}", 1
                )
            except Unavailable:
                first = 1
            if first:
                self._tell(one)

    # --- keys -----------------------------------------------------------------------------

    def _account_key(self, budget: Budget) -> str:
        key = self._link.key(TAG, "account", budget.key)
        if len(self._budgets) >= MOST_REMEMBERED:
            self._budgets.clear()
        self._budgets[key] = budget
        return key

    def _subjects_key(self, budget: Budget) -> str:
        return self._link.key(TAG, "subjects", budget.key.removesuffix(budget.subject))

    def _attempt_key(self, attempt_id: str) -> str:
        return self._link.key(TAG, "attempt", attempt_id)

    @property
    def _open_key(self) -> str:
        return self._link.key(TAG, "open")

    def _life(self, budget: Budget) -> int | str:
        """Milliseconds for which an account is kept."""
        if budget.ends >= FOREVER:
            return ""
        return int((max(budget.ends - self._now(), 0.0) + KEPT_SECONDS) * 1000)

    def _now(self) -> float:
        return self._clock.time()
