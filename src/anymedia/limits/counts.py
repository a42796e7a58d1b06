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

from anymedia.limits.claim import Rule
from anymedia.limits.count import Count

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

    def __len__(self) -> int:
        return len(self._own) + len(self._shared)

    def find(self, rule: Rule, now: int) -> Count:
        """What counts for a rule; made when there is nothing yet."""
        count = self._own.get(rule.key)
        if count is None:
            count = self._new(rule, now)
        if count.plan is not rule.plan:
            count.follow(rule.plan)
        count.touched = now  # so that it is not swept away before it is charged
        return count

    def existing(self, rule: Rule) -> Count | None:
        """What counts for a rule, if anything does."""
        count = self.known(rule)
        if count is not None and count.plan is not rule.plan:
            count.follow(rule.plan)
        return count

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
        count = Count(rule.plan, now)
        if len(self._own) < self._most:
            self._own[rule.key] = count
        else:
            self._shared[place(rule)] = count
        return count

    def sweep(self, now: int, steps: int) -> None:
        """Inspect the oldest so many; those that still count go to the end of the line."""
        own = self._own
        for _ in range(min(steps, len(own))):
            key = next(iter(own))
            if own[key].idle(now):
                del own[key]
            else:
                own.move_to_end(key)


def place(rule: Rule) -> Place:
    """Where a key counts when it has no count of its own."""
    return crc32(rule.key.encode("utf-8", "replace")) % SHARED, rule.plan.shape
