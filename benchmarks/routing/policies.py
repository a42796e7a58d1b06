"""Who chooses: our strategies, what others do, and one who knows everything.

The references are written anew from what gateways describe: at random, in turn, the least busy,
and the lowest mean of the last ten times, each with a cool-down of five seconds for whoever failed
more than three times within a minute.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol, cast

from anymedia.choosing import Chooser, Option, Situation
from anymedia.contracts.resilience import CircuitBreakerSettings
from anymedia.contracts.route import Strategy
from anymedia.resilience.circuit import Admission, Breakers, CircuitKey, Refused
from benchmarks.routing.providers import Served, Setting
from benchmarks.routing.virtual import VirtualClock
from benchmarks.routing.workload import Asked

End = Literal["ok", "failed", "full"]
NO_CIRCUIT = "no circuit"


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at one provider that is over."""

    number: int
    asked: Asked
    end: End
    seconds: float
    usd: float


class Policy(Protocol):
    """What the simulation asks."""

    def order(self, asked: Asked) -> Sequence[int]:
        """Numbers of providers, the best first."""
        ...

    def begun(self, number: int) -> object | None:
        """It is asked, and this is to be handed back at the end; or nothing: it may not be."""
        ...

    def ended(self, leave: object, call: Call) -> None:
        """How that went."""
        ...

    def soonest(self, numbers: Sequence[int]) -> tuple[int, object] | None:
        """Who may be asked although none of these was let through."""
        ...


class Ours:
    """A strategy of the real chooser, behind the real circuit breakers."""

    def __init__(
        self,
        strategy: str,
        setting: Setting,
        served: Sequence[Served],
        clock: VirtualClock,
        seed: int,
        *,
        breakers: bool = True,
    ) -> None:
        self._clock = clock
        self._strategy = cast("Strategy", strategy)
        self._kind = setting.workload.kind
        self._situation = Situation(self._kind)
        self._served = served
        self._names = [one.model.name for one in served]
        self._number = {name: number for number, name in enumerate(self._names)}
        self._priced = strategy in {"cost", "adaptive"}
        self._chooser = Chooser(clock=clock, chance=random.Random(f"{strategy} {seed}"))
        self._breakers = Breakers(CircuitBreakerSettings(), clock=clock) if breakers else None
        self._keys = [CircuitKey(name, "", self._kind) for name in self._names]
        self._fixed = [Option(name, name, 1.0, None, n) for n, name in enumerate(self._names)]
        self._usual_out = setting.workload.typical().size_out

    def order(self, asked: Asked) -> Sequence[int]:
        """By the estimated price: what will be written is not known before for text."""
        options = self._fixed
        if self._priced:
            known = asked if self._kind != "text" else Asked(0, asked.size_in, self._usual_out)
            now = self._clock.seconds
            options = [
                Option(
                    one.name,
                    one.name,
                    1.0,
                    round(self._served[number].usd(known, now), 8),
                    number,
                )
                for number, one in enumerate(self._fixed)
            ]
        ranked = self._chooser.order(self._strategy, options, self._situation)
        return [self._number[one.option.name] for one in ranked]

    def begun(self, number: int, *, urgently: bool = False) -> object | None:
        """Through the circuit, and noted by the chooser."""
        admission: Admission | Refused | None = None
        if self._breakers is not None:
            key = self._keys[number]
            admission = (self._breakers.probe if urgently else self._breakers.admit)(key)
            if isinstance(admission, Refused):
                return None
        self._chooser.begun(self._names[number], self._kind)
        return admission or NO_CIRCUIT

    def ended(self, leave: object, call: Call) -> None:
        """Told to circuit and chooser, as the engine does."""
        if self._breakers is not None:
            assert isinstance(leave, Admission)
            if call.end == "full":
                self._breakers.said_nothing(leave)
            elif call.end == "ok":
                self._breakers.succeeded(leave, seconds=call.seconds)
            else:
                self._breakers.failed(leave, seconds=call.seconds)
        ok = call.end == "ok"
        self._chooser.ended(
            self._names[call.number],
            self._kind,
            succeeded=ok,
            seconds=call.seconds if ok else None,
            usd=Decimal(f"{call.usd:.8f}") if ok else None,
        )

    def soonest(self, numbers: Sequence[int]) -> tuple[int, object] | None:
        """The circuit whose time is up first."""
        if self._breakers is None:
            return None
        key = self._breakers.soonest([self._keys[number] for number in numbers])
        if key is None:
            return None
        number = self._keys.index(key)
        leave = self.begun(number, urgently=True)
        return None if leave is None else (number, leave)


ALLOWED_FAILURES = 3
COOL_DOWN_SECONDS = 5.0


