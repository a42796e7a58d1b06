"""Names that nobody can guess, and that begin with the time where they are a row's.

Rows that are made together lie together then, in tables and in their indexes. Names by chance alone
touched another page of every index for every row: after a million rows of the ledger, taking more
in held callers up for a third of a second.
"""

from __future__ import annotations

import os
import re
import secrets
import time

BYTES = 16
LETTERS = 2 * BYTES
AT_ONCE = 256
MOMENT_LETTERS = 12
"""Hexadecimal digits of the milliseconds since 1970."""
CHANCE_LETTERS = LETTERS - MOMENT_LETTERS
"""80 bits; what is a secret has all of them by chance (`new_secret`)."""
PIECES = re.compile("." * (2 * CHANCE_LETTERS))
"""What two of them take, and one at most."""


def new_id(kind: str) -> str:
    """An unguessable id that says what it names. Later ones come later in order."""
    return f"{kind}_{moment()}{secrets.token_hex(CHANCE_LETTERS // 2)}"


def new_secret(kind: str) -> str:
    """The same for what opens something: 128 random bits."""
    return f"{kind}_{secrets.token_hex(BYTES)}"


def moment() -> str:
    """Now, as names begin."""
    return f"{time.time_ns() // 1_000_000:012x}"  # as many as `MOMENT_LETTERS`


class Names:
    """Names from the kernel's chance, some in store: asking for each costs a call each.

    Each is handed out once.

    It belongs to one event loop. A forked child begins with a store of its own.
    """

    __slots__ = ("_lineage", "_store")

    def __init__(self) -> None:
        self._store: list[str] = []
        self._lineage = _lineage

    def one(self, kind: str, letters: int = LETTERS) -> str:
        """One more, of no more than 128 random bits, and what it names."""
        store = self._store
        if not store or self._lineage is not _lineage:
            store = self._filled()
        return f"{kind}_{store.pop()[:letters]}"

    def two(self, one: str, other: str) -> tuple[str, str]:
        """Two more for rows, which begin with the time: 80 random bits each, and what they name."""
        store = self._store
        if not store or self._lineage is not _lineage:
            store = self._filled()
        now, chance = moment(), store.pop()
        return f"{one}_{now}{chance[:CHANCE_LETTERS]}", f"{other}_{now}{chance[CHANCE_LETTERS:]}"

    def _filled(self) -> list[str]:
        """Chance that nobody has had, for as many names or pairs of them."""
        self._lineage = _lineage
        self._store = PIECES.findall(os.urandom(AT_ONCE * CHANCE_LETTERS).hex())
        return self._store


_lineage = object()
"""Of this process. Asking the kernel who we are takes as long as half of the rest of a name."""


def _forked() -> None:
    global _lineage  # noqa: PLW0603  it is the process's
    _lineage = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
