"""What comes back to the caller: the thing itself, and everything about how it was got."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.base import Contract
from anymedia.contracts.cost import Cost
from anymedia.contracts.media import GeneratedArtifact, StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.usage import Usage


class Answer(Contract):
    """What one provider said; the engine makes a `Result` of it."""

    model: str | None = None
    """The model version that the provider names."""
    request_id: str | None = None
    usage: Usage = Field(default_factory=Usage)
    reported_cost: Decimal | None = Field(default=None, allow_inf_nan=True)
    """US dollars, where the provider itself says what it charged; what cannot be does not count."""
    warnings: tuple[Notice, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)
    """The provider's further words worth keeping."""


class MediaAnswer(Answer):
    """Media, still where the provider left them."""

    artifacts: tuple[GeneratedArtifact, ...]


class Result(Contract):
    """What every result tells."""

    provider: str
    model: str
    request_id: str | None = None
    """The provider's id for the exchange, for its support."""
    usage: Usage = Field(default_factory=Usage)
    cost: Cost
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)
    provider_metadata: dict[str, Any] = Field(default_factory=dict)
    elapsed_seconds: float | None = None
    cached_at: datetime | None = None
    """When the answer was made, where it was kept and is given again; then it costs nothing,
    and `cost.explanation` tells what making it cost. `None` for a fresh one."""


class MediaResult(Result):
    """Generated media, in our store."""

    job_id: str
    artifacts: tuple[StoredArtifact, ...]
