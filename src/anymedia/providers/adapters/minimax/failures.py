"""What failures mean at MiniMax.

The older calls fail inside a 200, by `base_resp`; the newer ones by status, with an `error`.
"""

from __future__ import annotations

from contextlib import suppress

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
    UnreadableResponse,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_usually
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape


class Base(Shape):
    """How an older call went: 0 is well."""

    status_code: int | None = None
    status_msg: str | None = None


class Envelope(Shape):
    """Around every answer of an older call; a newer one's failure names its exchange beside it."""

    base_resp: Base | None = None
    request_id: str | None = None


def said(response: HttpResponse) -> Said:
    """The vendor's words, in whichever form."""
    base = response.read(Envelope).base_resp
    if base is None:
        return said_usually(response)
    return of(base)


def of(base: Base) -> Said:
    """An older call's words."""
    return Said(message=base.status_msg or "", code=str(base.status_code or ""))


SENSITIVE = "sensitive"
NOT_FOUND = "record not found"

TABLE = ErrorTable(
    (
        Rule(error=ContentRefused, code=("1026", "1027")),
        Rule(error=ContentRefused, status=(200, 400, 422), words="new_sensitive"),
        # The vendor's page and its command line disagree on these two; their words decide.
        Rule(error=ContentRefused, code=("1002", "1039"), words=SENSITIVE),
        Rule(error=RateLimited, code=("1002", "1039")),
        Rule(error=AuthenticationFailed, code=("1004", "2049", "2038")),
        Rule(
            error=InsufficientCredits,
            code=("1008", "1028", "1030", "2056", "insufficient_balance_error"),
        ),
        Rule(error=ModelUnavailable, code="2061"),
        Rule(error=RequestRejected, code="2013"),
        Rule(error=ProviderTimeout, code="1001", accepted="unknown"),
        Rule(error=ProviderUnavailable, code=("1000", "1024"), accepted="unknown"),
        # How a task ended, which was told in a 200.
        Rule(error=ProviderTimeout, code="expired", accepted="no"),
        Rule(error=ContentRefused, code="failed", words=SENSITIVE),
        Rule(error=ProviderError, code="failed", retryable=True, accepted="no"),
        Rule(error=ContentRefused, status=422, words=("sensitive", "1026")),
        # An unknown task is told as an outage.
        Rule(error=RequestRejected, status=500, words=NOT_FOUND, accepted="no"),
    ),
    reads=said,
    request_id_headers=("trace-id", "x-request-id"),
)


def well(base: Base | None, response: HttpResponse) -> None:
    """Raise what an older call's answer stands for, unless it went well."""
    if base is not None and base.status_code:
        raise TABLE.decide(of(base), status=200, request_id=request_id(response))


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response means."""
    error = TABLE(response)
    if error.request_id is None:
        with suppress(UnreadableResponse):
            error.request_id = response.read(Envelope).request_id
    return error


def gone(words: str, request: str | None) -> ProviderError:
    """A task that is not known there. As a 404: others say it so, and it is believed in time."""
    said = Said(message=words, code="task-unknown")
    return TABLE.decide(said, status=404, request_id=request)


def request_id(response: HttpResponse) -> str | None:
    """Their name of the exchange."""
    found: str | None = response.headers.get("trace-id") or response.headers.get("x-request-id")
    return found
