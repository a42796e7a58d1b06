"""Batches for one model of the Gemini API: a file of questions, a file of answers.

Forms as PyPI google-genai 3.4.0 writes and reads them (read 2026-11-21); lines of the files as the
guide to batches shows them (unverified).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from anymedia.contracts.errors import ProviderError, UnreadableResponse
from anymedia.contracts.job import CancelOutcome
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.problem import Problem
from anymedia.contracts.text import TextRequest
from anymedia.providers.adapters.google.files import upload
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

METHOD = ":generateContent"
MOST_PAGES = 20
CODES = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}
"""gRPC's numbers, which failures inside a file carry, as statuses."""
WORDS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


class Output(Shape, rename="camel"):
    """Where the answers are."""

    responses_file: str | None = None


class Stats(Shape, rename="camel"):
    """How far it is. Numbers come as text."""

    successful_request_count: int | None = None
    failed_request_count: int | None = None


class About(Shape, rename="camel"):
    """The batch inside its operation."""

    display_name: str | None = None
    state: str | None = None
    output: Output | None = None
    batch_stats: Stats | None = None


class Trouble(Shape):
    """Why it came to nothing."""

    message: str | None = None


class Operation(Shape, rename="camel"):
    """A batch as it stands."""

    name: str | None = None
    done: bool | None = None
    metadata: About | None = None
    response: Output | None = None
    error: Trouble | None = None


class Operations(Shape, rename="camel"):
    """A page of batches, the newest first."""

    operations: tuple[Operation, ...] | None = None
    next_page_token: str | None = None


class Line(Shape):
    """A line of the answers."""

    key: str
    response: Any = None
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
    """Questions for one model."""
    return question.path.removesuffix(METHOD) if question.path.endswith(METHOD) else None


def stage(order: BatchOrder) -> Exchange[str]:
    """The questions as a file."""
    lines = b"".join(
        msgspec.json.encode({"key": name, "request": body}) + b"\n" for name, body in order.lines
    )
    kept = yield from upload(
        MediaBytes(data=lines, media_type="application/jsonl", filename=f"{order.marker}.jsonl")
    )
    _, found, name = kept.url.rpartition("/files/")
    if not found:
        raise UnreadableResponse("the uploaded file has no name")
    return f"files/{name}"


def submit(order: BatchOrder, staged: str) -> Exchange[Submitted]:
    """Order it."""
    response = yield post(
        f"{order.group}:batchGenerateContent",
        json={"batch": {"displayName": order.marker, "inputConfig": {"fileName": staged}}},
    )
    name = response.read(Operation).name
    if not name:
        raise UnreadableResponse("the batch has no name", accepted="unknown")
    return Submitted(handle=name)


def find(brief: Brief, _: datetime) -> Exchange[Submitted | None]:
    """Look for our marker among the newest batches."""
    token: str | None = None
    for _page in range(MOST_PAGES):
        query = {"pageSize": 100, "pageToken": token}
        page = (yield get("/v1beta/batches", query=query)).read(Operations)
        for one in page.operations or ():
            if one.name and one.metadata and one.metadata.display_name == brief.marker:
                return Submitted(handle=one.name)
        token = page.next_page_token
        if not token:
            break
    return None


def poll(handle: str) -> Exchange[BatchState]:
    """How it stands."""
    found = (yield get(f"/v1beta/{quote(handle, safe='/')}")).read(Operation)
    about = found.metadata or About()
    stats = about.batch_stats or Stats()
    done = (stats.successful_request_count or 0) + (stats.failed_request_count or 0)
    state = (about.state or "").rpartition("STATE_")[2]
    output = about.output or found.response or Output()
    match state:
        case "SUCCEEDED" | "CANCELLED" | "EXPIRED":
            return BatchState(
                status="ended",
                expired=state == "EXPIRED",
                cancelled=state == "CANCELLED",
                done=done,
                results=output.responses_file or "",
            )
        case "FAILED":
            words = found.error.message if found.error else None
            problem = Problem(
                code="PROVIDER_ERROR",
                kind="ProviderUnavailable",
                message=f"the provider gave the batch up: {words or 'it gave no reason'}",
            )
            return BatchState(status="ended", problem=problem, results=output.responses_file or "")
        case _:
            return BatchState(status="running", done=done)


def results(found: str) -> tuple[HttpRequest, ...]:
    """The file of answers."""
    if not found:
        return ()
    path = f"/download/v1beta/{quote(found, safe='/')}:download"
    return (get(path, query={"alt": "media"}),)


def reply(line: bytes) -> BatchReply:
    """One line."""
    said = read(line, Line)
    if said.error:
        return BatchReply(line=said.key, response=failed(said.error))
    if said.response is None:
        raise UnreadableResponse("a line of the results has neither answer nor failure")
    return BatchReply(line=said.key, response=response(200, said.response))


def failed(error: Any) -> HttpResponse:
    """A failure as it would have come alone."""
    told = error if isinstance(error, dict) else {"message": str(error)}
    code = told.get("code")
    status = CODES.get(code, code) if isinstance(code, int) else 500
    status = status if status >= 400 else 500
    return response(
        status, {"error": {"status": WORDS.get(status, "INTERNAL"), **told, "code": status}}
    )


def response(status: int, body: Any) -> HttpResponse:
    """A response as it would have come alone."""
    return HttpResponse(status, msgspec.json.encode(body), {"content-type": "application/json"})


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Ask for it to be stopped."""
    try:
        yield post(f"/v1beta/{quote(handle, safe='/')}:cancel", json={})
    except ProviderError as error:
        if error.http_status in {400, 409}:  # it is over already
            return "impossible"
        raise
    return "requested"
