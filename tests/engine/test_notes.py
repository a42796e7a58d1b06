"""What went well is noted and learnt from later: nobody who looks can tell."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings as hypothesis_settings, strategies as st

from anymedia.choosing import Chooser, Option, Situation
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import ProviderUnavailable
from anymedia.contracts.resilience import CircuitBreakerSettings, HealthSettings
from anymedia.contracts.route import Strategy
from anymedia.engine.guards import Guards
from anymedia.engine.notes import EVERY_SECONDS, MOST_PAGES
from anymedia.engine.pricing import Reckoned
from anymedia.resilience.circuit import Admission, Circuit, CircuitKey
from tests.support.clock import FakeClock

KEY = CircuitKey("acme", "", "text")
NAMES = ("acme", "acme/one")
OTHER_NAMES = ("acme", "acme/two")
KIND = "text"
TEXT = Situation(KIND)
OPTIONS = [Option("acme", "acme", 2, 1.0, 0), Option("bolt", "bolt", 1, 1.0, 1)]
SLOW = CircuitBreakerSettings(slow_seconds=60)
CLOSE = 1e-3
"""How near what was learnt together comes to what was learnt one by one. What was made up to be hard
may come to a peak that is a little more than that beside it."""


def guarded(clock: FakeClock, settings: Settings | None = None) -> Guards:
    """Guards of a process on its own."""
    chooser = Chooser(clock=clock, chance=random.Random(1))
    settings = settings or Settings(circuit_breaker=SLOW)
    return Guards(settings, clock=clock, chooser=chooser, report=lambda _: None, link=None)


class Told:
    """Requests on one way, of which guards are told as the short way does it."""

    def __init__(self, clock: FakeClock, settings: Settings | None = None) -> None:
        self.clock = clock
        self.guards = guarded(clock, settings)
        self.notes = {
            names: self.guards.notebook.notes("acme", names, KIND) for names in (NAMES, OTHER_NAMES)
        }
        self.under_way: list[tuple[Admission, tuple[str, str], float]] = []

    def begin(self, names: tuple[str, str]) -> None:
        """One more is on its way, if the circuit allows it."""
        admission = self.guards.breakers.admit(KEY)
        if isinstance(admission, Admission):
            self.under_way.append((admission, names, self.clock.monotonic()))
            self.begun(names)

    def end(self, place: int, first_seconds: float | None, usd: Decimal | None) -> None:
        """One of them is back, all well."""
        admission, names, since = self.under_way.pop(place % len(self.under_way))
        seconds = self.clock.monotonic() - since
        self.ended(admission, names, seconds, first_seconds, Reckoned(usd, "estimated", ""))

    def fail(self, place: int) -> None:
        """One of them has failed: the long way tells of that."""
        admission, names, since = self.under_way.pop(place % len(self.under_way))
        error = ProviderUnavailable("down", provider="acme")
        self.guards.health.ended("acme")
        self.guards.told(admission, "acme", error, seconds=self.clock.monotonic() - since)
        self.guards.learnt(names, KIND, succeeded=False, seconds=None)

    def begun(self, names: tuple[str, str]) -> None:
        self.notes[names].begun(self.clock.monotonic())

    def ended(
        self,
        admission: Admission,
        names: tuple[str, str],
        seconds: float,
        first_seconds: float | None,
        cost: Reckoned,
    ) -> None:
        self.notes[names].succeeded(
            admission,
            self.clock.monotonic(),
            seconds=seconds,
            first_seconds=first_seconds,
            cost=cost,
        )


class ToldAtOnce(Told):
    """The same, of which guards are told one by one as it comes."""

    def begun(self, names: tuple[str, str]) -> None:
        self.guards.spare.first()
        self.guards.health.started("acme")
        self.guards.begun(names, KIND)

    def ended(
        self,
        admission: Admission,
        names: tuple[str, str],
        seconds: float,
        first_seconds: float | None,
        cost: Reckoned,
    ) -> None:
        self.guards.health.ended("acme")
        self.guards.told(admission, "acme", None, seconds=first_seconds or seconds)
        self.guards.learnt(
            names,
            KIND,
            succeeded=True,
            seconds=seconds,
            first_seconds=first_seconds,
            cost=cost,
        )


def circuit_of(guards: Guards) -> Circuit:
    """The one circuit."""
    return guards.breakers.circuit(KEY)


def learnt(told: Told) -> dict[str, Any]:
    """All that anybody could look at."""
    guards, now = told.guards, told.clock.monotonic()
    report = guards.health.report("acme")
    circuit = circuit_of(guards)
    found: dict[str, Any] = {
        "health": (report.calls, report.failures, report.in_flight),
        "seen": report.seen_at.timestamp() if report.seen_at is not None else None,
        "score": report.health_score,
        "parts": tuple(report.parts.model_dump().values()),
        "idle": guards.health.idle_seconds("acme"),
        "circuit": (circuit.state, circuit.in_a_row, circuit.calls.counts(now)),
        "load": guards.chooser._memory.loads,
        "first tries": sum(slot.firsts for slot in guards.spare._slots),
    }
    for one in guards.chooser.snapshot():
        experience = guards.chooser._memory.experience(one.name, one.kind)
        found[f"{one.name} counted"] = (
            *(one.tries, one.in_flight, one.suspected, experience.probing),
            *(experience.tried_at, experience.seen_at, experience.quiet_since),
            *(experience.failures_in_a_row, experience.pause, experience.offered_at),
            list(experience.recent),
        )
        found[f"{one.name} averaged"] = (
            *(one.success, one.conformity, one.average_usd or 0.0, one.typical_seconds or 0.0),
            *(experience.average or 0.0, experience.whole, experience.peak_seconds(now)),
            *(experience.half_life, experience.peak_memory, experience.quality),
        )
        found[f"{one.name} as logarithm"] = experience.usual_time
        found[f"{one.name} weighed"] = (experience.good + experience.bad, experience.timed)
    return found


def same(one: dict[str, Any], other: dict[str, Any], *, within: float) -> None:
    """What is counted is the same; what is averaged, nearly."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if name == "parts" or name.endswith("averaged"):
            assert value == pytest.approx(other[name], rel=within, abs=1e-12), name
        elif name.endswith("logarithm"):
            assert value == pytest.approx(other[name], abs=within), name
        elif name == "score":
            assert value == pytest.approx(other[name], abs=max(within, 1e-4)), name
        elif name == "seen":
            assert value == pytest.approx(other[name], abs=1e-5), name
        elif name.endswith("weighed"):
            # No more than `MEMORY`, of which one may still be on the way to being forgotten.
            assert value == pytest.approx(other[name], rel=0.01), name
        else:
            assert value == other[name], name


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin"] * 5 + ["end"] * 6 + ["fail", "look", "pause"]),
        st.integers(0, 1000),
        st.sampled_from([0.0005, 0.002, 0.01, 0.03, 0.4]),
        st.sampled_from([None, Decimal("0.002"), Decimal("0.1")]),
        st.booleans(),
    ),
    max_size=400,
)


