"""When to ask how work stands: by what its provider says, by how long such work took of late.

Ten thousand jobs that are asked about every few seconds are thousands of useless questions. Where
enough is known, nothing is asked until the quickest could be done, then more closely.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from anymedia.providers.spec import Pace

KEPT = 50
ENOUGH = 5
"""So many have to have been seen before anything follows from it."""
QUICKEST = 0.1
"""The share that may be done before the first question."""
SHARE = 0.05
"""Of the usual time, or of what is overdue, between two questions."""
MOST_SILENT_SECONDS = 60.0
"""So long at most nothing is asked, however long it takes: callers watch the progress."""
JITTER = 0.2
SOON = 0.0
"""The next step of a job can be taken at once."""
DISK_PAUSE_SECONDS = 5.0
"""Before something is kept again that the disk had no room for."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How long work takes."""

    early_seconds: float
    usual_seconds: float


class Durations:
    """How long finished work took, by provider and model."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def knows(self, provider: str, model: str) -> bool:
        """Whether anything was said about it yet."""
        return (provider, model) in self._seen

    def recall(self, provider: str, model: str, seconds: Iterable[float]) -> None:
        """What earlier processes have seen, the oldest first."""
        self._seen[provider, model] = deque(seconds, KEPT)

    def learn(self, provider: str, model: str, seconds: float) -> None:
        """One more is done."""
        self._seen.setdefault((provider, model), deque(maxlen=KEPT)).append(seconds)

    def expected(self, provider: str, model: str) -> Expected | None:
        """How long it will take; `None` while too little is known."""
        seen = sorted(self._seen.get((provider, model), ()))
        if len(seen) < ENOUGH:
            return None
        return Expected(seen[int(len(seen) * QUICKEST)], seen[len(seen) // 2])


def pause(pace: Pace, *, elapsed: float, expected: Expected | None, chance: float) -> float:
    """Seconds until the next question; `chance`, from 0 to 1, keeps questions apart."""
    if expected is None:
        # Intervals that grow by a factor, told from the time alone: nobody need count questions.
        grown = pace.first_seconds + elapsed * (pace.factor - 1)
        wait = min(grown, pace.longest_seconds)
    elif elapsed < expected.early_seconds:
        wait = min(expected.early_seconds - elapsed, MOST_SILENT_SECONDS)
        wait = max(wait, pace.first_seconds)
    else:
        overdue = max(0.0, elapsed - 2 * expected.usual_seconds)
        wait = SHARE * (expected.usual_seconds + overdue)
        wait = min(max(wait, pace.first_seconds), pace.longest_seconds)
    return wait * (1 - JITTER / 2 + JITTER * chance)
