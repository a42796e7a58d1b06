"""Batches in OpenAI's words: a file of questions in, a file of answers out, answered by anybody.

Every line is read before anything is begun. A mistake is told as OpenAI tells it: the batch has
`failed`, and `errors` has the line.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from anymedia.client.batches import AsyncBatchesView
from anymedia.contracts.batch import Batch
from anymedia.contracts.errors import NotFound
from anymedia.contracts.mistakes import printable
from anymedia.contracts.request import Request
from anymedia.gateway.openai.asking import DIALECT, page_of
from anymedia.gateway.openai.batch_lines import ENDPOINTS, reader
from anymedia.gateway.openai.batch_output import STATUSES, Kind, file_id
from anymedia.gateway.openai.failures import MANNER
from anymedia.gateway.openai.files import kept
from anymedia.gateway.shared.batched import checked, facts_of, handed_in, settings, unbegun
from anymedia.gateway.shared.body import document
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.shared.manner import route
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.gateway.spec import Gateway, Refused

PATH = "/v1/batches"
ENDPOINT, FILE, METADATA = "endpoint", "input_file_id", "metadata"
MOST_PAIRS, LONGEST_NAME, LONGEST_VALUE = 16, 64, 512
STATUS = {
    "queued": "validating",
    "running": "in_progress",
    "cancelling": "cancelling",
    "completed": "completed",
    "cancelled": "cancelled",
}
ENDS = ("completed", "failed", "expired", "cancelled")


class Body(msgspec.Struct):
    """What is asked."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    output_expires_after: Any = None
    anymedia: dict[str, Any] | None = None


def batch_routes(gateway: Gateway) -> list[Route]:
    """`/v1/batches`."""
    face = BatchesFace(gateway)
    return [
        route(PATH, MANNER, face.create),
        route(PATH, MANNER, face.batches, "GET"),
        route(f"{PATH}/{{id}}", MANNER, face.look, "GET"),
        route(f"{PATH}/{{id}}/cancel", MANNER, face.cancel),
    ]


class BatchesFace:
    """What each route does."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(self, request: HttpRequest) -> Response:
        """`POST /v1/batches`."""
        gateway, own = self._gateway, self._gateway.batches(request)
        asker = gateway.asker(request)
        reading = Reading(await document(request, gateway.limit_bytes))
        body = reading.top(Body)
        check(body, reading)
        try:
            file = await kept(gateway, request, body.input_file_id)
        except NotFound as error:
            raise Refused(error.message, status=404, param=FILE) from None

        async def permitted(wanted: Request[Any]) -> Request[Any]:
            return await gateway.permitted(wanted, asker)

        facts = {ENDPOINT: body.endpoint, FILE: body.input_file_id, METADATA: body.metadata}
        batch = await own.create(
            own.files.pieces(file),
            settings(request, DIALECT, facts, body.anymedia, window=body.completion_window),
            check=permitted,
            reader=reader(gateway, request, body.endpoint),
            keeps_mistakes=True,
        )
        return as_json(await told(own, batch))

    async def batches(self, request: HttpRequest) -> Response:
        """`GET /v1/batches`."""
        own = self._gateway.batches(request)
        limit, after = page_of(request)
        if "order" in request.query_params:
            raise wrong("order", "batches are listed with the newest first; leave it out")
        try:
            last = None if after is None else checked(after)
            found = await own.list(limit=limit + 1, after=last, dialect=DIALECT)
        except NotFound:
            raise Refused(
                f"`after`: there is no batch `{printable((after or '')[:100])}`",
                status=404,
                param="after",
            ) from None
        page = [await told(own, one) for one in found[:limit] if facts_of(one, DIALECT)]
        return as_json(
            {
                "object": "list",
                "data": page,
                "has_more": len(found) > limit,
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
            }
        )

    async def look(self, request: HttpRequest) -> Response:
        """`GET /v1/batches/{id}`."""
        own = self._gateway.batches(request)
        return as_json(await told(own, await self._batch(request)))

    async def cancel(self, request: HttpRequest) -> Response:
        """`POST /v1/batches/{id}/cancel`."""
        self._gateway.asker(request)
        own, batch = self._gateway.batches(request), await self._batch(request)
        if batch.final:
            raise Refused(f"batch `{batch.id}` is over: it is `{status_of(batch)}`", status=409)
        return as_json(await told(own, await own.cancel(batch.id)))

    async def _batch(self, request: HttpRequest) -> Batch:
        own = self._gateway.batches(request)
        return await handed_in(own, request.path_params["id"], DIALECT)


def check(body: Body, reading: Reading) -> None:
    """Refuse what there is not, by its name."""
    for name in reading.strangers:
        raise wrong(name, "a batch has no such field")
    if body.endpoint not in ENDPOINTS:
        known = ", ".join(f"`{one}`" for one in ENDPOINTS)
        raise wrong(ENDPOINT, f"expected one of {known}")
    if body.output_expires_after is not None:
        raise wrong("output_expires_after", "outputs stay until they are deleted; leave it out")
    said = body.metadata or {}
    if len(said) > MOST_PAIRS or any(
        len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE for name, value in said.items()
    ):
        raise wrong(
            METADATA,
            f"expected at most {MOST_PAIRS} texts of at most {LONGEST_VALUE} letters, with names "
            f"of at most {LONGEST_NAME}",
        )


async def told(own: AsyncBatchesView, batch: Batch) -> dict[str, Any]:
    """A batch."""
    facts = facts_of(batch, DIALECT) or {}
    status, counts = status_of(batch), batch.counts
    ended = None if batch.finished_at is None else int(batch.finished_at.timestamp())
    created = int(batch.created_at.timestamp())
    seconds = batch.settings.timeout_seconds or 0
    files = {kind: await named(own, batch, kind) for kind in STATUSES}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": facts.get(ENDPOINT),
        "input_file_id": facts.get(FILE),
        "completion_window": batch.settings.completion_window,
        "status": status,
        "errors": errors(batch) if status == "failed" else None,
        "output_file_id": files["output"],
        "error_file_id": files["error"],
        "created_at": created,
        "in_progress_at": None,
        "finalizing_at": None,
        "expires_at": int(created + seconds),
        **{f"{one}_at": ended if status == one else None for one in ENDS},
        "cancelling_at": None,
        "request_counts": {
            "total": counts.total,
            "completed": counts.succeeded,
            "failed": counts.ended - counts.succeeded,
        },
        "metadata": facts.get(METADATA),
        "cost": None if batch.cost.amount is None else float(batch.cost.amount),
    }


def status_of(batch: Batch) -> str:
    """How it stands, in OpenAI's words; one that ran out of time has expired."""
    if batch.status != "stopped":
        return STATUS[batch.status]
    return unbegun(batch)


def errors(batch: Batch) -> dict[str, Any]:
    """Why nothing, or nothing more, was begun: lines that are no questions, or the money."""
    data = [
        {
            "code": one.code or "invalid_request",
            "line": one.line,
            "message": one.message,
            "param": one.param,
        }
        for one in batch.mistakes
    ]
    if not data and batch.problem is not None:
        code = batch.problem.code.lower()
        data = [{"code": code, "line": None, "message": batch.problem.message, "param": None}]
    return {"object": "list", "data": data}


async def named(own: AsyncBatchesView, batch: Batch, kind: Kind) -> str | None:
    """The id of one of its outputs, if there is anything in it."""
    good, bad = batch.counts.succeeded, batch.counts.ended - batch.counts.succeeded
    if not batch.final or not (good if kind == "output" else bad):
        return None
    return file_id(batch, kind) if await own.holds_answers(batch.id, STATUSES[kind]) else None
