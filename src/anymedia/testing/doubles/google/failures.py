"""How Google fails: its error bodies, and faults to script."""

from __future__ import annotations

import json
from typing import Any

from anymedia.testing.double import Fault

WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
TYPES = "type.googleapis.com/google.rpc."


class Failure(Exception):
    """A failed request, in Google's words."""

    def __init__(self, status: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = envelope(status, message, *([details] if details else []))


def envelope(status: int, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """The body of every failure."""
    error: dict[str, Any] = {"code": status, "message": message, "status": WORDS[status]}
    if details:
        error["details"] = list(details)
    return {"error": error}


def wrong_key() -> Failure:
    """A key that is not valid: a 400 here."""
    return Failure(
        400,
        "API key not valid. Please pass a valid API key.",
        **{"@type": f"{TYPES}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"},
    )


def unknown_model(name: str, version: str) -> Failure:
    """A model that is not there, or not any more."""
    return Failure(
        404,
        f"models/{name} is not found for API version {version}, or is not supported for this "
        f"method. Call ListModels to see the list of available models.",
    )


def fault(status: int, message: str, *details: dict[str, Any], path: str = "/") -> Fault:
    """A scripted failure."""
    return Fault(
        path=path,
        method="POST",
        status=status,
        body=json.dumps(envelope(status, message, *details)).encode(),
    )


def rate_limited(*, seconds: float = 2, per_day: bool = False, path: str = "/") -> Fault:
    """Too many requests: when there is room again stands in the body, and in no header."""
    period = "PerDay" if per_day else "PerMinute"
    quota = {"quotaMetric": "generate_content_requests", "quotaId": f"Requests{period}PerProject"}
    return fault(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        {"@type": f"{TYPES}QuotaFailure", "violations": [quota]},
        {"@type": f"{TYPES}RetryInfo", "retryDelay": f"{seconds:g}s"},
        path=path,
    )


def overloaded(path: str = "/") -> Fault:
    """No room at the moment."""
    return fault(503, "The model is overloaded. Please try again later.", path=path)


def out_of_credits(path: str = "/") -> Fault:
    """The same status as for a limit."""
    return fault(429, "Your prepayment credits are depleted.", path=path)
