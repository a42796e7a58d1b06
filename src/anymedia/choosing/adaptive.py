"""The best of success, time and price by what was learnt, with a little curiosity.

For every option there is a loss: its price as a share of what options for such requests usually
cost (their median, over the last few hundred requests), plus its time in the same way, plus a
charge for the share of its failures. So currencies and durations do not matter, only ratios, and
one odd option does not move the scale. That the scale is that of many requests means that a second
is worth as many cents to a small request as to a large one.
The option with the least loss is first. What is remembered fades, and a bounded share of the
requests (see `curiosity`) goes to whoever could be better than the best, as far as one knows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Final

from anymedia.choosing.curiosity import earn, may_explore, spend
from anymedia.choosing.experience import LN2, PRIOR_BAD, PRIOR_GOOD, Experience
from anymedia.choosing.fixed import DETAILED
from anymedia.choosing.memory import Kind, Memory
from anymedia.choosing.option import Option, Ranked, Situation
from anymedia.choosing.suspects import put_last, suspects_among
from anymedia.choosing.words import price_in_words, seconds_in_words, share_in_words

FIRST_TRIES: Final = 2
"""So often everything new is tried before it has to earn it, one request at a time."""
UNTRIED_FAILS: Final = PRIOR_BAD / (PRIOR_GOOD + PRIOR_BAD)
NOTHING_WEIGHS: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Taste:
    """What a request is worth to its sender, in medians of its options."""

    price: float = 1.0
    seconds: float = 1.0
    failure: float = 4.0
    """A failure is as bad as this many medians of the price."""


class Adaptive:
    """The least loss first."""

    def __init__(self, memory: Memory, chance: random.Random, taste: Taste | None = None) -> None:
        self._memory = memory
        self._taste = taste or Taste()

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """All of them by their loss; now and then one in front that is worth finding out about."""
        kind, now = self._memory.kind(situation.kind), self._memory.now()
        earn(kind)
        known = [kind.of.get(option.name) for option in options]
        prices = prices_of(options, known)
        times, timed = times_of(known, now)
        taste = self._taste
        usd = middle(prices)
        kind.learn_usd_scale(usd)
        kind.size = usd / kind.usd_scale if kind.usd_scale else 1.0
        if timed * 2 >= len(options):
            kind.learn_seconds_scale(middle(times))
        per_usd = taste.price / (kind.usd_scale or NOTHING_WEIGHS)
        per_second = taste.seconds / (kind.seconds_scale or middle(times) or NOTHING_WEIGHS)
        per_second *= kind.growth.factor(kind.size)
        losses = []
        bad = new = False
        for found, price, seconds in zip(known, prices, times, strict=True):
            if found is None:
                new = True
                losses.append(price * per_usd + seconds * per_second)
                continue
            failing = found.bad + PRIOR_BAD
            failing /= failing + found.good + PRIOR_GOOD
            if found.failures_in_a_row:
                bad = True
                failing += (1.0 - failing) * alarm(found, now)
            elif found.tries < FIRST_TRIES:
                new = True
            losses.append(price * per_usd + seconds * per_second + taste.failure * failing)
        order = sorted(range(len(losses)), key=losses.__getitem__)
        ranked = []
        for place, index in enumerate(order):
            if place < DETAILED:
                cost = None if options[index].price is None else prices[index]
                why = describe(place, cost, known[index])
            else:
                why = "less good by what was learnt"
            ranked.append(Ranked(options[index], why))
        if new:
            self._try_new(order, known, ranked)
        elif may_explore(kind):
            hopes = [
                (price * per_usd, seconds * per_second)
                for price, seconds in zip(prices, times, strict=True)
            ]
            self._explore(kind, now, order, known, hopes, losses, ranked)
        if bad:
            return put_last(ranked, suspects_among(options, kind), kind, now)
        return ranked

    @staticmethod
    def _try_new(
        order: list[int], known: Sequence[Experience | None], ranked: list[Ranked]
    ) -> None:
        for place, index in enumerate(order):
            found = known[index]
            if found is None or (found.tries < FIRST_TRIES and not found.in_flight):
                one = ranked.pop(place)
                ranked.insert(0, Ranked(one.option, "explored: new"))
                return

    def _explore(
        self,
        kind: Kind,
        now: float,
        order: list[int],
        known: Sequence[Experience | None],
        parts: Sequence[tuple[float, float]],
        losses: Sequence[float],
        ranked: list[Ranked],
    ) -> None:
        """Who was not seen for long, because the world changes.

        Or else whoever could be better than the best if what is not known of it were good news.
        """
        least, place, why = losses[order[0]], 0, ""
        longest, stale = 1.0, 0
        for index_in_order, index in enumerate(order):
            found = known[index]
            if index_in_order == 0 or found is None or found.suspected:
                continue
            if found.in_flight and now - found.tried_at < found.half_life:
                continue  # news of it is on its way
            price, seconds = parts[index]
            if price >= losses[order[0]]:
                continue  # too dear, even if it took no time at all
            age = (now - found.tried_at) / found.half_life
            if age > longest:
                longest, stale = age, index_in_order
            found.fade(now)
            hope = price + self.hope(found, seconds)
            if hope < least:
                least, place, why = hope, index_in_order, "may be better than it seemed"
        if stale:
            place, why = stale, "not seen for long"
        if place:
            spend(kind)
            one = ranked.pop(place)
            ranked.insert(0, Ranked(one.option, f"explored: {why}"))
        else:
            kind.credit = 0.5  # all is known well enough; look again later

    def hope(self, found: Experience, seconds: float) -> float:
        """The time and the failures of an option in the best case that one may expect."""
        doubt = 1.0 / sqrt(1.0 + found.timed)
        failing = 1.0 - found.success()
        seen = found.good + found.bad
        hoped = max(failing - sqrt(failing * (1 - failing) / (1.0 + seen)) - 0.5 / (1.0 + seen), 0)
        return seconds * (1.0 - doubt) + self._taste.failure * hoped


def alarm(found: Experience, now: float) -> float:
    """How much the last failures in a row say beyond the share of failures; less as time goes."""
    fresh = exp(-LN2 * (now - found.tried_at) / found.half_life)
    return fresh * (1.0 - exp(-LN2 * found.failures_in_a_row))


def prices_of(options: Sequence[Option], known: Sequence[Experience | None]) -> list[float]:
    """What each would cost: the estimate, else what it has cost, else as much as the dearest."""
    prices = [-1.0 if option.price is None else option.price for option in options]
    if min(prices) < 0.0:
        for index, found in enumerate(known):
            if prices[index] < 0.0 and found is not None and found.usd is not None:
                prices[index] = found.usd
        dearest = max(*prices, 0.0) if len(prices) > 1 else 0.0
        prices = [dearest if price < 0.0 else price for price in prices]
    return prices


def times_of(known: Sequence[Experience | None], now: float) -> tuple[list[float], int]:
    """How long each would take, the median where nobody knows; and of how many it is known."""
    times = []
    unknown = 0
    for found in known:
        if found is None or found.average is None:
            unknown += 1
            times.append(-1.0)
        elif found.in_flight > 2:
            times.append(found.average * found.slowness(now))
        else:
            times.append(found.average)
    if unknown:
        usual = sorted(seconds for seconds in times if seconds >= 0.0)
        median = usual[len(usual) // 2] if usual else 1.0
        times = [median if seconds < 0.0 else seconds for seconds in times]
    return times, len(times) - unknown


def middle(figures: Sequence[float]) -> float:
    """The median; where that is 0, the mean."""
    median = sorted(figures)[len(figures) // 2]
    return median or sum(figures) / len(figures)


def describe(place: int, price: float | None, found: Experience | None) -> str:
    """What was learnt of an option, in words."""
    cost = price_in_words(price)
    if found is None or not found.tries:
        return f"not tried yet, {cost}"
    words = found.words.get("adaptive")
    if words is None:
        delivered = found.good / max(found.good + found.bad, NOTHING_WEIGHS)
        words = f"success {share_in_words(delivered)}"
        if found.average is not None:
            words += f", {seconds_in_words(found.average)}"
        found.words["adaptive"] = words
    return f"best by what was learnt: {words}, {cost}" if place == 0 else f"{words}, {cost}"
