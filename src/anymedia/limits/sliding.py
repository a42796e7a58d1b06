"""A count of what happened within the last so many microseconds. The theory is in `plan`."""

from __future__ import annotations

from array import array

MOST = 2**62
"""In one cell, so that it stays a whole number of 64 bits."""


class Sliding:
    """One window. Cells are pairs in an array: when the last of it came, and how much it is."""

    __slots__ = ("cells", "opened", "total")

    def __init__(self) -> None:
        self.total = 0
        self.opened = 0
        """When the newest cell was opened."""
        self.cells = array("q")

    def forget(self, horizon: int) -> None:
        """Drop what came at `horizon` or before."""
        cells, gone, end = self.cells, 0, len(self.cells)
        while gone < end and cells[gone] <= horizon:
            self.total -= cells[gone + 1]
            gone += 2
        if gone:
            del cells[:gone]

    def add(self, now: int, width: int, amount: int) -> None:
        """Count something that happens now."""
        cells = self.cells
        if cells and now - self.opened < width:
            so_far = cells[-1]
            if so_far + amount > MOST:
                amount = MOST - so_far
            cells[-2] = now
            cells[-1] = so_far + amount
        else:
            self.opened = now
            cells.append(now)
            cells.append(amount)
        self.total += amount

    def give_back(self, horizon: int, at: int, amount: int) -> None:
        """Take out something that happened at `at`, unless the window has passed over it."""
        cells = self.cells
        if cells and cells[0] <= horizon:
            self.forget(horizon)
        if at <= horizon:
            return  # its cell may be gone, and the next one holds what others did
        index = len(cells) - 2  # what is given back came just now, as a rule
        while index >= 2 and cells[index - 2] >= at:
            index -= 2
        if index >= 0 and cells[index] >= at:
            there = cells[index + 1]
            back = min(there, amount)
            cells[index + 1] = there - back
            self.total -= back

    def free_at(self, excess: int, span: int) -> int:
        """When `excess` will have left it."""
        cells, last = self.cells, 0
        for index in range(0, len(cells), 2):
            last = cells[index]
            excess -= cells[index + 1]
            if excess <= 0:
                break
        return last + span
