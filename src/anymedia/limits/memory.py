"""Limits counted in this process. Nothing here waits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from anymedia.clock import Clock
from anymedia.limits.claim import Claim, Freed, Full, Left, Rule, Taken
from anymedia.limits.count import Asked, Shortage, later
from anymedia.limits.counting import NOTHING, Counting
from anymedia.limits.counts import STEPS, Counts
from anymedia.limits.held import Held, remembered
from anymedia.limits.learned import Learned
from anymedia.limits.lessons import Lessons
from anymedia.limits.plan import LARGEST, SECOND, Kind

JUST_ONE: Asked = (1, 0, 0)
REST = 5 * SECOND
"""What is idle is looked for in rounds, a step with each claim. After one that found nothing comes a
rest."""


class MemoryLimiter:
    """Counts in this process alone."""

    def __init__(self, clock: Clock, *, most_keys: int = 1_000_000) -> None:
        self._monotonic = clock.monotonic
        self._counts = Counts(most_keys)
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lessons = Lessons()
        self._watchers: list[Freed] = []
        self._latest = 0
        self._offset = 0
        self._sweeps_at = 0
        """When the next round begins, or did."""
        self._steps = 0
        """How many it has come without finding anything."""

    def __len__(self) -> int:
        """How many things are remembered."""
        return len(self._counts) + len(self._held) + len(self._lessons)

    async def take(self, claim: Claim, *, lease_seconds: float) -> Taken | Full:
        """Take all of it or nothing. After `lease_seconds` without `renew` it is forgotten."""
        return self.take_now(claim, lease_seconds=lease_seconds)

    def take_now(self, claim: Claim, *, lease_seconds: float) -> Taken | Full:
        """The same: nobody has to be asked."""
        now = self._now()
        held = self._held.get(claim.id)
        if held is not None and held.until > now:
            return Taken(claim.id)
        told = self._lessons.told
        if told and (short := self._lessons.shortage(claim, now)) is not None:
            return short
        counting = claim.rules.counting
        if counting is None or counting.as_of is not self._counts.as_of:
            counting = self._counts.together(claim.rules, now)
        if not counting.fits(claim, now):
            lacking = self._lacking(claim, counting, now)
            if lacking is not None:
                return lacking
        if counting.counts:
            self._charge(claim, counting, now, lease_seconds)
        if told:
            self._lessons.take(claim)
        return Taken(claim.id)

    def _lacking(self, claim: Claim, counting: Counting, now: int) -> Full | None:
        """Of all that there is too little of, what lasts longest."""
        asked, worst = (1, claim.tokens, claim.micro_usd), None
        key = ""
        for rule, count in counting.counts:
            shortage = count.shortage(rule.plan, asked, now, claim.id)
            if shortage is not None and later(worst, shortage) is shortage:
                worst, key = shortage, rule.key
        return None if worst is None else full(key, worst, now)

    def record(self, claim: Claim, *, lease_seconds: float) -> None:
        """Count a claim for which there was room elsewhere, without asking whether there is."""
        now = self._now()
        if not self.holds(claim.id):
            counting = self._counts.together(claim.rules, now)
            self._charge(claim, counting, now, lease_seconds)
            self._lessons.take(claim)

    def _charge(self, claim: Claim, counting: Counting, now: int, lease_seconds: float) -> None:
        until = now + round(lease_seconds * SECOND)
        held = self._held[claim.id] = remembered(claim, counting, now, until)
        counting.charge(claim, now, until)
        if counting.buckets:
            held.buckets = counting.fill(now)
        if now >= self._sweeps_at:
            self._sweep(now)

    async def settle(
        self, claim_id: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> None:
        """Replace estimates by what it was. More than estimated is counted from now on."""
        held, now = self._held.get(claim_id), self._now()
        if held is not None and held.until > now:
            freed = tokens is not None and self._settle(held, 1, tokens, now)
            freed |= micro_usd is not None and self._settle(held, 2, micro_usd, now)
            if freed and self._watchers:
                self._tell(held.claim)

    def _settle(self, held: Held, kind: Kind, actual: int, now: int) -> bool:
        """Charge the difference; whether something came back."""
        first = held.first[kind]
        if not 0 <= actual <= first or (held.extras and kind in held.extras):
            return self._settle_anew(held, kind, actual, now)
        if actual == first:
            return False
        held.first[kind] = actual
        for window, _ in held.counting.of[kind]:
            window.give_back(now, held.at, first - actual)
        return True

    def _settle_anew(self, held: Held, kind: Kind, actual: int, now: int) -> bool:
        """The same, where it was or is going to be more than estimated."""
        first, extras = held.first[kind], held.extras or {}
        extra, at = extras.get(kind, (0, now))
        actual = min(max(actual, 0), LARGEST)
        if actual == first + extra:
            return False
        if extra:
            self._take_back(held.claim, kind, extra, at, now)
        held.extras = {one: said for one, said in extras.items() if one != kind} or None
        if actual <= first:
            self._settle(held, kind, actual, now)
            return True
        held.extras = {**(held.extras or {}), kind: (actual - first, now)}
        for rule in held.claim.rules:
            if not rule.plan.free:
                count = self._counts.known(rule) or self._counts.find(rule, now)
                count.add(kind, actual - first, now)
        return actual < first + extra

    async def release(self, claim_id: str, *, refund: bool = False) -> None:
        """Free its slots and forget it; with `refund` its amounts come back too."""
        held = self._held.pop(claim_id, None)
        if held is not None:
            if refund and held.until > (now := self._now()):
                self._refund(held, now)
            self._free(held)

    def end(
        self, claim_id: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> None:
        """Settle and release it."""
        held = self._held.pop(claim_id, None)
        if held is not None:
            now = self._now()
            if held.until > now:
                if tokens is not None:
                    self._settle(held, 1, tokens, now)
                if micro_usd is not None:
                    self._settle(held, 2, micro_usd, now)
            self._free(held)

    def _free(self, held: Held) -> None:
        claim = held.claim
        for slots in held.places:
            slots.pop(claim.id, None)
        if self._watchers:
            self._tell(claim)

    def _refund(self, held: Held, now: int) -> None:
        for amount, several in zip(held.first, held.counting.of, strict=True):
            for window, _ in several:
                window.give_back(now, held.at, amount)
        for kind, (extra, at) in (held.extras or {}).items():
            self._take_back(held.claim, kind, extra, at, now)
        for count, before, after in held.buckets or ():
            if count.full_at == after:
                # Only the latest can be undone: later ones may have come out of an idle time
                # that without it would have been another. A bucket refills soon by itself.
                count.full_at = before
        self._lessons.give_back(held.claim)

    def _take_back(self, claim: Claim, kind: Kind, amount: int, at: int, now: int) -> None:
        """What it was charged with later, wherever that is counted."""
        for rule in claim.rules:
            if not rule.plan.free and (count := self._counts.known(rule)) is not None:
                count.give_back(kind, amount, at, now)

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
            held = self._held[claim.id] = remembered(claim, NOTHING, now, until)
        held.until = until
        self._hold(held, until)
        self._sweep(now)

    def _hold(self, held: Held, until: int) -> None:
        now = self._now()
        for rule in held.claim.rules:
            slots = self._counts.find(rule, now).slots if rule.plan.concurrent else None
            if slots is not None:
                slots.hold(held.claim.id, until)
                if all(one is not slots for one in held.places):
                    held.places = (*held.places, slots)

    async def room(self, rule: Rule) -> Full | None:
        """Whether one more request would fit; nothing is taken."""
        now = self._now()
        if self._lessons.told:
            told = self._lessons.shortage(Claim("room", (rule,)), now)
            if told is not None:
                return told
        count = None if rule.plan.free else self._counts.existing(rule)
        shortage = None if count is None else count.shortage(rule.plan, JUST_ONE, now)
        return None if shortage is None else full(rule.key, shortage, now)

    async def left(self, rule: Rule) -> tuple[Left, ...]:
        """What is left of each window of a rule."""
        return self.left_now(rule)

    def left_now(self, rule: Rule) -> tuple[Left, ...]:
        """The same: nobody has to be asked."""
        count = None if rule.plan.free else self._counts.existing(rule)
        if count is None:
            return tuple(Left(one.name, one.limit, one.limit, 0.0) for one in rule.plan.bounds)
        now = self._now()
        found = []
        for name, limit, window in count.lines:
            if now >= window.turns:
                window.turn(now)
            left, whole_in = limit - window.total, window.last + window.span - now
            # With every answer: a comparison is less than a call.
            left = left if left > 0 else 0  # noqa: FURB136
            whole_in = whole_in if whole_in > 0 else 0  # noqa: FURB136
            found.append(Left(name, limit, left, whole_in / SECOND))
        return tuple(found)

    async def saturation(self, rules: Sequence[Rule]) -> float:
        """How full the fullest of them is, from 0 to 1."""
        now = self._now()
        fullest = 0.0
        for rule in rules:
            if self._lessons.told:
                fullest = max(fullest, self._lessons.fullness(rule.key, now))
            if not rule.plan.free and (count := self._counts.existing(rule)) is not None:
                fullest = max(fullest, count.fullness(now))
        return fullest

    def learn(self, key: str, learned: Learned) -> None:
        """Heed what a response said about the limits behind a rule, until it is outdated."""
        self._lessons.learn(key, learned, self._now())

    def told(self, claim: Claim) -> Full | None:
        """Whether what was learned leaves no room for it."""
        return self._lessons.shortage(claim, self._now()) if self._lessons.told else None

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
        """Tell somebody when this process gives something back, while they wait for it."""
        self._watchers.append(freed)

    def unwatch(self, freed: Freed) -> None:
        """They do not wait any more."""
        self._watchers.remove(freed)

    def _tell(self, claim: Claim) -> None:
        keys = [rule.key for rule in claim.rules]
        for freed in tuple(self._watchers):
            freed(keys)

    def _sweep(self, now: int) -> None:
        """A step of a round: forget what is idle and claims whose leases ended."""
        self._steps += 1
        if self._counts.sweep(now, 1):
            self._steps = 0
        held = self._held
        for _ in range(min(STEPS, len(held))):
            claim_id = next(iter(held))
            if held[claim_id].until <= now:
                del held[claim_id]
                self._steps = 0
            else:
                held.move_to_end(claim_id)
        if self._steps >= max(len(self._counts), len(held)):
            self._steps, self._sweeps_at = 0, now + REST

    def _now(self) -> int:
        """Microseconds. Should the clock go back, time goes on from where it was."""
        monotonic = self._monotonic
        now = round(monotonic() * SECOND) + self._offset
        if now < self._latest:
            self._offset += self._latest - now
            return self._latest
        self._latest = now
        return now


def full(key: str, shortage: Shortage, now: int) -> Full:
    """A shortage as it is told."""
    wait = None if shortage.free_at is None else max(shortage.free_at - now, 1) / SECOND
    return Full(key, shortage.amount, wait, shortage.never)
