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

    def one(self, kind: str, letters: int = LETTERS) -> str:
        """One more, of no more than 128 random bits, and what it names."""
        start = self._start(LETTERS)
        return f"{kind}_{self._store[start : start + letters]}"

    def two(self, one: str, other: str) -> tuple[str, str]:
        """Two more: 128 random bits each, and what they name."""
        start = self._start(2 * LETTERS)
        middle = start + LETTERS
        return f"{one}_{self._store[start:middle]}", f"{other}_{self._store[middle : self._place]}"

    def _start(self, letters: int) -> int:
        """Where so many begin that nobody has had."""
        place, process = self._place, os.getpid()
        if place + letters > len(self._store) or process != self._process:
            self._store, self._process = os.urandom(2 * BYTES * AT_ONCE).hex(), process
            place = 0
        self._place = place + letters
        return place
