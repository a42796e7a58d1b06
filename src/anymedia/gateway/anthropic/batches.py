"""Batches in Anthropic's words: many messages at once, answered by anybody.

Names are checked before anything is taken on. What is wrong with a message is told as its result,
as Anthropic does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from anymedia.client.batches import AsyncBatchesView
from anymedia.contracts.batch import Batch
from anymedia.contracts.errors import NotFound
from anymedia.contracts.mistakes import printable
from anymedia.contracts.request import Request
from anymedia.gateway.anthropic.batch_lines import PREFIX, documents, each, lines, reader
from anymedia.gateway.anthropic.failures import MANNER
from anymedia.gateway.anthropic.routes import DIALECT, betas_of
from anymedia.gateway.shared.batched import checked, facts_of, handed_in, settings, unbegun
from anymedia.gateway.shared.body import written
from anymedia.gateway.shared.document import DEEP, as_json
from anymedia.gateway.shared.manner import route
from anymedia.gateway.shared.reading import wrong
from anymedia.gateway.spec import Gateway, Refused

PATH = "/v1/messages/batches"
THEIRS = "msgbatch_"
LINES = "application/x-jsonl"
DAY = timedelta(hours=24)
MOST_LISTED = 1000
USUALLY_LISTED = 20
FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
STATUS = {"queued": "in_progress", "running": "in_progress", "cancelling": "canceling"}


def batch_routes(gateway: Gateway) -> list[Route]:
    """`/v1/messages/batches`."""
    face = BatchesFace(gateway)
    return [
        route(PATH, MANNER, face.create),
        route(PATH, MANNER, face.batches, "GET"),
        route(f"{PATH}/{{id}}", MANNER, face.look, "GET"),
        route(f"{PATH}/{{id}}", MANNER, face.delete, "DELETE"),
        route(f"{PATH}/{{id}}/results", MANNER, face.results, "GET"),
        route(f"{PATH}/{{id}}/cancel", MANNER, face.cancel),
    ]


class BatchesFace:
    """What each route does."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(self, request: HttpRequest) -> Response:
        """`POST /v1/messages/batches`."""
        gateway, own = self._gateway, self._gateway.batches(request)
        asker = gateway.asker(request)
        fields = read(await written(request, gateway.limit_bytes))
        found = each(fields["requests"])
        further = fields.get("anymedia")

        async def permitted(wanted: Request[Any]) -> Request[Any]:
            return await gateway.permitted(wanted, asker)

        more = None if further is None else msgspec.json.decode(further)
        if not isinstance(more, dict | None):
            raise wrong("anymedia", "expected an object")
        batch = await own.create(
            documents(found),
            settings(request, DIALECT, {"messages": len(found)}, more, on_invalid="skip"),
            check=permitted,
            reader=reader(gateway, request, betas_of(request)),
            keeps_mistakes=True,
        )
        return as_json(await self._told(request, batch))

    async def batches(self, request: HttpRequest) -> Response:
        """`GET /v1/messages/batches`."""
        own, said = self._gateway.batches(request), request.query_params
        limit = said.get("limit", str(USUALLY_LISTED))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST_LISTED):
            raise wrong("limit", f"expected a number from 1 to {MOST_LISTED:,}")
        cursors = {name: said[name] for name in ("after_id", "before_id") if name in said}
        if len(cursors) == 2:
            raise wrong("before_id", "say either `after_id` or `before_id`")
        most = int(limit)
        try:
            found = await own.list(
                limit=most + 1,
                dialect=DIALECT,
                **{name.removesuffix("_id"): checked(ours(one)) for name, one in cursors.items()},
            )
        except NotFound:
            name, one = next(iter(cursors.items()))
            raise Refused(
                f"`{name}`: there is no batch `{printable(one[:100])}`", status=404, param=name
            ) from None
        page = found[-most:] if "before_id" in cursors else found[:most]
        shown = [await self._told(request, one) for one in page if facts_of(one, DIALECT)]
        return as_json(
            {
                "data": shown,
                "has_more": len(found) > most,
                "first_id": shown[0]["id"] if shown else None,
                "last_id": shown[-1]["id"] if shown else None,
            }
        )

    async def look(self, request: HttpRequest) -> Response:
        """`GET /v1/messages/batches/{id}`."""
        return as_json(await self._told(request, await self._batch(request)))

    async def results(self, request: HttpRequest) -> Response:
        """`GET /v1/messages/batches/{id}/results`."""
        batch = await self._batch(request)
        if not batch.final:
            raise Refused("the batch has no results yet; `processing_status` says when", status=404)
        own = self._gateway.batches(request)
        return StreamingResponse(lines(own, batch, request), media_type=LINES)

    async def cancel(self, request: HttpRequest) -> Response:
        """`POST /v1/messages/batches/{id}/cancel`."""
        self._gateway.asker(request)
        batch = await self._batch(request)
        if batch.final:
            raise Refused("the batch has ended")
        stopped = await self._gateway.batches(request).cancel(batch.id)
        return as_json(await self._told(request, stopped))

    async def delete(self, request: HttpRequest) -> Response:
        """`DELETE /v1/messages/batches/{id}`."""
        batch = await self._batch(request)
        if not batch.final:
            raise Refused("the batch has not ended; cancel it first, and wait for its end")
        await self._gateway.batches(request).forget(batch.id)
        return as_json({"id": theirs(batch), "type": "message_batch_deleted"})

    async def _batch(self, request: HttpRequest) -> Batch:
        name = request.path_params["id"]
        try:
            return await handed_in(self._gateway.batches(request), ours(name), DIALECT)
        except NotFound:
            raise NotFound(f"there is no batch `{printable(name[:100])}`") from None

    async def _told(self, request: HttpRequest, batch: Batch) -> dict[str, Any]:
        """A batch."""
        over = batch.final
        return {
            "id": theirs(batch),
            "type": "message_batch",
            "processing_status": "ended" if over else STATUS[batch.status],
            "request_counts": await counted(self._gateway.batches(request), batch),
            "created_at": batch.created_at.isoformat(),
            "expires_at": (batch.created_at + DAY).isoformat(),
            "ended_at": batch.finished_at.isoformat() if batch.finished_at else None,
            "cancel_initiated_at": (
                batch.updated_at.isoformat() if batch.status.startswith("cancel") else None
            ),
            "archived_at": None,
            "results_url": (
                f"{self._gateway.address(request)}{PATH}/{theirs(batch)}/results" if over else None
            ),
            "cost": None if batch.cost.amount is None else float(batch.cost.amount),
        }


