"""What a request would cost and become, per candidate, before anything is spent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from anymedia.contracts.base import Contract
from anymedia.contracts.cost import Cost
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem


class Estimate(Contract):
    """One candidate: whether it fits, what it would cost, what would be changed."""

    provider: str
    model: str
    fits: bool
    problem: Problem | None = None
    """Why it does not fit."""
    cost: Cost | None = None
    """An upper bound where the amount depends on the answer."""
    expected_seconds: float | None = None
    """What half of its answers have kept, or what the catalogue says is usual."""
    p90_seconds: float | None = None
    """What nine in ten of them have kept, where enough were seen."""
    expected_seconds_source: Literal["history", "catalogue"] | None = None
    adaptations: tuple[Notice, ...] = ()
    effective: dict[str, Any] = Field(default_factory=dict)
    """The values that would be sent, where they were asked for or filled in by the preset."""
    why: str | None = None
    """Why it stands where it stands in the order."""
    dialect: str | None = None
    """Whose language it would be asked in, where several services speak it."""
    further_dialects: tuple[str, ...] = ()
    """Others that it speaks besides."""
    warnings: tuple[Notice, ...] = ()
    """What makes the figures doubtful, such as a price that nobody has checked for long."""
    passed_over: str | None = None
    """Why it would not be asked at this moment, although it fits."""
