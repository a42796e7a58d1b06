"""Chance that is the same everywhere: drawn from a hash of words and numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")


def digest(*keys: object) -> int:
    """Sixty-four bits that depend on all keys and on nothing else."""
    text = "\x1f".join(str(key) for key in keys)
    found = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(found, "big")


class Chance:
    """A sequence of draws, fixed by its keys."""

    def __init__(self, *keys: object) -> None:
        self._keys = keys
        self._drawn = 0

    def number(self) -> float:
        """From 0 up to, not including, 1."""
        self._drawn += 1
        return digest(*self._keys, self._drawn) / 2**64

    def between(self, low: float, high: float) -> float:
        """Anything from low to high."""
        return low + (high - low) * self.number()

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.number() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[int(self.number() * len(choices))]


def noise(*keys: object) -> np.random.Generator:
    """Chance in large amounts."""
    import numpy as np

    return np.random.default_rng(digest(*keys))


def seed_for(seed: int | None, *keys: object) -> int:
    """The seed that was asked for, else one that follows from the prompt."""
    return seed if seed is not None else digest(*keys) % 2**31
