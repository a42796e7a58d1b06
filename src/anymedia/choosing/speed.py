"""Orders by how busy and how fast options are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import exp
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
            [
                (option.name in bad, chance(), loads.get(option.name, 0), index)
                for index, option in enumerate(options)
            ]
        )
        pair, rest = drawn[:2], drawn[2:]
        pair.sort(key=itemgetter(0, 2))
        rest.sort(key=itemgetter(0, 2))
        ranked = [Ranked(options[index], "busier, or not drawn") for _, _, _, index in rest]
        for _, _, load, index in reversed(pair):
            ranked.insert(0, Ranked(options[index], f"{load} under way"))
        if len(pair) == 2:
            why = f"{pair[0][2]} under way, against {pair[1][2]} at the other that was drawn"
            ranked[0] = Ranked(ranked[0].option, why)
        return put_last(ranked, suspects, kind, self._memory.now()) if suspects else ranked


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
        seconds = found.peak * exp((found.peaked_at - now) / found.peak_memory)
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
        words = found.words.get("latency")
        if words is None:
            median, of = found.median(), len(found.recent)
            words = "no success" if median is None else f"{seconds_in_words(median)} (p50 of {of})"
            found.words["latency"] = words
        return f"fastest of late: {words}" if place == 0 else words
