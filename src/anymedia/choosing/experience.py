"""What was observed of one option with one kind of request.

Everything is remembered with fading: an observation weighs half after a while, and that while is
longer for what takes longer (a clip of two minutes is not forgotten in one). Besides, no more than
`MEMORY` observations count, so that a busy option follows a change within seconds.

After some failures in a row an option is *suspected*: strategies that learn put it last, and try
it again with one request in a hundred, or, where there is little traffic, after a pause that grows.

What went well and nobody has looked at since may be told together (`succeed`). That comes to what it
would be, told one by one, but for what half-lives change meanwhile: far less than a thousandth.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import repeat
from math import ceil, exp, log, sqrt
from operator import mul, sub, truediv
from typing import Final

from anymedia.choosing.following import AT_ONCE, fading, followed
from anymedia.choosing.growth import Growth
from anymedia.choosing.known import Known
from anymedia.choosing.successes import Successes

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

USUAL_SIZE: Final = 1.0
"""How large a request is of which nothing else is known."""
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
KEPT: Final = 1.0 - 1.0 / MEMORY
"""What one more observation leaves of the others when so many are remembered."""
STEADY: Final = fading(MEMORY)
ALONE: Final = (1.0,)
"""What one that has just come back weighs."""
USD_MEMORY: Final = 10.0
USD_STEADY: Final = fading(USD_MEMORY)

PRIOR_GOOD: Final = 4.75
PRIOR_BAD: Final = 0.25
"""What is thought of an option that nobody has tried: that it works, without being sure."""
Z: Final = 1.28
"""How careful the lower bound of the quality is: nine times in ten it is better than this."""


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
        if size != USUAL_SIZE or self.under_way:
            self.under_way.append((now, size))
            if len(self.under_way) > MOST_UNDER_WAY:
                del self.under_way[0]
        if self.in_flight == 0:
            self.quiet_since = now
        self.in_flight += 1
        self._tried(now, call)

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
        self._heard(now, now, 1)
        if succeeded:
            self._success(ALONE)
            if conformed is False:
                self.odd += 1.0
        else:
            self._failure(now)
        if succeeded and seconds is not None:
            logarithms = (log(seconds),) if self._compare(growth, size, seconds) else ()
            usual = seconds / growth.factor(size)
            whole = seconds if whole_seconds is None else whole_seconds
            self._time((usual,), (whole,), logarithms, ALONE)
            self._peak((now,), (seconds,), (self.peak_memory,))
        if usd is not None:
            self._pay((float(usd),))
        self._seen = (self.good, self.bad, self.odd)

    def succeed(self, begun: Sequence[float], call: int, done: Successes) -> None:
        """Some are on their way since these times, and some, of them or of others, went well.

        All of the usual size, and both in the order of time.
        """
        at, seconds = done.at, done.seconds
        count = len(at)
        self.in_flight = max(0, self.in_flight + len(begun) - count)
        # Of those that are under way, perhaps all went out after the last one came back.
        later = len(begun) - bisect_right(begun, at[-1]) if at else len(begun)
        if later and later == self.in_flight:
            self.quiet_since = begun[-later]
        elif at:
            self.quiet_since = max(self.quiet_since, at[-1])
        if at:
            if begun and self.failures_in_a_row and begun[0] <= at[0]:
                # Until the first of them came back, whoever went out was there to find out.
                self._tried(begun[bisect_right(begun, at[0]) - 1], call)
            self._heard(at[0], at[-1], count)
            weights = ALONE if count == 1 else faded(at, self.half_life)
            self._success(weights)
            before = self.peak_memory
            self._time(seconds, done.whole_seconds, tuple(map(log, seconds)), weights)
            self._peak(at, seconds, towards(self.peak_memory, before, count))
            if done.paid:
                self._pay(done.paid)
            self._seen = (self.good, self.bad, self.odd)
        if begun:
            self._tried(begun[-1], call)

    @property
    def settled(self) -> bool:
        """Whether a page of successes changes little, and nothing is known of their sizes."""
        return self.timed >= AT_ONCE and not self.under_way and self.usual_size == 0.0

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
            return USUAL_SIZE
        unlisted = self.in_flight >= len(under_way)
        if unlisted and (seconds is None or now - seconds < under_way[0][0]):
            return USUAL_SIZE  # it began before any of those that were put down
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

    def _tried(self, now: float, call: int) -> None:
        """The latest began."""
        self.tried_at = max(self.tried_at, now)
        if self.failures_in_a_row and self.suspected:
            self.probing = True
            self.offered_at, self.offered_call = now, call

    def _heard(self, first: float, last: float, count: int) -> None:
        """So many are back that say something; the past counts less by now."""
        stale = first - self.seen_at > self.half_life / 2
        self.seen_at = max(self.seen_at, last)
        self.fade(last)
        if stale:
            # What was last seen so long ago is worth less than one look.
            self.timed = min(self.timed, STALE_WEIGHT)
        self.tries += count
        if self.words:
            self.words.clear()

    def _success(self, weights: Sequence[float]) -> None:
        """So many, by what they weigh by now."""
        if self.failures_in_a_row:
            if self.suspected:
                # It is back. What it did while it was away is not held against it for long.
                self._make_room()
                self.bad = min(self.bad, 1.0)
            self.failures_in_a_row = 0
        self.probing = False
        self.pause = 0.0
        count, total = len(weights), self.good + self.bad
        free = ceil(MEMORY - total) if total < MEMORY else 0
        if count <= free:
            self.good += sum(weights)
            return
        # Each makes room for itself: what all of them leave of the rest, and of each other.
        beyond = count - free
        left = (MEMORY - 1) / (total + free) * KEPT ** (beyond - 1)
        self.good = (self.good + free) * left + (1.0 - KEPT**beyond) / (1.0 - KEPT)
        self.bad *= left
        self.odd *= left

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

    def _compare(self, growth: Growth, size: float, seconds: float) -> bool:
        """How this one differed from the usual ones, in size and time; if that can be said."""
        if size <= 0.0 or seconds <= 0.0:
            return False
        larger = (log(size) if size != USUAL_SIZE else 0.0) - self.usual_size
        share = 1.0 / min(self.timed + 1.0, MEMORY)
        if share < 1.0:
            growth.learn(larger, log(seconds) - self.usual_time)
        self.usual_size += share * larger
        return True

    def _time(
        self,
        usual: Sequence[float],
        whole: Sequence[float],
        logarithms: Sequence[float],
        weights: Sequence[float],
    ) -> None:
        """So long they took, had they been of the usual size; in all; and as logarithms."""
        steady = self.timed > MEMORY - 1.0
        most = AT_ONCE if steady else int(MEMORY - self.timed)
        if len(usual) > most:  # the first ones count more than those after them
            self._time(usual[:most], whole[:most], logarithms[:most], weights[:most])
            self._time(usual[most:], whole[most:], logarithms[most:], weights[most:])
            return
        self.timed = timed = MEMORY if steady else self.timed + sum(weights)
        if steady:  # every one moves the means by the same share
            weights = STEADY
        self.average = followed(self.average or 0.0, usual, timed, weights)
        self.whole = followed(self.whole, whole, timed, weights)
        if logarithms:
            self.usual_time = followed(self.usual_time, logarithms, timed, weights)
        self.peak_memory = max(PEAK_IN_DURATIONS * self.average, SHORTEST_PEAK_SECONDS)
        self.half_life = min(
            max(HALF_LIFE_IN_DURATIONS * self.whole, SHORTEST_HALF_LIFE_SECONDS),
            LONGEST_HALF_LIFE_SECONDS,
        )

    def _peak(self, at: Sequence[float], times: Sequence[float], memories: Iterable[float]) -> None:
        """Up at once, slowly down, as it was remembered when each came."""
        peak = self.peak
        passed = map(sub, (self.peaked_at, *at), at)  # from each to the next, below 0
        for share, seconds in zip(map(exp, map(truediv, passed, memories)), times, strict=True):
            peak *= share
            if seconds > peak:
                peak = seconds
            else:
                peak += seconds * (1 - share)
        self.peak, self.peaked_at = peak, at[-1]
        self.recent.extend(times)

    def _pay(self, usd: Sequence[float]) -> None:
        mean = self.usd
        if mean is None:
            mean, usd = usd[0], usd[1:]
        while usd:
            mean = followed(mean, usd[:AT_ONCE], USD_MEMORY, USD_STEADY)
            usd = usd[AT_ONCE:]
        self.usd = mean

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


def faded(at: Sequence[float], half_life: float) -> tuple[float, ...]:
    """What observations of these times weigh by the time of the last."""
    ages = map(sub, at, repeat(at[-1]))  # below 0
    return tuple(map(exp, map(mul, ages, repeat(LN2 / half_life))))


def towards(last: float, first: float, steps: int) -> Iterable[float]:
    """Every step of the way; mostly there is none to go."""
    if last == first:
        return repeat(last)
    return [last - (last - first) * left / steps for left in reversed(range(steps))]


def lower_bound(good: float, bad: float) -> float:
    """What a share is at least, with good odds, if so much was seen (after Wilson)."""
    total = good + bad
    share = good / total
    spread = Z * sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    return (share + Z * Z / (2 * total) - spread) / (1 + Z * Z / total)
