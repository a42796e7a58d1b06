"""How well each provider does: a number from 0 to 1 for routing, dashboards and alerts.

The score is about the share of requests worth sending there:

    score = success x (1 - 0.3 x (1 - latency)) x (1 - 0.15 x (1 - saturation))
                    x (1 - 0.05 x (1 - freshness))

- `success` is what the rest is multiplied with, because no speed makes up for failures. Each
  observation weighs half after `half_life_seconds`. Two imagined successes are added, so that the
  first failure ever is not a verdict, and a provider that nobody has used begins as a good one.
- `latency` takes away up to 30 %: a brown-out is worth going elsewhere for, but slow answers are
  still answers. It is 1 up to one and a half times the provider's own normal, 0 from four times on.
- `saturation` takes away up to 15 %: a full limit passes by itself within a minute.
- `freshness` takes away up to 5 %: among equals the one that has just been seen working is
  preferred, and unknown is not bad.

A provider is healthy while its circuit is not open and its score is at least 0.5: with all else
well that is when every second request comes back with what was asked for. Below it, trying
elsewhere first is the better bet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import log
from typing import NamedTuple

from anymedia.clock import Clock
from anymedia.contracts.resilience import (
    Alert,
    AlertSettings,
    CircuitState,
    HealthParts,
    HealthSettings,
    ProviderHealth,
)
from anymedia.resilience.alerting import Alerts
from anymedia.resilience.pace import Average, Pace

HEALTHY = 0.5
LATENCY_WEIGHT = 0.3
SATURATION_WEIGHT = 0.15
FRESHNESS_WEIGHT = 0.05
IMAGINED_SUCCESSES = 2.0
TOLERATED_SLOWDOWN = 1.5
WORST_SLOWDOWN = 4.0
ROOM_SHARE = 0.7
"""Limits that are used up to here still have room."""
SATURATION_SECONDS = 60.0
"""What was said of limits is forgotten by then: most of them are per minute."""
HISTORY_MINUTES = 24 * 60
CLOSE = 1 / 250
"""Successes that lie no further apart than this share of a half-life may count as of one time."""
LOOK_SECONDS = 1.0
"""Under load, alerts and history look at the score so often and not at every call."""


class Parts(NamedTuple):
    """What a score is made of, as in `HealthParts`: this one is made for every choice of a route."""

    success: float
    latency: float
    saturation: float
    freshness: float

    @property
    def lasting(self) -> float:
        """The score without freshness."""
        return (
            self.success
            * part_of(self.latency, LATENCY_WEIGHT)
            * part_of(self.saturation, SATURATION_WEIGHT)
        )

    @property
    def score(self) -> float:
        """All of them together."""
        return self.lasting * part_of(self.freshness, FRESHNESS_WEIGHT)


class Record:
    """What is known of one provider."""

    __slots__ = (
        "calls",
        "compared",
        "failures",
        "full",
        "full_at",
        "good",
        "history",
        "in_flight",
        "looked_at",
        "measured",
        "seen_at",
        "seen_on",
    )

    def __init__(self, half_life: float) -> None:
        self.good = Average(half_life)
        self.compared = Pace(half_life)
        """Calls whose length was known in advance, relative to that."""
        self.measured = Pace(half_life)
        """The others, in seconds."""
        self.full = 0.0
        self.full_at = float("-inf")
        self.seen_at = float("-inf")
        self.seen_on: datetime | None = None
        self.looked_at = float("-inf")
        self.in_flight = 0
        self.calls = 0
        self.failures = 0
        self.history: deque[tuple[datetime, float]] = deque(maxlen=HISTORY_MINUTES)

    def parts(self, now: float, half_life: float) -> Parts:
        """What the score is made of."""
        self.good.fade(now)
        weight = self.good.weight
        good = self.good.mean * weight
        return Parts(
            success=share((good + IMAGINED_SUCCESSES) / (weight + IMAGINED_SUCCESSES)),
            latency=self._latency(now),
            saturation=self._saturation(now),
            freshness=share(0.5 ** ((now - self.seen_at) / half_life)),
        )

    def _latency(self, now: float) -> float:
        paces = [pace.slowdown(now) for pace in (self.compared, self.measured)]
        known = sum(weight for _, weight in paces)
        if known < 1e-9:
            return 1.0
        slowdown = sum(log(times) * weight for times, weight in paces) / known
        tolerated, worst = log(TOLERATED_SLOWDOWN), log(WORST_SLOWDOWN)
        part = share((worst - slowdown) / (worst - tolerated))
        # One slow call after a quiet night is an anecdote.
        return 1.0 - (1.0 - part) * known / (known + IMAGINED_SUCCESSES)

    def _saturation(self, now: float) -> float:
        fading = share(1.0 - (now - self.full_at) / SATURATION_SECONDS)
        used = share((self.full - ROOM_SHARE) / (1.0 - ROOM_SHARE))
        return 1.0 - used * fading


class Health:
    """Learns from what happens to requests how their providers do."""

    def __init__(
        self,
        settings: HealthSettings,
        clock: Clock,
        *,
        tell: Callable[[Alert, AlertSettings], None] = lambda _alert, _settings: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._alerts = Alerts(settings.alerts, clock, tell)
        self._catch_up: Callable[[], None] = lambda: None

    def expect(self, catch_up: Callable[[], None]) -> None:
        """Call this before anything is looked at or told: it brings what waits to be told."""
        self._catch_up = catch_up

    # What happens.

    def started(self, provider: str) -> None:
        """A request is on its way."""
        self._catch_up()
        self._record(provider).in_flight += 1

    def ended(self, provider: str) -> None:
        """It is not any more, whatever came of it."""
        self._catch_up()
        record = self._record(provider)
        record.in_flight = max(0, record.in_flight - 1)

    def observed(
        self,
        provider: str,
        *,
        succeeded: bool | None,
        seconds: float | None = None,
        expected_seconds: float | None = None,
    ) -> None:
        """A request or a probe has ended; `None` when that says nothing about the provider."""
        self._catch_up()
        now = self._clock.monotonic()
        record = self._record(provider)
        record.seen_at = now
        if succeeded is not None:
            record.calls += 1
            record.failures += not succeeded
            record.good.add(1.0 if succeeded else 0.0, now)
        if succeeded and seconds is not None:
            # Failures are fast or as slow as our patience; neither is the provider's pace.
            if expected_seconds is not None:
                record.compared.add(seconds, now, expected=expected_seconds)
            else:
                record.measured.add(seconds, now)
        record.seen_on = self._clock.now()
        if now - record.looked_at >= LOOK_SECONDS or succeeded is False:
            self._look(provider, record, now)

    def succeeded(
        self, provider: str, begun: int, at: Sequence[float], seconds: Sequence[float]
    ) -> None:
        """So many requests are on their way, and so many, of them or others, have ended well.

        As many calls of `started`, `ended` and `observed` would have it, but that what lies close
        together counts as of its mean time. `at` tells when, in order.
        """
        record = self._record(provider)
        record.in_flight = max(0, record.in_flight + begun - len(at))
        if at:
            self._observe(provider, record, at, seconds)

    def _observe(
        self, provider: str, record: Record, at: Sequence[float], seconds: Sequence[float]
    ) -> None:
        count, last = len(at), at[-1]
        if last - at[0] > CLOSE * self._settings.half_life_seconds:
            half = count // 2
            self._observe(provider, record, at[:half], seconds[:half])
            self._observe(provider, record, at[half:], seconds[half:])
            return
        mean = sum(at) / count
        record.seen_at = last
        record.calls += count
        record.good.add(1.0, mean, weight=count)
        record.measured.add_all(seconds, mean)
        now = self._clock.monotonic()
        record.seen_on = self._clock.now() - timedelta(seconds=now - last)
        if last - record.looked_at >= LOOK_SECONDS:
            self._look(provider, record, now)

    def saturated(self, provider: str, used: float) -> None:
        """So much of its limits is used, from 0 to 1; 1 also when it answered that they are."""
        record = self._record(provider)
        record.full = share(used)
        record.full_at = self._clock.monotonic()

    # What is known.

    def score(self, provider: str) -> float:
        """The score alone, for choosing among providers."""
        return self._parts(provider).score

    def report(
        self,
        provider: str,
        circuit_state: CircuitState = "closed",
        retry_after: float | None = None,
    ) -> ProviderHealth:
        """Everything about one provider."""
        self._catch_up()
        record = self._records.get(provider) or Record(self._settings.half_life_seconds)
        parts = self._parts(provider)
        score = parts.score
        return ProviderHealth(
            name=provider,
            healthy=circuit_state != "open" and score >= HEALTHY,
            circuit_state=circuit_state,
            health_score=round(score, 4),
            parts=HealthParts(**parts._asdict()),
            seen_at=record.seen_on,
            retry_after=retry_after,
            in_flight=record.in_flight,
            calls=record.calls,
            failures=record.failures,
        )

    def idle_seconds(self, provider: str) -> float | None:
        """Since something was last learnt; `None` for never."""
        self._catch_up()
        record = self._records.get(provider)
        if record is None or record.seen_on is None:
            return None
        return self._clock.monotonic() - record.seen_at

    def history(self, provider: str) -> tuple[tuple[datetime, float], ...]:
        """The score at the end of each minute in which it was looked at, for a day."""
        self._catch_up()
        record = self._records.get(provider)
        return () if record is None else tuple(record.history)

    # What is done now and then.

    def look(self) -> None:
        """Bring history and alerts up to date for all; to be called every few seconds."""
        self._catch_up()
        now = self._clock.monotonic()
        for provider, record in list(self._records.items()):
            self._look(provider, record, now)

    def change(self, settings: HealthSettings) -> None:
        """Other settings; with another half-life, averages begin anew and counts stay."""
        self._catch_up()
        if settings.half_life_seconds != self._settings.half_life_seconds:
            for record in self._records.values():
                record.good = Average(settings.half_life_seconds)
                record.compared = Pace(settings.half_life_seconds)
                record.measured = Pace(settings.half_life_seconds)
        self._settings = settings
        self._alerts.change(settings.alerts)

    def forget(self, provider: str) -> None:
        """The provider has been removed."""
        self._catch_up()
        self._records.pop(provider, None)
        self._alerts.forget(provider)

    def _record(self, provider: str) -> Record:
        record = self._records.get(provider)
        if record is None:
            record = self._records[provider] = Record(self._settings.half_life_seconds)
        return record

    def _parts(self, provider: str) -> Parts:
        self._catch_up()
        record = self._records.get(provider) or Record(self._settings.half_life_seconds)
        return record.parts(self._clock.monotonic(), self._settings.half_life_seconds)

    def _look(self, provider: str, record: Record, now: float) -> None:
        record.looked_at = now
        parts = record.parts(now, self._settings.half_life_seconds)
        minute = self._clock.now().replace(second=0, microsecond=0)
        if record.history and record.history[-1][0] >= minute:
            record.history.pop()
        record.history.append((minute, round(parts.score, 4)))
        # Silence is no bad news: nobody is alarmed because nobody asked.
        self._alerts.look(provider, parts.lasting)


def share(value: float) -> float:
    """Between 0 and 1."""
    return min(1.0, max(0.0, value))


def part_of(part: float, weight: float) -> float:
    """What is left when a part may take away as much as its weight."""
    return 1.0 - weight * (1.0 - part)
