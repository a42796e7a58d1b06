"""Every circuit of a process, by provider, credential and operation.

The engine asks `admit` before it sends and reports once with what it got: `succeeded`, `failed`
or `said_nothing`. In the closed state both together take about a microsecond.
What one circuit does is in `breaker`; here they are found, made, forgotten and listened to. All of
it belongs to one event loop; there are no locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from anymedia.clock import Clock
from anymedia.contracts.resilience import CircuitBreakerSettings, CircuitState
from anymedia.resilience.breaker import Admission, Circuit, Refused
from anymedia.resilience.transitions import NEXT, CircuitKey, Event, Why

__all__ = [
    "NEXT",
    "Admission",
    "Breakers",
    "Circuit",
    "CircuitKey",
    "Event",
    "Listener",
    "Neighbours",
    "Refused",
    "Why",
]

FIRST_SWEEP = 256
MOST_CIRCUITS = 10_000
"""Beyond this those that have been idle for longest are forgotten, whatever they knew."""
WORST: Final[tuple[CircuitState, ...]] = ("open", "half_open", "closed")

Listener: TypeAlias = Callable[[CircuitKey, CircuitState, CircuitState, Why], None]
"""Told of every transition: whose, from, to and why. It must not raise."""


class Neighbours(Protocol):
    """Other processes that ask the same providers."""

    def introduce(self, circuit: Circuit, now: float) -> None:
        """A circuit has come into being here: tell it what the others know."""
        ...

    def wait_to_probe(self, key: CircuitKey, now: float) -> float:
        """Seconds until a probe of ours may go out; 0 when one may now."""
        ...


class Breakers:
    """Says whether a provider may be asked, and learns from what came of it."""

    def __init__(
        self,
        settings: CircuitBreakerSettings,
        *,
        clock: Clock,
        overrides: Mapping[str, CircuitBreakerSettings] = MappingProxyType({}),
        listeners: Iterable[Listener] = (),
    ) -> None:
        self._settings = settings
        self._overrides = dict(overrides)
        self._monotonic = clock.monotonic
        self._listeners = list(listeners)
        self._neighbours: Neighbours | None = None
        self._circuits: dict[CircuitKey, Circuit] = {}
        self._sweep_at = FIRST_SWEEP
        self._catch_up: Callable[[], None] = lambda: None

    def expect(self, catch_up: Callable[[], None]) -> None:
        """Call this before anything is judged: it brings what went well and was not told yet.

        Whether a request may be sent now, and when, does not depend on that.
        """
        self._catch_up = catch_up

    # Before and after a request.

    def admit(self, key: CircuitKey) -> Admission | Refused:
        """Whether a request may be sent now."""
        circuit = self._circuits.get(key)
        if circuit is None:
            circuit = self.circuit(key)
        if circuit.state == "closed":
            return circuit.usual
        now = self._monotonic()
        circuit.asked_at = now
        if circuit.look(now) == "half_open" and self._neighbours is not None:
            seconds = self._neighbours.wait_to_probe(key, now)
            if seconds > 0:
                return Refused(key, seconds)
        return circuit.admit(now)

    def probe(self, key: CircuitKey) -> Admission | Refused:
        """Send one even though the circuit is open, because there is nobody else to ask.

        No more than `probes` at a time. Other processes are not waited for: the alternative is
        to fail the request.
        """
        return self.circuit(key).urge(self._monotonic())

    def succeeded(self, admission: Admission, *, seconds: float) -> None:
        """It came back with what was asked for; for a job: it was accepted."""
        self._catch_up()
        circuit = admission.circuit
        circuit.succeeded(admission, self._monotonic(), slow=seconds > circuit.slow_seconds)

    def failed(self, admission: Admission, *, seconds: float) -> None:
        """It failed, and that was the provider's doing."""
        self._catch_up()
        circuit = admission.circuit
        circuit.failed(admission, self._monotonic(), slow=seconds > circuit.slow_seconds)

    def said_nothing(self, admission: Admission) -> None:
        """It ended in a way that says nothing about the provider, such as a refused prompt."""
        admission.circuit.said_nothing(admission, self._monotonic())

    def outcome(self, key: CircuitKey, *, succeeded: bool, seconds: float | None = None) -> None:
        """A job that was accepted a while ago has ended.

        `seconds` since it was accepted; with it, jobs from before the circuit opened are told
        from those that were accepted since.
        """
        self._catch_up()
        now = self._monotonic()
        accepted_at = None if seconds is None else now - seconds
        self.circuit(key).job_ended(now, succeeded=succeeded, accepted_at=accepted_at)

    # What is asked about circuits.

    def state(self, key: CircuitKey) -> CircuitState:
        """Where it stands now."""
        circuit = self._circuits.get(key)
        if circuit is None or circuit.state == "closed":
            return "closed"  # which time alone does not change
        return circuit.look(self._monotonic())

    def retry_after(self, key: CircuitKey) -> float | None:
        """Seconds until it may be asked again; `None` when it may be now."""
        circuit = self._circuits.get(key)
        return (circuit.wait(self._monotonic()) or None) if circuit is not None else None

    def soonest(self, keys: Iterable[CircuitKey]) -> CircuitKey | None:
        """The one that may be asked first; of several, the first named."""
        return min(keys, key=lambda key: self.retry_after(key) or 0.0, default=None)

    def of_provider(self, provider: str) -> tuple[CircuitState, float | None]:
        """The worst of a provider's circuits, and when that one may be asked again."""
        mine = [key for key in list(self._circuits) if key.provider == provider]
        standing = [(self.state(key), self.retry_after(key)) for key in mine]
        return min(
            standing,
            key=lambda one: (WORST.index(one[0]), one[1] or 0.0),
            default=("closed", None),
        )

    def circuits(self) -> tuple[Circuit, ...]:
        """All that are known."""
        self._catch_up()
        return tuple(self._circuits.values())

    def known(self, key: CircuitKey) -> Circuit | None:
        """The circuit, if there is one."""
        self._catch_up()
        return self._circuits.get(key)

    def circuit(self, key: CircuitKey) -> Circuit:
        """The circuit, made if there is none."""
        self._catch_up()
        circuit = self._circuits.get(key)
        if circuit is None:
            now = self._monotonic()
            if len(self._circuits) >= self._sweep_at:
                self._sweep(now)
            circuit = Circuit(key, self._settings_for(key), now, self._told)
            self._circuits[key] = circuit
            if self._neighbours is not None:
                self._neighbours.introduce(circuit, now)
        return circuit

    # How they are set up.

    def change(
        self,
        settings: CircuitBreakerSettings,
        overrides: Mapping[str, CircuitBreakerSettings] = MappingProxyType({}),
    ) -> None:
        """Other settings from now on; every circuit keeps its state and its counts."""
        self._catch_up()
        self._settings, self._overrides = settings, dict(overrides)
        now = self._monotonic()
        for circuit in self._circuits.values():
            circuit.configure(self._settings_for(circuit.key), now)

    def listen(self, listener: Listener) -> None:
        """Tell this one of every transition too."""
        self._listeners.append(listener)

    def join(self, neighbours: Neighbours) -> None:
        """Share circuits with other processes."""
        self._neighbours = neighbours

    def _settings_for(self, key: CircuitKey) -> CircuitBreakerSettings:
        return self._overrides.get(key.provider, self._settings)

    def _told(self, circuit: Circuit, before: CircuitState, after: CircuitState, why: Why) -> None:
        for listener in self._listeners:
            listener(circuit.key, before, after, why)

    def _sweep(self, now: float) -> None:
        """Forget circuits whose windows are empty and whose pauses are long over."""
        self._circuits = {
            key: circuit for key, circuit in self._circuits.items() if not circuit.forgettable(now)
        }
        if len(self._circuits) >= MOST_CIRCUITS:
            oldest = sorted(
                self._circuits.values(), key=lambda one: (one.state != "closed", one.last_used)
            )
            for circuit in oldest[: MOST_CIRCUITS // 10]:
                del self._circuits[circuit.key]
        self._sweep_at = min(max(FIRST_SWEEP, 2 * len(self._circuits)), MOST_CIRCUITS)
