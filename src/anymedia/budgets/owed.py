"""What Redis is told, as values, so that it can be told later. Each may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from anymedia.budgets.budget import Budget


@dataclass(frozen=True, slots=True)
class Reservation:
    """An attempt has reserved this much in each of its accounts."""

    attempt_id: str
    budgets: tuple[Budget, ...]
    amount: int
    at: float


@dataclass(frozen=True, slots=True)
class Settlement:
    """An attempt is over and did cost this much."""

    attempt_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Correction:
    """Something cost so much more than was settled."""

    entry_id: str
    budgets: tuple[Budget, ...]
    amount: int


Step: TypeAlias = Reservation | Settlement | Correction
