"""What failures mean at Ark, as a status and as the end of a task.

Codes: https://www.volcengine.com/docs/82379/1299023 (2025-04-07)
"""

from __future__ import annotations

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
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_usually
from anymedia.wire.http import HttpResponse

EMPTY = ("overdue", "arrears", "insufficient balance", "free quota", "free trial")


def said(response: HttpResponse) -> Said:
    """The vendor's words."""
    return worded(said_usually(response))


def worded(found: Said) -> Said:
    """The same, with all refusals of content under one code: they differ in their beginning."""
    if "SensitiveContent" not in found.code:
        return found
    return Said(message=found.message, code=found.code, type="SensitiveContent", param=found.param)


explain = ErrorTable(
    (
        Rule(error=ContentRefused, code="SensitiveContent"),
        Rule(error=InsufficientCredits, code=("AccountOverdueError", "QuotaExceeded.FreeTier")),
        Rule(error=InsufficientCredits, status=(400, 403, 429), words=EMPTY),
        Rule(error=RateLimited, status=429),
        Rule(error=RateLimited, code=("RateLimitExceeded*", "QuotaExceeded*", "ServerOverloaded")),
        Rule(error=AuthenticationFailed, code=("AuthenticationError", "AccessDenied")),
        Rule(
            error=ModelUnavailable,
            code=("InvalidEndpointOrModel*", "ModelNotOpen", "InvalidEndpoint*"),
        ),
        Rule(error=RequestRejected, code=("InvalidParameter*", "MissingParameter*")),
        Rule(error=ProviderUnavailable, code="InternalServiceError", accepted="unknown"),
        # How a task ended, which was told in a 200.
        Rule(error=ProviderTimeout, code="expired", accepted="no"),
        Rule(error=ProviderError, code="failed", retryable=True, accepted="no"),
        Rule(error=ModelUnavailable, status=404, words=("model", "endpoint")),
    ),
    reads=said,
    request_id_headers=("x-request-id", "x-client-request-id"),
)
