"""How Anthropic fails: its error bodies, and faults to script."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from anymedia.testing.double import Fault

BAD_REQUEST = "invalid_request_error"


class Failure(Exception):
    """A failed request, in Anthropic's words."""

    def __init__(self, status: int, message: str, *, kind: str = BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status
        self.body = envelope(message, kind=kind)


def envelope(
    message: str, *, kind: str, code: str | None = None, request_id: str = "req_fault"
) -> dict[str, Any]:
    """The body of every failure, in a response and in a stream."""
    error: dict[str, Any] = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": request_id}


def fault(status: int, body: dict[str, Any], **headers: str) -> Fault:
    """A scripted failure of a message with Anthropic's headers."""
    return Fault(
        path="/v1/messages",
        method="POST",
        status=status,
        body=json.dumps(body).encode(),
        headers={"content-type": "application/json", "request-id": "req_fault", **headers},
    )


def rate_limited(*, retry_after_seconds: float = 2) -> Fault:
    """Too many requests, with the headers that say when there is room again."""
    body = envelope("This request would exceed your rate limit", kind="rate_limit_error")
    return fault(
        429,
        body,
        **{
            "retry-after": f"{retry_after_seconds:g}",
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:02Z",
        },
    )


def spend_limit_reached() -> Fault:
    """No money left: also a 429, and not to be retried."""
    body = envelope(
        "Spend limit reached", kind="rate_limit_error", code="enforced_spend_limit_reached"
    )
    return fault(429, body)


def overloaded() -> Fault:
    """Turned away at the door."""
    return fault(529, envelope("Overloaded", kind="overloaded_error"))


def broken(*, after_accepting: bool = False) -> Fault:
    """An unexplained 500; possibly after the work was done and billed."""
    body = envelope("Internal server error", kind="api_error")
    return replace(fault(500, body), after_accepting=after_accepting)