BEGIN, FAIL, END = (
    (what, 0, 0.0005, None, False) for what in ("begin", "fail", "end")
)  # as `EVENTS` has them


@hypothesis_settings(deadline=None, max_examples=60)
@given(EVENTS, st.sampled_from([0, 90, 300]))
@example([*[BEGIN] * 21, *[FAIL] * 3, BEGIN, END], 90)
def test_what_is_learnt_together_is_what_is_learnt_one_by_one(
    events: list[Any], before: int
) -> None:
    """Whoever looks, whenever it is: counts are equal, averages nearly so."""
    together, one_by_one = Told(FakeClock()), ToldAtOnce(FakeClock())
    for number in range(before):
        for told in (together, one_by_one):
            told.begin((NAMES, OTHER_NAMES)[number % 2])
            told.clock.advance(0.1 + number % 3)
            told.end(0, None, None)
    for what, chance, seconds, usd, streamed in events:
        for told in (together, one_by_one):
            told.clock.advance(seconds)
            if what == "begin":
                told.begin(NAMES if chance % 3 else OTHER_NAMES)
            elif what == "pause":
                told.clock.advance(chance / 10)
            elif what == "end" and told.under_way:
                told.end(chance, 0.001 if streamed else None, usd)
            elif what == "fail" and told.under_way:
                told.fail(chance)
        if what == "look":
            same(learnt(together), learnt(one_by_one), within=2 * CLOSE)
    same(learnt(together), learnt(one_by_one), within=2 * CLOSE)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gap", [0.0002, 0.004, 0.03, 0.2])
