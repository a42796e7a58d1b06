"""What failures mean: OpenAI's error table, and what servers of one's own add to it.

Codes: https://platform.openai.com/docs/guides/error-codes (read 2026-11-21). The code decides
before the status: 429 stands for "slow down" and for "no money", 400 for a wrong field and for a
refused prompt.
"""

from __future__ import annotations

from typing import Any

import msgspec

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
from anymedia.providers.explain import ErrorTable, Rule, said_in
from anymedia.wire.http import HttpResponse

REFUSED = (
    "moderation_blocked",
    "content_policy_violation",
    "content_filter",
    "bio_policy",
    "misalignment_policy_violation",
    "image_content_policy_violation",
    "ResponsibleAIPolicyViolation",
)
NO_MONEY = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
)
OVERLOADED = ("server_is_overloaded", "service_unavailable_error")
WRONG_INPUT = (
    "invalid_request_error",
    "invalid_prompt",
    "context_length_exceeded",
    "data_residency_mismatch",
    "invalid_image*",
    "invalid_base64_image",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_file_too_large",
    "image_file_not_found",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
)

INSIDE = 0
"""The status of failures that have none of their own: inside a 200, or in a stream."""

OPENAI_RULES: tuple[Rule, ...] = (
    Rule(error=ContentRefused, code=REFUSED),
    Rule(error=InsufficientCredits, code=NO_MONEY, accepted="no"),
    Rule(error=ModelUnavailable, code="model_not_found"),
    # The images API words an unknown model as a wrong value of `model`.
    Rule(error=ModelUnavailable, status=400, code="invalid_value", param="model"),
    Rule(error=AuthenticationFailed, status=(400, 403), words="organization must be verified"),
    Rule(error=RateLimited, code=("rate_limit_exceeded", "slow_down", "rate_limit_error")),
    Rule(error=ProviderUnavailable, status=409),
    # Turned away at the door, and told so: unlike other 5xx it proves that no work was begun.
    Rule(error=ProviderUnavailable, status=503, code=OVERLOADED, accepted="no"),
    Rule(error=ProviderUnavailable, status=INSIDE, code=(*OVERLOADED, "server_error")),
    Rule(error=ProviderTimeout, status=INSIDE, code="vector_store_timeout"),
    Rule(error=RequestRejected, status=INSIDE, code=WRONG_INPUT),
)
OPENAI_ERRORS = ErrorTable(rules=OPENAI_RULES)

SERVER_RULES: tuple[Rule, ...] = (
    *OPENAI_RULES,
    Rule(error=ModelUnavailable, status=404),
    # The endpoint is not built into this server.
    Rule(error=RequestRejected, status=(405, 501), accepted="no"),
    # llama.cpp says this while it loads a model.
    Rule(error=ProviderUnavailable, status=503, code="unavailable_error", accepted="no"),
)
SERVER_ERRORS = ErrorTable(rules=SERVER_RULES)
"""For servers of one's own, where a 404 means a model that is not loaded."""


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response of OpenAI's means; its word on retrying overrules the table."""
    error = OPENAI_ERRORS(response)
    match response.headers.get("x-should-retry"):
        case "false":
            error.retryable = False
        case "true" if not isinstance(error, InsufficientCredits):
            error.retryable = True
        case _:
            pass
    return error


def failure_inside(body: Any, errors: ErrorTable, request_id: str | None = None) -> ProviderError:
    """The error that a 200 or a stream carries; `body` is the decoded JSON around it.

    Several services put the status it should have had into `code`.
    """
    said = said_in(body)
    words = (said.code, said.type)
    if errors.reads is not None:
        said = errors.said(HttpResponse(200, msgspec.json.encode(body)))
    status = next((int(word) for word in (*words, said.type) if is_failure(word)), INSIDE)
    return errors.decide(said, status=status, request_id=request_id)


def is_failure(word: str) -> bool:
    """Whether a word is a status that failures have."""
    return len(word) == 3 and word.isascii() and word.isdigit() and "400" <= word <= "599"


def raise_failure_inside(
    response: HttpResponse, error: Any, kind: str | None, errors: ErrorTable
) -> None:
    """Raise what a 200 says went wrong: as `error`, or as an object of the kind `error`."""
    if error or kind == "error":
        raise failure_inside(response.read(dict), errors, request_id(response, errors))


def request_id(response: HttpResponse, errors: ErrorTable) -> str | None:
    """The provider's id for the exchange, from whichever header it uses."""
    return response.headers.first(errors.request_id_headers)
