"""What the tests of Google's media share: sheets, answers, and one call from end to end."""

from __future__ import annotations

import base64
import json
from typing import Any

from anymedia.contracts.model import Model
from anymedia.contracts.result import Answer
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Call, Job, Provider
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

PNG = b"\x89PNG\r\n\x1a\n"
FAILURES = [
    (HttpResponse(429, b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}'), "RateLimited"),
    (HttpResponse(403, b'{"error": {"status": "PERMISSION_DENIED"}}'), "AuthenticationFailed"),
    (HttpResponse(500, b'{"error": {"status": "INTERNAL"}}'), "ProviderUnavailable"),
    (HttpResponse(502, b"<html>"), "ProviderUnavailable"),
    (HttpResponse(200, b""), "UnreadableResponse"),
    (HttpResponse(200, b"<html>"), "UnreadableResponse"),
    (HttpResponse(200, b'{"candi'), "UnreadableResponse"),
]
"""What every operation can be answered with, and what that is."""


def encoded(data: bytes) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(data).decode()


def response(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"content-type": "application/json"})


def brief(provider: Provider, medium: str, name: str, **more: Any) -> Brief:
    """The brief for a listed model."""
    listed = catalogued(provider.name)
    found: Model = next(one for one in listed if (one.medium, one.id) == (medium, name))
    return Brief(model=found, **more)


def called(
    provider: Provider, request: Any, *answers: HttpResponse, given: Brief | None = None
) -> tuple[list[HttpRequest], Any]:
    """One call: what went out, and what came of the answers."""
    operation = provider.operation(request.medium, Call)
    assert isinstance(operation, Call)
    exchange = operation.exchange(request, given or Brief())
    sent, answer = replay(exchange, *answers, explain=provider.explain)
    assert isinstance(answer, Answer)
    return sent, answer


def job(provider: Provider) -> Job:
    """How clips are made."""
    operation = provider.operation("video", Job)
    assert isinstance(operation, Job)
    return operation


def submitted(
    provider: Provider, request: Any, answer: HttpResponse, given: Brief | None = None
) -> tuple[HttpRequest, Any]:
    """One submission."""
    exchange = job(provider).submit(request, given or Brief())
    sent, found = replay(exchange, answer, explain=provider.explain)
    return sent[0], found


def polled(provider: Provider, handle: str, answer: Any) -> tuple[HttpRequest, Any]:
    """One look at a job."""
    answered = answer if isinstance(answer, HttpResponse) else response(answer)
    sent, state = replay(job(provider).poll(handle), answered, explain=provider.explain)
    return sent[0], state
