"""What a budget is about, what is asked of it, and what it answers.

Money is whole nano-dollars, as in the ledger: in micro-dollars the cheapest calls would be
nothing, or seven times what they are.

What is spent under one scope, by one subject, in one period lies in one account. An attempt is
charged to every account it concerns, all or none:

    reserve   before it is sent, with the most it can cost; what is reserved counts as spent
    settle    with what it did cost, which may be more; unknown, and it stays reserved
    release   when nothing was spent
    correct   when it turns out later that it cost something else

It belongs to the period in which it was reserved, however long it takes. All steps may be
repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeAlias

from anymedia.budgets.period import FOREVER
from anymedia.contracts.budget import BudgetAlert, BudgetSettings, BudgetStanding, OnReached
from anymedia.contracts.media import Quality

NANO = 1_000_000_000
LARGEST = 2**53
"""A single amount is never more: about nine million dollars. It keeps doubles exact."""
STRICTEST: tuple[OnReached, ...] = ("refuse", "switch", "degrade", "warn")
REACHED = "reached"
"""The mark that says that somebody was told of a budget in the way of a request."""


class Spender(NamedTuple):
    """What a budget may be about."""

    caller: str
    tags: tuple[str, ...]
    provider: str
    model: str
    medium: str

    def subjects(self, scope: str) -> Iterable[str]:
        """Its names in a scope."""
        match scope:
            case "key":
                return (self.caller,)
            case "tag":
                return dict.fromkeys(self.tags)
            case "provider":
                return (self.provider,)
            case "medium":
                return (self.medium,)
            case "model":
                return (f"{self.provider}/{self.model}",)
            case _:
                return ("",)


@dataclass(frozen=True, slots=True)
class Budget:
    """One account and how much may be in it."""

    settings: BudgetSettings = field(compare=False)
    subject: str
    key: str
    """Of its account. It says whose and when, and not how much: that may change meanwhile."""
    starts: float
    ends: float
    limit: int

    @property
    def blocks(self) -> bool:
        """Whether it can be in the way of a request."""
        return self.settings.on_reached != "warn"

    @property
    def resets_at(self) -> datetime | None:
        """When it starts anew."""
        return None if self.ends >= FOREVER else datetime.fromtimestamp(self.ends, UTC)

    def lacks(self, committed: int, nano_usd: int | None) -> bool:
        """Whether too little is left. What is free needs nothing; what has no price, something."""
        if nano_usd is None:
            return not self.settings.allow_unpriced or committed >= self.limit
        return nano_usd > 0 and committed + nano_usd > self.limit

    def marks(self, committed: int) -> tuple[str, ...]:
        """The shares that are gone."""
        return tuple(
            f"{share:g}"
            for share in self.settings.alert_at
            if committed >= share * self.limit and committed > 0
        )


class Reserved(NamedTuple):
    """There was enough left, and now it is the attempt's."""

    attempt_id: str
    over: tuple[Budget, ...] = ()
    """Budgets that only warn, and had too little left for it."""
    shared: bool = True
    """Whether every process knows."""


@dataclass(frozen=True, slots=True)
class Reached:
    """There is too little left, and nothing was taken."""

    budget: Budget
    """The strictest of those in the way."""
    left: int
    """Nano-dollars."""
    unpriced: bool = False
    """Whether it is refused because nobody knows what it costs."""
    never: bool = False
    """Whether it asks for more than the whole budget, so that waiting does not help."""

    @property
    def on_reached(self) -> OnReached:
        """What shall happen."""
        return self.budget.settings.on_reached

    @property
    def degrade_to(self) -> Quality | None:
        """The preset to take instead."""
        return self.budget.settings.degrade_to

    @property
    def message(self) -> str:
        """Which budget it is and what helps, in words."""
        settings = self.budget.settings
        whose = f" of {settings.scope} `{self.budget.subject}`" if self.budget.subject else ""
        each = {"day": "a day", "month": "a month", "total": "in total"}[settings.period]
        what = f"the budget{whose}, ${dollars(self.budget.limit):f} {each},"
        if self.unpriced:
            return f"{what} does not allow models without a known price (`allow_unpriced` does)"
        if self.never:
            return f"{what} is less than this request may cost"
        resets = self.budget.resets_at
        when = f"; it starts anew at {resets.isoformat()}" if resets else ""
        return f"{what} has ${dollars(max(self.left, 0)):f} left, too little for this request{when}"


@dataclass(frozen=True, slots=True)
class Founded:
    """What an account begins with: the ledger's word on what was spent before."""

    spent: int = 0
    open: Mapping[str, int] = field(default_factory=dict)
    """Reservations by attempt."""


