"""Where the rules of a claim are counted, laid side by side.

A claim that fits is taken in two passes: one that finds that it does, one that counts it. Neither
has to know what belongs to which rule. Why a claim does not fit is a question for each `Count`.

Nothing leaves a window, and no cell of it closes, before its `turns`: of all the windows the
soonest is kept here, so that before that moment none has to be looked at for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from anymedia.limits.count import Count
from anymedia.limits.plan import KINDS, Kind
from anymedia.limits.sliding import PAST, Sliding
from anymedia.limits.slots import FOREVER, Slots

if TYPE_CHECKING:
    from anymedia.limits.claim import Claim, Rule

Lines: TypeAlias = tuple[tuple[Sliding, int], ...]
"""Windows, and how much may be in each."""


class Counting:
    """The windows, buckets and slots of some rules, as long as no count was replaced."""

    __slots__ = (
        "as_of", "buckets", "counts", "money", "of", "places", "requests", "slots", "tokens",
        "turns",
    )  # fmt: skip

    def __init__(self, counts: Sequence[tuple[Rule, Count]], as_of: object) -> None:
        self.counts = tuple(counts)
        self.as_of = as_of
        """Says that all of them are those that a limiter has at the moment (see `Counts`)."""
        self.of: tuple[Lines, ...] = tuple(lines(counts, kind) for kind in KINDS)
        self.requests, self.tokens, self.money = self.of
        self.turns = PAST
        """Nothing changes by itself before; `PAST` where a window has no open cell."""
        self.buckets = tuple((count, rule.plan) for rule, count in counts if rule.plan.gap)
        self.slots: tuple[tuple[Slots, int], ...] = tuple(
            (count.slots, rule.plan.concurrent)
            for rule, count in counts
            if rule.plan.concurrent and count.slots is not None
        )
        self.places = tuple(slots for slots, _ in self.slots)

    def turn(self, now: int) -> None:
        """Bring the windows up to now."""
        for several in self.of:
            for window, _ in several:
                if now >= window.turns:
                    window.turn(now)
        self._look_ahead()

    def fits(self, claim: Claim, now: int) -> bool:
        """Whether there is certainly room; otherwise each count has to be asked."""
        if now >= self.turns:
            self.turn(now)
        for window, limit in self.requests:
            if window.total >= limit:
                return False
        if tokens := claim.tokens:
            for window, limit in self.tokens:
                if window.total + tokens > limit:
                    return False
        if self.money and (micro_usd := claim.micro_usd):
            for window, limit in self.money:
                if window.total + micro_usd > limit:
                    return False
        for slots, most in self.slots:
            if len(slots) >= most:
                return False
        return not self.buckets or all(
            count.full_at - now <= plan.slack for count, plan in self.buckets
        )

    def charge(self, claim: Claim, now: int, until: int) -> None:
        """Count it, and hold its slots."""
        if now >= self.turns:
            self._begin(claim, now)
        for window, _ in self.requests:
            window.last = now
            window.total += 1
        if tokens := claim.tokens:
            for window, _ in self.tokens:
                window.last = now
                window.total += tokens
        if self.money and (micro_usd := claim.micro_usd):
            for window, _ in self.money:
                window.last = now
                window.total += micro_usd
        for slots in self.places:
            slots.hold(claim.id, until)

    def _begin(self, claim: Claim, now: int) -> None:
        """Open cells in the windows that are going to count something."""
        amounts = (1, claim.tokens, claim.micro_usd)
        for amount, several in zip(amounts, self.of, strict=True):
            for window, _ in several if amount else ():
                if now >= window.turns:
                    window.begin(now)
        self._look_ahead()

    def _look_ahead(self) -> None:
        turns = [window.turns for several in self.of for window, _ in several]
        self.turns = min(turns) if turns else FOREVER

    def fill(self, now: int) -> list[tuple[Count, float, float]]:
        """Put one request into each bucket: when these were full before, and when after it."""
        filled = []
        for count, plan in self.buckets:
            before = count.full_at
            count.full_at = max(before, now) + plan.gap
            filled.append((count, before, count.full_at))
        return filled


def lines(counts: Sequence[tuple[Rule, Count]], kind: Kind) -> Lines:
    """The windows of one kind, and how much may be in each."""
    return tuple(
        (window, bound.limit)
        for rule, count in counts
        for bound, window in zip(rule.plan.bounds, count.windows, strict=True)
        if bound.kind == kind
    )


NOTHING = Counting((), None)
"""Where nothing is counted."""
