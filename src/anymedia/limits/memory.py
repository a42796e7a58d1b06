"""Limits counted in this process. Nothing here waits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

from anymedia.clock import Clock
from anymedia.limits.claim import Claim, Freed, Full, Left, Rule, Taken
from anymedia.limits.count import Asked, Count, Shortage, later
from anymedia.limits.counts import STEPS, Counts
from anymedia.limits.learned import Learned
from anymedia.limits.lessons import Lessons
from anymedia.limits.plan import LARGEST, SECOND, Kind, Plan

JUST_ONE: Asked = (1, 0, 0)
Charged: TypeAlias = tuple[Plan, Count]
"""A count, and what it counted for then."""


class Held:
    """A claim under way, and what it was charged with."""

    __slots__ = ("at", "buckets", "claim", "counts", "extras", "first", "until")

    def __init__(
        self,
        claim: Claim,
        at: int | None,
        until: int,
        asked: Asked,
        counts: list[Charged],
    ) -> None:
        self.claim = claim
        self.counts = counts
        """Where it was charged, or holds slots. One that has been forgotten since was idle: there is
        nothing left in it that could come back."""
        self.at = at
        """When it was charged; `None` when that was elsewhere."""
        self.until = until
        self.first = asked
        """What of the estimate is left, after it turned out to be less."""
        self.extras: dict[Kind, tuple[int, int]] | None = None
        """What it was more than estimated, and when that was charged."""
        self.buckets: list[tuple[Count, float, float]] | None = None
        """Token buckets before and after it."""


class MemoryLimiter:
    """Counts in this process alone."""

    def __init__(self, clock: Clock, *, most_keys: int = 1_000_000) -> None:
        self._clock = clock
        self._counts = Counts(most_keys)
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lessons = Lessons()
        self._watchers: list[Freed] = []
        self._latest = 0
        self._offset = 0

    def __len__(self) -> int:
        """How many things are remembered."""
        return len(self._counts) + len(self._held) + len(self._lessons)

    async def take(self, claim: Claim, *, lease_seconds: float) -> Taken | Full:
        """Take all of it or nothing. After `lease_seconds` without `renew` it is forgotten."""
        now = self._now()
        held = self._held.get(claim.id)
        if held is not None and held.until > now:
            return Taken(claim.id)
        if self._lessons and (told := self._lessons.shortage(claim, now)) is not None:
            return told
        asked = (1, claim.tokens, claim.micro_usd)
        counts: list[Charged] = []
        worst = None
        lacking = ""
        for rule in claim.rules:
            plan = rule.plan
            if plan.free:
                continue
            count = self._counts.find(rule, now)
            counts.append((plan, count))
            shortage = count.shortage(asked, now, claim.id)
            if shortage is not None and later(worst, shortage) is shortage:
                worst, lacking = shortage, rule.key
        if worst is not None:
            return full(lacking, worst, now)
        if counts:
            self._charge(claim, counts, asked, now, now + round(lease_seconds * SECOND))
        elif self._lessons:
            self._lessons.take(claim)
        return Taken(claim.id)

    def record(self, claim: Claim, *, lease_seconds: float) -> None:
        """Count a claim for which there was room elsewhere, without asking whether there is."""
        now = self._now()
        if not self.holds(claim.id):
            asked = (1, claim.tokens, claim.micro_usd)
            counts = [
                (rule.plan, self._counts.find(rule, now))
                for rule in claim.rules
                if not rule.plan.free
            ]
            self._charge(claim, counts, asked, now, now + round(lease_seconds * SECOND))

    def _charge(
        self, claim: Claim, counts: list[Charged], asked: Asked, now: int, until: int
    ) -> None:
        self._sweep(now)
        held = self._held[claim.id] = Held(claim, now, until, asked, counts)
        for plan, count in counts:
            before = count.full_at
            count.charge(asked, now)
            if plan.gap:
                held.buckets = [*(held.buckets or ()), (count, before, count.full_at)]
            if plan.concurrent:
                count.hold(claim.id, until)
        if self._lessons:
            self._lessons.take(claim)

    async def settle(
        self, claim_id: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> None:
        """Replace estimates by what it was. More than estimated is counted from now on."""
        held = self._held.get(claim_id)
        if held is not None:
            freed = tokens is not None and self._settle(held, 1, tokens)
            freed |= micro_usd is not None and self._settle(held, 2, micro_usd)
            if freed:
                self._tell(held.claim)

    def _settle(self, held: Held, kind: Kind, actual: int) -> bool:
        """Charge the difference; whether something came back."""
        now = self._now()
        actual = min(max(actual, 0), LARGEST)
        first, extra, extra_at = held.first[kind], 0, now
        if held.extras is not None:
            extra, extra_at = held.extras.get(kind, (0, now))
        if actual == first + extra:
            return False
        if extra:
            self._take_back(held.claim, only(kind, extra), extra_at, now)
            held.extras = {k: v for k, v in (held.extras or {}).items() if k != kind}
        if actual <= first:
            self._give_back(held, only(kind, first - actual), held.at, now)
            _, tokens, micro_usd = held.first
            held.first = (1, actual, micro_usd) if kind == 1 else (1, tokens, actual)
        else:
            held.extras = {**(held.extras or {}), kind: (actual - first, now)}
            for rule in held.claim.rules:
                if not rule.plan.free:
                    count = self._counts.known(rule) or self._counts.find(rule, now)
                    count.touched = now
                    count.charge(only(kind, actual - first), now)
        return actual < first + extra

    async def release(self, claim_id: str, *, refund: bool = False) -> None:
        """Free its slots and forget it; with `refund` its amounts come back too."""
        held = self._held.pop(claim_id, None)
        if held is None:
            return
        for _, count in held.counts:
            count.let_go(claim_id)
        if refund:
            self._refund(held)
        self._tell(held.claim)

    def _refund(self, held: Held) -> None:
        now = self._now()
        self._give_back(held, held.first, held.at, now)
        for kind, (extra, at) in (held.extras or {}).items():
            self._take_back(held.claim, only(kind, extra), at, now)
        for count, before, after in held.buckets or ():
            if count.full_at == after:
                # Only the latest can be undone: later ones may have come out of an idle time
                # that without it would have been another. A bucket refills soon by itself.
                count.full_at = before
        self._lessons.give_back(held.claim)

    def _give_back(self, held: Held, asked: Asked, at: int | None, now: int) -> None:
        """Some of what it was charged with when it was taken."""
        if at is not None:
            for plan, count in held.counts:
                count.give_back(plan, asked, at, now)

    def _take_back(self, claim: Claim, asked: Asked, at: int, now: int) -> None:
        """What it was charged with later, wherever that is counted."""
        for rule in claim.rules:
            if not rule.plan.free and (count := self._counts.known(rule)) is not None:
                count.give_back(count.plan, asked, at, now)

    async def renew(self, claim_ids: Sequence[str], *, lease_seconds: float) -> None:
        """Keep claims alive that still run."""
        until = self._now() + round(lease_seconds * SECOND)
        for claim_id in claim_ids:
            if (held := self._held.get(claim_id)) is not None:
                held.until = until
                self._hold(held, until)

    async def adopt(self, claim: Claim, *, lease_seconds: float) -> None:
        """Hold the slots of something that runs already, even when that is over the limit."""
        now = self._now()
        until = now + round(lease_seconds * SECOND)
        held = self._held.get(claim.id)
        if held is None:
            self._sweep(now)
            asked = (1, claim.tokens, claim.micro_usd)
            held = self._held[claim.id] = Held(claim, None, until, asked, [])
        held.until = until
        self._hold(held, until)

    def _hold(self, held: Held, until: int) -> None:
        now = self._now()
        for rule in held.claim.rules:
            if rule.plan.concurrent:
                count = self._counts.find(rule, now)
                count.hold(held.claim.id, until)
                if all(one is not count for _, one in held.counts):
                    held.counts.append((rule.plan, count))

    async def room(self, rule: Rule) -> Full | None:
        """Whether one more request would fit; nothing is taken."""
        now = self._now()
        one = Claim("room", (rule,))
        if self._lessons and (told := self._lessons.shortage(one, now)) is not None:
            return told
        count = None if rule.plan.free else self._counts.existing(rule)
        shortage = None if count is None else count.shortage(JUST_ONE, now)
        return None if shortage is None else full(rule.key, shortage, now)

    async def left(self, rule: Rule) -> tuple[Left, ...]:
        """What is left of each window of a rule."""
        now = self._now()
        count = None if rule.plan.free else self._counts.existing(rule)
        if count is None:
            return tuple(Left(one.name, one.limit, one.limit, 0.0) for one in rule.plan.bounds)
        return tuple(
            [
                Left(name, limit, max(limit - used, 0), whole_in / SECOND)
                for name, limit, used, whole_in in count.standing(now)
            ]
        )

    async def saturation(self, rules: Sequence[Rule]) -> float:
        """How full the fullest of them is, from 0 to 1."""
        now = self._now()
        fullest = 0.0
        for rule in rules:
            if self._lessons:
                fullest = max(fullest, self._lessons.fullness(rule.key, now))
            if not rule.plan.free and (count := self._counts.existing(rule)) is not None:
                fullest = max(fullest, count.fullness(now))
        return fullest

    def learn(self, key: str, learned: Learned) -> None:
        """Heed what a response said about the limits behind a rule, until it is outdated."""
        self._lessons.learn(key, learned, self._now())

    def told(self, claim: Claim) -> Full | None:
        """Whether what was learned leaves no room for it."""
        return self._lessons.shortage(claim, self._now()) if self._lessons else None

    def saturation_told(self, rules: Sequence[Rule]) -> float:
        """How full the fullest is by what was learned alone."""
        now = self._now()
        return max((self._lessons.fullness(rule.key, now) for rule in rules), default=0.0)

    def holds(self, claim_id: str) -> bool:
        """Whether a claim is under way."""
        held = self._held.get(claim_id)
        return held is not None and held.until > self._now()

    def claim(self, claim_id: str) -> Claim | None:
        """A claim under way."""
        held = self._held.get(claim_id)
        return None if held is None else held.claim

    def watch(self, freed: Freed) -> None:
        """Tell somebody when this process gives something back."""
        self._watchers.append(freed)

    def _tell(self, claim: Claim) -> None:
        if self._watchers:
            keys = [rule.key for rule in claim.rules]
            for freed in self._watchers:
                freed(keys)

    def _sweep(self, now: int) -> None:
        """Forget what is idle and claims whose leases ended, a few at a time."""
        self._counts.sweep(now, 1)
        held = self._held
        for _ in range(min(STEPS, len(held))):
            claim_id = next(iter(held))
            if held[claim_id].until <= now:
                del held[claim_id]
            else:
                held.move_to_end(claim_id)

    def _now(self) -> int:
        """Microseconds. Should the clock go back, time goes on from where it was."""
        now = round(self._clock.monotonic() * SECOND) + self._offset
        if now < self._latest:
            self._offset += self._latest - now
            return self._latest
        self._latest = now
        return now


def only(kind: Kind, amount: int) -> Asked:
    """An amount of one kind."""
    return (0, amount, 0) if kind == 1 else (0, 0, amount)


def full(key: str, shortage: Shortage, now: int) -> Full:
    """A shortage as it is told."""
    wait = None if shortage.free_at is None else max(shortage.free_at - now, 1) / SECOND
    return Full(key, shortage.amount, wait, shortage.never)
