"""Orders that follow the configuration or the price list, and learn nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from anymedia.choosing.memory import Memory
from anymedia.choosing.option import Option, Ranked, Situation
from anymedia.choosing.words import price_in_words

DETAILED: Final = 3
"""So many of an order get a reason with figures; whoever comes later is hardly ever asked."""
UNKNOWN_PRICE = float("inf")


class Priority:
    """As configured; equals in the order of chance."""

    def __init__(self, memory: Memory, chance: random.Random) -> None:
        self._chance = chance.random

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """Lowest position first."""
        chance = self._chance
        if len({option.position for option in options}) == len(options):
            ordered = sorted(options, key=lambda option: option.position)
        else:
            ordered = sorted(options, key=lambda option: (option.position, chance()))
        return [
            Ranked(option, f"number {place} of {len(ordered)} by priority")
            if place <= DETAILED
            else Ranked(option, "later by priority")
            for place, option in enumerate(ordered, 1)
        ]


class Cost:
    """The cheapest; of equals the faster one of late, and then chance."""

    def __init__(self, memory: Memory, chance: random.Random) -> None:
        self._memory = memory
        self._chance = chance.random

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """The lowest estimate first, unknown ones last."""
        known, now = self._memory.kind(situation.kind).of, self._memory.now()
        prices = [UNKNOWN_PRICE if o.price is None else o.price for o in options]
        if len(set(prices)) == len(prices):
            order = sorted(range(len(prices)), key=prices.__getitem__)
        else:
            keys = []
            for option, price in zip(options, prices, strict=True):
                found = known.get(option.name)
                seconds = found.peak_seconds(now) if found is not None else 0.0
                keys.append((price, seconds, self._chance()))
            order = sorted(range(len(keys)), key=keys.__getitem__)
        ranked = []
        for place, index in enumerate(order):
            option = options[index]
            if place == 0 and option.price is not None:
                why = f"cheapest: {price_in_words(option.price)}"
            elif place < DETAILED:
                why = price_in_words(option.price)
            else:
                why = "dearer" if option.price is not None else "price unknown"
            ranked.append(Ranked(option, why))
        return ranked
