"""How fal fails: its two error bodies, and faults to script."""

from __future__ import annotations

import json
from typing import Any

from anymedia.testing.double import Fault


class Failure(Exception):
    """A failed request, in fal's words."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def platform(detail: str, error_type: str | None = None) -> dict[str, Any]:
    """The platform's body."""
    return {"detail": detail, **({"error_type": error_type} if error_type else {})}


def model(kind: str, message: str, field: str = "prompt", **context: Any) -> dict[str, Any]:
    """A model's own body."""
    problem = {
        "loc": ["body", field],
        "msg": message,
        "type": kind,
        "url": f"https://docs.fal.ai/errors#{kind}",
        "ctx": context,
    }
    return {"detail": [problem]}


def fault(
    status: int, body: dict[str, Any], *, after_accepting: bool = False, retry_after: str = ""
) -> Fault:
    """A scripted failure of the next submission."""
    return Fault(
        method="POST",
        status=status,
        body=json.dumps(body).encode(),
        headers={
            "content-type": "application/json",
            "x-fal-request-id": "req_fault",
            **({"retry-after": retry_after} if retry_after else {}),
        },
        after_accepting=after_accepting,
    )


def locked() -> Fault:
    """The account is empty: a 403, told apart by its words."""
    reason = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard."
    return fault(403, platform(reason))


def queue_full() -> Fault:
    """The queue is longer than the caller wanted."""
    return fault(429, platform("Queue is full", "concurrent_requests_limit"), retry_after="3")


def broken(*, after_accepting: bool = False) -> Fault:
    """An unexplained 500; possibly after the request was put into the queue."""
    return fault(500, platform("Internal Server Error"), after_accepting=after_accepting)
