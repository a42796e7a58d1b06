"""A count of what happened within the last so many microseconds. The theory is in `plan`."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from anymedia.limits.plan import CELLS

MOST = 2**62
"""In one cell, so that it stays a whole number of 64 bits."""
PAST = -(2**62)
"""Before everything."""


class Sliding:
    """One window. The newest cell may be open: what comes joins it.

    Whoever looks at `total`, or adds to it, first makes sure that `turns` is still to come.
    """

    __slots__ = ("_cell", "_cells", "_closed", "_opened", "last", "span", "total", "turns")

    def __init__(self, span: int) -> None:
        self.span = span
        self.total = 0
        self.last = PAST
        """When the latest came."""
        self.turns = PAST
        """Until then the newest cell is open, and none leaves; `PAST` where none is open."""
        self._cell = span // CELLS
        """How long after the first of a cell others may join it."""
        self._opened = PAST
        self._cells = array("q")
        """The closed ones, as pairs: when the last of it came, and how much it is."""
        self._closed = 0
        """What is in these."""

    def __repr__(self) -> str:
        return f"<Sliding: {self.total} in {self.cells} cells>"

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(self._cells) // 2 + (self.turns != PAST)

    def turn(self, now: int) -> None:
        """Close the newest cell when its time is over, and drop those that have left."""
        cells = self._cells
        if self.turns != PAST and now - self._opened >= self._cell:
            amount = min(self.total - self._closed, MOST)
            cells.append(self.last)
            cells.append(amount)
            self._closed += amount
            self.total = self._closed
            self.turns = PAST
        horizon, gone, end = now - self.span, 0, len(cells)
        while gone < end and cells[gone] <= horizon:
            self.total -= cells[gone + 1]
            self._closed -= cells[gone + 1]
            gone += 2
        if gone:
            del cells[:gone]
        if self.turns != PAST:
            self._look_ahead()

    def begin(self, now: int) -> None:
        """See to it that there is an open cell."""
        self.turn(now)
        if self.turns == PAST:
            self._opened = now
            self._look_ahead()

    def _look_ahead(self) -> None:
        closes = self._opened + self._cell
        self.turns = min(closes, self._cells[0] + self.span) if self._cells else closes

    def add(self, now: int, amount: int) -> None:
        """Count something that happens now."""
        if now >= self.turns:
            self.begin(now)
        self.last = now
        self.total += amount

    def give_back(self, now: int, at: int, amount: int) -> None:
        """Take out something that happened at `at`, unless the window has passed over it."""
        if now < self.turns and at >= self._opened:  # it came just now, as a rule
            there = self.total - self._closed
            self.total -= amount if amount < there else there  # noqa: FURB136  # less than a call
            return
        self.turn(now)
        if at <= now - self.span:
            return  # its cell may be gone, and the next one holds what others did
        cells = self._cells
        index = bisect_left(cells[::2], at) * 2
        if index < len(cells):
            back = min(amount, cells[index + 1])
            cells[index + 1] -= back
            self._closed -= back
            self.total -= back
        else:  # in the one that is open, where one is
            self.total -= min(amount, self.total - self._closed)

    def free_at(self, excess: int) -> int:
        """When `excess` will have left it."""
        cells = self._cells
        for index in range(0, len(cells), 2):
            excess -= cells[index + 1]
            if excess <= 0:
                return cells[index] + self.span
        return self.last + self.span
