"""What was observed of one option with one kind of request.

Everything is remembered with fading: an observation weighs half after a while, and that while is
longer for what takes longer (a clip of two minutes is not forgotten in one). Besides, no more than
`MEMORY` observations count, so that a busy option follows a change within seconds.

After some failures in a row an option is *suspected*: strategies that learn put it last, and try
it again with one request in a hundred, or, where there is little traffic, after a pause that grows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from math import exp, log, sqrt
from typing import Final

from anymedia.choosing.growth import Growth

SUSPECTED_AFTER: Final = 3
"""Failures in a row after which an option is suspected."""
CALLS_BETWEEN_PROBES: Final = 100
"""While it is suspected, at most one request in so many tries it."""
SHORTEST_PAUSE_SECONDS: Final = 2.0
"""And not before this has passed."""
LONG_PAUSE_SECONDS: Final = 300.0
"""Where so many requests do not come: a probe after this long, then twice as long, and so on."""
LONGEST_PAUSE_SECONDS: Final = 3600.0
OFFERED_SECONDS: Final = 10.0
OFFERED_CALLS: Final = 10
"""An offered probe that was not made, perhaps because a circuit was open, is offered again soon."""

GRAIN: Final = 1e-4
"""Shares of a half-life smaller than this (12 ms of two minutes) are let pass together."""
STALE_WEIGHT: Final = 0.5
MEMORY: Final = 200.0
"""No more than so many observations weigh in at once."""
HALF_LIFE_IN_DURATIONS: Final = 30.0
SHORTEST_HALF_LIFE_SECONDS: Final = 120.0
LONGEST_HALF_LIFE_SECONDS: Final = 7200.0
PEAK_IN_DURATIONS: Final = 20.0
SHORTEST_PEAK_SECONDS: Final = 20.0
LOST_AFTER_DURATIONS: Final = 20.0
LOST_SECONDS: Final = 900.0
"""After such a silence requests under way are taken for lost."""
MOST_UNDER_WAY: Final = 256
FAILED_PEAK: Final = 4.0
"""A failure is remembered as a time so much longer than usual."""
RECENT: Final = 64
"""So many times are kept for the median that people are told."""
MEANINGFUL_IN_FLIGHT: Final = 3
MEANINGFUL_MISSING: Final = 8.0
"""So many answers must be overdue before silence means something."""
LN2: Final = 0.6931471805599453

PRIOR_GOOD: Final = 4.75
PRIOR_BAD: Final = 0.25
"""What is thought of an option that nobody has tried: that it works, without being sure."""
Z: Final = 1.28
"""How careful the lower bound of the quality is: nine times in ten it is better than this."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one option, for people and estimates."""

    name: str
    kind: str
    tries: int
    """All that ended and said something."""
    in_flight: int
    success: float
    """The share that succeeded of late, with a prior for what was tried little."""
    conformity: float
    """The share of successes that were what was asked for."""
    typical_seconds: float | None
    """The median of the last ones; to the first event where answers are streamed."""
    average_usd: float | None
    suspected: bool
    """Whether it has failed so often in a row that it is put last."""


