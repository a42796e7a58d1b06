"""What failures mean at Luma, as a status and as the end of a generation."""

from __future__ import annotations

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule

MODERATION = ("moderat", "not allowed", "policy", "prohibited", "nsfw")

explain = ErrorTable(
    (
        # Why a generation ended; it was taken on, so nothing is known of the money.
        Rule(error=ContentRefused, code="content_moderated"),
        Rule(error=InsufficientCredits, code="budget_exhausted"),
        Rule(error=RateLimited, code="rate_limited"),
        Rule(
            error=RequestRejected,
            code=(
                "output_not_found",
                "image_too_large",
                "unsupported_format",
                "corrupt_input",
                "invalid_request",
            ),
        ),
        Rule(error=ContentRefused, code="failed", words=MODERATION),
        Rule(error=ProviderError, code=("generation_failed", "failed"), retryable=True),
        Rule(error=InsufficientCredits, status=402),
        Rule(error=InsufficientCredits, status=400, words="insufficient credits"),
        Rule(error=AuthenticationFailed, status=(401, 403)),
        Rule(error=ContentRefused, status=(400, 422), words=MODERATION),
        Rule(error=ModelUnavailable, status=(400, 422), words=("unknown model", "invalid model")),
        Rule(error=RequestRejected, status=(400, 404, 413, 422)),
    )
)
