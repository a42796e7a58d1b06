"""What this dialect's failures mean: as responses, inside a 200, and in the middle of a stream.

The type stands in `error.type`, a finer code sometimes in `error.details.error_code`. A failure
after the head of a stream comes as an `error` event and is decided without a status.
"""

from __future__ import annotations

from dataclasses import replace
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
from anymedia.providers.explain import ErrorTable, Rule, Said, said_in, said_usually, text
from anymedia.wire.http import HttpResponse

INSIDE = 0
"""The status of failures that have none of their own: inside a 200, or in a stream."""

NO_MONEY = (
    "billing_error",
    "linked_organization_*",
    "contract_spend_limit_reached",
    "enforced_spend_limit_reached",
)
EMPTY_ACCOUNT = (
    # A limit that the customer has set, and a balance that is used up: both are a 400.
    "you have reached your specified",
    "credit balance is too low",
)


def said(response: HttpResponse) -> Said:
    """The words of a failed response."""
    try:
        return said_inside(msgspec.json.decode(response.content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return said_usually(response)


def said_inside(body: Any) -> Said:
    """The same for JSON that is already decoded: the finer code, where there is one."""
    plain = said_in(body)
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    code = text(details.get("error_code")) if isinstance(details, dict) else ""
    return replace(plain, code=code) if code else plain


ANTHROPIC_ERRORS = ErrorTable(
    rules=(
        Rule(error=InsufficientCredits, code=NO_MONEY, accepted="no"),
        Rule(
            error=InsufficientCredits,
            status=(INSIDE, 400, 429),
            words=EMPTY_ACCOUNT,
            accepted="no",
        ),
        # The cap of a usage tier: a 429 that no waiting ends.
        Rule(error=InsufficientCredits, status=429, words=("spend limit", "spend cap")),
        Rule(error=AuthenticationFailed, code="organization_on_hold"),
        Rule(
            error=ContentRefused,
            status=(INSIDE, 400),
            words=("content filtering", "content filter"),
        ),
        Rule(error=ModelUnavailable, status=(INSIDE, 404), code="not_found_error", words="model:"),
        Rule(error=ProviderUnavailable, status=409, code="conflict_error"),
        # Turned away at the door: unlike other 5xx it proves that no work was begun.
        Rule(error=ProviderUnavailable, status=529, code="overloaded_error", accepted="no"),
        Rule(error=ProviderUnavailable, status=INSIDE, code=("overloaded_error", "api_error")),
        Rule(error=ProviderTimeout, status=INSIDE, code="timeout_error"),
        Rule(error=RateLimited, status=INSIDE, code="rate_limit_error"),
        Rule(
            error=AuthenticationFailed,
            status=INSIDE,
            code=("authentication_error", "permission_error"),
        ),
        Rule(
            error=RequestRejected,
            status=INSIDE,
            code=("invalid_request_error", "request_too_large", "not_found_error"),
        ),
    ),
    reads=said,
    request_id_headers=("request-id", "x-request-id"),
)


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response means; the provider's word on retrying overrules the table."""
    error = ANTHROPIC_ERRORS(response)
    error.request_id = error.request_id or id_in(response.content)
    match response.headers.get("x-should-retry"):
        case "false":
            error.retryable = False
        case "true" if not isinstance(error, InsufficientCredits):
            error.retryable = True
        case _:
            pass
    return error


def failure_inside(body: Any, errors: ErrorTable, request_id: str | None = None) -> ProviderError:
    """The error that a 200 or a stream carries; `body` is the decoded JSON around it."""
    return errors.decide(said_inside(body), status=INSIDE, request_id=request_id or own_id(body))


def request_id(response: HttpResponse, errors: ErrorTable) -> str | None:
    """The provider's id for the exchange, from whichever header it uses."""
    return response.headers.first(errors.request_id_headers)


def id_in(content: bytes) -> str | None:
    """The id that a failure's body repeats, for where a proxy has taken the header."""
    try:
        return own_id(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def own_id(body: Any) -> str | None:
    """The same for decoded JSON."""
    found = body.get("request_id") if isinstance(body, dict) else None
    return found[:200] if isinstance(found, str) and found else None
