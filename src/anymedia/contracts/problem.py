"""A failure as a value: what the exception tree says, in a form that can be stored and sent."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract

Code: TypeAlias = Literal[
    "INVALID_REQUEST",
    "AUTHENTICATION_FAILED",
    "RATE_LIMIT_EXCEEDED",
    "PROVIDER_ERROR",
    "TIMEOUT",
    "INVALID_MODEL",
    "INSUFFICIENT_CREDITS",
    "CONTENT_POLICY_VIOLATION",
    "NETWORK_ERROR",
    "UNKNOWN_ERROR",
    "OUTCOME_UNKNOWN",
    "BUDGET_EXCEEDED",
    "CANCELLED",
    "NOT_FOUND",
    "CONFLICT",
    "STORAGE_ERROR",
    "INVALID_CONFIGURATION",
]

Acceptance: TypeAlias = Literal["no", "unknown", "yes"]
"""Whether the provider may have taken the work on. Only `no` allows a paid request to be sent
again."""


class Problem(Contract):
    """What went wrong, told once and completely."""

    code: Code
    message: str
    kind: str = "GenerationError"
    """The exception's name in `anymedia.contracts.errors`."""
    retryable: bool = False
    accepted: Acceptance = "no"
    provider: str | None = None
    http_status: int | None = None
    provider_code: str | None = None
    """The provider's own word for it."""
    request_id: str | None = None
    retry_after: float | None = None
    """Seconds to wait before trying again."""
    details: dict[str, Any] = Field(default_factory=dict)
