"""What failures mean at Replicate: problem documents, and the words of failed predictions.

https://replicate.com/docs/reference/http and https://replicate.com/docs/topics/predictions/rate-limits
(read 2026-11-21). A prediction that fails has words and no code; the few that are known decide.
"""

from __future__ import annotations

import re

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, number
from anymedia.wire.http import HttpResponse

RAN = 0
"""The status of predictions that ran and failed."""
RULES: tuple[Rule, ...] = (
    Rule(
        error=ContentRefused,
        status=RAN,
        words=("flagged as sensitive", "(E005)", "nsfw", "content policy", "safety"),
    ),
    Rule(
        error=ProviderError,
        status=RAN,
        words=("out of memory", "interrupted", "director:", "(E"),
        retryable=True,
    ),
    Rule(
        error=RequestRejected,
        status=RAN,
        words=("validation error", "input should be", "field required", "invalid input"),
    ),
    Rule(error=AuthenticationFailed, status=(401, 403)),
    Rule(error=InsufficientCredits, status=402),
    Rule(error=RateLimited, status=429),
    Rule(error=ModelUnavailable, status=404),
    Rule(
        error=ModelUnavailable,
        status=422,
        words=("version does not exist", "invalid version", "not permitted"),
    ),
    Rule(error=RequestRejected, status=(400, 409, 422)),
)
REPLICATE_ERRORS = ErrorTable(rules=RULES)
RESETS = re.compile(r"resets in ~?(\d{1,5})(?:\.\d+)?s")


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response means. When the limit resets stands in a header, or in the words."""
    error = REPLICATE_ERRORS(response)
    if isinstance(error, RateLimited) and error.retry_after is None:
        said = RESETS.search(error.message)
        resets = said[1] if said else response.headers.get("ratelimit-reset")
        seconds = number(resets)
        error.retry_after = max(0.0, seconds) if seconds is not None else None
    return error


def failure(words: str | None, request_id: str) -> ProviderError:
    """Why a prediction failed, in the model's words."""
    said = Said(message=words or "Replicate gave no reason")
    return REPLICATE_ERRORS.decide(said, status=RAN, request_id=request_id)
