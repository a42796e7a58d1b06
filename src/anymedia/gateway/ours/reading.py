"""Reading requests: bodies as JSON, and what headers wish."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request as HttpRequest

from anymedia.contracts.request import Request
from anymedia.gateway.shared.body import document as object_in
from anymedia.gateway.spec import Refused

MOST_DEEP = 100
LONGEST_WAIT_SECONDS = 600.0
WAIT = re.compile(r"wait\s*=\s*\"?(\d{1,6})\"?")
KEY = re.compile(r"[\x21-\x7e]{1,255}")
ASYNC = "respond-async"
RequestT = TypeVar("RequestT", bound=Request[Any])


@dataclass(frozen=True, slots=True)
class Wish:
    """How long the caller is willing to wait for media."""

    seconds: float
    applied: str | None = None
    """What `Preference-Applied` says."""

    @property
    def wants_a_job(self) -> bool:
        """Whether a job was asked for, and not its result."""
        return self.applied == ASYNC


async def document(request: HttpRequest, limit_bytes: int) -> dict[str, Any]:
    """The JSON object that was sent. `Refused` says what is wrong with it."""
    if "content-type" not in request.headers:
        raise Refused("send `Content-Type: application/json`", status=415)
    found = await object_in(request, limit_bytes)
    if too_deep(found):
        raise Refused(f"the body is nested more than {MOST_DEEP} deep")
    return found


def too_deep(value: Any) -> bool:
    """Whether there are more levels than anybody means."""
    level = [value]
    for _ in range(MOST_DEEP):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def wish_of(request: HttpRequest, usual_seconds: float) -> Wish:
    """What `Prefer` says (RFC 7240), else as configured."""
    said = ",".join(request.headers.getlist("prefer")).lower()
    words = [word.strip() for word in said.split(",")]
    if ASYNC in words:
        return Wish(0.0, ASYNC)
    for word in words:
        if found := WAIT.fullmatch(word):
            seconds = min(float(found[1]), LONGEST_WAIT_SECONDS)
            return Wish(seconds, f"wait={seconds:.0f}")
    return Wish(usual_seconds)


def with_key(wanted: RequestT, request: HttpRequest) -> RequestT:
    """The request with the `Idempotency-Key` of the headers."""
    said = request.headers.getlist("idempotency-key")
    if not said:
        return wanted
    key = said[0].strip()
    if len(said) > 1 or not KEY.fullmatch(key):
        raise Refused("`Idempotency-Key` is one word of at most 255 letters")
    if wanted.idempotency_key not in {None, key}:
        raise Refused("`Idempotency-Key` and `idempotency_key` differ; leave one out")
    return wanted.model_copy(update={"idempotency_key": key})
