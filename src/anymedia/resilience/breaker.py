"""One circuit: whether a provider is asked as usual, left alone, or tried with a few requests.

It opens when calls fail in a row, when too large a share of them fails or is slow, and when the
jobs that a provider accepts end badly. Then it stays open for a pause, which is longer every time
it opens again soon; after the pause a few requests at a time may try. Three rules keep it honest:

- A result counts only in the period in which its request was let through. What was sent before
  the circuit opened can neither close it nor keep it open for longer.
- A request that tries (a probe) holds a place. A place whose request never reports back is free
  again after `recovery_timeout_seconds`; a report that comes later than that still counts.
- A circuit that opened because jobs failed is not closed by a job being accepted, but by one
  having succeeded: until then the place of the job stays taken.

Time is seconds of a clock that does not go back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from anymedia.contracts.resilience import CircuitBreakerSettings, CircuitState
from anymedia.resilience.transitions import NEXT, CircuitKey, Event, Why
from anymedia.resilience.window import NOTHING, Window

NEVER = float("-inf")
AGAIN_SECONDS = 1.0
"""When to ask again while another request is trying: nobody knows when it will be back."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request has to go elsewhere, or come back later."""

    key: CircuitKey
    retry_after_seconds: float


class Admission:
    """The request may be sent; the result is to be reported with this, once."""

    __slots__ = ("circuit", "lapses_at", "period", "probe", "spent")

    def __init__(self, circuit: Circuit, period: int, *, probe: bool, lapses_at: float) -> None:
        self.circuit = circuit
        self.period = period
        self.probe = probe
        """Whether much hangs on this one."""
        self.lapses_at = lapses_at
        self.spent = False

    @property
    def key(self) -> CircuitKey:
        """Whose circuit it is."""
        return self.circuit.key


Changed: TypeAlias = Callable[["Circuit", CircuitState, CircuitState, Why], None]


