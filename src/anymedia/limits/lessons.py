"""What was learned from responses, as something that narrows the room of a rule for a while.

A provider says how much is left of its own limit and when it starts anew. Until then no more
than that is let through here; requests on their way when it said so may come on top, which the
provider will then refuse. It never widens what was configured, and it is known to this process
alone: every process hears it with each of its own responses.
"""

from __future__ import annotations

from anymedia.limits.claim import Claim, Full
from anymedia.limits.learned import Amount, Learned
from anymedia.limits.plan import SECOND

MOST_KEYS = 10_000


class Lesson:
    """One amount of one key."""

    __slots__ = ("limit", "remaining", "until")

    def __init__(self, remaining: int, limit: int | None, until: int) -> None:
        self.remaining = remaining
        self.limit = limit
        self.until = until


class Lessons:
    """By key and amount, until they are outdated."""

    def __init__(self) -> None:
        self.told: dict[str, dict[Amount, Lesson]] = {}

    def __len__(self) -> int:
        return len(self.told)

    def learn(self, key: str, learned: Learned, now: int) -> None:
        """Keep it. Without a reset nobody knows how long it is true, and it is not kept."""
        if not learned.reset_seconds:
            return
        until = now + round(learned.reset_seconds * SECOND)
        lesson = Lesson(learned.remaining, learned.limit, until)
        self.told.setdefault(key, {})[learned.amount] = lesson
        if len(self.told) > MOST_KEYS:
            del self.told[next(iter(self.told))]

    def shortage(self, claim: Claim, now: int) -> Full | None:
        """Whether a provider said that there is no room for it."""
        found: Full | None = None
        for rule in claim.rules:
            for amount, lesson in tuple(self.told.get(rule.key, {}).items()):
                if lesson.until <= now:
                    self._forget(rule.key, amount)
                elif lesson.remaining < (wanted := asked(claim, amount)) and not self._alone(
                    lesson, wanted
                ):
                    wait = (lesson.until - now) / SECOND
                    if found is None or wait > (found.retry_after_seconds or 0.0):
                        found = Full(rule.key, f"provider_{amount}", wait)
        return found

    def take(self, claim: Claim) -> None:
        """Count down until the next response says it anew."""
        for rule in claim.rules:
            for amount, lesson in self.told.get(rule.key, {}).items():
                lesson.remaining = max(0, lesson.remaining - asked(claim, amount))

    def give_back(self, claim: Claim) -> None:
        """Take back what a request would have used that was not accepted."""
        for rule in claim.rules:
            for amount, lesson in self.told.get(rule.key, {}).items():
                # A limit that was exhausted stays so: the refusal itself may have said it.
                if lesson.remaining:
                    lesson.remaining += asked(claim, amount)

    def fullness(self, key: str, now: int) -> float:
        """How much of the provider's limits is used, from 0 to 1."""
        used = [
            1.0 - lesson.remaining / lesson.limit if lesson.limit else float(lesson.remaining == 0)
            for lesson in self.told.get(key, {}).values()
            if lesson.until > now
        ]
        return max(0.0, *used) if used else 0.0

    def _alone(self, lesson: Lesson, wanted: int) -> bool:
        """Whether it cannot fit anyway, being an estimate above the whole limit that was named.

        Tokens are estimated from above. What is left untouched is as much as there will ever be.
        """
        return lesson.limit is not None and wanted > lesson.limit <= lesson.remaining

    def _forget(self, key: str, amount: Amount) -> None:
        lessons = self.told[key]
        del lessons[amount]
        if not lessons:
            del self.told[key]


def asked(claim: Claim, amount: Amount) -> int:
    """How much of it a claim uses. Input and output tokens are not estimated apart: one each."""
    match amount:
        case "requests":
            return 1
        case "tokens":
            return claim.tokens
        case "input_tokens" | "output_tokens":
            return 1 if claim.tokens else 0
