"""What Google's failures mean: as responses, inside a 200, in a stream, and in an operation.

The status word (`INVALID_ARGUMENT`) is the code; the reason in `ErrorInfo` is finer. Operations
and interactions say numbers or words of their own. Refusals by the safety system come as 200s
with a reason, and are decided by it.

https://ai.google.dev/gemini-api/docs/troubleshooting (PyPI google-genai 3.4.0, read 2026-11-21)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_usually, text
from anymedia.wire.http import HttpResponse

INSIDE = 0
"""The status of failures that have none of their own: inside a 200, in a stream, in a job."""
REFUSALS = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
    *("JAILBREAK", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)
"""Reasons of the safety system, for prompts and for answers."""
KEY = ("API_KEY_*", "ACCESS_TOKEN_*", "SERVICE_DISABLED", "CONSUMER_SUSPENDED")
GONE = (
    *("is not found for api version", "is no longer available", "no longer supported"),
    *("publisher model", "model not found"),
)
EMPTY_ACCOUNT = ("depleted", "prepay", "spend cap", "spending cap", "spending limit")
POLICY = ("usage guidelines", "safety", "responsible ai", "sensitive words", "violate")
SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")
PER_DAY = "PerDay"


def said(response: HttpResponse) -> Said:
    """The words of a failed response; Google's own pages may be HTML."""
    body = decoded(response)
    return said_usually(response) if body is None else said_inside(body)


def decoded(response: HttpResponse) -> Any:
    """The body as JSON; nothing where it is something else."""
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def said_inside(body: Any) -> Said:
    """The same for JSON that is decoded; a stream without events comes as a list."""
    error = error_in(body)
    if not isinstance(error, dict):
        return Said(message=text(error))
    reason = next((found for one in details(error) if (found := text(one.get("reason")))), "")
    return Said(
        message=text(error.get("message")),
        code=text(error.get("status")) or text(error.get("code")),
        type=reason,
    )


TABLE = ErrorTable(
    rules=(
        Rule(error=AuthenticationFailed, status=(INSIDE, 400, 401, 403), code=KEY),
        Rule(error=InsufficientCredits, code="BILLING_DISABLED"),
        Rule(error=InsufficientCredits, status=(INSIDE, 402, 429), words=EMPTY_ACCOUNT),
        Rule(
            error=InsufficientCredits,
            status=400,
            code="FAILED_PRECONDITION",
            words=("billing", "prepay", "credits"),
        ),
        Rule(error=ModelUnavailable, status=(INSIDE, 404), words=GONE),
        Rule(error=ContentRefused, code=REFUSALS),
        Rule(
            error=ContentRefused, status=(INSIDE, 400), code=("3", "INVALID_ARGUMENT"), words=POLICY
        ),
        Rule(error=RequestRejected, status=404),
        # A conflict and what is not built were both turned away before any work.
        Rule(error=ProviderUnavailable, status=409, accepted="no"),
        Rule(error=ProviderError, status=499, accepted="unknown"),
        Rule(error=RequestRejected, status=501, accepted="no"),
        # gRPC's numbers, and the words that go with them.
        Rule(
            error=RateLimited, status=INSIDE, code=("8", "429", "RESOURCE_EXHAUSTED"), accepted="no"
        ),
        Rule(error=ProviderTimeout, status=INSIDE, code=("4", "504", "DEADLINE_EXCEEDED")),
        Rule(
            error=ProviderUnavailable,
            status=INSIDE,
            code=("2", "10", "13", "14", "15", "500", "503", "INTERNAL", "UNAVAILABLE", "UNKNOWN"),
        ),
        Rule(
            error=AuthenticationFailed,
            status=INSIDE,
            code=("7", "16", "401", "403", "PERMISSION_DENIED", "UNAUTHENTICATED"),
            accepted="no",
        ),
        Rule(error=ModelUnavailable, status=INSIDE, code=("5", "404", "NOT_FOUND"), words="model"),
        Rule(
            error=RequestRejected,
            status=INSIDE,
            code=(
                *("3", "5", "9", "11", "12", "400", "404", "INVALID_ARGUMENT", "NOT_FOUND"),
                *("FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED", "LANGUAGE"),
                "MISSING_THOUGHT_SIGNATURE",
            ),
            accepted="no",
        ),
    ),
    reads=said,
)


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response means. Never raises."""
    error = TABLE(response)
    return adjusted(error, decoded(response))


def failure_inside(body: Any, request_id: str | None = None) -> ProviderError:
    """The error that a 200, a stream or an operation carries; `body` holds it under `error`."""
    error = TABLE.decide(said_inside(body), status=INSIDE, request_id=request_id)
    return adjusted(error, body)


def refused(reason: str, message: str | None, request_id: str | None = None) -> ProviderError:
    """The error for a reason that stands where content should be: nothing will come of it."""
    words = message or f"the provider gave `{reason}` instead of a result"
    error = TABLE.decide(Said(message=words, code=reason), status=INSIDE, request_id=request_id)
    error.accepted = "no"
    return error


def error_in(body: Any) -> Any:
    """The error object in a body, or the body where it is one itself."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict) and body.get("error"):
        return body["error"]
    return body


def details(error: Any) -> Iterator[dict[str, Any]]:
    """The typed facts beside a failure."""
    found = error.get("details") if isinstance(error, dict) else None
    if isinstance(found, list):
        yield from (one for one in found if isinstance(one, dict))


def adjusted(error: ProviderError, body: Any) -> ProviderError:
    """The error with what only the details tell: when there is room again, and for which quota."""
    for one in details(error_in(body)):
        delay = one.get("retryDelay")
        if error.retry_after is None and (seconds := duration(delay)) is not None:
            error.retry_after = seconds
        violations = one.get("violations")
        quotas = [
            text(found.get("quotaId"))
            for found in (violations if isinstance(violations, list) else ())
            if isinstance(found, dict)
        ]
        if isinstance(error, RateLimited) and any(PER_DAY in quota for quota in quotas):
            error.retryable = False  # no wait that a request can make ends a day's quota
    return error


def duration(value: Any) -> float | None:
    """Seconds as protocol buffers write them in JSON, such as `48.9s`."""
    match = SECONDS.fullmatch(value) if isinstance(value, str) else None
    seconds = float(match[1]) if match else math.inf
    return seconds if seconds < 1e9 else None
