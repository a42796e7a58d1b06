"""One try at one route, as callers see it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from anymedia.contracts.base import Contract
from anymedia.contracts.cost import Cost
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.problem import Problem

AttemptState: TypeAlias = Literal[
    "intent",
    "sending",
    "accepted",
    "finishing",
    "succeeded",
    "not_sent",
    "rejected",
    "failed",
    "cancelled",
    "outcome_unknown",
    "abandoned",
    "skipped",
]
"""Where one try stands. `sending` is the dangerous one: asked, and no word yet. `abandoned` is what
took too long: its job has gone on or ended, and its provider is still asked how it stands."""


class Attempt(Contract):
    """One try at one route: who, when, what came of it, what it cost."""

    number: int
    provider: str
    model: str
    state: AttemptState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    provider_job_id: str | None = None
    problem: Problem | None = None
    cost: Cost | None = None
    reason: str | None = None
    """Why this route was tried or passed over."""
    abandoned_at: datetime | None = None
    """Since when its job no longer waits for it."""
    late_artifacts: tuple[StoredArtifact, ...] = ()
    """What it made after it was abandoned and its job had ended without it."""
