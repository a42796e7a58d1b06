"""How OpenAI fails: its error bodies, and faults to script."""

from __future__ import annotations

import json
from typing import Any

from anymedia.testing.double import Fault


class Failure(Exception):
    """A failed request, in OpenAI's words."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = envelope(message, kind=kind, code=code, param=param)


def envelope(
    message: str, *, kind: str, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """The body of every failure."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def fault(status: int, body: dict[str, Any], path: str, **headers: str) -> Fault:
    """A scripted failure with OpenAI's headers."""
    return Fault(
        path=path,
        method="POST",
        status=status,
        body=json.dumps(body).encode(),
        headers={"content-type": "application/json", "x-request-id": "req_fault", **headers},
    )


def rate_limited(path: str = "/v1", *, retry_after_seconds: float = 2) -> Fault:
    """Too many requests: 429 with the headers that say when there is room again."""
    body = envelope("Rate limit reached for requests", kind="requests", code="rate_limit_exceeded")
    return fault(
        429,
        body,
        path,
        **{
            "retry-after": f"{retry_after_seconds:g}",
            "retry-after-ms": f"{retry_after_seconds * 1000:g}",
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": f"{retry_after_seconds:g}s",
        },
    )


def quota_exhausted(path: str = "/v1") -> Fault:
    """No money left: also a 429, and not to be retried."""
    body = envelope(
        "You exceeded your current quota", kind="insufficient_quota", code="insufficient_quota"
    )
    return fault(429, body, path)


def overloaded(path: str = "/v1") -> Fault:
    """Turned away at the door."""
    body = envelope(
        "The server is overloaded",
        kind="service_unavailable_error",
        code="server_is_overloaded",
    )
    return fault(503, body, path)


def broken(path: str = "/v1", *, after_accepting: bool = False) -> Fault:
    """An unexplained 500; possibly after the work was done and billed."""
    body = envelope("The server had an error", kind="server_error")
    made = fault(500, body, path)
    return Fault(
        path=made.path,
        method=made.method,
        status=made.status,
        body=made.body,
        headers=made.headers,
        after_accepting=after_accepting,
    )


def unknown_model(name: object, *, status: int = 404) -> Failure:
    """404 from most endpoints, 400 from responses."""
    return Failure(
        status,
        f"The model `{name}` does not exist or you do not have access to it.",
        code="model_not_found",
        param="model" if status == 400 else None,
    )


def unknown_parameter(name: str) -> Failure:
    """A field that the endpoint does not have."""
    return Failure(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)


def missing_parameter(name: str) -> Failure:
    """A field that the endpoint cannot do without."""
    return Failure(
        400,
        f"Missing required parameter: '{name}'.",
        code="missing_required_parameter",
        param=name,
    )


def moderated() -> Failure:
    """The safety system refuses a picture."""
    return Failure(
        400,
        "Your request was rejected by the safety system. safety_violations=[violence].",
        kind="image_generation_user_error",
        code="moderation_blocked",
    )