def test_it_stays_so_over_thousands(seed: int, gap: float) -> None:
    """Differences do not add up; times are as unlike each other as those of real chats."""
    chance = random.Random(seed)
    together, one_by_one = Told(FakeClock()), ToldAtOnce(FakeClock())
    for _ in range(4000):
        place, seconds = chance.randrange(1000), chance.lognormvariate(0.0, 1.0) * gap
        usd = Decimal(chance.randrange(1000)) / 100_000
        names = NAMES if chance.random() < 0.7 else OTHER_NAMES
        begins, fails = chance.random() < 0.5, chance.random() < 0.004
        for told in (together, one_by_one):
            told.clock.advance(seconds)
            if begins or not told.under_way:
                told.begin(names)
            elif fails:
                told.fail(place)
            else:
                told.end(place, None, usd)
    same(learnt(together), learnt(one_by_one), within=2 * CLOSE)


def test_what_comes_alone_is_learnt_at_once_and_exactly() -> None:
    """A request a second: nothing waits, and nothing is rounded otherwise."""
    together, one_by_one = Told(FakeClock()), ToldAtOnce(FakeClock())
    for number in range(300):
        for told in (together, one_by_one):
            told.begin(NAMES)
            told.clock.advance(0.3 + number % 7)
            told.end(0, None, Decimal("0.01"))
            told.clock.advance(1)
            assert not told.guards.notebook._waiting
    same(learnt(together), learnt(one_by_one), within=1e-12)


# --- who looks ------------------------------------------------------------------------------


def noted(settings: Settings | None = None) -> Told:
    """Three that went well and one that is under way, of which nobody was told yet."""
    told = Told(FakeClock(), settings)
    told.begin(NAMES)
    told.clock.advance(0.1)
    told.end(0, None, None)
    for _ in range(4):
        told.begin(NAMES)
    for _ in range(3):
        told.clock.advance(0.05)
        told.end(0, None, Decimal("0.02"))
    assert told.guards.notebook._waiting
    return told


LOOKS: dict[str, Callable[[Guards], Any]] = {
    "score": lambda guards: guards.health.score("acme"),
    "report": lambda guards: guards.health.report("acme"),
    "idle": lambda guards: guards.health.idle_seconds("acme"),
    "history": lambda guards: guards.health.history("acme"),
    "look": lambda guards: guards.health.look(),
    "started": lambda guards: guards.health.started("bolt"),
    "ended": lambda guards: guards.health.ended("bolt"),
    "observed": lambda guards: guards.observed("bolt", "succeeded"),
    "forget": lambda guards: guards.health.forget("bolt"),
    "configure": lambda guards: guards.configure(Settings()),
    "outcome": lambda guards: guards.breakers.outcome(KEY, succeeded=True),
    "circuits": lambda guards: guards.breakers.circuits(),
    "circuit": lambda guards: guards.breakers.circuit(KEY),
    "known circuit": lambda guards: guards.breakers.known(KEY),
    "failed": lambda guards: guards.breakers.failed(circuit_of(guards).usual, seconds=1),
    "succeeded": lambda guards: guards.breakers.succeeded(circuit_of(guards).usual, seconds=1),
    "second try": lambda guards: guards.spare.spare("acme"),
    "first try": lambda guards: guards.spare.first(),
    "snapshot": lambda guards: guards.chooser.snapshot(),
    "known": lambda guards: guards.chooser.known("acme", KIND),
    "begun": lambda guards: guards.begun(["bolt"], KIND),
    "learnt": lambda guards: guards.learnt(["bolt"], KIND, succeeded=True, seconds=1.0),
    "least loaded": lambda guards: guards.chooser.order("least_loaded", OPTIONS, TEXT),
    "latency": lambda guards: guards.chooser.order("latency", OPTIONS, TEXT),
    "cost": lambda guards: guards.chooser.order("cost", OPTIONS, TEXT),
    "quality": lambda guards: guards.chooser.order("quality", OPTIONS, TEXT),
    "adaptive": lambda guards: guards.chooser.order("adaptive", OPTIONS, TEXT),
}


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_looks_or_tells_has_the_notes_taken_in_before(look: str) -> None:
    """There is no way around it, or somebody would see what is no longer true."""
    told = noted()
    LOOKS[look](told.guards)
    assert not told.guards.notebook._waiting
    report = told.guards.health.report("acme")
    assert (report.calls, report.in_flight) == (4, 1)
    known = told.guards.chooser.known("acme/one", KIND)
    assert known is not None
    assert (known.tries, known.in_flight) == (4, 1)