class Experience:
    """The fading memory of one option and one kind of request."""

    __slots__ = (
        "_seen",
        "average",
        "bad",
        "failures_in_a_row",
        "good",
        "half_life",
        "in_flight",
        "odd",
        "offered_at",
        "offered_call",
        "pause",
        "peak",
        "peak_memory",
        "peaked_at",
        "probing",
        "quiet_since",
        "recent",
        "seen_at",
        "timed",
        "touched",
        "tried_at",
        "tries",
        "under_way",
        "usd",
        "usual_size",
        "usual_time",
        "whole",
        "words",
    )

    def __init__(self, now: float) -> None:
        self.in_flight = 0
        self.quiet_since = now
        """When one came back last, or when the first of those in flight went out."""
        self.under_way: list[tuple[float, float]] = []
        """When each of those in flight began, and how large it is."""
        self.tries = 0
        self.good = self.bad = self.odd = 0.0
        """Faded counts: successes, failures, successes that were not what was asked for."""
        self.average: float | None = None
        """The mean time of a request of the usual size; to the first event of a stream."""
        self.timed = 0.0
        """The faded count of times."""
        self.whole = 0.0
        """The mean time until the end."""
        self.peak = 0.0
        self.peaked_at = now
        self.peak_memory = SHORTEST_PEAK_SECONDS
        """How long a peak is remembered."""
        self.usd: float | None = None
        self.usual_size = self.usual_time = 0.0
        """The means of the logarithms of what it got and how long that took."""
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.half_life = SHORTEST_HALF_LIFE_SECONDS
        self.touched = now
        """When the counts were faded last."""
        self.tried_at = self.seen_at = float("-inf")
        """When one began last, and when one ended."""
        self.failures_in_a_row = 0
        self.offered_at = self.pause = 0.0
        self.offered_call = 0
        self.probing = False
        self._seen = (0.0, 0.0, 0.0)
        """Successes, failures and odd ones as they stood after the last of them."""
        self.words: dict[str, str] = {}
        """Descriptions by strategy, until the next observation."""

    # --- what happens ---------------------------------------------------------------------

    def start(self, now: float, call: int, size: float) -> None:
        """One more is on its way."""
        self.under_way.append((now, size))
        if len(self.under_way) > MOST_UNDER_WAY:
            del self.under_way[0]
        if self.in_flight == 0:
            self.quiet_since = now
        self.in_flight += 1
        self.tried_at = now
        if self.failures_in_a_row and self.suspected:
            self.probing = True
            self.offered_at, self.offered_call = now, call

    def finish(
        self,
        now: float,
        growth: Growth,
        *,
        succeeded: bool | None,
        seconds: float | None,
        whole_seconds: float | None,
        usd: Decimal | None,
        conformed: bool | None,
    ) -> None:
        """One is back."""
        if self.in_flight > 0:  # else it began before this was remembered
            self.in_flight -= 1
        size = self._size(now, whole_seconds)
        self.quiet_since = now
        if succeeded is None:
            self.probing = self.probing and self.in_flight > 0
            return
        stale = now - self.seen_at > self.half_life / 2
        self.seen_at = now
        self.fade(now)
        if stale:
            # What was last seen so long ago is worth less than one look.
            self.timed = min(self.timed, STALE_WEIGHT)
        self.tries += 1
        if self.words:
            self.words.clear()
        if succeeded:
            self._success(conformed)
        else:
            self._failure(now)
        if succeeded and seconds is not None:
            self._compare(growth, size, seconds)
            whole = seconds if whole_seconds is None else whole_seconds
            self._time(now, seconds, whole, growth.factor(size))
        if usd is not None:
            paid = float(usd)
            self.usd = paid if self.usd is None else self.usd + 0.1 * (paid - self.usd)
        self._seen = (self.good, self.bad, self.odd)

    def fade(self, now: float) -> None:
        """Let the past weigh less."""
        passed = now - self.touched
        if passed > GRAIN * self.half_life:
            factor = exp(-LN2 * passed / self.half_life)
            self.good *= factor
            self.bad *= factor
            self.odd *= factor
            self.timed *= factor
            self.touched = now

    def _size(self, now: float, seconds: float | None) -> float:
        """How large the request was that is back; found by when it began."""
        under_way = self.under_way
        if not under_way:
            return 1.0
        place = 0
        if seconds is not None and len(under_way) > 1:
            # They stand in the order in which they began: the nearest is one of two.
            began = now - seconds
            place = bisect_left(under_way, (began,))
            if place == len(under_way) or (
                place > 0 and began - under_way[place - 1][0] <= under_way[place][0] - began
            ):
                place = bisect_left(under_way, under_way[place - 1][:1])
        return under_way.pop(place)[1]

    def _success(self, conformed: bool | None) -> None:
        self._make_room()
        if self.failures_in_a_row:
            if self.suspected:
                # It is back. What it did while it was away is not held against it for long.
                self.bad = min(self.bad, 1.0)
            self.failures_in_a_row = 0
        self.probing = False
        self.pause = 0.0
        self.good += 1.0
        if conformed is False:
            self.odd += 1.0

    def _failure(self, now: float) -> None:
        self._make_room()
        self.bad += 1.0
        self.failures_in_a_row += 1
        self.probing = False
        if self.average is not None:
            self.peak = FAILED_PEAK * max(self.peak_seconds(now), self.average)
            self.peaked_at = now
        if self.suspected and not self.pause:
            self.pause = LONG_PAUSE_SECONDS
            self.offered_at = now
            self.offered_call = -1  # from the next request on
        elif self.suspected:
            self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)

    def _make_room(self) -> None:
        total = self.good + self.bad
        if total >= MEMORY:
            factor = (MEMORY - 1) / total
            self.good *= factor
            self.bad *= factor
            self.odd *= factor

    def _compare(self, growth: Growth, size: float, seconds: float) -> None:
        """How this one differed from the usual ones, in size and time."""
        if size <= 0.0 or seconds <= 0.0:
            return
        larger = (log(size) if size != 1.0 else 0.0) - self.usual_size
        longer = log(seconds) - self.usual_time
        share = 1.0 / min(self.timed + 1.0, MEMORY)
        if share < 1.0:
            growth.learn(larger, longer)
        self.usual_size += share * larger
        self.usual_time += share * longer

    def _time(self, now: float, seconds: float, whole: float, factor: float) -> None:
        self.timed = min(self.timed + 1.0, MEMORY)
        usual = seconds / factor
        if self.average is None:
            self.average, self.whole = usual, whole
        else:
            self.average += (usual - self.average) / self.timed
            self.whole += (whole - self.whole) / self.timed
        self.peak_memory = max(PEAK_IN_DURATIONS * self.average, SHORTEST_PEAK_SECONDS)
        self.half_life = min(
            max(HALF_LIFE_IN_DURATIONS * self.whole, SHORTEST_HALF_LIFE_SECONDS),
            LONGEST_HALF_LIFE_SECONDS,
        )
        share = exp(-(now - self.peaked_at) / self.peak_memory)
        faded = self.peak * share
        self.peak = seconds if seconds > faded else faded + seconds * (1 - share)
        self.peaked_at = now
        self.recent.append(seconds)

    # --- what follows from it -------------------------------------------------------------

    def peak_seconds(self, now: float) -> float:
        """The last peak as it has faded since: at once up, slowly down."""
        return self.peak * exp(-(now - self.peaked_at) / self.peak_memory)

    @property
    def suspected(self) -> bool:
        """Whether it has failed too often in a row; the first time is enough for a newcomer."""
        failures = self.failures_in_a_row
        return failures >= SUSPECTED_AFTER or (failures > 0 and self.average is None)

    @property
    def quality(self) -> float:
        """What its share of good answers is at least."""
        good, bad, odd = self._seen
        return lower_bound(max(good - odd, 0.0) + PRIOR_GOOD, bad + odd + PRIOR_BAD)

    def probe_due(self, now: float, call: int) -> bool:
        """Whether the next request may find out if it is back. Counts from the last probe."""
        if self.probing:
            return False
        if self.offered_call < 0:
            self.offered_call = call
        waited = now - self.offered_at
        if waited >= self.pause:
            return True
        return call - self.offered_call >= CALLS_BETWEEN_PROBES and waited >= SHORTEST_PAUSE_SECONDS

    def offer(self, now: float, call: int) -> None:
        """The next request goes there first. Should it not arrive, another may soon."""
        self.offered_at = now + OFFERED_SECONDS - self.pause
        self.offered_call = call + OFFERED_CALLS - CALLS_BETWEEN_PROBES

    def success(self) -> float:
        """The share that succeeds, as far as one can tell."""
        good = self.good + PRIOR_GOOD
        return good / (good + self.bad + PRIOR_BAD)

    def slowness(self, now: float) -> float:
        """By what factor it seems slower than its mean, because nothing comes back.

        A provider that hangs says nothing for as long as it hangs. Of many requests under way one
        comes back every moment; when none does for as long as a request takes, it is no chance.
        """
        if self.in_flight < MEANINGFUL_IN_FLIGHT or self.whole <= 0.0:
            return 1.0
        silence = (now - self.quiet_since) / self.whole
        if now - self.quiet_since > max(LOST_AFTER_DURATIONS * self.whole, LOST_SECONDS):
            # Whoever sent them will not tell any more; they must not count against it for ever.
            self.in_flight = 0
            self.under_way.clear()
            return 1.0
        missing = silence * self.in_flight
        if silence < 1.0 or missing < MEANINGFUL_MISSING:
            return 1.0
        return silence + missing / 4.0

    def median(self) -> float | None:
        """The middle one of the last times."""
        if not self.recent:
            return None
        return sorted(self.recent)[len(self.recent) // 2]

    def known(self, name: str, kind: str) -> Known:
        """All of it, for people."""
        return Known(
            name=name,
            kind=kind,
            tries=self.tries,
            in_flight=self.in_flight,
            success=self.success(),
            conformity=1.0 - self.odd / self.good if self.good > self.odd else 1.0,
            typical_seconds=self.median(),
            average_usd=self.usd,
            suspected=self.suspected,
        )


def lower_bound(good: float, bad: float) -> float:
    """What a share is at least, with good odds, if so much was seen (after Wilson)."""
    total = good + bad
    share = good / total
    spread = Z * sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    return (share + Z * Z / (2 * total) - spread) / (1 + Z * Z / total)
