"""Everything that is counted under one key: windows, a token bucket, slots."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, TypeAlias

from anymedia.limits.plan import UNLIMITED, Bound, Plan
from anymedia.limits.sliding import Sliding

Asked: TypeAlias = tuple[int, int, int]
"""Requests, tokens, micro-dollars; in the order of `Kind`."""

FOREVER = 2**62


class Shortage(NamedTuple):
    """What there is too little of, and when that changes."""

    amount: str
    free_at: int | None
    never: bool = False


class Count:
    """One key's counts.

    The bucket is kept as one number, the time at which it is full again (the generic cell rate
    algorithm): each request moves it on by one gap, and it may be ahead of now by the slack.
    """

    __slots__ = ("_lines", "earliest", "full_at", "plan", "slots", "touched", "windows")

    def __init__(self, plan: Plan, now: int) -> None:
        self.plan = UNLIMITED
        self.windows: tuple[Sliding, ...] = ()
        self._lines: tuple[tuple[Bound, Sliding], ...] = ()
        """Each window beside what may be in it."""
        self.full_at = 0.0
        self.slots: dict[str, int] | None = None
        """The ends of leases, by claim."""
        self.earliest = FOREVER
        """No lease ends before."""
        self.touched = now
        """When it was last looked up to be changed."""
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """Count for these limits from now on; what is counted already stays."""
        if plan.shape != self.plan.shape:
            kept = dict(zip((bound.name for bound in self.plan.bounds), self.windows, strict=True))
            self.windows = tuple(kept.get(bound.name) or Sliding() for bound in plan.bounds)
        self.plan = plan
        self._lines = tuple(zip(plan.bounds, self.windows, strict=True))

    def shortage(self, asked: Asked, now: int, claim_id: str | None = None) -> Shortage | None:
        """Why there is no room, or nothing. Of several reasons the one that lasts longest."""
        plan = self.plan
        found: Shortage | None = None
        for (name, kind, span, _, limit), window in self._lines:
            amount = asked[kind]
            if not amount:
                continue
            cells = window.cells
            if cells and cells[0] <= now - span:
                window.forget(now - span)
            excess = window.total + amount - limit
            if excess > 0:
                if amount > limit:
                    return Shortage(name, None, never=True)
                found = later(found, Shortage(name, window.free_at(excess, span)))
        if plan.gap and self.full_at - now > plan.slack:
            found = later(found, Shortage("per_second", ceil(self.full_at - plan.slack)))
        if (
            plan.concurrent
            and self.slots
            and len(self.slots) >= plan.concurrent
            and claim_id not in self.slots
            and self.occupied(now) >= plan.concurrent
        ):
            found = later(found, Shortage("concurrent", None))
        return found

    def occupied(self, now: int) -> int:
        """Slots whose leases have not ended."""
        slots = self.slots
        if not slots:
            return 0
        if self.earliest <= now:
            for ended in [claim for claim, until in slots.items() if until <= now]:
                del slots[ended]
            self.earliest = min(slots.values(), default=FOREVER)
        return len(slots)

    def charge(self, asked: Asked, now: int) -> None:
        """Count it."""
        plan = self.plan
        for (_, kind, span, width, _), window in self._lines:
            if amount := asked[kind]:
                cells = window.cells
                if cells and cells[0] <= now - span:
                    window.forget(now - span)
                window.add(now, width, amount)
        if plan.gap and asked[0]:
            self.full_at = max(self.full_at, now) + plan.gap

    def hold(self, claim_id: str, until: int) -> None:
        """Give a slot, or keep it longer."""
        if self.slots is None:
            self.slots = {}
        self.slots[claim_id] = until
        self.earliest = min(self.earliest, until)

    def let_go(self, claim_id: str) -> None:
        """Free a slot."""
        if self.slots:
            self.slots.pop(claim_id, None)

    def give_back(self, plan: Plan, asked: Asked, at: int, now: int) -> None:
        """Take out of the windows what happened at `at`, when `plan` was followed.

        Windows that there are only since know nothing of it.
        """
        same = plan is self.plan
        for bound, window in self._lines:
            if (amount := asked[bound.kind]) and (same or bound.name in plan.shape):
                window.give_back(now - bound.span, at, amount)

    def idle(self, now: int) -> bool:
        """Whether a new count would say the same."""
        return now >= self.touched + self.plan.longest and not self.occupied(now)

    def standing(self, now: int) -> list[tuple[str, int, int, int]]:
        """Each window: its name, its limit, what is used of it, and how long that still counts."""
        found = []
        for (name, _, span, _, limit), window in self._lines:
            cells = window.cells
            if cells and cells[0] <= now - span:
                window.forget(now - span)
            whole_in = max(cells[-2] + span - now, 0) if cells else 0
            found.append((name, limit, window.total, whole_in))
        return found

    def fullness(self, now: int) -> float:
        """How full the fullest is, from 0 to 1."""
        plan = self.plan
        parts = [self.occupied(now) / plan.concurrent] if plan.concurrent else [0.0]
        for bound, window in self._lines:
            window.forget(now - bound.span)
            parts.append(window.total / bound.limit if bound.limit else 1.0)
        if plan.gap:
            parts.append((self.full_at - now) / (plan.slack + plan.gap))
        return min(max(0.0, *parts), 1.0)


def later(one: Shortage | None, other: Shortage) -> Shortage:
    """The one that lasts longer, as far as is known; what lasts for ever comes first."""
    if one is None or other.never:
        return other
    if one.never or other.free_at is None:
        return one
    return other if one.free_at is None or other.free_at > one.free_at else one
