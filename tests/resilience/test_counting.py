"""What is the provider's doing and what is not."""

from __future__ import annotations

import asyncio

import pytest

from anymedia.contracts import errors
from anymedia.resilience.counting import Verdict, verdict


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (None, "succeeded"),
        (errors.ProviderUnavailable("503"), "failed"),
        (errors.ProviderTimeout("no answer"), "failed"),
        (errors.NetworkFailed("reset"), "failed"),
        (errors.UnreadableResponse("html"), "failed"),
        (errors.OutcomeUnknown("cut off"), "failed"),
        (errors.AuthenticationFailed("401"), "failed"),
        (errors.InsufficientCredits("402"), "failed"),
        (errors.JobFailed("internal error"), "failed"),
        (errors.JobFailed("unsafe", code="CONTENT_POLICY_VIOLATION"), "said_nothing"),
        (errors.MissingKey("none set"), "said_nothing"),
        (errors.RateLimited("429"), "said_nothing"),
        (errors.ContentRefused("unsafe"), "said_nothing"),
        (errors.RequestRejected("bad size"), "said_nothing"),
        (errors.ModelUnavailable("gone"), "said_nothing"),
        (errors.CostLimitExceeded("too dear"), "said_nothing"),
        (errors.Cancelled("by the caller"), "said_nothing"),
        (asyncio.CancelledError(), "said_nothing"),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, BaseException) else str(value),
)
def test_only_what_is_the_providers_doing_counts_as_its_failure(
    error: BaseException | None, counted: Verdict
) -> None:
    """Each kind of ending, once."""
    assert verdict(error) == counted