@pytest.mark.parametrize("strategy", ["priority", "round_robin", "weighted"])
def test_strategies_that_learn_nothing_leave_the_notes_alone(strategy: Strategy) -> None:
    """They are asked for every request, and would have each taken in by itself."""
    told = noted()
    told.guards.chooser.order(strategy, OPTIONS, TEXT)
    assert told.guards.notebook._waiting


@pytest.mark.parametrize("strategy", ["round_robin", "weighted"])
def test_turns_are_counted_when_they_are_taken(strategy: Strategy) -> None:
    """Who steps in for another has had a turn, although nothing else is learnt of it yet."""
    orders = []
    for told in (Told(FakeClock()), ToldAtOnce(FakeClock())):
        names = []
        for number in range(12):
            ranked = told.guards.chooser.order(strategy, OPTIONS, TEXT)
            names.append(ranked[0].option.name)
            if number % 3 == 0:
                told.begin(NAMES)
            told.clock.advance(0.01)
        orders.append(names)
    assert orders[0] == orders[1]


def test_second_tries_follow_from_first_tries_that_were_only_noted() -> None:
    """What is earned by a request is there as soon as it is sent."""
    counts = []
    for told in (Told(FakeClock()), ToldAtOnce(FakeClock())):
        for _ in range(200):
            told.begin(NAMES)
            told.clock.advance(0.02)
        counts.append(sum(told.guards.spare.spare() for _ in range(300)))
    assert counts[0] == counts[1] < 300


# --- what is not noted ----------------------------------------------------------------------


def test_slow_answers_are_told_at_once_and_open_the_circuit() -> None:
    """They are no plain successes, so nothing waits when the circuit decides."""
    slow = CircuitBreakerSettings(slow_seconds=1, minimum_calls=10, slow_rate=0.5)
    told = Told(FakeClock(), Settings(circuit_breaker=slow))
    for number in range(10):
        told.begin(NAMES)
        told.clock.advance(0.01 if number < 5 else 2.0)
        told.end(0, None, None)
    assert circuit_of(told.guards).state == "open"


def test_a_probe_is_told_at_once_and_closes_the_circuit() -> None:
    """What hangs on it cannot wait."""
    told = Told(FakeClock())
    for _ in range(5):
        told.begin(NAMES)
        told.fail(0)
    assert circuit_of(told.guards).state == "open"
    told.clock.advance(3600)
    while circuit_of(told.guards).state != "closed":
        told.begin(NAMES)
        told.clock.advance(0.1)
        told.end(0, None, None)
    assert told.guards.health.report("acme").in_flight == 0


def test_what_was_let_through_before_the_circuit_opened_does_not_count_after_it() -> None:
    """Notes of one period do not get into the next."""
    told = noted()
    circuit = circuit_of(told.guards)
    told.begin(NAMES)
    told.end(0, 0.1, None)
    circuit.told_open(told.clock.monotonic(), seconds=1, pause=1, why=None)
    circuit.told_closed(told.clock.monotonic())
    assert circuit_of(told.guards).calls.counts(told.clock.monotonic()).calls == 0


