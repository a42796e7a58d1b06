"""Replicate's failures, each told apart.

Bodies are written from https://replicate.com/docs/reference/http and
https://replicate.com/docs/topics/predictions/rate-limits (read 2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.adapters.replicate import REPLICATE
from anymedia.wire.http import HttpResponse


def explained(status: int, body: Any, **headers: str) -> ProviderError:
    """What a failed response means."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = REPLICATE.explain(HttpResponse(status, content, named))
    assert isinstance(error, ProviderError)
    return error


INVALID = {"title": "Input validation failed", "detail": "- input: prompt is required\n"}
NO_VERSION = {
    "title": "Invalid version or not permitted",
    "detail": "The specified version does not exist",
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "accepted"),
    [
        (400, {"detail": "bad JSON"}, RequestRejected, False, "no"),
        (401, {"title": "Unauthenticated", "detail": "no"}, AuthenticationFailed, False, "no"),
        (402, {"title": "Insufficient credit", "detail": "x"}, InsufficientCredits, False, "no"),
        (403, {"detail": "You do not have permission"}, AuthenticationFailed, False, "no"),
        (404, {"detail": "could not be found"}, ModelUnavailable, False, "no"),
        (422, INVALID, RequestRejected, False, "no"),
        (422, NO_VERSION, ModelUnavailable, False, "no"),
        (429, {"detail": "Request was throttled."}, RateLimited, True, "no"),
        (500, {"detail": "Internal"}, ProviderUnavailable, True, "unknown"),
        (502, b"<html>", ProviderUnavailable, True, "unknown"),
        (503, b"", ProviderUnavailable, True, "unknown"),
        (504, b"", ProviderTimeout, True, "unknown"),
        (418, {"detail": None, "title": 3}, RequestRejected, False, "no"),
    ],
)
def test_each_failure_has_its_kind(
    status: int, body: Any, kind: type[ProviderError], retryable: bool, accepted: str
) -> None:
    """By status, and for versions by words."""
    error = explained(status, body)
    assert type(error) is kind
    assert (error.retryable, error.accepted) == (retryable, accepted)


@pytest.mark.parametrize(
    ("detail", "headers", "seconds"),
    [
        ("Request was throttled. Your rate limit resets in ~30s.", {}, 30.0),
        ("Request was throttled.", {"ratelimit_reset": "7"}, 7.0),
        ("Your rate limit resets in ~30s.", {"retry_after": "4"}, 4.0),
        ("Request was throttled.", {}, None),
        ("Request was throttled.", {"ratelimit_reset": "soon"}, None),
    ],
)
def test_a_limit_says_when_it_resets(
    detail: str, headers: dict[str, str], seconds: float | None
) -> None:
    """In a header, or in its words."""
    assert explained(429, {"detail": detail}, **headers).retry_after == seconds
