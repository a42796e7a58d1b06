"""Taking turns: equally, or in proportion to weights.

Neither waits for an option that is passed over, because its circuit is open or its quota full:
who steps in has had a turn, and what was passed over gets at most one turn more for it later.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from anymedia.choosing.fixed import DETAILED
from anymedia.choosing.memory import MOST_KINDS, MOST_NAMES, Memory
from anymedia.choosing.option import Option, Ranked, Situation

MOST_PROMISED: Final = 8


class Turns:
    """When each option of a kind had its last turn, as a count of turns."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last: OrderedDict[str, int] = OrderedDict()

    def give(self, name: str) -> None:
        """This one's turn."""
        self.count += 1
        self.last[name] = self.count
        self.last.move_to_end(name)
        if len(self.last) > MOST_NAMES:
            self.last.popitem(last=False)


class RoundRobin:
    """Whoever has waited longest, so that it stays fair when options come and go."""

    def __init__(self, memory: Memory, chance: random.Random) -> None:
        self._kinds: dict[str, Turns] = {}

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """The longest wait first; who never had a turn, before all others by position."""
        turns = self._turns(situation.kind)
        last = turns.last
        ordered = sorted(options, key=lambda one: (last.get(one.name, 0), one.position))
        turns.give(ordered[0].name)
        return [
            Ranked(option, "its turn" if place == 0 else f"{place} turns later")
            if place < DETAILED
            else Ranked(option, "some turns later")
            for place, option in enumerate(ordered)
        ]

    def begun(self, name: str, kind: str) -> None:
        """Somebody was asked, perhaps in another's place."""
        turns = self._kinds.get(kind)
        if turns is not None and next(reversed(turns.last), None) != name:
            turns.give(name)

    def _turns(self, kind: str) -> Turns:
        found = self._kinds.get(kind)
        if found is None:
            if len(self._kinds) >= MOST_KINDS:
                del self._kinds[next(iter(self._kinds))]
            found = self._kinds[kind] = Turns()
        return found


class Balance:
    """How far ahead or behind each option of one set is with its share."""

    __slots__ = ("current", "promised", "total", "weights")

    def __init__(self, options: Sequence[Option]) -> None:
        equal = all(option.weight <= 0 for option in options)
        self.weights = {option.name: 1.0 if equal else option.weight for option in options}
        self.total = sum(self.weights.values())
        self.current = dict.fromkeys(self.weights, 0.0)
        self.promised: OrderedDict[str, int] = OrderedDict()
        """Who was named first and not yet asked."""

    def promise(self, name: str) -> None:
        """A turn for this one: it pays for it now."""
        self.current[name] -= self.total
        self.promised[name] = self.promised.get(name, 0) + 1
        if len(self.promised) > MOST_PROMISED:
            self.promised.popitem(last=False)

    def keep_promise(self, name: str) -> None:
        """It was asked; or another was, and the round is played again without it."""
        if not self.promised or name not in self.current:
            return
        chosen = name if name in self.promised else next(iter(self.promised))
        self.promised[chosen] -= 1
        if self.promised[chosen] <= 0:
            del self.promised[chosen]
        if chosen == name:
            return
        # Neither an absence nor stepping in is made up for by more than one round of turns.
        price = self.total - self.weights[chosen]
        self.current[chosen] = min(self.current[chosen] + price, self.total)
        self.current[name] = max(self.current[name] - price, -self.total)


class Weighted:
    """Each in turn by weight, spread out smoothly.

    Every option gains its weight with each request; the first is who has most, and pays the sum
    of all weights. Over as many requests as the weights add up to, everyone has had exactly its
    weight. Sets of options and weights are balanced apart from each other.
    """

    def __init__(self, memory: Memory, chance: random.Random) -> None:
        self._sets: OrderedDict[tuple[object, ...], Balance] = OrderedDict()
        self._latest: dict[str, Balance] = {}

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """Who is furthest behind with its share first; weight 0 only when no other is left."""
        balance = self._balance(options, situation.kind)
        current, weights, total = balance.current, balance.weights, balance.total
        for name, weight in weights.items():
            current[name] += weight
        last = 2.0 * total + 1.0  # behind all that have a weight
        places = sorted(
            [
                (-current[one.name] if weights[one.name] > 0 else last, one.position, index)
                for index, one in enumerate(options)
            ]
        )
        ordered = [options[index] for _, _, index in places]
        balance.promise(ordered[0].name)
        equal = ordered[0].weight <= 0
        ranked = []
        for place, option in enumerate(ordered):
            if equal:
                why = "no weights, so in turn"
            elif option.weight <= 0:
                why = "weight 0: only when no other is left"
            else:
                why = f"weight {option.weight:g} of {total:g}" if place < DETAILED else "by weight"
            ranked.append(Ranked(option, why))
        return ranked

    def begun(self, name: str, kind: str) -> None:
        """Somebody was asked; if in another's place, then at its own expense."""
        balance = self._latest.get(kind)
        if balance is not None:
            balance.keep_promise(name)

    def _balance(self, options: Sequence[Option], kind: str) -> Balance:
        key = (kind, *[option.name for option in options], *[option.weight for option in options])
        found = self._sets.get(key)
        if found is None:
            if len(self._sets) >= MOST_KINDS:
                self._sets.popitem(last=False)
            found = self._sets[key] = Balance(options)
        else:
            self._sets.move_to_end(key)
        self._latest.pop(kind, None)
        if len(self._latest) >= MOST_KINDS:
            del self._latest[next(iter(self._latest))]
        self._latest[kind] = found
        return found