def test_an_answer_that_took_no_time_is_learnt_all_the_same() -> None:
    """It has no logarithm, so it goes the usual way."""
    told = Told(FakeClock())
    for _ in range(3):
        told.begin(NAMES)
        told.end(0, None, None)
    assert told.guards.health.report("acme").calls == 3


# --- bounds ---------------------------------------------------------------------------------


def test_no_more_waits_than_a_page_holds() -> None:
    """Under load the page is full long before the time is up."""
    told = Told(FakeClock())
    for _ in range(1000):
        told.begin(NAMES)
        told.clock.advance(0.0001)
        told.end(0, None, None)
        assert len(told.notes[NAMES].ended) < 64
    assert told.guards.health.report("acme").calls == 1000


def test_nothing_waits_for_longer_than_the_next_success() -> None:
    """And that one has all of them taken in, whichever way they went."""
    told = noted()
    told.begin(OTHER_NAMES)
    told.clock.advance(EVERY_SECONDS)
    told.end(-1, None, None)
    assert not told.guards.notebook._waiting


def test_many_ways_do_not_keep_many_pages() -> None:
    """Ways are made anew with every change of the configuration; what they noted is learnt."""
    told = Told(FakeClock())
    for number in range(3 * MOST_PAGES):
        notes = told.guards.notebook.notes("acme", ("acme", f"acme/{number}"), KIND)
        notes.begun(told.clock.monotonic())
        assert len(told.guards.notebook._waiting) <= MOST_PAGES
    assert told.guards.health.report("acme").in_flight == 3 * MOST_PAGES


def test_what_was_forgotten_meanwhile_is_begun_anew() -> None:
    """Notes hold on to nothing of what was learnt."""
    told = noted()
    told.guards.health.forget("acme")
    for number in range(300):
        told.guards.chooser.order("latency", OPTIONS, Situation(f"kind {number}"))
    assert told.guards.chooser.known("acme", KIND) is None
    told.begin(NAMES)
    told.clock.advance(0.1)
    told.end(-1, None, None)
    known = told.guards.chooser.known("acme", KIND)
    assert known is not None
    assert known.tries == 1
    assert told.guards.health.report("acme").calls == 1


def test_a_health_that_forgets_quickly_is_told_in_smaller_parts() -> None:
    """What lies far apart beside the half-life does not count as of one time."""
    quick = Settings(health=HealthSettings(half_life_seconds=0.05))
    together, one_by_one = Told(FakeClock(), quick), ToldAtOnce(FakeClock(), quick)
    for number in range(200):
        for told in (together, one_by_one):
            told.begin(NAMES)
            told.clock.advance(0.01 + 0.02 * (number % 5))
            told.end(0, None, None)
    same(learnt(together), learnt(one_by_one), within=CLOSE)


def test_sizes_are_those_of_the_requests_that_were_noted() -> None:
    """Where requests are told apart by size, each is learnt from as it is, in the order of time."""
    together, one_by_one = Told(FakeClock()), ToldAtOnce(FakeClock())
    chance = random.Random(3)
    for _ in range(300):
        price, place = chance.choice([0.01, 0.02, 0.1]), chance.randrange(100)
        options = [one._replace(price=price) for one in OPTIONS]
        begins = chance.random() < 0.5
        for told in (together, one_by_one):
            if begins or not told.under_way:
                told.guards.chooser.order("adaptive", options, TEXT)
                told.begin(NAMES)
            else:
                told.end(place, None, Decimal(str(price)))
            told.clock.advance(0.05)
    same(learnt(together), learnt(one_by_one), within=CLOSE)
    growths = [told.guards.chooser._memory.kind(KIND).growth for told in (together, one_by_one)]
    assert growths[0].power == pytest.approx(growths[1].power, rel=CLOSE)
    assert growths[0].spread > 0
