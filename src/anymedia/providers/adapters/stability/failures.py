"""What failures mean at Stability AI."""

from __future__ import annotations

from contextlib import suppress

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
from anymedia.providers.explain import ErrorTable, Rule, Said, text
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape

BLOCKED_SECONDS = 60.0
"""More than 150 requests in ten seconds lock the key out for so long; no header says it."""


class Refusal(Shape):
    """How failures are worded."""

    id: str | None = None
    name: str | None = None
    errors: tuple[object, ...] | str | None = None
    message: str | None = None


def said(response: HttpResponse) -> Said:
    """The vendor's name for the failure, and its sentences."""
    refusal = response.read(Refusal)
    sentences = refusal.errors if isinstance(refusal.errors, str) else list(refusal.errors or ())
    return Said(
        message=text(sentences) or refusal.message or refusal.name or "",
        code=refusal.name or "",
    )


TABLE = ErrorTable(
    (
        Rule(error=ContentRefused, status=403, code="content_moderation"),
        # In an answer with status 200: the picture is blurred. Failed generations cost nothing.
        Rule(error=ContentRefused, status=200, code="CONTENT_FILTERED", accepted="no"),
        Rule(error=ProviderError, status=200, retryable=True, accepted="no"),
        Rule(error=AuthenticationFailed, status=(401, 403)),
        Rule(error=InsufficientCredits, status=402),
        Rule(error=RequestRejected, status=404, code="not_found", words="result"),
        Rule(error=ModelUnavailable, status=404),
        Rule(error=ModelUnavailable, status=400, words=("model:", "invalid model")),
        Rule(error=RequestRejected, status=(400, 413, 415, 422)),
        Rule(error=RateLimited, status=429),
        # Its own server says that it failed, and failures are not charged; a proxy's 502 and the
        # like may hide a generation that went on.
        Rule(error=ProviderUnavailable, status=500, code="internal_error", accepted="no"),
    ),
    reads=said,
)


def explain(response: HttpResponse) -> ProviderError:
    """The error, with the id that support asks for."""
    error = TABLE(response)
    with suppress(ProviderError):
        error.request_id = error.request_id or response.read(Refusal).id
    if isinstance(error, RateLimited) and error.retry_after is None:
        error.retry_after = BLOCKED_SECONDS
    return error
