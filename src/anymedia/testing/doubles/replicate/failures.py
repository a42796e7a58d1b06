"""How Replicate fails: its problem documents, and faults to script."""

from __future__ import annotations

import json
from typing import Any

from anymedia.testing.double import Fault

KIND = "application/problem+json"


class Failure(Exception):
    """A failed request, in Replicate's words."""

    def __init__(self, status: int, detail: str, title: str | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {
            "detail": detail,
            "status": status,
            **({"title": title} if title else {}),
            **more,
        }


def invalid(detail: str, field: str = "") -> Failure:
    """A body that the schema refuses."""
    fields = [{"type": "invalid", "field": field, "description": detail}]
    return Failure(422, f"- {detail}\n", "Input validation failed", invalid_fields=fields)


def fault(failure: Failure, *, after_accepting: bool = False) -> Fault:
    """A scripted failure of the next creation."""
    return Fault(
        method="POST",
        status=failure.status,
        body=json.dumps(failure.body).encode(),
        headers={"content-type": KIND},
        after_accepting=after_accepting,
    )


def no_credit() -> Fault:
    """The account is empty."""
    return fault(
        Failure(402, "You have insufficient credit to run this model.", "Insufficient credit")
    )


def throttled(*, seconds: int = 30) -> Fault:
    """Too many creations; the words and a header say when there is room again."""
    detail = f"Request was throttled. Your rate limit resets in ~{seconds}s."
    made = fault(Failure(429, detail))
    made.headers.update({"ratelimit-remaining": "0", "ratelimit-reset": str(seconds)})
    return made


def broken(*, after_accepting: bool = False) -> Fault:
    """An unexplained 500; possibly after the prediction was created."""
    return fault(Failure(500, "Internal server error"), after_accepting=after_accepting)
