"""Orders by how busy and how fast options are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from anymedia.choosing.experience import Experience
from anymedia.choosing.fixed import DETAILED
from anymedia.choosing.memory import Memory
from anymedia.choosing.option import Option, Ranked, Situation
from anymedia.choosing.suspects import put_last, suspects_among
from anymedia.choosing.words import seconds_in_words

FOR_EVER: Final = 1e6
"""How long something new is expected to take while it is being tried, in seconds."""


class LeastLoaded:
    """The less busy of two drawn at random: almost as even as the least busy, without herds.

    What fails at once is never busy. So what keeps failing is put last.
    """

    def __init__(self, memory: Memory, chance: random.Random) -> None:
        self._memory = memory
        self._chance = chance.random

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """The two that were drawn, then all others, the least busy first."""
        loads, chance = self._memory.loads, self._chance
        kind = self._memory.kind(situation.kind)
        suspects = suspects_among(options, kind)
        bad = {option.name for option, _ in suspects}
        drawn = sorted(
            [(o.name in bad, chance(), loads.get(o.name, 0), i) for i, o in enumerate(options)]
        )
        pair = sorted(drawn[:2], key=lambda one: (one[0], one[2]))
        rest = sorted(drawn[2:], key=lambda one: (one[0], one[2]))
        ranked = []
        for place, (_, _, load, index) in enumerate(pair + rest):
            if place == 0 and len(pair) == 2:
                why = f"{load} under way, against {pair[1][2]} at the other that was drawn"
            else:
                why = f"{load} under way"
            ranked.append(Ranked(options[index], why))
        return put_last(ranked, suspects, kind, self._memory.now())


class Latency:
    """The fastest of late, by a peak that is remembered and fades.

    One slow answer counts at once and in full; fast ones make it forgotten little by little, and
    so does time: what was slow is tried again. Every request under way counts as one more to wait
    for. Where answers are streamed, the time to the first event is what counts.
    """

    def __init__(self, memory: Memory, chance: random.Random) -> None:
        self._memory = memory
        self._chance = chance.random

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """The shortest expected wait first; unknown ones are tried, one request at a time."""
        kind, now, chance = self._memory.kind(situation.kind), self._memory.now(), self._chance
        known = kind.of
        entries: list[tuple[float, float, Option, Experience | None]] = []
        bad = False
        for option in options:
            found = known.get(option.name)
            if found is None:
                entries.append((0.0, chance(), option, None))
                continue
            bad = bad or found.failures_in_a_row > 0
            entries.append((self.expected(found, now), chance(), option, found))
        entries.sort(key=itemgetter(0, 1))
        ranked = [
            Ranked(option, self._why(place, found) if place < DETAILED else "slower of late")
            for place, (_, _, option, found) in enumerate(entries)
        ]
        if bad:
            return put_last(ranked, suspects_among(options, kind), kind, now)
        return ranked

    @staticmethod
    def expected(found: Experience, now: float) -> float:
        """Seconds until an answer, with everything under way before it."""
        average, in_flight = found.average, found.in_flight
        if average is None:
            return FOR_EVER * (in_flight + found.failures_in_a_row)
        seconds = found.peak_seconds(now)
        if in_flight:
            slowness = found.slowness(now)
            if slowness > 1.0:
                seconds = max(seconds, average * slowness)
            seconds *= in_flight + 1
        return seconds

    @staticmethod
    def _why(place: int, found: Experience | None) -> str:
        if found is None or not found.tries:
            return "not tried yet"
        if found.words is None:
            median = found.median()
            of = len(found.recent)
            found.words = (
                f"{seconds_in_words(median)} (p50 of {of})" if median is not None else "no success"
            )
        return f"fastest of late: {found.words}" if place == 0 else found.words
