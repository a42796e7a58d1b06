"""The circuit against a model of it that keeps a list of everything and computes from that.

The model knows no periods, places or windows: it looks through what has happened, every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.clock import FakeClock

from anymedia.contracts.resilience import CircuitBreakerSettings
from anymedia.resilience.circuit import Admission, Breakers, CircuitKey
from anymedia.resilience.window import SLOTS

KEY = CircuitKey("veo", "", "video")


@dataclass
class Sent:
    """One request."""

    admission: Admission
    at: float
    probe: bool
    era: int
    """How many changes of the state there had been."""
    answered: bool = False


@dataclass
class Model:
    """What a circuit should do, said as plainly as possible."""

    settings: CircuitBreakerSettings
    state: str = "closed"
    era: int = 0
    until: float = -1.0
    pause: float = 0.0
    closed_at: float = float("-inf")
    opened_at: float = float("-inf")
    because_of_jobs: bool = False
    calls: list[tuple[float, bool, bool]] = field(default_factory=list)
    jobs: list[tuple[float, bool]] = field(default_factory=list)
    successes: int = 0
    out: dict[int, float] = field(default_factory=dict)
    """Until when each probe has its place, by the number of its request."""
    waiting: list[int] = field(default_factory=list)
    """Probes that were accepted as jobs and have not ended."""

    def enter(self, state: str) -> None:
        """Another state: everything counted so far is past."""
        self.state = state
        self.era += 1
        self.calls, self.jobs = [], []
        self.successes = 0
        self.out, self.waiting = {}, []

    def time(self, now: float) -> None:
        """What time does by itself."""
        if self.state == "open" and now >= self.until:
            self.enter("half_open")
        if self.state == "half_open":
            self.out = {number: end for number, end in self.out.items() if end > now}
            self.waiting = [number for number in self.waiting if number in self.out]
            if not self.out and not self.successes and now < self.until:
                self.enter("open")

    def full(self) -> bool:
        return len(self.out) >= self.settings.probes

    def judge(self, now: float) -> None:
        """Open, if what is listed is reason enough."""
        chosen = self.settings
        width = chosen.window_seconds / SLOTS
        first = now // width - SLOTS + 1
        calls = [(bad, slow) for at, bad, slow in self.calls if at // width >= first]
        width = chosen.job_window_seconds / SLOTS
        first = now // width - SLOTS + 1
        jobs = [bad for at, bad in self.jobs if at // width >= first]
        last = [bad for _, bad, _ in self.calls[-chosen.failure_threshold :]]
        last_jobs = [bad for _, bad in self.jobs[-chosen.failure_threshold :]]
        enough = len(calls) >= chosen.minimum_calls
        by_calls = (
            (all(last) and len(last) == chosen.failure_threshold)
            or (enough and sum(bad for bad, _ in calls) / len(calls) >= chosen.failure_rate)
            or (enough and sum(slow for _, slow in calls) / len(calls) >= chosen.slow_rate)
        )
        by_jobs = (all(last_jobs) and len(last_jobs) == chosen.failure_threshold) or (
            len(jobs) >= chosen.minimum_jobs and sum(jobs) / len(jobs) >= chosen.failure_rate
        )
        if by_calls or by_jobs:
            self.because_of_jobs = not by_calls
            long_closed = now - self.closed_at >= max(self.pause, chosen.window_seconds)
            self.open(now, chosen.recovery_timeout_seconds if long_closed else self.longer())

    def longer(self) -> float:
        grown = self.pause * self.settings.recovery_factor
        return max(self.pause, min(grown, self.settings.longest_recovery_seconds))

    def open(self, now: float, pause: float) -> None:
        self.pause, self.until, self.opened_at = pause, now + pause, now
        self.enter("open")

    def probe_failed(self, now: float) -> None:
        """Open again: for longer, or until the old end if it was tried before that."""
        if now < self.until:
            self.opened_at = now
            self.enter("open")
        else:
            self.open(now, self.longer())

    def probe_succeeded(self, now: float) -> None:
        self.successes += 1
        if self.successes >= self.settings.probes_to_close:
            self.closed_at = now
            self.enter("closed")


class Comparison(RuleBasedStateMachine):
    """Both are told the same and have to say the same."""

    @initialize(
        threshold=st.integers(1, 4),
        minimum=st.integers(1, 6),
        probes=st.integers(1, 3),
        to_close=st.integers(1, 3),
        factor=st.sampled_from([1.0, 2.0, 3.0]),
        lease=st.sampled_from([5.0, 20.0]),
    )
    def begin(
        self, threshold: int, minimum: int, probes: int, to_close: int, factor: float, lease: float
    ) -> None:
        """Settings with small numbers, so that much happens."""
        self.settings = CircuitBreakerSettings(
            failure_threshold=threshold,
            failure_rate=0.5,
            window_seconds=24,
            minimum_calls=minimum,
            slow_seconds=2.0,
            slow_rate=0.75,
            recovery_timeout_seconds=lease,
            recovery_factor=factor,
            longest_recovery_seconds=90,
            job_window_seconds=48,
            minimum_jobs=minimum,
            probes=probes,
            probes_to_close=to_close,
        )
        self.clock = FakeClock()
        self.heard: list[tuple[str, str]] = []
        self.breakers = Breakers(
            self.settings,
            clock=self.clock,
            listeners=[lambda key, before, after, why: self.heard.append((before, after))],
        )
        self.model = Model(self.settings)
        self.sent: list[Sent] = []

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def remember(self, answer: object, *, allowed: bool) -> None:
        """What was let through, by both or by neither."""
        assert isinstance(answer, Admission) == allowed
        if isinstance(answer, Admission):
            probe = self.model.state == "half_open"
            assert answer.probe == probe
            if probe:
                end = self.now + self.settings.recovery_timeout_seconds
                self.model.out[len(self.sent)] = end
            self.sent.append(Sent(answer, self.now, probe, self.model.era))

    @rule(seconds=st.sampled_from([0.25, 1.0, 2.0, 4.0, 5.0, 7.5, 20.0, 45.0, 90.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        """A while later."""
        self.clock.advance(seconds)

    @rule()
    def admit(self) -> None:
        """A request as usual."""
        model = self.model
        model.time(self.now)
        allowed = model.state == "closed" or (model.state == "half_open" and not model.full())
        self.remember(self.breakers.admit(KEY), allowed=allowed)

    @rule()
    def urge(self) -> None:
        """A request for which there is nobody else."""
        model = self.model
        model.time(self.now)
        if model.state == "open":
            model.enter("half_open")
        allowed = model.state == "closed" or not model.full()
        self.remember(self.breakers.probe(KEY), allowed=allowed)

    def next_answer(self, which: int) -> tuple[int, Sent, bool]:
        """A request that has not been answered, and whether its answer still matters."""
        pending = [number for number, one in enumerate(self.sent) if not one.answered]
        number = pending[which % len(pending)]
        one = self.sent[number]
        one.answered = True
        return number, one, one.era == self.model.era

    @precondition(lambda self: any(not one.answered for one in getattr(self, "sent", [])))
    @rule(which=st.integers(0, 50), seconds=st.sampled_from([0.5, 3.0]))
    def succeed(self, which: int, seconds: float) -> None:
        """An answer, maybe a slow one."""
        number, one, matters = self.next_answer(which)
        self.breakers.succeeded(one.admission, seconds=seconds)
        model = self.model
        if not matters:
            return
        if not one.probe:
            model.calls.append((self.now, False, seconds > 2.0))
            if seconds > 2.0:
                model.judge(self.now)
        elif model.because_of_jobs:
            if number in model.out:
                model.out[number] = self.now + self.settings.recovery_timeout_seconds
                model.waiting.append(number)
        elif seconds > 2.0 and self.breakers.circuit(KEY).why_opened == "slow calls":
            model.probe_failed(self.now)
        else:
            model.out.pop(number, None)
            model.probe_succeeded(self.now)

    @precondition(lambda self: any(not one.answered for one in getattr(self, "sent", [])))
    @rule(which=st.integers(0, 50), seconds=st.sampled_from([0.5, 3.0]))
    def fail(self, which: int, seconds: float) -> None:
        """A failure."""
        _, one, matters = self.next_answer(which)
        self.breakers.failed(one.admission, seconds=seconds)
        if not matters:
            return
        if one.probe:
            self.model.probe_failed(self.now)
        else:
            self.model.calls.append((self.now, True, seconds > 2.0))
            self.model.judge(self.now)

    @precondition(lambda self: any(not one.answered for one in getattr(self, "sent", [])))
    @rule(which=st.integers(0, 50))
    def say_nothing(self, which: int) -> None:
        """Neither."""
        number, one, matters = self.next_answer(which)
        self.breakers.said_nothing(one.admission)
        if matters and one.probe:
            self.model.out.pop(number, None)

    @rule(succeeded=st.booleans(), age=st.sampled_from([None, 0.0, 3.0, 30.0, 300.0]))
    def end_job(self, succeeded: bool, age: float | None) -> None:
        """A job has ended."""
        model = self.model
        self.breakers.outcome(KEY, succeeded=succeeded, seconds=age)
        if age is not None and self.now - age < model.opened_at:
            return
        model.time(self.now)
        if model.state == "closed":
            model.jobs.append((self.now, not succeeded))
            if not succeeded:
                model.judge(self.now)
        elif model.state == "half_open" and model.because_of_jobs:
            if not model.waiting and age is None:
                return
            if not succeeded:
                model.probe_failed(self.now)
                return
            if model.waiting:
                del model.out[model.waiting.pop(0)]
            model.probe_succeeded(self.now)

    @precondition(lambda self: hasattr(self, "model"))
    @invariant()
    def they_agree(self) -> None:
        """State, waiting time, and never more probes than allowed."""
        model = self.model
        model.time(self.now)
        assert self.breakers.state(KEY) == model.state
        wait = self.breakers.retry_after(KEY)
        if model.state == "open":
            assert wait == model.until - self.now
        elif model.state == "half_open" and model.full():
            assert wait is not None
            assert 0 < wait <= 1.0
        else:
            assert wait is None
        assert len(model.out) <= self.settings.probes
        for (_, after), (before, _) in zip(self.heard, self.heard[1:], strict=False):
            assert after == before


TestComparison = Comparison.TestCase
TestComparison.settings = hypothesis_settings(
    max_examples=150, stateful_step_count=60, deadline=None
)
