"""Mistral's batches: a file of questions for one model, files of answers and of failures.

https://docs.mistral.ai/api/#tag/batch (PyPI mistralai 3.7.0, read 2026-11-21). The lines of the
results are as OpenAI's (unverified).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from anymedia.contracts.errors import ProviderError
from anymedia.contracts.job import CancelOutcome
from anymedia.contracts.problem import Problem
from anymedia.contracts.text import TextRequest
from anymedia.providers.dialects.openai.batches import MARKER, reply, results, uploaded
from anymedia.providers.spec import Batch, BatchOrder, BatchState, Brief, Lookup, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, Query, get, post
from anymedia.wire.shape import Shape

PATH = "/chat/completions"
HOURS = 24
MOST_PAGES = 10
PAGE = 100


class Trouble(Shape):
    """Something that went wrong with it as a whole."""

    message: str | None = None
    count: int | None = None


class Work(Shape):
    """A batch as it stands."""

    id: str
    status: str | None = None
    output_file: str | None = None
    error_file: str | None = None
    errors: tuple[Trouble, ...] | None = None
    completed_requests: int | None = None
    metadata: dict[str, Any] | None = None


class Works(Shape):
    """A page of batches."""

    data: tuple[Work, ...] | None = None


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
    """Everything that is asked in a chat."""
    return PATH if question.path == PATH else None


def stage(order: BatchOrder) -> Exchange[str]:
    """The questions as a file; the model stands in the order."""
    lines = b"".join(
        msgspec.json.encode(
            {
                "custom_id": name,
                "body": {field: value for field, value in body.items() if field != "model"},
            }
        )
        + b"\n"
        for name, body in order.lines
    )
    return (yield from uploaded(lines, order.marker))


def submit(order: BatchOrder, staged: str) -> Exchange[Submitted]:
    """Order it."""
    response = yield post(
        "/batch/jobs",
        json={
            "endpoint": f"/v1{PATH}",
            "model": order.model,
            "input_files": [staged],
            "timeout_hours": HOURS,
            "metadata": {MARKER: order.marker},
        },
    )
    return Submitted(handle=response.read(Work).id)


def find(brief: Brief, sent_at: datetime) -> Exchange[Submitted | None]:
    """Look for our marker among the batches since then."""
    for number in range(MOST_PAGES):
        query: Query = {"page": number, "page_size": PAGE, "created_after": sent_at.isoformat()}
        page = (yield get("/batch/jobs", query=query)).read(Works).data or ()
        for one in page:
            if (one.metadata or {}).get(MARKER) == brief.marker:
                return Submitted(handle=one.id)
        if len(page) < PAGE:
            break
    return None


def poll(handle: str) -> Exchange[BatchState]:
    """How it stands."""
    work = (yield get(f"/batch/jobs/{quote(handle, safe='')}")).read(Work)
    files = " ".join(one for one in (work.output_file, work.error_file) if one)
    match work.status:
        case "SUCCESS" | "TIMEOUT_EXCEEDED" | "CANCELLED":
            return BatchState(
                status="ended",
                expired=work.status == "TIMEOUT_EXCEEDED",
                cancelled=work.status == "CANCELLED",
                done=work.completed_requests,
                results=files,
            )
        case "FAILED":
            words = "; ".join(one.message for one in work.errors or () if one.message)
            problem = Problem(
                code="PROVIDER_ERROR",
                kind="ProviderUnavailable",
                message=f"the provider gave the batch up: {words or 'it gave no reason'}",
            )
            return BatchState(status="ended", problem=problem, results=files)
        case _:  # queued, running, being cancelled, or a word that was added since
            return BatchState(status="running", done=work.completed_requests)


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Ask for it to be stopped."""
    try:
        yield post(f"/batch/jobs/{quote(handle, safe='')}/cancel", json={})
    except ProviderError as error:
        if error.http_status in {400, 409, 422}:  # it is over already
            return "impossible"
        raise
    return "requested"
