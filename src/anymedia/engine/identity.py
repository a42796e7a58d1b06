"""Names that nobody can guess, made by the hundred: asking the kernel for each costs a call each."""

from __future__ import annotations

import os

BYTES = 16
LETTERS = 2 * BYTES
AT_ONCE = 256


class Names:
    """Random names from the kernel's chance, some in store. Each is handed out once.

    It belongs to one event loop. A forked child begins with a store of its own.
    """

    __slots__ = ("_place", "_process", "_store")

    def __init__(self) -> None:
        self._store = ""
        self._place = 0
        self._process = 0

    def two(self, one: str, other: str) -> tuple[str, str]:
        """Two more: 128 random bits each, and what they name."""
        place, process = self._place, os.getpid()
        if place >= len(self._store) or process != self._process:
            self._store, self._process = os.urandom(2 * BYTES * AT_ONCE).hex(), process
            place = 0
        middle = place + LETTERS
        end = self._place = middle + LETTERS
        return f"{one}_{self._store[place:middle]}", f"{other}_{self._store[middle:end]}"
