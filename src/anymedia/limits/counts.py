"""The counts of all keys, bounded: idle ones are forgotten, and there are never too many.

Every look-up that makes a new count inspects the two oldest and drops them if they are idle, so
forgetting keeps up with coming, without a pause to sweep a million. When there are as many as
there may be and none is idle, further keys share counts with others that have the same kind of
limits: stricter than configured, but never over, and nothing that still counts is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias
from zlib import crc32

from anymedia.limits.claim import Rule, Rules
from anymedia.limits.count import Count
from anymedia.limits.counting import Counting

SHARED = 1024
"""How many counts keys share, per kind of limits, when there are too many."""
STEPS = 2
Place: TypeAlias = tuple[int, tuple[str, ...]]


class Counts:
    """By key; at most `most_keys` and some that are shared."""

    def __init__(self, most_keys: int) -> None:
        self._most = most_keys
        self._own: OrderedDict[str, Count] = OrderedDict()
        self._shared: dict[Place, Count] = {}
        self.as_of = object()
        """Another one with each count that is dropped or that follows another plan."""

    def __len__(self) -> int:
        return len(self._own) + len(self._shared)

    def together(self, rules: Rules, now: int) -> Counting:
        """What counts for some rules, as of now; kept with them."""
        counting = rules.counting
        if counting is None or not all(
            self.known(rule) is count and count.plan is rule.plan for rule, count in counting.counts
        ):
            counts = [(rule, self.find(rule, now)) for rule in rules if not rule.plan.free]
            counting = rules.counting = Counting(counts, self.as_of)
        counting.as_of = self.as_of
        return counting

    def find(self, rule: Rule, now: int) -> Count:
        """What counts for a rule; made when there is nothing yet."""
        count = self._own.get(rule.key)
        if count is None:
            count = self._new(rule, now)
        if count.plan is not rule.plan:
            self._follow(count, rule)
        count.touched = now  # so that it is not swept away before it is charged
        return count

    def existing(self, rule: Rule) -> Count | None:
        """What counts for a rule, if anything does."""
        count = self._own.get(rule.key) or self.known(rule)
        if count is not None and count.plan is not rule.plan:
            self._follow(count, rule)
        return count

    def _follow(self, count: Count, rule: Rule) -> None:
        count.follow(rule.plan)
        self.as_of = object()

    def known(self, rule: Rule) -> Count | None:
        """The same, for a rule that may have been replaced by another since."""
        count = self._own.get(rule.key)
        if count is None and self._shared:
            count = self._shared.get(place(rule))
        return count

    def _new(self, rule: Rule, now: int) -> Count:
        self.sweep(now, STEPS)
        if self._shared:
            there = place(rule)
            if (shared := self._shared.get(there)) is not None:
                if not shared.idle(now):
                    return shared  # the key may have counts in it
                del self._shared[there]
                self.as_of = object()
        count = Count(rule.plan, now)
        if len(self._own) < self._most:
            self._own[rule.key] = count
        else:
            self._shared[place(rule)] = count
        return count

    def sweep(self, now: int, steps: int) -> bool:
        """Inspect the oldest so many; those that still count go to the end of the line.

        Whether any was idle.
        """
        own, found = self._own, False
        for _ in range(min(steps, len(own))):
            key = next(iter(own))
            if own[key].idle(now):
                del own[key]
                self.as_of, found = object(), True
            else:
                own.move_to_end(key)
        return found


def place(rule: Rule) -> Place:
    """Where a key counts when it has no count of its own."""
    return crc32(rule.key.encode("utf-8", "replace")) % SHARED, rule.plan.shape
