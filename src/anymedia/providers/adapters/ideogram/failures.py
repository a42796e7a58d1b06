"""What failures mean at Ideogram."""

from __future__ import annotations

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule, Said
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape

WITHHELD = "content_policy_violation"
FORGOTTEN = "generation_not_found"
"""Our word for a generation that a poll does not find; the vendor only answers 404."""


class Refusal(Shape):
    """The several ways in which failures are worded."""

    error: str | None = None
    reject_reason: str | None = None
    message: str | None = None
    title: str | None = None
    detail: str | None = None


def said(response: HttpResponse) -> Said:
    """The vendor's words, whichever way they came."""
    refusal = response.read(Refusal)
    return Said(
        message=refusal.error or refusal.message or refusal.detail or refusal.title or "",
        code=refusal.reject_reason or "",
    )


explain = ErrorTable(
    (
        # Reasons stand above statuses: the same one comes with 402 and with 429.
        Rule(
            error=InsufficientCredits,
            code=(
                "insufficient_funds",
                "subscription_required",
                "priority_credit_required",
                "feature_limit",
            ),
        ),
        # Room comes tomorrow, or when one of our own has ended.
        Rule(error=RateLimited, code="daily_limit", retryable=False),
        Rule(error=RateLimited, code="inflight_limit"),
        # Words of a generation that has ended; generations are polled with status 200.
        Rule(error=ContentRefused, status=200, code="content_policy*", accepted="no"),
        Rule(error=ContentRefused, status=200, words=("content_policy", "safety"), accepted="no"),
        Rule(error=ProviderError, status=200, retryable=True, accepted="no"),
        Rule(error=ProviderUnavailable, code=FORGOTTEN),
        # A key that is paused because the balance is used up is answered 401 too.
        Rule(error=AuthenticationFailed, status=(401, 403)),
        Rule(error=InsufficientCredits, status=402),
        Rule(error=ModelUnavailable, status=404),
        # Often without a body: the prompt or a picture did not pass the review.
        Rule(error=ContentRefused, status=422),
        Rule(error=RequestRejected, status=(400, 413, 415)),
        Rule(error=RateLimited, status=429),
        # The endpoint is temporarily unavailable: said instead of taking the work on.
        Rule(error=ProviderUnavailable, status=503, accepted="no"),
    ),
    reads=said,
)
