"""What failures mean at OpenRouter: the same object in a failed response, a 200 and a stream.

https://openrouter.ai/docs/api_reference/errors-and-debugging (read 2026-11-21). What decides hangs
in `metadata`: a spending limit's source, a moderation's reasons, or `error_type`.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from anymedia.providers.explain import ErrorTable, Rule, Said, said_in, text
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import described

WRONG_INPUT = (
    *("invalid_request", "invalid_prompt", "string_too_long", "max_tokens_exceeded"),
    *("context_length_exceeded", "invalid_image", "image_too_large", "image_too_small"),
    *("unsupported_image_format", "image_download_failed", "image_not_found", "wrong_endpoint"),
    *("privacy_restricted", "constraint_filtered", "precondition_failed", "payload_too_large"),
    "unprocessable",
)
NO_MONEY = (
    *("payment_required", "token_limit_exceeded", "weight_exceeds_budget"),
    *("openrouter_credits", "openrouter_key_limit", "openrouter_guardrail_budget"),
    "openrouter_workspace_budget",
)
GONE = (
    *("no_endpoints", "model_deprecated", "model_unavailable_upstream", "free_variant_ended"),
    "model_not_found",
)
REFUSED = ("moderation", "guardrail", "content_policy_violation", "refusal")
RULES: tuple[Rule, ...] = (
    # Too much at once, not too little money: it goes on when what is running has ended.
    Rule(error=RateLimited, code=("in_flight_budget_exhausted", "openrouter_in_flight_budget")),
    Rule(error=InsufficientCredits, code=NO_MONEY, accepted="no"),
    Rule(error=ContentRefused, code=REFUSED),
    Rule(error=ModelUnavailable, code=GONE),
    Rule(error=ModelUnavailable, status=400, words="is not a valid model id"),
    Rule(error=AuthenticationFailed, code=("permission_denied", "region_restricted")),
    Rule(error=RequestRejected, code=WRONG_INPUT),
    Rule(error=RateLimited, code=("rate_limit_exceeded", "capacity_exhausted")),
    Rule(error=ContentRefused, status=403, words=("flagged", "moderation", "guardrail")),
    # Routing preferences exclude everyone who has the model.
    Rule(error=RequestRejected, status=404),
    Rule(error=ProviderTimeout, status=524, accepted="unknown"),
    Rule(error=ProviderTimeout, status=0, code="timeout"),
    Rule(
        error=ProviderUnavailable,
        status=0,
        code=("server", "provider_unavailable", "provider_overloaded", "temporarily_unavailable"),
    ),
)


def said(response: HttpResponse) -> Said:
    """Its words, by what decides most; `type` is the status inside, which a 200 needs."""
    body: Any = response.read(Any)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return said_in(body)
    about, available = below(error, "metadata"), below(error, "availability")
    status = text(error.get("code") or error.get("http_status"))
    blamed = "moderation" if about.get("reasons") or about.get("flagged_input") else ""
    if about.get("patterns"):
        blamed = "guardrail"
    kind = about.get("error_type") or error.get("error_type") or available.get("code")
    code = text(about.get("limit_source")) or blamed or text(kind) or status
    return Said(message=text(error.get("message")), code=code, type=status)


def below(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside another; an empty one where there is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


OPENROUTER_ERRORS = ErrorTable(
    rules=RULES, reads=said, request_id_headers=("x-generation-id", "x-request-id", "cf-ray")
)


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response means; where it speaks of availability, its word on retrying counts."""
    error = OPENROUTER_ERRORS(response)
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return error
    inner = below(body, "error") if isinstance(body, dict) else {}
    available = below(inner, "availability")
    if isinstance(available.get("retryable"), bool):
        error.retryable = available["retryable"]
    seconds = available.get("retry_after")
    if error.retry_after is None and isinstance(seconds, int) and 0 <= seconds < 1e6:
        error.retry_after = float(seconds)
    return error


def failed_job(words: Any) -> ProviderError:
    """The error that a failed job names, which is text or an object."""
    if isinstance(words, dict):
        body = msgspec.json.encode({"error": words})
        return OPENROUTER_ERRORS.decide(said(HttpResponse(200, body)))
    message = words if isinstance(words, str) else f"no reason given ({described(b'')})"
    low = message.lower()
    refused = any(word in low for word in ("content policy", "moderation", "flagged", "safety"))
    return OPENROUTER_ERRORS.decide(
        Said(message=message, code="content_policy_violation" if refused else "")
    )
