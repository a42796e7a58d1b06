"""Batches of messages: all questions in one request, all answers in one stream of lines.

https://platform.claude.com/docs/en/build-with-claude/batch-processing (anthropic 2.11.0 on PyPI,
read 2026-11-21). A batch carries no label, and its list does not tell one of ours from others. Our
marker stands in the names of its messages, which come back with the results: so an order whose
answer was lost is known once it has ended, which it has within a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from anymedia.contracts.errors import ProviderError, UnreadableResponse
from anymedia.contracts.job import CancelOutcome
from anymedia.contracts.text import TextRequest
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.spec import (
    Batch,
    BatchOrder,
    BatchReply,
    BatchState,
    Brief,
    Lookup,
    Submitted,
)
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, get, post
from anymedia.wire.shape import Shape, read

PATH = "/v1/messages/batches"
BETWEEN = "_"
"""Stands between our marker and the name of a line, which has none."""
SLACK = timedelta(minutes=15)
"""How far its clock may be from ours."""
APPEARS_SECONDS = 25 * 3600.0
MOST_PAGES = 50
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that a failure would have come with, had it been asked alone."""


class Counts(Shape):
    """How far it is: told when it is over."""

    processing: int | None = None
    succeeded: int | None = None
    errored: int | None = None
    canceled: int | None = None
    expired: int | None = None


class Batched(Shape):
    """A batch as it stands."""

    id: str
    processing_status: str | None = None
    request_counts: Counts | None = None
    created_at: str | None = None
    results_url: str | None = None
    cancel_initiated_at: str | None = None


class Listed(Shape):
    """A page of the list, the newest first."""

    data: tuple[Batched, ...] = ()
    has_more: bool = False


class Outcome(Shape):
    """What became of one question."""

    type: str | None = None
    message: Any = None
    error: Any = None


class Line(Shape):
    """A line of the results."""

    custom_id: str
    result: Outcome


def batch() -> Batch:
    """The operation."""
    return Batch(
        request_type=TextRequest,
        group=group,
        submit=submit,
        poll=poll,
        results=results,
        read=reply,
        cancel=cancel,
        recovery=Lookup(find, proves_absence=False, appears_within_seconds=APPEARS_SECONDS),
    )


def group(question: HttpRequest) -> str | None:
    """Questions for one version of the API; betas are asked for by a header of each."""
    if question.path != "/v1/messages" or "anthropic-beta" in question.headers:
        return None
    return question.headers.get("anthropic-version")


def submit(order: BatchOrder, _: str) -> Exchange[Submitted]:
    """Order it. Long answers, which are streamed when asked for alone, are not here."""
    requests = [
        {
            "custom_id": f"{order.marker}{BETWEEN}{name}",
            "params": {field: value for field, value in body.items() if field != "stream"},
        }
        for name, body in order.lines
    ]
    response = yield post(
        PATH, json={"requests": requests}, headers={"anthropic-version": order.group}
    )
    found = response.read(Batched)
    return Submitted(handle=f"{order.group} {found.id}", request_id=found.id)


def find(brief: Brief, sent_at: datetime) -> Exchange[Submitted | None]:
    """Look for our marker in the results of batches that have ended and have as many messages."""
    version = Quirks().version
    headers, after = {"anthropic-version": version}, None
    for _ in range(MOST_PAGES):
        asked = get(PATH, query={"limit": 100, "after_id": after}, headers=headers)
        page = (yield asked).read(Listed)
        for one in page.data:
            made = moment(one.created_at)
            if made is not None and made < sent_at - SLACK:
                return None
            if one.processing_status != "ended" or not as_many(one, brief.requests):
                continue
            handle = f"{version} {one.id}"
            (asked,) = results(handle)
            first, _, _ = (yield asked).content.partition(b"\n")
            if read(first, Line).custom_id.startswith(f"{brief.marker}{BETWEEN}"):
                return Submitted(handle=handle, request_id=one.id)
        if not page.has_more or not page.data:
            break
        after = page.data[-1].id
    return None


def moment(said: str | None) -> datetime | None:
    """A time, where it is one that can be compared."""
    try:
        found = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def as_many(one: Batched, wanted: int | None) -> bool:
    """Whether a batch has so many messages."""
    counts = one.request_counts
    if wanted is None or counts is None:
        return True
    every = (
        *(counts.processing, counts.succeeded, counts.errored, counts.canceled),
        counts.expired,
    )
    return sum(one or 0 for one in every) == wanted


def told(handle: str) -> tuple[dict[str, str], str]:
    """The version of the API that it was ordered in, as a header, and its address."""
    version, _, name = handle.partition(" ")
    return {"anthropic-version": version}, f"{PATH}/{quote(name, safe='')}"


def poll(handle: str) -> Exchange[BatchState]:
    """How it stands."""
    headers, address = told(handle)
    found = (yield get(address, headers=headers)).read(Batched)
    counts = found.request_counts or Counts()
    done = sum(
        one or 0 for one in (counts.succeeded, counts.errored, counts.canceled, counts.expired)
    )
    if found.processing_status != "ended":
        return BatchState(status="running", done=done)
    return BatchState(
        status="ended",
        expired=bool(counts.expired),
        cancelled=bool(counts.canceled),
        done=done,
        results=handle,
    )


def results(found: str) -> tuple[HttpRequest, ...]:
    """All lines, in any order."""
    headers, address = told(found)
    return (get(f"{address}/results", headers=headers),)


def reply(line: bytes) -> BatchReply:
    """One line."""
    said = read(line, Line)
    name = said.custom_id.rpartition(BETWEEN)[2]
    match said.result.type:
        case "succeeded":
            return BatchReply(line=name, response=response(200, said.result.message))
        case "errored":
            return BatchReply(line=name, response=failed(said.result.error))
        case "expired":
            return BatchReply(line=name, outcome="expired")
        case "canceled":
            return BatchReply(line=name, outcome="cancelled")
        case _:
            raise UnreadableResponse("a line of the results has an outcome that is not documented")


def failed(error: Any) -> HttpResponse:
    """A failure, which says of itself that it is one or is only the inner half."""
    whole = error if isinstance(error, dict) else {}
    if whole.get("type") != "error":
        whole = {"type": "error", "error": whole}
    inner = whole.get("error")
    kind = inner.get("type") if isinstance(inner, dict) else None
    return response(STATUSES.get(str(kind), 500), whole)


def response(status: int, body: Any) -> HttpResponse:
    """A response as it would have come alone."""
    return HttpResponse(status, msgspec.json.encode(body), {"content-type": "application/json"})


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Ask for it to be stopped."""
    headers, address = told(handle)
    try:
        yield post(f"{address}/cancel", json={}, headers=headers)
    except ProviderError as error:
        if error.http_status in {400, 409}:  # it is over already
            return "impossible"
        raise
    return "requested"
