"""When somebody is told that a provider does badly, or well again, and in what words.

Each crossing of a mark is told once. A score that hovers about the mark is not: to be restored it
has to come back a little above it, and after one alert the opposite one waits for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from anymedia.clock import Clock
from anymedia.contracts.resilience import Alert, AlertSettings

MARGIN = 0.05
"""So far above the mark a provider counts as restored; half the way to 1 where there is less."""
HOLD_SECONDS = 60.0
"""So long an alert stands before the opposite one may follow."""

Told: TypeAlias = Callable[[Alert, AlertSettings], None]
"""Who passes alerts on, such as to the webhook that the settings name. It must not raise."""


class Alerts:
    """Remembers which provider is below which mark."""

    def __init__(self, settings: tuple[AlertSettings, ...], clock: Clock, tell: Told) -> None:
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._degraded: set[tuple[AlertSettings, str]] = set()
        self._told_at: dict[tuple[AlertSettings, str], float] = {}

    def change(self, settings: tuple[AlertSettings, ...]) -> None:
        """Other marks; those that stay remember who is below them."""
        self._settings = settings
        self._degraded = {one for one in self._degraded if one[0] in settings}
        self._told_at = {one: at for one, at in self._told_at.items() if one[0] in settings}

    def look(self, provider: str, score: float) -> None:
        """Tell if the provider has crossed a mark."""
        for settings in self._settings:
            if settings.provider not in {None, provider}:
                continue
            one = (settings, provider)
            degraded = one in self._degraded
            if score >= restored_at(settings.below) if degraded else score < settings.below:
                now = self._clock.monotonic()
                if now - self._told_at.get(one, float("-inf")) < HOLD_SECONDS:
                    continue
                self._told_at[one] = now
                (self._degraded.discard if degraded else self._degraded.add)(one)
                alert = Alert(
                    kind="health-restored" if degraded else "health-degraded",
                    provider=provider,
                    score=round(score, 4),
                    below=settings.below,
                    at=self._clock.now(),
                )
                self._tell(alert, settings)

    def forget(self, provider: str) -> None:
        """The provider is gone."""
        self._degraded = {one for one in self._degraded if one[1] != provider}
        self._told_at = {one: at for one, at in self._told_at.items() if one[1] != provider}


def restored_at(below: float) -> float:
    """The score from which on a mark counts as left behind."""
    return below + min(MARGIN, (1 - below) / 2)


def message(alert: Alert) -> dict[str, Any]:
    """The event that a webhook receives. `id` is the same however often it is sent."""
    moment = alert.at.strftime("%Y%m%dT%H%M%S%f")
    return {
        "id": f"{alert.kind}:{alert.provider}:{alert.below:g}:{moment}",
        "type": alert.kind.replace("-", "."),
        "timestamp": alert.at.isoformat(),
        "data": {"provider": alert.provider, "score": alert.score, "below": alert.below},
    }