Tell: TypeAlias = Callable[[BudgetAlert], None]
"""Who passes alerts on. It must not raise, and must not wait."""
Founding: TypeAlias = Callable[[Sequence[Budget]], Awaitable[Sequence[Founded]]]
"""Looks up what accounts begin with."""


class Budgets(Protocol):
    """Adds up what is spent, and says whether there is room for more."""

    def configure(self, settings: Sequence[BudgetSettings]) -> None:
        """Other budgets; what was spent and is reserved stays."""
        ...

    def concerned(self, spender: Spender) -> tuple[Budget, ...]:
        """The budgets that an attempt of this kind falls under at this moment."""
        ...

    def reserve_now(
        self, attempt_id: str, spender: Spender, nano_usd: int | None
    ) -> Reserved | None:
        """The same as `reserve`; `None` where somebody has to be asked."""
        ...

    async def reserve(
        self, attempt_id: str, spender: Spender, nano_usd: int | None
    ) -> Reserved | Reached:
        """Take the most it can cost out of all budgets or none; `None` is an unknown price."""
        ...

    def settle_now(self, attempt_id: str, nano_usd: int | None) -> Awaitable[None] | None:
        """The same as `settle`; what is left to be waited for, where somebody has to be told."""
        ...

    async def settle(self, attempt_id: str, nano_usd: int | None) -> None:
        """What it did cost; `None` while nobody knows: then it stays reserved."""
        ...

    async def release(self, attempt_id: str) -> None:
        """Nothing was spent."""
        ...

    async def correct(
        self, entry_id: str, spender: Spender, nano_usd: int, *, at: datetime
    ) -> None:
        """An attempt of then cost so much more (or less, below nothing) than was settled.

        Once for each `entry_id`, the ledger row's that says so; that row is written first.
        """
        ...

    async def standing(self) -> tuple[BudgetStanding, ...]:
        """How all budgets stand in the present period, as far as anything is in them."""
        ...

    async def tend(self) -> None:
        """What has to be done every few seconds."""
        ...

    async def close(self) -> None:
        """Give back what is not needed any more."""
        ...


def verdict(
    budgets: Sequence[Budget], committed: Sequence[int], nano_usd: int | None
) -> Reached | None:
    """Which budget is in the way, if any."""
    short = [
        (STRICTEST.index(one.settings.on_reached), index)
        for index, (one, amount) in enumerate(zip(budgets, committed, strict=True))
        if one.blocks and one.lacks(amount, nano_usd)
    ]
    if not short:
        return None
    _, index = min(short)
    one = budgets[index]
    return Reached(
        one,
        left=one.limit - committed[index],
        unpriced=nano_usd is None and not one.settings.allow_unpriced,
        never=nano_usd is not None and nano_usd > one.limit,
    )


def warned(
    budgets: Sequence[Budget], committed: Sequence[int], nano_usd: int | None
) -> tuple[Budget, ...]:
    """Those that only warn and had too little left."""
    return tuple(
        one
        for one, amount in zip(budgets, committed, strict=True)
        if not one.blocks and one.lacks(amount, nano_usd)
    )


def alert(budget: Budget, mark: str, committed: int, at: datetime) -> BudgetAlert:
    """A mark as it is told."""
    reached = mark == REACHED
    return BudgetAlert(
        kind="budget-reached" if reached else "budget-threshold",
        scope=budget.settings.scope,
        name=budget.subject,
        period=budget.settings.period,
        share=None if reached else float(mark),
        committed=dollars(committed),
        limit=dollars(budget.limit),
        resets_at=budget.resets_at,
        at=at,
    )


def stands(budget: Budget, spent: int, reserved: int) -> BudgetStanding:
    """An account as it is shown."""
    settings = budget.settings
    return BudgetStanding(
        scope=settings.scope,
        name=budget.subject,
        period=settings.period,
        limit=dollars(budget.limit),
        spent=dollars(spent),
        reserved=dollars(reserved),
        left=dollars(budget.limit - spent - reserved),
        on_reached=settings.on_reached,
        starts_at=None
        if settings.period == "total"
        else datetime.fromtimestamp(budget.starts, UTC),
        resets_at=budget.resets_at,
    )


def bounded(nano_usd: int | None) -> int | None:
    """An amount that may be reserved or settled: not below nothing, and not absurd."""
    if nano_usd is None or 0 <= nano_usd <= LARGEST:
        return nano_usd
    return 0 if nano_usd < 0 else LARGEST


def dollars(nano_usd: int) -> Decimal:
    """US dollars."""
    return (Decimal(nano_usd) / NANO).normalize() + 0
