"""Whose calls have been coming: who reports by itself need not be asked all the time."""

from __future__ import annotations

from collections import OrderedDict

from anymedia.providers.spec import Pace

LATELY_SECONDS = 6 * 3600.0
"""Whoever has called within this time will probably call again."""
MOST_KNOWN = 10_000
SAFETY_FACTOR = 10.0
LONGEST_SECONDS = 180.0
"""A call that got lost costs this much time, and nothing else."""


class Calls:
    """What this process knows of calls, by its own ears and by the rows."""

    def __init__(self) -> None:
        self._latest: dict[str, float] = {}
        self._heard: OrderedDict[str, None] = OrderedDict()

    def latest(self, provider: str, at: float) -> None:
        """A provider has called, here or at another process."""
        self._latest[provider] = max(at, self._latest.get(provider, 0.0))

    def heard(self, attempt_id: str) -> None:
        """An attempt's call is here: if that was not the end of it, it is asked as usual."""
        self._heard[attempt_id] = None
        if len(self._heard) > MOST_KNOWN:
            self._heard.popitem(last=False)

    def expected(self, provider: str, attempt_id: str, now: float) -> bool:
        """Whether a call about an attempt will probably come."""
        latest = self._latest.get(provider)
        return (
            latest is not None and now - latest < LATELY_SECONDS and attempt_id not in self._heard
        )


def patient(pace: Pace) -> float:
    """Seconds between questions that are only a safety net."""
    return max(pace.longest_seconds, min(pace.longest_seconds * SAFETY_FACTOR, LONGEST_SECONDS))