def read(content: bytes) -> dict[str, msgspec.Raw]:
    """The body's fields, each as it was written: a message is read when it is its turn."""
    try:
        fields = FIELDS.decode(content)
    except RecursionError:
        raise Refused(DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("the body is not a JSON object") from None
    for name in fields.keys() - {"requests", "anymedia"}:
        raise wrong(name[:60], "a batch has no such field")
    if "requests" not in fields:
        raise wrong("requests", "is missing")
    return fields


async def counted(own: AsyncBatchesView, batch: Batch) -> dict[str, int]:
    """How many messages stand how: as Anthropic counts, told when the batch is over."""
    counts = batch.counts
    told = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    if not batch.final:
        return {**told, "processing": counts.total}
    late = await own.expired(batch.id) if counts.failed else 0
    words = {"cancelled": "canceled", "expired": "expired", "failed": "errored"}
    told |= {
        "succeeded": counts.succeeded,
        "errored": counts.failed - late + counts.outcome_unknown + counts.invalid,
        "expired": late,
    }
    told[words[unbegun(batch)]] += counts.cancelled
    return told


def theirs(batch: Batch) -> str:
    """The id of a batch, as Anthropic's look."""
    return THEIRS + batch.id.removeprefix(PREFIX)


def ours(name: str) -> str:
    """The id that stands for it here."""
    return PREFIX + name.removeprefix(THEIRS)