class Reference:
    """What gateways do, with their cool-down."""

    def __init__(self, served: Sequence[Served], clock: VirtualClock, seed: int) -> None:
        self._clock = clock
        self._chance = random.Random(seed)
        self._count = len(served)
        self._failed: list[deque[float]] = [deque(maxlen=ALLOWED_FAILURES + 1) for _ in served]
        self._cooling = [0.0] * self._count
        self.in_flight = [0] * self._count
        self.times: list[deque[float]] = [deque(maxlen=10) for _ in served]
        self.turn = 0

    def order(self, asked: Asked) -> Sequence[int]:
        """Those that are not cooling down, as the policy says; then all others."""
        now = self._clock.seconds
        fresh = [n for n in range(self._count) if self._cooling[n] <= now]
        return self.among(fresh) if fresh else self.among(list(range(self._count)))

    def among(self, numbers: list[int]) -> list[int]:
        """The policy."""
        self._chance.shuffle(numbers)
        return numbers

    def begun(self, number: int) -> object | None:
        """Nobody is refused: cooling was looked at before."""
        self.in_flight[number] += 1
        return NO_CIRCUIT

    def ended(self, leave: object, call: Call) -> None:
        """Failures count for a minute."""
        number = call.number
        self.in_flight[number] -= 1
        if call.end == "ok":
            self.times[number].append(call.seconds / max(call.asked.size_out, 1.0))
            return
        now = self._clock.seconds
        failed = self._failed[number]
        failed.append(now)
        if len(failed) > ALLOWED_FAILURES and now - failed[0] < 60.0:
            self._cooling[number] = now + COOL_DOWN_SECONDS
            failed.clear()

    def soonest(self, numbers: Sequence[int]) -> tuple[int, object] | None:
        """Never needed."""
        return None


class InTurn(Reference):
    """Round robin."""

    def among(self, numbers: list[int]) -> list[int]:
        self.turn += 1
        shift = self.turn % len(numbers)
        return numbers[shift:] + numbers[:shift]


class LeastBusy(Reference):
    """Fewest under way."""

    def among(self, numbers: list[int]) -> list[int]:
        self._chance.shuffle(numbers)
        return sorted(numbers, key=lambda number: self.in_flight[number])


class LowestLatency(Reference):
    """Lowest mean of the last ten times per token; a time-out counts as very slow."""

    def among(self, numbers: list[int]) -> list[int]:
        self._chance.shuffle(numbers)
        return sorted(numbers, key=self._mean)

    def _mean(self, number: int) -> float:
        times = self.times[number]
        return sum(times) / len(times) if times else 0.0

    def ended(self, leave: object, call: Call) -> None:
        super().ended(leave, call)
        if call.end == "failed" and call.seconds > 10:
            self.times[call.number].append(1000.0)


class Oracle:
    """Knows what every provider is like at this moment; only noise surprises it.

    How long an answer will be nobody can know before; one that knows that too shows what it
    would be worth.
    """

    def __init__(
        self,
        setting: Setting,
        served: Sequence[Served],
        clock: VirtualClock,
        *,
        sees_answers: bool,
    ) -> None:
        self._usual_out = setting.workload.typical().size_out
        self._sees_answers = sees_answers or setting.workload.kind != "text"
        self._setting = setting
        self._served = served
        self._clock = clock

    def order(self, asked: Asked) -> Sequence[int]:
        """The least expected loss first."""
        now, setting = self._clock.seconds, self._setting
        if not self._sees_answers:
            asked = Asked(asked.at, asked.size_in, self._usual_out)

        def loss(number: int) -> float:
            one = self._served[number]
            seconds, fails = one.expected(asked, now)
            own = one.usd(asked, now) / setting.usd_scale + seconds / setting.seconds_scale
            return own + (1000.0 if one.full(now) or fails >= 1 else 4.0 * fails)

        return sorted(range(len(self._served)), key=loss)

    def begun(self, number: int) -> object | None:
        """Always."""
        return NO_CIRCUIT

    def ended(self, leave: object, call: Call) -> None:
        """Nothing to learn."""

    def soonest(self, numbers: Sequence[int]) -> tuple[int, object] | None:
        """Never needed."""
        return None


OURS = (
    "priority",
    "round_robin",
    "weighted",
    "least_loaded",
    "latency",
    "cost",
    "quality",
    "adaptive",
)
REFERENCES = {
    "ref: random": Reference,
    "ref: in turn": InTurn,
    "ref: least busy": LeastBusy,
    "ref: lowest latency": LowestLatency,
}
ALONE = "adaptive, no breaker"
ORACLE = "oracle"
PROPHET = "oracle that sees answers"
EVERYBODY = (*OURS, ALONE, *REFERENCES, ORACLE, PROPHET)


def policy_of(
    name: str, setting: Setting, served: Sequence[Served], clock: VirtualClock, seed: int
) -> Policy:
    """The policy of that name."""
    if name in {ORACLE, PROPHET}:
        return Oracle(setting, served, clock, sees_answers=name == PROPHET)
    if name in REFERENCES:
        return REFERENCES[name](served, clock, seed)
    if name == ALONE:
        return Ours("adaptive", setting, served, clock, seed, breakers=False)
    return Ours(name, setting, served, clock, seed)
