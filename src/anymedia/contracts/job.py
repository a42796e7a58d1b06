"""Long work: where it stands at the provider, and where it stands with us."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.base import Contract
from anymedia.contracts.cost import Cost
from anymedia.contracts.media import Medium, StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage

# --- at the provider ------------------------------------------------------------------------


class Queued(Contract):
    """Accepted, waiting its turn."""

    status: Literal["queued"] = "queued"
    poll_after_seconds: float | None = None


class Running(Contract):
    """Being made."""

    status: Literal["running"] = "running"
    progress: float | None = Field(default=None, ge=0, le=1)
    """From 0 to 1, or `None` when the provider does not say."""
    poll_after_seconds: float | None = None


class Succeeded(MediaAnswer):
    """Done; the artifacts can be fetched."""

    status: Literal["succeeded"] = "succeeded"


class Failed(Contract):
    """Ended without a result."""

    status: Literal["failed"] = "failed"
    problem: Problem
    usage: Usage = Field(default_factory=Usage)
    charged: bool | None = None
    """Whether the provider bills it all the same; `None` when it does not say."""


class Stopped(Contract):
    """Cancelled at the provider."""

    status: Literal["cancelled"] = "cancelled"
    usage: Usage = Field(default_factory=Usage)
    charged: bool | None = None


JobState: TypeAlias = Annotated[
    Queued | Running | Succeeded | Failed | Stopped, Field(discriminator="status")
]
"""Where a job stands at its provider."""

# --- with us --------------------------------------------------------------------------------

JobStatus: TypeAlias = Literal[
    "queued", "running", "succeeded", "failed", "cancelled", "outcome_unknown"
]
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "outcome_unknown"})

CancelOutcome: TypeAlias = Literal["requested", "confirmed", "impossible"]
"""Asked for; stopped upstream; or too late, so that it may still cost."""


class Pause(Contract):
    """A provider that gets no new jobs; those under way go on."""

    provider: str
    media: Medium | None = None
    """Of one medium; of all unless said."""
    since: datetime


class TimelineEntry(Contract):
    """One thing that happened to a job."""

    at: datetime
    event: str
    """Noun-verb, such as `attempt-accepted`."""
    details: dict[str, Any] = Field(default_factory=dict)


class Job(Contract):
    """One piece of long work, from accepted to archived."""

    id: str
    medium: Medium
    status: JobStatus
    progress: float | None = None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    provider: str | None = None
    model: str | None = None
    request: dict[str, Any] = Field(default_factory=dict)
    """The request as it was accepted, inputs replaced by references to our copies."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    tags: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    artifacts: tuple[StoredArtifact, ...] = ()
    cost: Cost
    usage: Usage = Field(default_factory=Usage)
    warnings: tuple[Notice, ...] = ()
    problem: Problem | None = None
    cancel: CancelOutcome | None = None
    not_before: datetime | None = None
    deadline: datetime | None = None
    """When it ends, done or not."""
    request_id: str | None = None
    provider_metadata: dict[str, Any] = Field(default_factory=dict)
    timeline: tuple[TimelineEntry, ...] = ()

    @property
    def final(self) -> bool:
        """Whether nothing will happen any more by itself."""
        return self.status in FINAL
