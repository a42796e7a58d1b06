"""One circuit and many: when they open, how long, who may try, what does not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.clock import FakeClock

from anymedia.contracts.resilience import CircuitBreakerSettings, CircuitState
from anymedia.resilience import circuit as module
from anymedia.resilience.circuit import (
    NEXT,
    Admission,
    Breakers,
    Circuit,
    CircuitKey,
    Event,
    Refused,
)

VEO = CircuitKey("veo", "first", "video")
PIKA = CircuitKey("pika", "first", "video")


class Bench:
    """Breakers with a clock of their own, and what they said."""

    def __init__(self, **fields: Any) -> None:
        self.clock = FakeClock()
        self.said: list[tuple[str, CircuitState, CircuitState, str]] = []
        self.breakers = Breakers(
            CircuitBreakerSettings.model_validate(fields),
            clock=self.clock,
            listeners=[lambda key, *rest: self.said.append((key.provider, *rest))],
        )

    def let_through(self, key: CircuitKey = VEO) -> Admission:
        """A request that has to be admitted."""
        admission = self.breakers.admit(key)
        assert isinstance(admission, Admission)
        return admission

    def refused(self, key: CircuitKey = VEO) -> float:
        """A request that has to be refused; seconds until the next try."""
        refused = self.breakers.admit(key)
        assert isinstance(refused, Refused)
        assert refused.key == key
        return refused.retry_after_seconds

    def fail(self, times: int = 1, *, seconds: float = 1.0) -> None:
        """Requests that fail."""
        for _ in range(times):
            self.breakers.failed(self.let_through(), seconds=seconds)

    def succeed(self, times: int = 1, *, seconds: float = 1.0) -> None:
        """Requests that succeed."""
        for _ in range(times):
            self.breakers.succeeded(self.let_through(), seconds=seconds)

    @property
    def state(self) -> str:
        return self.breakers.state(VEO)

    @property
    def pause(self) -> float | None:
        return self.breakers.retry_after(VEO)


def closed() -> tuple[Circuit, list[str]]:
    """A new circuit that opens at the first failure."""
    said: list[str] = []
    settings = CircuitBreakerSettings(failure_threshold=1)
    return Circuit(VEO, settings, 0.0, lambda _, before, after, why: said.append(why)), said


def opened() -> tuple[Circuit, list[str]]:
    """One that has just failed."""
    circuit, said = closed()
    circuit.failed(circuit.usual, 0.0, slow=False)
    return circuit, said


def half_opened() -> tuple[Circuit, list[str]]:
    """One whose pause is over."""
    circuit, said = opened()
    circuit.look(60.0)
    return circuit, said


def probed(circuit: Circuit, now: float) -> Admission:
    """The probe it lets through."""
    admission = circuit.admit(now)
    assert isinstance(admission, Admission)
    assert admission.probe
    return admission


def undecide(circuit: Circuit) -> None:
    """Tried before its time, and nothing came of it."""
    circuit.told_open(60.0, seconds=60.0, pause=60.0, why=None)
    place = circuit.urge(61.0)
    assert isinstance(place, Admission)
    circuit.said_nothing(place, 62.0)


MADE: dict[CircuitState, Callable[[], tuple[Circuit, list[str]]]] = {
    "closed": closed,
    "open": opened,
    "half_open": half_opened,
}
HAPPENS: dict[Event, Callable[[Circuit], object]] = {
    "tripped": lambda circuit: circuit.failed(circuit.usual, 0.0, slow=False),
    "pause-over": lambda circuit: circuit.look(60.0),
    "urged": lambda circuit: circuit.urge(1.0),
    "succeeded": lambda circuit: circuit.succeeded(probed(circuit, 60.0), 61.0, slow=False),
    "failed": lambda circuit: circuit.failed(probed(circuit, 60.0), 61.0, slow=False),
    "undecided": undecide,
    "told-open": lambda circuit: circuit.told_open(60.0, seconds=9.0, pause=9.0, why=None),
    "told-closed": lambda circuit: circuit.told_closed(60.0),
}
WHY: dict[tuple[CircuitState, Event], str] = {
    ("closed", "tripped"): "failures in a row",
    ("closed", "told-open"): "told by another process",
    ("open", "pause-over"): "pause over",
    ("open", "urged"): "nobody else to ask",
    ("open", "told-closed"): "told by another process",
    ("half_open", "succeeded"): "probes succeeded",
    ("half_open", "failed"): "probe failed",
    ("half_open", "undecided"): "probe said nothing",
    ("half_open", "told-open"): "told by another process",
    ("half_open", "told-closed"): "told by another process",
}


@pytest.mark.parametrize(("state", "event"), sorted(NEXT), ids=str)
def test_every_transition_of_the_table_happens_for_its_reason(
    state: CircuitState, event: Event
) -> None:
    """Each row is reached through what really happens, and says why."""
    circuit, said = MADE[state]()
    assert circuit.state == state
    period = circuit.period
    HAPPENS[event](circuit)
    assert circuit.state == NEXT[state, event]
    assert circuit.period > period
    assert said[-1] == WHY[state, event]


def test_the_table_leads_from_and_to_every_state() -> None:
    """Nothing is a dead end, and an open circuit never closes by a result."""
    states = {"closed", "open", "half_open"}
    assert {state for state, _ in NEXT} == set(NEXT.values()) == states
    assert ("open", "succeeded") not in NEXT
    assert ("open", "failed") not in NEXT


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    """Five in a row; four, one success and four are not five."""
    bench = Bench(failure_threshold=5)
    bench.fail(4)
    bench.succeed()
    bench.fail(4)
    assert bench.state == "closed"
    bench.fail()
    assert bench.state == "open"
    assert bench.said == [("veo", "closed", "open", "failures in a row")]
    assert bench.refused() == 60.0


def test_a_share_of_failures_opens_it_only_after_enough_calls() -> None:
    """Every second call fails, never two in a row: the twentieth call decides."""
    bench = Bench(failure_threshold=5, failure_rate=0.5, minimum_calls=20)
    for _ in range(9):
        bench.succeed()
        bench.fail()
    bench.succeed()
    assert bench.state == "closed"
    bench.fail()
    assert bench.said == [("veo", "closed", "open", "failure rate")]


def test_what_has_left_the_window_does_not_count() -> None:
    """Ten failures of two minutes ago are no reason today."""
    bench = Bench(failure_threshold=1000, minimum_calls=20, window_seconds=60)
    bench.fail(19)
    bench.clock.advance(61)
    bench.fail(19)
    assert bench.state == "closed"
    bench.clock.advance(30)
    bench.fail()
    assert bench.state == "open"


def test_slow_calls_open_it_although_they_succeed() -> None:
    """Nine of ten take longer than stated."""
    bench = Bench(slow_seconds=5, slow_rate=0.9, minimum_calls=20)
    bench.succeed(2, seconds=5.0)
    bench.succeed(17, seconds=5.1)
    assert bench.state == "closed"
    bench.succeed(seconds=5.1)
    assert bench.said == [("veo", "closed", "open", "slow calls")]


def test_a_slow_probe_does_not_close_what_opened_for_slowness() -> None:
    """It succeeded, and shows that the trouble is still there."""
    bench = Bench(slow_seconds=5, minimum_calls=1)
    bench.succeed(seconds=9)
    bench.clock.advance(60)
    bench.breakers.succeeded(bench.let_through(), seconds=9)
    assert bench.said[-1] == ("veo", "half_open", "open", "probe was slow")
    bench.clock.advance(120)
    bench.breakers.succeeded(bench.let_through(), seconds=1)
    assert bench.state == "closed"


def test_jobs_that_are_accepted_and_then_fail_open_it() -> None:
    """Every submission is accepted, eight of ten jobs fail: acceptance hides nothing."""
    bench = Bench(minimum_jobs=10, failure_threshold=5)
    for job in range(10):
        assert bench.state == "closed"
        bench.succeed(20)
        bench.breakers.outcome(VEO, succeeded=job in {3, 6}, seconds=120)
        bench.clock.advance(30)
    assert bench.said == [("veo", "closed", "open", "failed jobs")]


def test_jobs_that_fail_in_a_row_open_it_without_waiting_for_a_share() -> None:
    """Five of five."""
    bench = Bench(failure_threshold=5)
    for _ in range(5):
        bench.breakers.outcome(VEO, succeeded=False)
    assert bench.state == "open"


def test_acceptance_of_a_job_does_not_close_what_opened_for_failed_jobs() -> None:
    """The place of the probe stays taken until its job has ended well."""
    bench = Bench(failure_threshold=1, recovery_timeout_seconds=60)
    bench.breakers.outcome(VEO, succeeded=False)
    bench.clock.advance(60)
    bench.succeed()
    assert bench.state == "half_open"
    bench.refused()
    bench.clock.advance(45)
    bench.breakers.outcome(VEO, succeeded=True, seconds=300)
    assert bench.state == "half_open", "a job from before the opening has ended"
    bench.breakers.outcome(VEO, succeeded=True, seconds=44)
    assert bench.state == "closed"


def test_a_failed_job_of_a_probe_opens_it_for_longer() -> None:
    """Accepted and failed again."""
    bench = Bench(failure_threshold=1, recovery_timeout_seconds=60, recovery_factor=2)
    bench.breakers.outcome(VEO, succeeded=False)
    bench.clock.advance(60)
    bench.succeed()
    bench.clock.advance(10)
    bench.breakers.outcome(VEO, succeeded=False, seconds=10)
    assert (bench.state, bench.pause) == ("open", 120.0)


def test_a_job_of_unknown_age_counts_for_the_probe_that_is_waited_for() -> None:
    """Without one that is waited for it says nothing."""
    bench = Bench(failure_threshold=1)
    bench.breakers.outcome(VEO, succeeded=False)
    bench.clock.advance(60)
    bench.breakers.outcome(VEO, succeeded=True)
    assert bench.state == "half_open"
    bench.succeed()
    bench.breakers.outcome(VEO, succeeded=True)
    assert bench.state == "closed"


def test_the_pause_grows_up_to_the_longest() -> None:
    """60, 120, 240, 300, 300."""
    bench = Bench(failure_threshold=1, longest_recovery_seconds=300)
    bench.fail()
    pauses = []
    for _ in range(5):
        assert bench.pause is not None
        pauses.append(bench.pause)
        bench.clock.advance(bench.pause)
        bench.fail()
    assert pauses == [60, 120, 240, 300, 300]


def test_the_pause_is_remembered_until_it_has_stayed_closed_for_as_long() -> None:
    """Opened again soon: longer. Opened again after a quiet time as long as the pause: as at first."""
    bench = Bench(failure_threshold=1, recovery_timeout_seconds=60, window_seconds=60)
    bench.fail()
    bench.clock.advance(60)
    bench.succeed()
    bench.clock.advance(59)
    bench.fail()
    assert bench.pause == 120.0
    bench.clock.advance(120)
    bench.succeed()
    bench.clock.advance(119)
    bench.fail()
    assert bench.pause == 240.0
    bench.clock.advance(240)
    bench.succeed()
    bench.clock.advance(240)
    bench.fail()
    assert bench.pause == 60.0


@pytest.mark.parametrize("late", ["succeeded", "failed"])
def test_what_was_sent_before_it_opened_neither_closes_nor_lengthens(late: str) -> None:
    """Late answers come while open, while half open and after it has closed: each is ignored."""
    bench = Bench(failure_threshold=3)
    slow = [bench.let_through() for _ in range(10)]
    report = getattr(bench.breakers, late)
    bench.fail(3)
    bench.clock.advance(30)
    for admission in slow[:3]:
        report(admission, seconds=30.0)
    assert (bench.state, bench.pause) == ("open", 30.0)
    bench.clock.advance(30)
    for admission in slow[3:6]:
        report(admission, seconds=60.0)
    assert bench.state == "half_open"
    bench.succeed()
    for admission in slow[6:]:
        report(admission, seconds=61.0)
    assert bench.state == "closed"
    bench.fail(2)
    assert bench.state == "closed", "nothing late has been counted"


def test_only_so_many_probes_are_out_at_a_time() -> None:
    """Of twenty that come at once two are let through; it takes three successes to close."""
    bench = Bench(failure_threshold=1, probes=2, probes_to_close=3)
    bench.fail()
    bench.clock.advance(60)
    answers = [bench.breakers.admit(VEO) for _ in range(20)]
    out = [one for one in answers if isinstance(one, Admission)]
    assert [one.probe for one in out] == [True, True]
    for one in out:
        bench.breakers.succeeded(one, seconds=1)
    assert bench.state == "half_open"
    bench.succeed()
    assert bench.state == "closed"


def test_a_probe_counts_once_however_often_it_is_reported() -> None:
    """Reported twice, by a fault or by chance."""
    bench = Bench(failure_threshold=1, probes=2, probes_to_close=2)
    bench.fail()
    bench.clock.advance(60)
    probe = bench.let_through()
    bench.breakers.succeeded(probe, seconds=1)
    bench.breakers.succeeded(probe, seconds=1)
    bench.breakers.failed(probe, seconds=1)
    assert bench.state == "half_open"


def test_a_probe_that_never_reports_holds_its_place_only_for_so_long() -> None:
    """After the recovery time the next one may try; a report that comes later still counts."""
    bench = Bench(failure_threshold=1, recovery_timeout_seconds=60)
    bench.fail()
    bench.clock.advance(60)
    lost = bench.let_through()
    bench.clock.advance(59)
    assert bench.refused() == 1.0
    bench.clock.advance(1)
    second = bench.let_through()
    assert second is not lost
    bench.breakers.succeeded(lost, seconds=60)
    assert bench.state == "closed"


def test_a_probe_that_says_nothing_frees_its_place() -> None:
    """A refused prompt is no verdict."""
    bench = Bench(failure_threshold=1)
    bench.fail()
    bench.clock.advance(60)
    bench.breakers.said_nothing(bench.let_through())
    assert bench.state == "half_open"
    bench.succeed()
    assert bench.state == "closed"


def test_what_says_nothing_does_not_interrupt_failures_in_a_row() -> None:
    """It counts neither way."""
    bench = Bench(failure_threshold=2)
    bench.fail()
    bench.breakers.said_nothing(bench.let_through())
    bench.fail()
    assert bench.state == "open"


def test_when_all_are_open_the_soonest_is_tried_one_at_a_time() -> None:
    """Its failure does not move the end of the pause; its success closes the circuit."""
    bench = Bench(failure_threshold=1)
    bench.breakers.failed(bench.let_through(PIKA), seconds=1)
    bench.clock.advance(20)
    bench.fail()
    assert bench.breakers.soonest([VEO, PIKA]) == PIKA
    bench.clock.advance(10)
    urged = bench.breakers.probe(PIKA)
    assert isinstance(urged, Admission)
    assert urged.probe
    assert isinstance(bench.breakers.probe(PIKA), Refused)
    bench.breakers.failed(urged, seconds=1)
    assert bench.breakers.retry_after(PIKA) == 30.0
    again = bench.breakers.probe(PIKA)
    assert isinstance(again, Admission)
    bench.breakers.succeeded(again, seconds=1)
    assert bench.breakers.state(PIKA) == "closed"


def test_an_early_probe_that_says_nothing_leaves_it_open() -> None:
    """As long as it would have been, even if the probe is never heard of again."""
    bench = Bench(failure_threshold=1, recovery_timeout_seconds=60)
    bench.fail()
    first = bench.breakers.probe(VEO)
    assert isinstance(first, Admission)
    bench.breakers.said_nothing(first)
    assert bench.pause == 60.0
    bench.breakers.change(CircuitBreakerSettings(failure_threshold=1, recovery_timeout_seconds=5))
    assert isinstance(bench.breakers.probe(VEO), Admission)
    bench.clock.advance(5)
    assert (bench.state, bench.pause) == ("open", 55.0)


def test_a_closed_circuit_is_not_made_half_open_by_urging() -> None:
    """There is nothing to try: it is asked as usual."""
    bench = Bench()
    admission = bench.breakers.probe(VEO)
    assert isinstance(admission, Admission)
    assert not admission.probe
    assert bench.said == []


def test_the_soonest_of_none_is_none_and_of_equals_the_first() -> None:
    """Closed circuits need no waiting at all."""
    bench = Bench(failure_threshold=1)
    assert bench.breakers.soonest([]) is None
    assert bench.breakers.soonest([PIKA, VEO]) == PIKA
    bench.breakers.failed(bench.let_through(PIKA), seconds=1)
    assert bench.breakers.soonest([PIKA, VEO]) == VEO


def test_a_clock_that_jumps_confuses_nothing() -> None:
    """A long sleep of the machine ends pauses and empties windows; going back changes nothing."""
    bench = Bench(failure_threshold=1000, minimum_calls=10)
    bench.fail(9)
    bench.clock.advance(1e7)
    bench.fail(9)
    assert bench.state == "closed"
    bench.clock.advance(-3600)
    bench.fail()
    assert bench.state == "open"
    bench.clock.advance(1e7)
    assert bench.state == "half_open"


def test_each_credential_and_operation_has_a_circuit_of_its_own() -> None:
    """A bad key closes nobody else out; the worst of a provider is what is shown."""
    bench = Bench(failure_threshold=1)
    other = CircuitKey("veo", "second", "video")
    bench.fail()
    assert bench.breakers.state(other) == "closed"
    bench.let_through(other)
    assert bench.breakers.of_provider("veo") == ("open", 60.0)
    assert bench.breakers.of_provider("pika") == ("closed", None)


def test_settings_change_without_losing_states() -> None:
    """What is open stays open, what was counted stays counted, and the new numbers hold."""
    bench = Bench(failure_threshold=1000, minimum_calls=10, window_seconds=60)
    bench.fail(8)
    bench.breakers.failed(bench.let_through(PIKA), seconds=1)
    patient = CircuitBreakerSettings(
        failure_threshold=1000, minimum_calls=10, window_seconds=600, job_window_seconds=60
    )
    touchy = CircuitBreakerSettings(failure_threshold=1)
    bench.breakers.change(patient, {"pika": touchy})
    bench.clock.advance(300)
    bench.breakers.failed(bench.let_through(PIKA), seconds=1)
    assert bench.breakers.state(PIKA) == "open"
    bench.fail()
    assert bench.state == "closed"
    bench.fail()
    assert bench.state == "open"
    bench.breakers.change(
        CircuitBreakerSettings(recovery_timeout_seconds=5, longest_recovery_seconds=10)
    )
    assert (bench.state, bench.pause) == ("open", 10.0)


def test_idle_circuits_are_forgotten_and_open_ones_are_not() -> None:
    """A thousand credentials that came once do not stay; what is open does."""
    bench = Bench(failure_threshold=1, recovery_timeout_seconds=3600, longest_recovery_seconds=3600)
    bench.fail()
    for number in range(1000):
        bench.let_through(CircuitKey("pika", str(number)))
    assert len(bench.breakers.circuits()) == 1001
    bench.clock.advance(3601)
    bench.fail()
    bench.clock.advance(3599)
    for number in range(1100):
        bench.let_through(CircuitKey("luma", str(number)))
    assert len(bench.breakers.circuits()) <= 1101
    assert bench.state == "open"


def test_there_are_never_more_circuits_than_the_most() -> None:
    """Even if all are in use: those that were idle for longest go."""
    bench = Bench()
    for number in range(module.MOST_CIRCUITS + 500):
        bench.let_through(CircuitKey("pika", str(number)))
        bench.clock.advance(0.001)
    assert len(bench.breakers.circuits()) <= module.MOST_CIRCUITS
    assert bench.breakers.known(CircuitKey("pika", "0")) is None
    assert bench.breakers.known(CircuitKey("pika", "10400")) is not None


def test_listeners_that_come_later_hear_the_rest() -> None:
    """Of the closing, not of the opening."""
    bench = Bench(failure_threshold=1)
    bench.fail()
    heard: list[str] = []
    bench.breakers.listen(lambda key, before, after, why: heard.append(f"{key.provider}: {why}"))
    bench.clock.advance(60)
    bench.succeed()
    assert heard == ["veo: pause over", "veo: probes succeeded"]
