"""How fast a provider is, against how fast it usually is.

A render of two minutes is no sign of trouble where two minutes are normal, and an answer in three
seconds is one where it used to take half of one. So nothing is compared with a fixed number: the
average of what was seen lately is held against the average of what was seen for long. Averages are
of logarithms, so that one call that takes a hundred times as long does not drown the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

NORMAL_HALF_LIVES = 24.0
"""The normal changes so many times more slowly than what counts as lately."""
LEARNT_CALLS = 10
"""Before so many calls there is no normal to hold anything against."""
STEP = log(2.0)
"""A single call moves the normal as if it had taken at most twice or half as long as usual."""
SLOWED = log(1.5)
SLOWED_WEIGHT = 0.1
"""While calls lately take that much longer than normal, the normal hardly learns from them: a
brown-out shows for hours before it becomes the normal."""
LEAST_SECONDS = 0.001
GRAIN = 1e-4
"""Shares of a half-life smaller than this are let pass together."""


class Average:
    """A mean in which what is older weighs less."""

    __slots__ = ("_at", "_grain", "_half_life", "total", "weight")

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._grain = GRAIN * half_life
        self._at = 0.0
        self.total = 0.0
        """The sum of all values by what they weigh."""
        self.weight = 0.0

    def add(self, value: float, now: float, *, weight: float = 1.0) -> None:
        """One more value."""
        if now - self._at > self._grain:
            self.fade(now)
        self.total += value * weight
        self.weight += weight

    def fade(self, now: float) -> None:
        """Let time take its part."""
        if now - self._at > self._grain:
            left = 0.5 ** ((now - self._at) / self._half_life)
            self.total *= left
            self.weight *= left
            self._at = now

    @property
    def mean(self) -> float:
        """The mean; 0 when nothing is known."""
        return self.total / self.weight if self.weight > 1e-9 else 0.0


class Pace:
    """One kind of measurement of one provider."""

    __slots__ = ("_normal", "_recent", "calls")

    def __init__(self, half_life: float) -> None:
        self._recent = Average(half_life)
        self._normal = Average(half_life * NORMAL_HALF_LIVES)
        self.calls = 0

    def add(self, seconds: float, now: float, *, expected: float = 1.0) -> None:
        """A call took so long; `expected` makes large and small requests comparable."""
        self._learn((log(max(seconds, LEAST_SECONDS) / max(expected, LEAST_SECONDS)),), now)

    def add_all(self, times: Sequence[float], now: float) -> None:
        """Calls took so long, one after another and all about now."""
        if min(times) < LEAST_SECONDS:
            times = [max(seconds, LEAST_SECONDS) for seconds in times]
        self._learn(tuple(map(log, times)), now)

    def _learn(self, values: Sequence[float], now: float) -> None:
        recent, normal = self._recent, self._normal
        usual = normal.mean
        recent.fade(now)
        normal.fade(now)
        new = max(0, LEARNT_CALLS - self.calls)
        self.calls += len(values)
        for value in values[:new]:
            recent.add(value, now)
            normal.add(value, now)
            usual = normal.mean
        lately, of = recent.total, recent.weight
        normally, of_all = normal.total, normal.weight
        for value in values[new:]:
            lately += value
            of += 1.0
            weight = SLOWED_WEIGHT if lately / of - usual > SLOWED else 1.0
            if value > usual + STEP:
                normally += (usual + STEP) * weight
            elif value < usual - STEP:
                normally += (usual - STEP) * weight
            else:
                normally += value * weight
            of_all += weight
            usual = normally / of_all
        recent.total, recent.weight = lately, of
        normal.total, normal.weight = normally, of_all

    def slowdown(self, now: float) -> tuple[float, float]:
        """How many times as long as normal it takes lately, and how much is known of lately."""
        self._recent.fade(now)
        if self.calls < LEARNT_CALLS:
            return 1.0, 0.0
        return exp(self._recent.mean - self._normal.mean), self._recent.weight
