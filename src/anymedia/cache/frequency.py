"""What is used how often: entries of which the least often used can be named at once.

`cachebox` sorts all its entries before it throws out one: with 100,000 of them the event loop
stood still for 7 ms on average and 27 ms at worst, measured. Here entries stand in rows, one for
each number of uses, and move to the next row with every use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class ByFrequency(Generic[T]):
    """Entries by key; those used equally often in the order in which they came to be so."""

    def __init__(self) -> None:
        self._entries: dict[str, T] = {}
        self._uses: dict[str, int] = {}
        self._rows: dict[int, OrderedDict[str, None]] = {}
        self._least = 0
        """The least number of uses, unless its row is gone."""

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> Iterable[str]:
        """Every key."""
        return self._entries.keys()

    def get(self, key: str) -> T | None:
        """An entry, which is a use of it."""
        entry = self._entries.get(key)
        if entry is not None:
            self._place(key, self._leave(key) + 1)
        return entry

    def peek(self, key: str) -> T | None:
        """An entry, without using it."""
        return self._entries.get(key)

    def insert(self, key: str, entry: T) -> None:
        """A new entry, never used."""
        self.pop(key)
        self._entries[key] = entry
        self._least = 0
        self._place(key, 0)

    def pop(self, key: str, default: None = None) -> T | None:
        """Take an entry away."""
        entry = self._entries.pop(key, default)
        if entry is not None:
            self._leave(key)
            del self._uses[key]
        return entry

    def least_frequently_used(self) -> str | None:
        """Whoever was used least often; of several the one that has been so for longest."""
        if not self._rows:
            return None
        if self._least not in self._rows:
            self._least = min(self._rows)
        return next(iter(self._rows[self._least]))

    def clear(self) -> None:
        """Take everything away."""
        self._entries.clear()
        self._uses.clear()
        self._rows.clear()

    def _place(self, key: str, uses: int) -> None:
        self._uses[key] = uses
        row = self._rows.get(uses)
        if row is None:
            row = self._rows[uses] = OrderedDict()
        row[key] = None

    def _leave(self, key: str) -> int:
        """Out of its row; how often it was used."""
        uses = self._uses[key]
        row = self._rows[uses]
        del row[key]
        if not row:
            del self._rows[uses]
        return uses
