"""ElevenLabs' failures: one `detail` in three forms, and a 401 that may be about money."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_usually, text
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape


class Failure(Shape):
    """A failed answer."""

    detail: Any = None


def said(response: HttpResponse) -> Said:
    """The code where there is one, else the older `status`; lists of problems as they are."""
    detail = response.read(Failure).detail
    if not isinstance(detail, dict):
        return said_usually(response)
    return Said(
        message=text(detail.get("message")),
        code=text(detail.get("code") or detail.get("status")),
        type=text(detail.get("type")),
        param=text(detail.get("param")),
    )


REFUSALS = ("bad_prompt", "bad_composition_plan", "content_against_policy")
MODELS = ("unsupported_model", "invalid_model_id", "model_not_found")
ELEVENLABS_ERRORS = ErrorTable(
    rules=(
        Rule(error=ContentRefused, code=REFUSALS),
        Rule(error=InsufficientCredits, code=("quota_exceeded", "paid_plan_required")),
        Rule(error=ModelUnavailable, code=MODELS),
        Rule(error=ModelUnavailable, status=400, code="invalid_uid", words="model"),
        Rule(error=AuthenticationFailed, code=("invalid_api_key", "missing_permissions")),
        Rule(error=ProviderUnavailable, code="system_busy", accepted="no", retryable=True),
        Rule(error=RateLimited, code=("too_many_concurrent_requests", "rate_limit_exceeded")),
        Rule(error=ProviderUnavailable, status=(409, 425), accepted="no", retryable=True),
        Rule(error=RequestRejected, status=(400, 404, 422)),
    ),
    reads=said,
    request_id_headers=("request-id", "x-trace-id"),
)
