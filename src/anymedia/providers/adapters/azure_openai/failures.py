"""What Azure's failures mean: OpenAI's table, and a refusal that stands one level deeper.

https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter (as PyPI litellm
1.109.1 reads it, 2026-11). Clips ended there on 2026-11-02.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from anymedia.contracts.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    ModelUnavailable,
)
from anymedia.providers.dialects.openai.errors import OPENAI_RULES
from anymedia.providers.explain import ErrorTable, Rule, Said, said_in, said_usually
from anymedia.wire.http import HttpResponse

INNER = ("inner_error", "innererror")
FILTERED = "ResponsibleAIPolicyViolation"


def said(response: HttpResponse) -> Said:
    """The usual words, with the inner code where that says more."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return said_usually(response)
    words = said_in(body)
    return replace(words, code=FILTERED) if filtered(body) else words


def filtered(body: Any) -> bool:
    """Whether the content filter is why."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return False
    inner = (error.get(name) for name in INNER)
    return any(isinstance(one, dict) and one.get("code") == FILTERED for one in inner)


AZURE_ERRORS = ErrorTable(
    rules=(
        Rule(error=InsufficientCredits, status=429, words="insufficient_quota", accepted="no"),
        Rule(error=ModelUnavailable, code=("DeploymentNotFound", "ModelDeprecated")),
        Rule(error=ModelUnavailable, status=410),
        # A wrong `api-version` and a missing deployment answer alike.
        Rule(error=ModelUnavailable, status=404),
        Rule(error=AuthenticationFailed, code=("invalid_client", "unauthorized_client")),
        *OPENAI_RULES,
    ),
    reads=said,
    request_id_headers=("apim-request-id", "x-request-id", "x-ms-request-id"),
)
