"""Providers as a simulation has them: how fast, how dear, and what befalls them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Literal

from benchmarks.routing.workload import Asked, Workload

Fault = Literal["dead", "hangs", "brown-out", "limited", "dearer", "slower", "faster"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that befalls a provider for a while."""

    fault: Fault
    provider: str
    begins: float
    ends: float
    factor: float = 1.0
    """How much slower, dearer or faster; of a limit, how many a second."""

    def at(self, now: float) -> bool:
        """Whether it is going on."""
        return self.begins <= now < self.ends

    def drifted(self, now: float) -> float:
        """A factor that grows from 1 over the whole time."""
        done = (now - self.begins) / (self.ends - self.begins)
        return float(self.factor ** min(max(done, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Model:
    """What a provider is like when all is well."""

    name: str
    usd_in: float
    usd_out: float
    first_seconds: float
    seconds_out: float
    capacity: int
    """So many at once before it becomes slower."""
    fails: float = 0.003
    noise: float = 0.2

    def usd(self, asked: Asked) -> float:
        """What a request costs."""
        return asked.size_in * self.usd_in + asked.size_out * self.usd_out

    def seconds(self, asked: Asked) -> float:
        """How long it takes, on average."""
        return self.first_seconds + asked.size_out * self.seconds_out


TEXT = (
    Model("swift", 0.6e-6, 2.4e-6, 0.25, 1 / 160, 60),
    Model("thrifty", 0.1e-6, 0.4e-6, 0.60, 1 / 70, 80),
    Model("solid", 0.5e-6, 1.5e-6, 0.45, 1 / 90, 60),
    Model("grand", 2.5e-6, 10e-6, 0.60, 1 / 75, 100, fails=0.001),
    Model("spare", 0.25e-6, 1.0e-6, 1.20, 1 / 40, 40, fails=0.01),
)
VIDEO = (
    Model("swift", 0.02, 0.10, 15.0, 2.5, 30),
    Model("thrifty", 0.02, 0.03, 30.0, 5.0, 60),
    Model("solid", 0.02, 0.07, 20.0, 4.0, 30),
    Model("grand", 0.10, 0.40, 30.0, 6.0, 60, fails=0.001),
    Model("spare", 0.02, 0.05, 60.0, 9.0, 30, fails=0.01),
)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the simulation, as reported: a trouble and what follows it until the next."""

    name: str
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Setting:
    """Providers and their troubles, over one workload."""

    workload: Workload
    models: tuple[Model, ...]
    troubles: tuple[Trouble, ...]
    periods: tuple[Period, ...]
    usd_scale: float
    seconds_scale: float
    """What prices and times are compared with: the medians over the providers."""
    timeout_seconds: float
    deadline_seconds: float


SCHEDULE: tuple[tuple[str, float, float, tuple[tuple[Fault, str, float], ...]], ...] = (
    ("outage", 0.15, 0.27, (("dead", "thrifty", 1.0),)),
    ("hang", 0.33, 0.43, (("hangs", "thrifty", 1.0), ("dead", "swift", 1.0))),
    ("brown-out", 0.49, 0.60, (("brown-out", "thrifty", 6.0),)),
    ("limit", 0.66, 0.75, (("limited", "thrifty", 0.5),)),
    ("dearer", 0.80, 0.88, (("dearer", "thrifty", 8.0),)),
    ("drift", 0.88, 1.01, (("slower", "thrifty", 3.0), ("faster", "solid", 3.0))),
)
"""What happens when, as shares of the whole time. It mostly befalls the one that is best."""


def setting_of(workload: Workload, seed: int) -> Setting:
    """The same troubles with other luck: figures, order and times differ from seed to seed."""
    chance = random.Random(f"{workload.name} setting {seed}")
    media = workload.kind != "text"

    def some(figure: float) -> float:
        return figure * exp(chance.uniform(-0.15, 0.15))

    models = [
        replace(
            model,
            usd_in=some(model.usd_in),
            usd_out=some(model.usd_out),
            first_seconds=some(model.first_seconds),
            seconds_out=some(model.seconds_out),
        )
        for model in (VIDEO if media else TEXT)
    ]
    chance.shuffle(models)
    length = workload.seconds
    troubles, periods = [], [Period("before", 0.0, length)]
    for name, begins, ends, faults in SCHEDULE:
        begin, end = (begins + chance.uniform(-0.01, 0.01)) * length, ends * length
        periods[-1] = replace(periods[-1], ends=begin)
        periods.append(Period(name, begin, length + 1))
        for fault, provider, factor in faults:
            scaled = factor * workload.rate if fault == "limited" else factor
            troubles.append(Trouble(fault, provider, begin, end, scaled))
    typical = workload.typical()
    return Setting(
        workload=workload,
        models=tuple(models),
        troubles=tuple(troubles),
        periods=tuple(periods),
        usd_scale=median([model.usd(typical) for model in models]),
        seconds_scale=median([model.seconds(typical) for model in models]),
        timeout_seconds=600.0 if media else 20.0,
        deadline_seconds=1800.0 if media else 60.0,
    )


def median(figures: Sequence[float]) -> float:
    """The middle one."""
    return sorted(figures)[len(figures) // 2]


class Served:
    """One provider in the simulation: answers when asked, by what befalls it then."""

    def __init__(self, model: Model, setting: Setting, chance: random.Random) -> None:
        self.model = model
        self.in_flight = 0
        self._chance = chance
        self._timeout = setting.timeout_seconds
        self._troubles = tuple(t for t in setting.troubles if t.provider == model.name)
        self._edges = sorted({edge for t in self._troubles for edge in (t.begins, t.ends)})
        self._now: tuple[Trouble, ...] = ()
        self._until = -1.0
        self._room = 10.0
        self._filled_at = 0.0

    def troubles(self, now: float) -> tuple[Trouble, ...]:
        """What is going on."""
        if now >= self._until:
            self._now = tuple(t for t in self._troubles if t.at(now))
            self._until = next((edge for edge in self._edges if edge > now), float("inf"))
        return self._now

    def out(self, now: float) -> bool:
        """Whether it serves nobody."""
        return any(t.fault in {"dead", "hangs"} for t in self.troubles(now))

    def usd(self, asked: Asked, now: float) -> float:
        """What a request costs now."""
        usd = self.model.usd(asked)
        for trouble in self.troubles(now):
            if trouble.fault == "dearer":
                usd *= trouble.factor
        return usd

    def expected(self, asked: Asked, now: float) -> tuple[float, float]:
        """Seconds it will take on average, and the share that fails."""
        seconds, fails = self.model.seconds(asked), self.model.fails
        crowd = (self.in_flight - self.model.capacity) / self.model.capacity
        if crowd > 0:
            seconds *= 1 + crowd
        for trouble in self.troubles(now):
            match trouble.fault:
                case "dead" | "hangs":
                    fails = 1.0
                case "brown-out":
                    seconds *= trouble.factor
                    fails = 0.25
                case "slower":
                    seconds *= trouble.drifted(now)
                case "faster":
                    seconds /= trouble.drifted(now)
                case "dearer" | "limited":
                    pass
        return seconds, fails

    def full(self, now: float) -> bool:
        """Whether its limit lets nothing through just now."""
        return any(
            t.fault == "limited" and self.room(now, t.factor) < 1 for t in self.troubles(now)
        )

    def room(self, now: float, per_second: float) -> float:
        """How many it would still take under its limit."""
        full = max(per_second * 5.0, 2.0)
        self._room = min(full, self._room + (now - self._filled_at) * per_second)
        self._filled_at = now
        return self._room

    def answer(self, asked: Asked, now: float) -> tuple[Literal["ok", "failed", "full"], float]:
        """How a request ends, and after how many seconds."""
        for trouble in self.troubles(now):
            if trouble.fault == "dead":
                return "failed", 0.1 + 0.2 * self._chance.random()
            if trouble.fault == "hangs":
                return "failed", self._timeout
        if self.full(now):
            return "full", 0.1
        self._room -= 1
        mean, fails = self.expected(asked, now)
        seconds = mean * exp(self._chance.gauss(0, self.model.noise))
        if self._chance.random() < fails:
            return "failed", min(0.5 * seconds, self._timeout)
        if seconds > self._timeout:
            return "failed", self._timeout
        for trouble in self._troubles:
            if trouble.fault == "dead" and now < trouble.begins < now + seconds:
                return "failed", trouble.begins - now
        return "ok", seconds
