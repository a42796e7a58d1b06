"""What failures mean behind Hugging Face's router, whichever sub-provider words them.

https://huggingface.co/docs/inference-providers (2026-08-22, read 2026-11-21). The router's own
code decides first; bodies are an object, a text under `error`, or a sub-provider's `detail`.
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import (
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_in, text
from anymedia.wire.http import HttpResponse


def said(response: HttpResponse) -> Said:
    """Its words; what fal calls a problem is the type inside `detail`."""
    body: Any = response.read(Any)
    found = said_in(body)
    detail = body.get("detail") if isinstance(body, dict) else None
    first = detail[0] if isinstance(detail, list) and detail else None
    if found.code or not isinstance(first, dict):
        return found
    return Said(message=found.message, code=text(first.get("type")), type=found.type)


HUGGINGFACE_ERRORS = ErrorTable(
    rules=(
        Rule(error=ModelUnavailable, code=("model_not_supported", "model_not_found")),
        Rule(error=ModelUnavailable, status=400, words="not supported by provider"),
        Rule(
            error=ContentRefused,
            code="content_policy_violation",
        ),
        Rule(error=ContentRefused, status=422, words="content_policy_violation"),
        Rule(error=InsufficientCredits, status=402, accepted="no"),
        Rule(error=ModelUnavailable, status=(404, 410)),
        # A model that is being loaded has begun no work.
        Rule(error=ProviderUnavailable, status=503, words="currently loading", accepted="no"),
        Rule(error=RateLimited, status=0, code="overloaded"),
        Rule(error=RequestRejected, status=0, code=("validation", "invalid_request_error")),
        Rule(error=ProviderUnavailable, status=0, code=("generation", "incomplete_generation")),
    ),
    reads=said,
    request_id_headers=("x-request-id", "x-amzn-trace-id", "inference-id"),
)
