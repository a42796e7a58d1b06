"""By what delivers what was asked for most often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from anymedia.choosing.curiosity import earn, may_explore, spend
from anymedia.choosing.experience import PRIOR_BAD, PRIOR_GOOD, Experience, lower_bound
from anymedia.choosing.fixed import DETAILED
from anymedia.choosing.memory import Memory
from anymedia.choosing.option import Option, Ranked, Situation
from anymedia.choosing.suspects import put_last, suspects_among
from anymedia.choosing.words import share_in_words

UNTRIED: Final = lower_bound(PRIOR_GOOD, PRIOR_BAD)
LITTLE: Final = 20.0
"""Below so many observations that still weigh, an option may be tried to know it better."""


class Quality:
    """The best lower bound of the share that ends with what was asked for.

    The bound is low for what was tried little, so that one lucky success does not win; a small
    share of the requests goes to those, to know them better.
    """

    def __init__(self, memory: Memory, chance: random.Random) -> None:
        self._memory = memory

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """The most reliable first; equals as configured."""
        kind, now = self._memory.kind(situation.kind), self._memory.now()
        earn(kind)
        known = kind.of
        entries: list[tuple[float, int, Option, Experience | None]] = []
        bad = False
        for option in options:
            found = known.get(option.name)
            if found is None:
                entries.append((-UNTRIED, option.position, option, None))
            else:
                bad = bad or found.failures_in_a_row > 0
                # Two failures in a row are a hint before the share has moved much.
                failures = found.failures_in_a_row
                share = found.quality * 0.9**failures if failures else found.quality
                entries.append((-share, option.position, option, found))
        entries.sort(key=itemgetter(0, 1))
        ranked = [
            Ranked(option, self._why(place, found) if place < DETAILED else "less reliable")
            for place, (_, _, option, found) in enumerate(entries)
        ]
        if may_explore(kind):
            self._explore(entries, ranked, now)
            spend(kind)
        if bad:
            return put_last(ranked, suspects_among(options, kind), kind, now)
        return ranked

    def _explore(
        self,
        entries: list[tuple[float, int, Option, Experience | None]],
        ranked: list[Ranked],
        now: float,
    ) -> None:
        """The one that least is known of goes first, if little is known of it."""
        least, place = LITTLE, 0
        for index, (_, _, _, found) in enumerate(entries):
            if index == 0 or (found is not None and found.suspected):
                continue
            if found is not None:
                found.fade(now)
            seen = 0.0 if found is None else found.good + found.bad + found.in_flight
            if seen < least:
                least, place = seen, index
        if place:
            one = ranked.pop(place)
            ranked.insert(0, Ranked(one.option, "explored: little is known of it"))

    @staticmethod
    def _why(place: int, found: Experience | None) -> str:
        if found is None or not found.tries:
            return "not tried yet"
        words = found.words.get("quality")
        if words is None:
            share = share_in_words(max(found.good - found.odd, 0.0) / (found.good + found.bad))
            words = f"delivered what was asked in {share} of {found.tries} tries"
            found.words["quality"] = words
        return f"most reliable: {words}" if place == 0 else words
