"""How many second tries there may be, so that an outage is not answered with a storm.

A second try is allowed when, with it, the second tries of the last window are no more than a share
of its first tries plus a fixed number per second. Time is cut into slots: first tries are counted
over a little less than the window and second tries over a little more, so the promise holds for
every moment at which one is allowed, exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence

from anymedia.clock import Clock
from anymedia.contracts.resilience import RetryBudget

SLOTS = 20
MOST_KEYS = 1000


class Slot:
    """First and second tries of one stretch of time."""

    __slots__ = ("firsts", "number", "spares")

    def __init__(self, number: int) -> None:
        self.number = number
        self.firsts = 0
        self.spares = 0


class SpareTries:
    """The second tries that are left."""

    def __init__(self, settings: RetryBudget, clock: Clock) -> None:
        self._settings = settings
        self._monotonic = clock.monotonic
        self._width = settings.window_seconds / SLOTS
        self._slots: deque[Slot] = deque((Slot(int(clock.monotonic() // self._width)),))
        self.granted: dict[str, int] = {}
        """Second tries so far, by who wanted them."""
        self.refused: dict[str, int] = {}
        self._catch_up: Callable[[], None] = lambda: None

    def expect(self, catch_up: Callable[[], None]) -> None:
        """Call this before second tries are granted: it brings first ones that were not told yet."""
        self._catch_up = catch_up

    def first(self) -> None:
        """A request is sent for the first time."""
        self._catch_up()
        self._present().firsts += 1

    def firsts(self, at: Sequence[float]) -> None:
        """Requests were sent for the first time, at these times in their order."""
        while at:
            number = int(at[0] // self._width)
            until = bisect_right(at, number, key=self._number)
            self._slot(number).firsts += until
            at = at[until:]

    def spare(self, key: str = "") -> bool:
        """Take one second try for a provider, if any is left for anybody."""
        self._catch_up()
        slot = self._present()
        # The oldest slot that is kept reaches back beyond the window: only its spares count.
        oldest = slot.number - SLOTS
        firsts = sum(one.firsts for one in self._slots if one.number > oldest)
        spares = sum(one.spares for one in self._slots)
        settings = self._settings
        most = settings.ratio * firsts + settings.minimum_per_second * settings.window_seconds
        allowed = spares + 1 <= most
        if allowed:
            slot.spares += 1
        counted = self.granted if allowed else self.refused
        if key in counted or len(counted) < MOST_KEYS:
            counted[key] = counted.get(key, 0) + 1
        return allowed

    def change(self, settings: RetryBudget) -> None:
        """Another budget from now on.

        What was spent stays spent. With a window of another length, what first tries have earned
        begins anew, because nobody knows any more how long ago they were.
        """
        self._catch_up()
        self._present()
        self._settings = settings
        width = settings.window_seconds / SLOTS
        if width != self._width:
            together = Slot(int(self._monotonic() // width))
            together.spares = sum(slot.spares for slot in self._slots)
            self._width = width
            self._slots = deque((together,))

    def _present(self) -> Slot:
        return self._slot(self._number(self._monotonic()))

    def _number(self, at: float) -> int:
        return int(at // self._width)

    def _slot(self, number: int) -> Slot:
        """A stretch of time that has just been, or the present one."""
        slots = self._slots
        if number > slots[-1].number:
            slots.append(Slot(number))
            while slots[0].number < number - SLOTS:
                slots.popleft()
        return slots[-1]
