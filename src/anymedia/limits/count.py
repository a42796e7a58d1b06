"""Everything that is counted under one key: windows, a token bucket, slots."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, TypeAlias

from anymedia.limits.plan import UNLIMITED, Kind, Plan
from anymedia.limits.sliding import Sliding
from anymedia.limits.slots import Slots

Asked: TypeAlias = tuple[int, int, int]
"""Requests, tokens, micro-dollars; in the order of `Kind`."""


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

    __slots__ = ("full_at", "lines", "plan", "slots", "touched", "windows")

    def __init__(self, plan: Plan, now: int) -> None:
        self.plan = UNLIMITED
        self.windows: tuple[Sliding, ...] = ()
        self.lines: tuple[tuple[str, int, Sliding], ...] = ()
        """Each window with its name and what may be in it."""
        self.full_at = 0.0
        self.slots: Slots | None = None
        self.touched = now
        """When it was last looked up to be changed."""
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """Count for these limits from now on; what is counted already stays."""
        if plan.shape != self.plan.shape:
            kept = dict(zip((bound.name for bound in self.plan.bounds), self.windows, strict=True))
            self.windows = tuple(
                kept.get(bound.name) or Sliding(bound.span) for bound in plan.bounds
            )
        if plan.concurrent and self.slots is None:
            self.slots = Slots()
        self.plan = plan
        self.lines = tuple(
            (bound.name, bound.limit, window)
            for bound, window in zip(plan.bounds, self.windows, strict=True)
        )

    def shortage(
        self, plan: Plan, asked: Asked, now: int, claim_id: str | None = None
    ) -> Shortage | None:
        """Why there is no room, or nothing. Of several reasons the one that lasts longest."""
        found: Shortage | None = None
        for bound, window in zip(plan.bounds, self.windows, strict=True):
            amount = asked[bound.kind]
            if not amount:
                continue
            if now >= window.turns:
                window.turn(now)
            excess = window.total + amount - bound.limit
            if excess > 0:
                if amount > bound.limit:
                    return Shortage(bound.name, None, never=True)
                found = later(found, Shortage(bound.name, window.free_at(excess)))
        if plan.gap and self.full_at - now > plan.slack:
            found = later(found, Shortage("per_second", ceil(self.full_at - plan.slack)))
        if (
            plan.concurrent
            and self.slots
            and len(self.slots) >= plan.concurrent
            and claim_id not in self.slots
            and self.slots.occupied(now) >= plan.concurrent
        ):
            found = later(found, Shortage("concurrent", None))
        return found

    def add(self, kind: Kind, amount: int, now: int) -> None:
        """Count so much more of one kind."""
        for bound, window in zip(self.plan.bounds, self.windows, strict=True):
            if bound.kind == kind:
                window.add(now, amount)

    def give_back(self, kind: Kind, amount: int, at: int, now: int) -> None:
        """Take so much of one kind, which happened at `at`, out of the windows."""
        for bound, window in zip(self.plan.bounds, self.windows, strict=True):
            if bound.kind == kind:
                window.give_back(now, at, amount)

    def idle(self, now: int) -> bool:
        """Whether a new count would say the same."""
        return (
            now >= self.touched + self.plan.longest
            and self.full_at <= now
            and not (self.slots and self.slots.occupied(now))
            and all(window.last + window.span <= now for window in self.windows)
        )

    def fullness(self, now: int) -> float:
        """How full the fullest is, from 0 to 1."""
        plan = self.plan
        parts = [0.0]
        if plan.concurrent and self.slots:
            parts.append(self.slots.occupied(now) / plan.concurrent)
        for _, limit, window in self.lines:
            window.turn(now)
            parts.append(window.total / limit if limit else 1.0)
        if plan.gap:
            parts.append((self.full_at - now) / (plan.slack + plan.gap))
        return min(max(parts), 1.0)


def later(one: Shortage | None, other: Shortage) -> Shortage:
    """The one that lasts longer, as far as is known; what lasts for ever comes first."""
    if one is None or other.never:
        return other
    if one.never or other.free_at is None:
        return one
    return other if one.free_at is None or other.free_at > one.free_at else one
