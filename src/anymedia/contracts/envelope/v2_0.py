"""The envelope, version 2.0: the current one.

Provider and model are two fields, and an error is an object.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, JsonValue, model_validator

from anymedia.contracts.base import Contract
from anymedia.contracts.envelope.values import (
    CallbackUrl,
    Count,
    Dollars,
    Name,
    RequestId,
    RetryConfiguration,
    Seconds,
    Status,
    Timestamp,
    check_outcome,
)
from anymedia.contracts.media import Medium
from anymedia.contracts.problem import Code

Provider: TypeAlias = Annotated[str, Field(pattern=r"^[^/]+$")]


class UnifiedRequest(Contract):
    """What is wanted, whatever it is. Only `media_type` must be said."""

    schema_version: Literal["2.0"] = "2.0"
    request_id: RequestId | None = None
    """Yours; comes back with the response."""
    provider: Provider | None = None
    """Only this provider; `null` lets the routes decide."""
    model: Name | None = None
    """A model, or an alias from the configuration; `null` lets the routes decide."""
    prompt: str | None = None
    """What to make; the words themselves for `speech`, the text for `embedding`, and names and
    words to expect for `transcription`."""
    media_type: Medium
    """What is asked for."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """Everything else about it, by the names of the typed requests (`schemas/requests/`) or their
    usual synonyms, such as `duration`, `size` and `n`. What they do not know goes to the provider
    as it is."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """Yours; comes back with the response and stays with the job."""
    timestamp: Timestamp | None = None
    """When it was asked: ISO 8601 with a zone."""
    timeout: Seconds | None = None
    """Seconds for everything together: waiting, retries and fallbacks."""
    retry_config: RetryConfiguration | None = None
    callback_url: CallbackUrl | None = None
    """Told when the job ends. Text, transcriptions and embeddings are answered at once, so there
    is nothing to tell."""


class UnifiedError(Contract):
    """What went wrong, and whose turn it is."""

    code: Code
    """Stable, for programs. Later versions of anymedia may add more."""
    message: str
    """For people: what was wrong, what was expected, what to do next."""
    retryable: bool = Field(strict=True)
    """Whether the same request may succeed when it is sent again."""
    provider: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    """What else is known, such as `http_status`, `provider_code` and `mistakes`."""
    timestamp: Timestamp | None = None
    retry_after: float | None = Field(default=None, ge=0, strict=True)
    """Seconds to wait before trying again."""


class UnifiedResponse(Contract):
    """What came of a request."""

    schema_version: Literal["2.0"] = "2.0"
    request_id: RequestId | None = None
    """The request's."""
    provider: Provider | None = None
    """Who answered; after a failure, who was asked last."""
    model: Name | None = None
    status: Status
    result: dict[str, Any] | None = None
    """What was made. While `processing`: the job's `job_id`, `status` and `progress`."""
    error: UnifiedError | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """The request's."""
    timestamp: Timestamp | None = None
    """When it was answered: ISO 8601, UTC."""
    processing_time_ms: Count | None = None
    tokens_used: Count | None = None
    """Input and output together."""
    cost: Dollars | None = None
    """US dollars as a decimal string; `null` when it is not known (yet), never silently zero."""

    @model_validator(mode="after")
    def _says_what_came_of_it(self) -> UnifiedResponse:
        check_outcome(self.status, self.result, self.error)
        return self
