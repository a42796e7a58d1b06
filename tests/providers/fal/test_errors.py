"""fal's failures, each told apart.

Bodies are written from https://docs.fal.ai/model-apis/errors (read 2026-11-21) and fal-ai/fal
issues 1112, 1147 and 1162 (locked accounts).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

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
from anymedia.providers.adapters.fal import FAL
from anymedia.wire.http import HttpResponse


def explained(status: int, body: Any, **headers: str) -> ProviderError:
    """What a failed response means."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = FAL.explain(HttpResponse(status, content, named))
    assert isinstance(error, ProviderError)
    return error


def problems(*kinds: str) -> dict[str, Any]:
    """A model's own errors."""
    return {"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": kind} for kind in kinds]}


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "accepted"),
    [
        (400, {"detail": "Unsupported data URL"}, RequestRejected, False, "no"),
        (401, {"detail": "Cannot access application"}, AuthenticationFailed, False, "no"),
        (402, {"detail": "Payment required"}, InsufficientCredits, False, "no"),
        (
            403,
            {"detail": "User is locked. Reason: Exhausted balance. Top up your balance"},
            InsufficientCredits,
            False,
            "no",
        ),
        (403, {"detail": "User is locked. Reason: TOP_UP."}, InsufficientCredits, False, "no"),
        (403, {"detail": "User is locked. Admin lock"}, AuthenticationFailed, False, "no"),
        (404, {"detail": 'Application "x" not found'}, ModelUnavailable, False, "no"),
        (404, {"detail": "Request not found"}, RequestRejected, False, "no"),
        (405, {"detail": "Method Not Allowed"}, RequestRejected, False, "no"),
        (422, problems("missing"), RequestRejected, False, "no"),
        (422, problems("content_policy_violation"), ContentRefused, False, "no"),
        (422, problems("missing", "content_policy_violation"), ContentRefused, False, "no"),
        (429, {"detail": "x", "error_type": "concurrent_requests_limit"}, RateLimited, True, "no"),
        (429, {"detail": "queue is full"}, RateLimited, True, "no"),
        (500, {"detail": "Internal Server Error"}, ProviderUnavailable, True, "unknown"),
        (500, problems("internal_server_error"), ProviderUnavailable, True, "unknown"),
        (502, b"<html>nginx</html>", ProviderUnavailable, True, "unknown"),
        (503, {"error_type": "runner_scheduling_failure"}, ProviderUnavailable, True, "unknown"),
        (504, {"detail": "t", "error_type": "request_timeout"}, ProviderTimeout, True, "unknown"),
        (504, b"", ProviderTimeout, True, "unknown"),
        (418, {"detail": None}, RequestRejected, False, "no"),
    ],
)
def test_each_failure_has_its_kind(
    status: int, body: Any, kind: type[ProviderError], retryable: bool, accepted: str
) -> None:
    """By the type of the problem, then by the platform's word, then by the status."""
    error = explained(status, body)
    assert type(error) is kind
    assert (error.retryable, error.accepted) == (retryable, accepted)
    assert error.http_status == status


def test_headers_say_what_the_body_does_not() -> None:
    """The type, the request's id, and that it must not be retried."""
    error = explained(
        503,
        b"",
        x_fal_error_type="runner_connection_timeout",
        x_fal_request_id="req_1",
        x_fal_retryable="false",
    )
    assert error.provider_code == "runner_connection_timeout"
    assert error.request_id == "req_1"
    assert error.retryable is False
    assert explained(503, b"", x_fal_needs_retry="0").retryable is False
    assert explained(503, b"", x_fal_retryable="true").retryable is True


def test_a_limit_that_the_caller_set_is_not_retried() -> None:
    """`X-Fal-Request-Start-Timeout` ran out."""
    error = explained(
        504,
        {"detail": "t", "error_type": "request_timeout"},
        x_fal_request_timeout_type="user",
    )
    assert isinstance(error, ProviderTimeout)
    assert error.retryable is False


def test_messages_say_where_and_never_repeat_the_input() -> None:
    """Fal sends the refused value back in `input`."""
    body = problems("literal_error")
    body["detail"][0]["input"] = "a secret prompt"
    error = explained(422, body)
    assert error.message == "body.prompt: no"
    assert "secret" not in str(error.problem())
