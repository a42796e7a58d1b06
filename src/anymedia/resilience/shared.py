"""Circuits that several processes share through Redis, without asking it per request.

Every process decides alone, at once, from what it knows. About once a second `Sharing.sync` tells
Redis what has happened here and learns what has happened elsewhere, in one round trip:

- *Openings and closings.* A standing has a version; a closing only counts if it was made in
  knowledge of the last opening. How long a pause still lasts is reckoned by the clock of Redis,
  so the clocks of the machines need not agree.
- *Counts.* Each process writes what is in its windows and reads the sum of the others', so that
  a failure rate shows although every process has seen too few calls.
- *Probes.* Shortly before a pause ends, the first of the processes that have use for the provider
  takes a lease to probe, and renews it while it has. The others wait for what comes of it. A
  process that has not heard of a lease does not wait: where little is asked, little is repeated.

Without Redis everything goes on with what this process knows; what is missed is told later.
Keys share one hash slot (`{circuits}`), so that the script runs on a cluster too. Names of
credentials do not leave the process: a circuit's id carries a digest of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from anymedia.clock import Clock
from anymedia.contracts.resilience import CircuitState
from anymedia.resilience.breaker import NEVER, Circuit
from anymedia.resilience.circuit import Breakers
from anymedia.resilience.script import SCRIPT
from anymedia.resilience.transitions import CircuitKey, Why
from anymedia.resilience.window import NOTHING, Counts
from anymedia.state.redis import RedisLink, Unavailable

SYNC_SECONDS = 1.0
MISSED = 4
"""After so many syncs' time without one, this process is on its own: counts and leases lapse."""
AT_ONCE = 200
"""Circuits in one round trip."""
EARLY = 2
"""The lease to probe is asked for when the pause ends within so many syncs' time."""
USE_SECONDS = 15.0
"""A process that has not been asked for a provider for longer leaves its probes to others."""
REMEMBERED_SECONDS = 3600.0
"""How long after its pause an opening that nobody has followed up is still known."""
BLINK_SECONDS = 0.01
"""Times that have been through milliseconds and back are the same within this."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the others know of a circuit."""

    version: int
    state: CircuitState
    until: float
    """When the pause ends, by our clock."""
    pause: float
    why: Why | None


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may probe, as far as we know, and until when by our clock."""

    ours: bool
    until: float


class Sharing:
    """Keeps the circuits of this process and those of others in step."""

    def __init__(
        self,
        breakers: Breakers,
        link: RedisLink,
        *,
        clock: Clock,
        identity: str,
        every_seconds: float = SYNC_SECONDS,
    ) -> None:
        self._breakers = breakers
        self._link = link
        self._clock = clock
        self._identity = identity
        """Another one in every process."""
        self._every = every_seconds
        self._lapse = MISSED * every_seconds
        self._in_touch_until = NEVER
        self._latest = 0
        self._untold: set[CircuitKey] = set()
        self._counted: set[CircuitKey] = set()
        self._leases: dict[CircuitKey, Lease] = {}
        self._standings: dict[str, Standing] = {}
        """Of circuits that are or have lately been open anywhere; few."""
        breakers.listen(self._changed)
        breakers.join(self)

    async def sync(self) -> None:
        """Tell and learn. To be called every `every_seconds`; never raises for want of Redis."""
        circuits = self._pending()
        for first in range(0, max(1, len(circuits)), AT_ONCE):
            try:
                await self._exchange(circuits[first : first + AT_ONCE])
            except Unavailable:
                self._alone()
                return
        self._in_touch_until = self._clock.monotonic() + self._lapse

    @property
    def in_touch(self) -> bool:
        """Whether others are being heard of."""
        return self._clock.monotonic() < self._in_touch_until

    # What the breakers ask of it.

    def introduce(self, circuit: Circuit, now: float) -> None:
        """A circuit that was not asked before may long be open elsewhere."""
        standing = self._standings.get(name(circuit.key))
        if standing is not None and standing.state == "open":
            self._open(circuit, standing, now)

    def wait_to_probe(self, key: CircuitKey, now: float) -> float:
        """Another process that is known to have the lease is waited for."""
        lease = self._leases.get(key)
        if lease is None or lease.ours or now >= lease.until or now >= self._in_touch_until:
            return 0.0
        return min(self._every, lease.until - now)

    # What is told.

    def _changed(
        self, key: CircuitKey, before: CircuitState, after: CircuitState, why: Why
    ) -> None:
        # That a pause is over everybody sees for themselves.
        if why != "told by another process" and after != "half_open":
            self._untold.add(key)

    def _pending(self) -> list[Circuit]:
        """Circuits there is something to say or to ask about."""
        now = self._clock.monotonic()
        circuits = self._breakers.circuits()
        known = {circuit.key for circuit in circuits}
        self._counted &= known
        self._untold &= known
        self._leases = {key: lease for key, lease in self._leases.items() if key in known}
        self._standings = {
            ident: standing
            for ident, standing in self._standings.items()
            if now < standing.until + REMEMBERED_SECONDS
        }
        asked = self._untold | self._counted | self._leases.keys()
        return [
            circuit
            for circuit in circuits
            if circuit.state != "closed"
            or circuit.key in asked
            or circuit.calls.counts(now).calls
            or circuit.jobs.counts(now).calls
        ]

    def _words(self, circuit: Circuit, now: float) -> Iterator[Any]:
        """What is said about one circuit, as arguments of the script."""
        key = circuit.key
        standing = self._standings.get(name(key))
        state = circuit.look(now)
        yield name(key)
        yield state if key in self._untold else "still" if state == "open" else ""
        yield standing.version if standing is not None else 0
        yield round(max(0.0, circuit.until - now) * 1000)
        yield round(circuit.pause * 1000)
        yield circuit.why_opened or ""
        calls, jobs = circuit.calls.counts(now), circuit.jobs.counts(now)
        counts = f"{calls.calls} {calls.failed} {calls.slow} {jobs.calls} {jobs.failed}"
        yield f"{counts if calls.calls or jobs.calls else ''}/{self._wants(circuit, now)}"

    def _wants(self, circuit: Circuit, now: float) -> str:
        """Whether the lease to probe is wanted or kept, or given back."""
        soon = circuit.state == "half_open" or (
            circuit.state == "open" and circuit.until - now <= EARLY * self._every
        )
        if soon and (circuit.places or now - circuit.asked_at <= USE_SECONDS):
            return "yes"
        lease = self._leases.get(circuit.key)
        return "done" if lease is not None and lease.ours else "no"

    async def _exchange(self, circuits: Sequence[Circuit]) -> None:
        """One round trip."""
        asked_at = self._clock.monotonic()
        keys = [self._link.key("{circuits}", "standings"), self._link.key("{circuits}", "versions")]
        words: list[Any] = [self._identity, self._latest]
        words += [round(self._lapse * 1000), round(REMEMBERED_SECONDS * 1000)]
        told: dict[CircuitKey, int] = {}
        for circuit in circuits:
            words += self._words(circuit, asked_at)
            told[circuit.key] = circuit.period
            keys += [
                self._link.key("{circuits}", "counts", name(circuit.key)),
                self._link.key("{circuits}", "probing", name(circuit.key)),
            ]
        latest, answers, news = await self._link.run(SCRIPT, keys, words)
        for circuit, answer in zip(circuits, answers, strict=True):
            self._learn_counts(circuit, told[circuit.key], answer)
            self._learn_lease(circuit.key, asked_at, int(answer[5]))
            if circuit.period == told[circuit.key]:
                self._untold.discard(circuit.key)
        self._latest = int(latest)
        if news:
            named = {name(circuit.key): circuit for circuit in self._breakers.circuits()}
            for one in news:
                self._learn_standing(one, asked_at, named)

    # What is learned.

    def _learn_counts(self, circuit: Circuit, period: int, answer: Sequence[int]) -> None:
        now = self._clock.monotonic()
        mine = circuit.calls.counts(now).calls + circuit.jobs.counts(now).calls
        (self._counted.add if mine else self._counted.discard)(circuit.key)
        if circuit.state == "closed" and circuit.period == period:
            circuit.calls_elsewhere = Counts(int(answer[0]), int(answer[1]), int(answer[2]))
            circuit.jobs_elsewhere = Counts(int(answer[3]), int(answer[4]))
        else:
            circuit.calls_elsewhere = circuit.jobs_elsewhere = NOTHING

    def _learn_lease(self, key: CircuitKey, asked_at: float, answer: int) -> None:
        if answer == 0:
            self._leases.pop(key, None)
        elif answer < 0:  # reckoned from before it was asked for: ours ends before Redis' does
            self._leases[key] = Lease(ours=True, until=asked_at + self._lapse)
        else:
            until = self._clock.monotonic() + answer / 1000
            self._leases[key] = Lease(ours=False, until=until)

    def _learn_standing(
        self, row: Sequence[Any], asked_at: float, named: Mapping[str, Circuit]
    ) -> None:
        now = self._clock.monotonic()
        identity, version, state, left, pause, why = row
        reason = why.decode()
        standing = Standing(
            version=int(version),
            state="open" if state == b"open" else "closed",
            until=asked_at + int(left) / 1000,  # our own news come back as they were
            pause=int(pause) / 1000,
            why=cast("Why", reason) if reason in get_args(Why) else None,
        )
        ident = identity.decode()
        if standing.state == "open":
            self._standings[ident] = standing
        else:
            self._standings.pop(ident, None)
        circuit = named.get(ident)
        if circuit is None:
            return
        untold = circuit.key in self._untold
        if standing.state == "closed":
            if not untold:
                circuit.told_closed(now)
        elif standing.until > circuit.until + BLINK_SECONDS or not (
            # What this process has since learned about that very opening stands.
            untold or circuit.state == "half_open"
        ):
            self._open(circuit, standing, now)

    def _open(self, circuit: Circuit, standing: Standing, now: float) -> None:
        """Leave the provider alone, or try it if the pause is over by now."""
        left = max(0.0, standing.until - now)
        circuit.told_open(now, seconds=left, pause=standing.pause, why=standing.why)
        circuit.look(now)

    def _alone(self) -> None:
        """Nobody is heard of: decide by what this process knows."""
        self._in_touch_until = NEVER
        self._leases.clear()
        for circuit in self._breakers.circuits():
            circuit.calls_elsewhere = circuit.jobs_elsewhere = NOTHING


def name(key: CircuitKey) -> str:
    """What a circuit is called in Redis: readable, but for the credential."""
    if not key.credential:
        return f"{key.provider}:{key.operation}"
    digest = hashlib.sha256(key.credential.encode()).hexdigest()[:24]
    return f"{key.provider}:{key.operation}:{digest}"
