"""Means that follow the latest values, moved by many values at once.

One value moves a mean by `(value - mean) / memory`. Many, one after another, come to a sum in which
each weighs as much as those after it have left of it: nothing is approximated, only rounded
otherwise, and the sum is made without a step of the interpreter for every value.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import Final

AT_ONCE: Final = 64
"""No more values than this are taken at once."""


def fading(memory: float) -> tuple[float, ...]:
    """What each of `AT_ONCE` values weighs in the end where every one has moved the mean alike."""
    left = 1.0 - 1.0 / memory
    return tuple(left**age for age in reversed(range(AT_ONCE)))


def followed(
    mean: float, values: Sequence[float], memory: float, weights: Sequence[float]
) -> float:
    """The mean after these values; the last weighs 1, and `memory` is as it is after that one."""
    if len(values) == 1:
        return mean + (values[0] - mean) / memory
    weights = weights[-len(values) :]
    weighed: float = sum(map(mul, weights, values))
    return mean + (weighed - mean * sum(weights)) / memory
