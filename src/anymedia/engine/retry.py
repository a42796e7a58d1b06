"""Trying again: how often, and how long to wait in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    NetworkFailed,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StorageFailed,
    UnreadableResponse,
)
from anymedia.contracts.request import RetryConfig

ELSEWHERE: tuple[type[ProviderError], ...] = (
    RateLimited,
    ProviderTimeout,
    ProviderUnavailable,
    NetworkFailed,
    AuthenticationFailed,
    InsufficientCredits,
    ModelUnavailable,
    ContentRefused,
)
"""Failures after which another provider may well succeed."""

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


def may_go_elsewhere(error: GenerationError) -> bool:
    """Whether another provider should be asked after this failure of a text request."""
    if isinstance(error, RequestRejected | StorageFailed):
        return False  # elsewhere, the request is as wrong and our disk as full
    if isinstance(error, UnreadableResponse):
        return error.accepted != "yes"  # what is certainly charged is not bought twice
    return isinstance(error, ELSEWHERE) or error.retryable
