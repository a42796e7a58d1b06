"""What was learnt, as people are told it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one option, for people and estimates."""

    name: str
    kind: str
    tries: int
    """All that ended and said something."""
    in_flight: int
    success: float
    """The share that succeeded of late, with a prior for what was tried little."""
    conformity: float
    """The share of successes that were what was asked for."""
    typical_seconds: float | None
    """The median of the last ones; to the first event where answers are streamed."""
    average_usd: float | None
    suspected: bool
    """Whether it has failed so often in a row that it is put last."""
