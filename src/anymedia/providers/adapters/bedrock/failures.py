"""What Bedrock's failures mean.

The kind stands in a header, `ThrottlingException:http://...`, or in the body as `__type`
(botocore 1.44.5, `bedrock-runtime`, read 2026-11-21). There are no credits: an unpaid account is
denied access.
"""

from __future__ import annotations

from dataclasses import replace

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    ModelUnavailable,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_usually
from anymedia.wire.http import HttpResponse

FILTERED = ("content filter", "content policy", "blocked", "responsible ai")
GONE = ("model identifier", "end of its life", "end of life", "access to the model")
DENIED = (
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ExpiredTokenException",
)


def said(response: HttpResponse) -> Said:
    """The usual words, with the kind from where AWS puts it."""
    words = said_usually(response)
    kind = response.headers.get("x-amzn-errortype") or typed(response)
    bare = kind.partition(":")[0].rpartition("#")[2]
    return replace(words, code=bare) if bare else words


def typed(response: HttpResponse) -> str:
    """`__type`, where the body has it."""
    body = response.read(dict)
    kind = body.get("__type")
    return kind if isinstance(kind, str) else ""


TABLE = ErrorTable(
    rules=(
        Rule(error=ContentRefused, code="ValidationException", words=FILTERED),
        Rule(error=ModelUnavailable, code="ValidationException", words=GONE),
        Rule(error=ModelUnavailable, code="AccessDeniedException", words=GONE),
        Rule(error=AuthenticationFailed, code=DENIED),
        Rule(error=RateLimited, code=("ThrottlingException", "ServiceQuotaExceededException")),
        Rule(error=ModelUnavailable, code="ResourceNotFoundException"),
        Rule(error=ProviderTimeout, code="ModelTimeoutException", accepted="unknown"),
        Rule(
            error=ProviderUnavailable,
            code="ModelErrorException",
            retryable=True,
            accepted="unknown",
        ),
        Rule(error=ProviderUnavailable, code="ModelNotReadyException", accepted="no"),
        Rule(error=RequestRejected, code=("ValidationException", "ConflictException")),
        # Of a job that failed, which has no status.
        Rule(error=ContentRefused, status=0, words=(*FILTERED, "policy")),
    ),
    reads=said,
    request_id_headers=("x-amzn-requestid",),
)
