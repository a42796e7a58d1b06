"""The envelope, version 1.0, as it was published. Frozen: what changes is a new version.

Provider and model are one string. There is no metadata, and an error is a string.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue, model_validator

from anymedia.contracts.base import Contract
from anymedia.contracts.envelope.values import (
    CallbackUrl,
    Count,
    Dollars,
    RequestId,
    Route,
    Seconds,
    Status,
    Timestamp,
    check_outcome,
)
from anymedia.contracts.media import Medium


class UnifiedRequest(Contract):
    """What is wanted, in version 1.0."""

    schema_version: Literal["1.0"] = "1.0"
    request_id: RequestId | None = None
    """Yours; comes back with the response."""
    model: Route | None = None
    """`provider/model`, or a model alone, or `provider/` for whichever model it prefers."""
    prompt: str | None = None
    media_type: Medium
    """What is asked for."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """Everything else about it, such as `duration` or `size`."""
    timestamp: Timestamp | None = None
    """When it was asked: ISO 8601 with a zone."""
    timeout: Seconds | None = None
    """Seconds for everything together."""
    callback_url: CallbackUrl | None = None
    """Told when the work ends."""


class UnifiedResponse(Contract):
    """What came of a request, in version 1.0."""

    schema_version: Literal["1.0"] = "1.0"
    request_id: RequestId | None = None
    model: Route | None = None
    """`provider/model` that answered."""
    status: Status
    result: dict[str, Any] | None = None
    error: str | None = None
    """`CODE: message`, or a message alone."""
    timestamp: Timestamp | None = None
    processing_time_ms: Count | None = None
    tokens_used: Count | None = None
    cost: Dollars | None = None

    @model_validator(mode="after")
    def _says_what_came_of_it(self) -> UnifiedResponse:
        check_outcome(self.status, self.result, self.error)
        return self
