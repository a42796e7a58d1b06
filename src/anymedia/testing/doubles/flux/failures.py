"""How Black Forest Labs says no: mostly with a `detail`."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, body: dict[str, Any], **headers: str) -> None:
        super().__init__(str(body))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = JSONResponse(body, status, named)


def detailed(status: int, words: str) -> Refused:
    """A failure in a few words."""
    return Refused(status, {"detail": words})


def invalid(field: str, words: str, kind: str = "value_error") -> Refused:
    """A field that is not as the schema wants it."""
    return Refused(422, {"detail": [{"loc": ["body", field], "msg": words, "type": kind}]})


def crowded(most: int) -> Refused:
    """Too many tasks under way."""
    body = {
        "error": "rate_limit_exceeded",
        "message": f"You have exceeded the limit of {most} active tasks",
        "retry_after": 5,
    }
    return Refused(
        429,
        body,
        retry_after="5",
        x_ratelimit_limit=str(most),
        x_ratelimit_remaining="0",
        x_ratelimit_reset="5",
    )
