"""Anthropic's failures, row by row of its documentation.

After https://platform.claude.com/docs/en/api/errors (2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.dialects.anthropic.errors import ANTHROPIC_ERRORS, explain, failure_inside
from anymedia.wire.http import HttpResponse

BAD = "invalid_request_error"


def failed(status: int, kind: str, message: str = "x", code: str | None = None) -> HttpResponse:
    """A failed response."""
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    body = {"type": "error", "error": error, "request_id": "req_body"}
    return HttpResponse(status, json.dumps(body).encode(), {"retry-after": "7"})


@pytest.mark.parametrize(
    ("response", "error", "retryable", "accepted"),
    [
        (failed(400, BAD, "`temperature` is not supported"), RequestRejected, False, "no"),
        (
            failed(400, BAD, "You have reached your specified API usage limits."),
            InsufficientCredits,
            False,
            "no",
        ),
        (failed(400, BAD, "Your credit balance is too low"), InsufficientCredits, False, "no"),
        (failed(400, BAD, code="organization_on_hold"), AuthenticationFailed, False, "no"),
        (
            failed(400, BAD, "Output blocked by content filtering policy"),
            ContentRefused,
            False,
            "no",
        ),
        (failed(401, "authentication_error"), AuthenticationFailed, False, "no"),
        (failed(402, "billing_error"), InsufficientCredits, False, "no"),
        (failed(403, "permission_error"), AuthenticationFailed, False, "no"),
        (failed(404, "not_found_error", "model: claude-nope"), ModelUnavailable, False, "no"),
        (failed(404, "not_found_error", "file not found"), RequestRejected, False, "no"),
        (failed(409, "conflict_error"), ProviderUnavailable, True, "no"),
        (failed(413, "request_too_large"), RequestRejected, False, "no"),
        (failed(429, "rate_limit_error"), RateLimited, True, "no"),
        (failed(429, "rate_limit_error", code="ramp_limit_exceeded"), RateLimited, True, "no"),
        (
            failed(429, "rate_limit_error", code="enforced_spend_limit_reached"),
            InsufficientCredits,
            False,
            "no",
        ),
        (failed(500, "api_error"), ProviderUnavailable, True, "unknown"),
        (
            failed(503, "api_error", code="cmek_context_unavailable"),
            ProviderUnavailable,
            True,
            "unknown",
        ),
        (failed(504, "timeout_error"), ProviderTimeout, True, "unknown"),
        (failed(529, "overloaded_error"), ProviderUnavailable, True, "no"),
        (HttpResponse(502, b"<html>"), ProviderUnavailable, True, "unknown"),
        (HttpResponse(400, b""), RequestRejected, False, "no"),
    ],
)
def test_each_failure_is_told_apart(
    response: HttpResponse, error: type[GenerationError], retryable: bool, accepted: str
) -> None:
    """By status, then the finer code, then words."""
    found = explain(response)
    assert type(found) is error
    assert (found.retryable, found.accepted) == (retryable, accepted)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", ProviderUnavailable),
        ("api_error", ProviderUnavailable),
        ("timeout_error", ProviderTimeout),
        ("rate_limit_error", RateLimited),
        ("authentication_error", AuthenticationFailed),
        ("permission_error", AuthenticationFailed),
        ("billing_error", InsufficientCredits),
        (BAD, RequestRejected),
    ],
)
def test_a_failure_in_a_stream_is_told_by_its_type(kind: str, error: type[GenerationError]) -> None:
    """There is no status to go by."""
    found = failure_inside({"type": "error", "error": {"type": kind}}, ANTHROPIC_ERRORS, "req_1")
    assert type(found) is error
    assert found.request_id == "req_1"


def test_a_failure_says_when_to_come_back_and_which_exchange_it_was() -> None:
    """The header's id, else the one in the body; the provider's word on retrying wins."""
    error = explain(failed(429, "rate_limit_error"))
    assert (error.retry_after, error.request_id) == (7, "req_body")
    known = HttpResponse(500, b"{}", {"request-id": "req_head", "x-should-retry": "false"})
    assert (explain(known).request_id, explain(known).retryable) == ("req_head", False)
    assert explain(HttpResponse(400, b"{}", {"x-should-retry": "true"})).retryable