class Circuit:
    """The state of one circuit."""

    __slots__ = (
        "_changed",
        "_successes",
        "asked_at",
        "calls",
        "calls_elsewhere",
        "closed_at",
        "in_a_row",
        "jobs",
        "jobs_elsewhere",
        "jobs_in_a_row",
        "key",
        "opened_at",
        "pause",
        "period",
        "places",
        "settings",
        "slow_seconds",
        "state",
        "touched",
        "until",
        "usual",
        "why_opened",
    )

    def __init__(
        self, key: CircuitKey, settings: CircuitBreakerSettings, now: float, changed: Changed
    ) -> None:
        self.key = key
        self.state: CircuitState = "closed"
        self.period = 0
        """How often the state has changed."""
        self.until = NEVER
        """When the present or last pause ends."""
        self.pause = 0.0
        self.opened_at = NEVER
        self.closed_at = NEVER
        self.why_opened: Why | None = None
        self.places: list[Admission] = []
        """The probes that are out."""
        self.in_a_row = 0
        self.jobs_in_a_row = 0
        self.calls_elsewhere = NOTHING
        self.jobs_elsewhere = NOTHING
        self.asked_at = NEVER
        """When somebody last wanted to send something although it was not closed."""
        self.touched = now
        self._successes = 0
        self._changed = changed
        self.usual = Admission(self, 0, probe=False, lapses_at=NEVER)
        """What every request gets while the circuit is closed: they are all alike."""
        self.calls = Window(settings.window_seconds, now)
        self.jobs = Window(settings.job_window_seconds, now)
        self.configure(settings, now)

    def configure(self, settings: CircuitBreakerSettings, now: float) -> None:
        """Other settings; what is known stays known."""
        before: CircuitBreakerSettings = getattr(self, "settings", settings)
        self.settings = settings
        self.slow_seconds = float("inf") if settings.slow_seconds is None else settings.slow_seconds
        if before.window_seconds != settings.window_seconds:
            self.calls = self.calls.resized(settings.window_seconds, now)
        if before.job_window_seconds != settings.job_window_seconds:
            self.jobs = self.jobs.resized(settings.job_window_seconds, now)
        if self.state == "open":
            self.until = min(self.until, now + settings.longest_recovery_seconds)

    # What the circuit says.

    def look(self, now: float) -> CircuitState:
        """The state, after what time alone has changed."""
        if self.state == "open" and now >= self.until:
            self._go("pause-over", "pause over", now)
        elif self.state == "half_open":
            if any(now >= place.lapses_at for place in self.places):
                self.places = [place for place in self.places if now < place.lapses_at]
            if now < self.until and not self.places and not self._successes:
                self._go("undecided", "probe said nothing", now)
        return self.state

    def wait(self, now: float) -> float:
        """Seconds until a request may be let through; 0 when one may be now."""
        state = self.look(now)
        if state == "open":
            return self.until - now
        if state == "half_open" and len(self.places) >= self.settings.probes:
            return min(AGAIN_SECONDS, min(place.lapses_at for place in self.places) - now)
        return 0.0

    def admit(self, now: float) -> Admission | Refused:
        """Let a request through, if the state allows it."""
        self.asked_at = now
        if (seconds := self.wait(now)) > 0:
            return Refused(self.key, seconds)
        return self.usual if self.state == "closed" else self._placed(now)

    def _placed(self, now: float) -> Admission:
        place = Admission(
            self, self.period, probe=True, lapses_at=now + self.settings.recovery_timeout_seconds
        )
        self.places.append(place)
        return place

    def urge(self, now: float) -> Admission | Refused:
        """Let a request through although the pause is not over."""
        if self.look(now) == "open":
            self.asked_at = now
            self._go("urged", "nobody else to ask", now)
            return self._placed(now)
        return self.admit(now)

    @property
    def last_used(self) -> float:
        """About when it last had to do with a request."""
        return max(self.touched, self.asked_at, self.calls.touched, self.jobs.touched)

    def forgettable(self, now: float) -> bool:
        """Whether a new circuit would behave the same: nothing counted, no pause remembered."""
        settings = self.settings
        memory = max(
            settings.window_seconds,
            settings.job_window_seconds,
            settings.longest_recovery_seconds,
            self.pause,
        )
        return now - max(self.last_used, self.until) > memory

    # What the circuit is told.

    def succeeded(self, admission: Admission, now: float, *, slow: bool) -> None:
        """A request came back with what was asked for."""
        if admission.period != self.period:
            return
        if not admission.probe:
            self.in_a_row = 0
            self.calls.add(now, slow=slow)
            if slow:
                self._judge(now)
        elif not admission.spent:
            admission.spent = True
            self.touched = now
            if slow and self.why_opened == "slow calls":
                self._go("failed", "probe was slow", now)
            elif self.why_opened == "failed jobs":
                # Accepted is not made: the place stays taken until the job has ended or it lapses.
                admission.lapses_at = now + self.settings.recovery_timeout_seconds
            else:
                self._leave(admission)
                self._count_success(now)

    def all_succeeded(self, admission: Admission, at: Sequence[float]) -> None:
        """So many of its usual requests came back with what was asked for, none of them slow."""
        if admission is self.usual:
            self.in_a_row = 0
            self.calls.add_all(at)

    def failed(self, admission: Admission, now: float, *, slow: bool) -> None:
        """A request failed in a way that is the provider's."""
        if admission.period != self.period:
            return
        if not admission.probe:
            self.in_a_row += 1
            self.calls.add(now, failed=1, slow=slow)
            self._judge(now)
        elif not admission.spent:
            admission.spent = True
            self._go("failed", "probe failed", now)

    def said_nothing(self, admission: Admission, now: float) -> None:
        """A request ended in a way that says nothing about the provider."""
        if admission.period != self.period or not admission.probe or admission.spent:
            return
        admission.spent = True
        self._leave(admission)
        self.look(now)

    def job_ended(self, now: float, *, succeeded: bool, accepted_at: float | None) -> None:
        """A job that the provider accepted a while ago has ended."""
        self.touched = now
        if accepted_at is not None and accepted_at < self.opened_at:
            return  # accepted before the circuit opened: the opening knew of such jobs
        state = self.look(now)
        if state == "closed":
            self.jobs.add(now, failed=not succeeded)
            self.jobs_in_a_row = 0 if succeeded else self.jobs_in_a_row + 1
            if not succeeded:
                self._judge(now)
        elif state == "half_open" and self.why_opened == "failed jobs":
            waiting = next((place for place in self.places if place.spent), None)
            if waiting is None and accepted_at is None:
                return  # of unknown age, and no job of ours is being waited for
            if not succeeded:
                self._go("failed", "probe failed", now)
                return
            if waiting is not None:
                self._leave(waiting)
            self._count_success(now)

    def told_open(self, now: float, *, seconds: float, pause: float, why: Why | None) -> None:
        """Another process has opened it."""
        self.pause = max(self.pause, pause)
        self.until = max(self.until, now + seconds)
        if self.state == "open":
            return
        self.why_opened = why
        self._go("told-open", "told by another process", now)

    def told_closed(self, now: float) -> None:
        """Another process has closed it."""
        if self.state != "closed":
            self._go("told-closed", "told by another process", now)

    # How the state changes.

    def _judge(self, now: float) -> None:
        """Open if there is reason to. Only asked when something bad has just happened."""
        why = self._reason(now)
        if why is not None:
            self.why_opened = why
            self._go("tripped", why, now)

    def _reason(self, now: float) -> Why | None:
        settings = self.settings
        if self.in_a_row >= settings.failure_threshold:
            return "failures in a row"
        calls = self.calls.counts(now).plus(self.calls_elsewhere)
        if calls.calls >= settings.minimum_calls:
            if calls.failed >= settings.failure_rate * calls.calls:
                return "failure rate"
            if calls.slow >= settings.slow_rate * calls.calls:
                return "slow calls"
        if self.jobs_in_a_row >= settings.failure_threshold:
            return "failed jobs"
        jobs = self.jobs.counts(now).plus(self.jobs_elsewhere)
        if (
            jobs.calls >= settings.minimum_jobs
            and jobs.failed >= settings.failure_rate * jobs.calls
        ):
            return "failed jobs"
        return None

    def _count_success(self, now: float) -> None:
        self._successes += 1
        if self._successes >= self.settings.probes_to_close:
            self._go("succeeded", "probes succeeded", now)
        else:
            self.look(now)

    def _leave(self, admission: Admission) -> None:
        self.places = [place for place in self.places if place is not admission]

    def _go(self, event: Event, why: Why, now: float) -> None:
        before = self.state
        self.state = NEXT[before, event]
        self.period += 1
        self.usual = Admission(self, self.period, probe=False, lapses_at=NEVER)
        self.places = []
        self._successes = 0
        self.touched = now
        if event in {"tripped", "failed"}:
            self._set_pause(before, now)
        if self.state == "open" and event != "undecided":
            self.opened_at = now
        if self.state == "closed":
            self.closed_at = now
        self.in_a_row = self.jobs_in_a_row = 0
        self.calls.clear()
        self.jobs.clear()
        self.calls_elsewhere = self.jobs_elsewhere = NOTHING
        self._changed(self, before, self.state, why)

    def _set_pause(self, before: CircuitState, now: float) -> None:
        """How long to leave the provider alone.

        Longer than last time if it failed as a probe, or soon after it had been closed: before it
        was closed for as long as the last pause, and for at least a window.
        """
        settings = self.settings
        longest = settings.longest_recovery_seconds
        if before == "half_open" and now < self.until:
            return  # tried before its time; that it still fails is no news, the old end stands
        quiet = max(self.pause, settings.window_seconds)
        if before == "closed" and now - self.closed_at >= quiet:
            self.pause = min(settings.recovery_timeout_seconds, longest)
        else:
            self.pause = max(self.pause, min(self.pause * settings.recovery_factor, longest))
        self.until = now + self.pause
