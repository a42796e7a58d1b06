"""How OpenRouter fails: one object, in a failed answer, in a 200 and in a stream."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from anymedia.testing.double import Fault

GONE = {
    "code": 502,
    "message": "Provider disconnected",
    "metadata": {"error_type": "provider_unavailable"},
}
"""A provider that disappears in the middle."""


class Failure(Exception):
    """A failed request, in OpenRouter's words."""

    def __init__(self, status: int, message: str, **metadata: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = envelope(status, message, metadata)


def envelope(status: int, message: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """The body of every failure; the status stands inside as well."""
    error = {"code": status, "message": message, "metadata": metadata}
    return {"error": error, "user_id": "user_1"}


def flagged(prompt: str) -> Failure:
    """What the moderation before the model does not let pass."""
    return Failure(403, "flagged", reasons=["violence"], flagged_input=prompt[:100])


def invalid(message: str) -> Failure:
    """A body that cannot be right."""
    return Failure(400, message, error_type="invalid_request")


def rate_limited(path: str = "/api/v1", *, seconds: int = 2) -> Fault:
    """Too many requests: only this failure says how many there may be."""
    return fault(
        path,
        envelope(429, "Rate limit exceeded", {"error_type": "rate_limit_exceeded"}),
        **{
            "retry-after": str(seconds),
            "x-ratelimit-limit": "20",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "1795000000000",
        },
    )


def in_flight(path: str = "/api/v1", *, seconds: int = 2) -> Fault:
    """Too much money under way at once: a 402 that passes."""
    about = {
        "error_type": "in_flight_budget_exhausted",
        "limit_source": "openrouter_in_flight_budget",
    }
    body = envelope(402, "In-flight budget exhausted", about)
    return fault(path, body, **{"retry-after": str(seconds)})


def fault(path: str, body: dict[str, Any], **headers: str) -> Fault:
    """A scripted failure."""
    response = JSONResponse(body)
    return Fault(
        path=path,
        method="POST",
        status=body["error"]["code"],
        body=bytes(response.body),
        headers={"content-type": "application/json", **headers},
    )
