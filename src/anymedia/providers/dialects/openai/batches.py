"""Batches of questions: a file of them goes up, files of answers come back.

https://platform.openai.com/docs/api-reference/batch (openai-python 3.52.0, read 2026-11-21).
A batch asks one path. What it came to lies in two files, of answers and of failures; questions
that its day was too short for are failures with the code `batch_expired`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from anymedia.contracts.errors import ProviderError, UnreadableResponse
from anymedia.contracts.job import CancelOutcome
from anymedia.contracts.problem import Problem
from anymedia.contracts.text import TextRequest
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
from anymedia.wire.http import FormPart, HttpRequest, HttpResponse, form_field, get, post
from anymedia.wire.shape import Shape, convert, read

PATHS = ("/chat/completions", "/responses")
MARKER = "anymedia"
"""Under which name our marker stands in the metadata."""
RUNNING = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
MOST_PAGES = 20
SLACK = timedelta(minutes=10)
"""Between our clock and theirs."""


class Counts(Shape):
    """How far it is."""

    total: int | None = None
    completed: int | None = None
    failed: int | None = None


class Mistake(Shape):
    """Why it was refused after all."""

    code: str | None = None
    line: int | None = None
    message: str | None = None


class Mistakes(Shape):
    """All of them."""

    data: tuple[Mistake, ...] | None = None


class Order(Shape):
    """A batch as it stands."""

    id: str
    status: str | None = None
    created_at: float | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: Mistakes | None = None
    request_counts: Counts | None = None
    metadata: dict[str, Any] | None = None


class Orders(Shape):
    """A page of batches, the newest first."""

    data: tuple[Order, ...] = ()
    has_more: bool | None = None


class File(Shape):
    """A file that was taken in."""

    id: str


class Said(Shape):
    """A response inside a line."""

    status_code: int | None = None
    body: Any = None


class Trouble(Shape):
    """A failure inside a line."""

    code: str | None = None
    message: str | None = None


class Line(Shape):
    """What became of one question."""

    custom_id: str
    response: Said | None = None
    error: Any = None


def batch() -> Batch:
    """The operation."""
    return Batch(
        request_type=TextRequest,
        group=group,
        stage=stage,
        submit=submit,
        poll=poll,
        results=results,
        read=reply,
        cancel=cancel,
        recovery=Lookup(find),
    )


def group(question: HttpRequest) -> str | None:
    """Questions of one path go together."""
    return question.path if question.path in PATHS else None


def stage(order: BatchOrder) -> Exchange[str]:
    """The questions as a file."""
    lines = b"".join(
        msgspec.json.encode(
            {"custom_id": name, "method": "POST", "url": f"/v1{order.group}", "body": body}
        )
        + b"\n"
        for name, body in order.lines
    )
    return (yield from uploaded(lines, order.marker))


def uploaded(lines: bytes, name: str) -> Exchange[str]:
    """The id of a file of lines."""
    response = yield post(
        "/files",
        parts=(
            form_field("purpose", "batch"),
            FormPart(
                name="file",
                content=lines,
                filename=f"{name}.jsonl",
                media_type="application/jsonl",
            ),
        ),
    )
    return response.read(File).id


def submit(order: BatchOrder, staged: str) -> Exchange[Submitted]:
    """Order it."""
    response = yield post(
        "/batches",
        json={
            "input_file_id": staged,
            "endpoint": f"/v1{order.group}",
            "completion_window": "24h",
            "metadata": {MARKER: order.marker},
        },
    )
    return Submitted(handle=response.read(Order).id)


def find(brief: Brief, sent_at: datetime) -> Exchange[Submitted | None]:
    """Look for our marker among the batches since then."""
    after: str | None = None
    for _ in range(MOST_PAGES):
        page = (yield get("/batches", query={"limit": 100, "after": after})).read(Orders)
        for one in page.data:
            if (one.metadata or {}).get(MARKER) == brief.marker:
                return Submitted(handle=one.id)
        oldest = page.data[-1] if page.data else None
        if oldest is None or not page.has_more:
            break
        if (oldest.created_at or 0) < (sent_at - SLACK).timestamp():
            break
        after = oldest.id
    return None


def poll(handle: str) -> Exchange[BatchState]:
    """How it stands."""
    order = (yield get(f"/batches/{quote(handle, safe='')}")).read(Order)
    counts = order.request_counts or Counts()
    done = (counts.completed or 0) + (counts.failed or 0)
    if order.status in RUNNING or order.status is None:
        return BatchState(status="running", done=done)
    files = [one for one in (order.output_file_id, order.error_file_id) if one]
    if order.status == "failed":
        return BatchState(status="ended", problem=refused(order), results=" ".join(files))
    known = {"completed", "expired", "cancelled"}
    if order.status not in known:  # a word that was added since: it is not over
        return BatchState(status="running", done=done)
    return BatchState(
        status="ended",
        expired=order.status == "expired",
        cancelled=order.status == "cancelled",
        done=done,
        results=" ".join(files),
    )


def refused(order: Order) -> Problem:
    """Why none of it was begun."""
    mistakes = (order.errors.data if order.errors else None) or ()
    words = "; ".join(one.message for one in mistakes[:5] if one.message)
    return Problem(
        code="INVALID_REQUEST",
        kind="RequestRejected",
        message=f"the provider refused the batch: {words or 'it gave no reason'}",
        provider_code=next((one.code for one in mistakes if one.code), None),
    )


def results(found: str) -> tuple[HttpRequest, ...]:
    """Both files."""
    return tuple(get(f"/files/{quote(one, safe='')}/content") for one in found.split())


def reply(line: bytes) -> BatchReply:
    """One line of either file."""
    said = read(line, Line)
    if said.error:
        trouble = in_words(said.error)
        match trouble.code:
            case "batch_expired":
                return BatchReply(line=said.custom_id, outcome="expired")
            case "batch_cancelled":
                return BatchReply(line=said.custom_id, outcome="cancelled")
        if said.response is None or said.response.status_code is None:
            error = {"message": trouble.message, "code": trouble.code}
            body = msgspec.json.encode({"error": error})
            return BatchReply(line=said.custom_id, response=json_response(500, body))
    if said.response is None:
        raise UnreadableResponse("a line of the results has neither answer nor failure")
    return BatchReply(
        line=said.custom_id,
        response=json_response(
            said.response.status_code or 200, msgspec.json.encode(said.response.body)
        ),
    )


def in_words(error: Any) -> Trouble:
    """A failure in whatever form."""
    return Trouble(message=error) if isinstance(error, str) else convert(error, Trouble)


def json_response(status: int, body: bytes) -> HttpResponse:
    """A response as it would have come alone."""
    return HttpResponse(status, body, {"content-type": "application/json"})


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Ask for it to be stopped. What is done by then is charged and comes all the same."""
    try:
        yield post(f"/batches/{quote(handle, safe='')}/cancel", json={})
    except ProviderError as error:
        if error.http_status in {400, 409}:  # it is over already
            return "impossible"
        raise
    return "requested"
