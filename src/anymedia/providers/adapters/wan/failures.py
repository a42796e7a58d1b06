"""What failures mean at Model Studio, as a status and as the end of a task.

Codes: https://help.aliyun.com/en/model-studio/error-code (read 2026-11-21)
"""

from __future__ import annotations

from contextlib import suppress

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.providers.explain import ErrorTable, Rule
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape


class Named(Shape):
    """Every answer names its exchange."""

    request_id: str | None = None


TABLE = ErrorTable(
    (
        Rule(
            error=ContentRefused,
            code=("DataInspectionFailed*", "data_inspection_failed", "IPInfringementSuspect"),
        ),
        Rule(error=InsufficientCredits, code="Arrearage"),
        Rule(
            error=InsufficientCredits,
            code=("AllocationQuota.FreeTierOnly", "Throttling.AllocationQuota"),
            words=("free allocated quota", "free tier", "free quota"),
        ),
        Rule(error=InsufficientCredits, status=403, code="AllocationQuota*"),
        Rule(error=InsufficientCredits, words=("overdue", "good standing")),
        Rule(error=RateLimited, code=("Throttling*", "LimitRequests")),
        Rule(
            error=AuthenticationFailed, code=("InvalidApiKey", "invalid_api_key", "AccessDenied*")
        ),
        Rule(
            error=ModelUnavailable, code=("ModelNotFound", "Model.AccessDenied", "model_not_found")
        ),
        Rule(error=RequestRejected, code=("InvalidParameter*", "InvalidURL*", "BadRequest*")),
        Rule(error=ProviderTimeout, code="RequestTimeOut", accepted="unknown"),
        Rule(error=ProviderUnavailable, code="InternalError*", accepted="unknown"),
        Rule(error=ProviderUnavailable, code="ServiceUnavailable", accepted="unknown"),
        # How a task ended, which was told in a 200.
        Rule(error=ProviderError, code="failed", retryable=True, accepted="no"),
        Rule(error=ProviderError, code="UNKNOWN", accepted="yes"),
    ),
    request_id_headers=("x-request-id", "x-dashscope-request-id"),
)


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response means."""
    error = TABLE(response)
    with suppress(UnreadableResponse):
        error.request_id = response.read(Named).request_id or error.request_id
    return error
