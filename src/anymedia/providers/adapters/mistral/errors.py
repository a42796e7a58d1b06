"""What failures mean at Mistral: three forms of body, read by status and then by type.

https://docs.mistral.ai/resources/error-glossary (read 2026-11-21). Codes are numbers as text
(`1500`), or words (`invalid_model`); the status comes first.
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    ModelUnavailable,
    ProviderUnavailable,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_in
from anymedia.wire.http import HttpResponse


def said(response: HttpResponse) -> Said:
    """Its words; `message` may be an object that holds the problems."""
    body: Any = response.read(Any)
    inner = body.get("message") if isinstance(body, dict) else None
    return said_in({**body, "message": None, **inner} if isinstance(inner, dict) else body)


MISTRAL_ERRORS = ErrorTable(
    rules=(
        Rule(error=ModelUnavailable, code=("invalid_model", "unknown_model", "1500")),
        Rule(error=ModelUnavailable, status=404, words="model"),
        Rule(error=AuthenticationFailed, status=403, code=("tier_not_allowed", "1910")),
        # A guardrail of the caller's own answers so; its documentation gives no code.
        Rule(error=ContentRefused, status=403, words=("guardrail", "moderation", "blocked")),
        # Turned away at the door: no work was begun.
        Rule(error=ProviderUnavailable, status=503, words="capacity exceeded", accepted="no"),
    ),
    reads=said,
    request_id_headers=("mistral-correlation-id", "x-kong-request-id", "x-request-id"),
)
