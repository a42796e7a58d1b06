"""Trying again: how often, and how long to wait in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anymedia.contracts.errors import (
    AuthenticationFailed,
    BudgetReached,
    CircuitOpen,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    LimitReached,
    ModelUnavailable,
    NetworkFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StorageFailed,
    UnreadableResponse,
)
from anymedia.contracts.media import Medium
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.route import FailureClass, RoutePolicy

CLASSES: tuple[tuple[type[ProviderError], FailureClass], ...] = (
    (RateLimited, "rate_limited"),
    (ProviderTimeout, "timeout"),
    (ProviderUnavailable, "unavailable"),
    (NetworkFailed, "network"),
    (AuthenticationFailed, "authentication"),
    (InsufficientCredits, "credit"),
    (ModelUnavailable, "invalid_model"),
    (ContentRefused, "content_refused"),
    (UnreadableResponse, "unreadable"),
)
"""Failures after which another provider may well succeed, as configurations name them."""

CHEAP: frozenset[Medium] = frozenset({"text", "embedding", "transcription"})
"""Media whose users expect an answer more than they mind paying for one twice."""
PATIENCE_SECONDS = 2.0
"""When it takes longer until a provider may be asked again, others are asked meanwhile."""
LONGEST_WAIT_SECONDS = 120.0
"""A provider that asks for more patience than this is passed over."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential growth with full jitter; what the provider asks for comes first."""

    config: RetryConfig
    chance: Callable[[], float]
    """A number from 0 to 1."""

    def wait(self, attempt: int, error: GenerationError) -> float | None:
        """Seconds to wait after the `attempt`-th failure (from 1), or `None` to give up here."""
        if attempt >= self.config.max_attempts or not error.retryable:
            return None
        ceiling = min(
            self.config.base_delay_seconds * self.config.backoff_factor ** (attempt - 1),
            self.config.max_delay_seconds,
        )
        if error.retry_after is not None:
            if error.retry_after > LONGEST_WAIT_SECONDS:
                return None
            # All who were turned away together should not come back together.
            return error.retry_after + self.chance() * self.config.base_delay_seconds
        return self.chance() * ceiling


def failure_class(error: GenerationError) -> FailureClass | None:
    """What kind of failure it is; `None` for what another provider cannot help with."""
    for kind, name in CLASSES:
        if isinstance(error, kind):
            return name
    if isinstance(error, ProviderError) and error.retryable:
        return "unavailable"
    return None


def may_go_elsewhere(error: GenerationError, policy: RoutePolicy, medium: Medium) -> bool:
    """Whether another provider should be asked after this failure."""
    if isinstance(error, RequestRejected | StorageFailed):
        return False  # elsewhere, the request is as wrong and our disk as full
    if isinstance(error, LimitReached):
        return policy.on_full == "switch"
    if isinstance(error, BudgetReached):
        return error.details.get("on_reached") in {"switch", "degrade"}
    if isinstance(error, CircuitOpen):
        return True  # it was not asked: nothing has failed
    if isinstance(error, OutcomeUnknown):
        return retries_unknown(policy, medium)
    if error.accepted == "unknown" and not retries_unknown(policy, medium):
        return False
    if isinstance(error, UnreadableResponse) and error.accepted == "yes":
        return False  # what is certainly charged is not bought twice
    kind = failure_class(error)
    return kind in policy.fallback_on if kind is not None else error.retryable


def retries_unknown(policy: RoutePolicy, medium: Medium) -> bool:
    """Whether a request is tried again when nobody knows what became of it."""
    if policy.retry_unknown is not None:
        return policy.retry_unknown
    return medium in CHEAP


def answers_for(error: GenerationError, *, same_model: bool, same_credential: bool) -> bool:
    """Whether what a provider has answered holds for another way to ask the same provider."""
    match failure_class(error):
        case "content_refused":
            return True  # its filter reads the same words
        case "invalid_model":
            return same_model
        case "authentication" | "credit":
            return same_credential
        case _:
            return False
