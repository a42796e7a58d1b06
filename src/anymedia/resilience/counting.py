"""What an ended request says about its provider."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InsufficientCredits,
    JobFailed,
    MissingKey,
    NetworkFailed,
    OutcomeUnknown,
    ProviderTimeout,
    ProviderUnavailable,
    UnreadableResponse,
)
from anymedia.contracts.problem import Code

Verdict: TypeAlias = Literal["succeeded", "failed", "said_nothing"]

PROVIDERS_FAULT: Final[tuple[type[GenerationError], ...]] = (
    ProviderUnavailable,
    ProviderTimeout,
    NetworkFailed,
    UnreadableResponse,
    OutcomeUnknown,
    JobFailed,
    # The circuit is the credential's: asking again with an account that is barred helps nobody.
    AuthenticationFailed,
    InsufficientCredits,
)
THE_REQUESTS: Final[frozenset[Code]] = frozenset(
    {
        "INVALID_REQUEST",
        "INVALID_MODEL",
        "CONTENT_POLICY_VIOLATION",
        "RATE_LIMIT_EXCEEDED",
        "CANCELLED",
    }
)
"""Why a job may fail although its provider is well."""


def verdict(error: BaseException | None) -> Verdict:
    """How a circuit should count it.

    Full limits (429) are not counted: they say when there is room again, and limits heed that.
    Nor are refused content, wrong requests and unknown models: another request may be fine.
    """
    if error is None:
        return "succeeded"
    if isinstance(error, MissingKey):
        return "said_nothing"  # nothing was sent
    if isinstance(error, JobFailed) and error.code in THE_REQUESTS:
        return "said_nothing"
    return "failed" if isinstance(error, PROVIDERS_FAULT) else "said_nothing"
