"""Many requests as one: handed in as JSONL, looked at, told in order, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import ClientDisconnect, Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from anymedia.contracts.batch import Batch, BatchItem, BatchRequest, BatchSettings
from anymedia.contracts.media import Medium, StoredArtifact
from anymedia.contracts.mistakes import valid
from anymedia.contracts.request import Request
from anymedia.gateway.callers import Caller
from anymedia.gateway.ours.reading import KEY, document
from anymedia.gateway.ours.schemas import answers
from anymedia.gateway.ours.shown import link, plain
from anymedia.gateway.shared.body import check_length, media_type
from anymedia.gateway.shared.document import as_json, encoded
from anymedia.gateway.shared.presence import CallerGone
from anymedia.gateway.shared.upload import pieces, uploaded
from anymedia.gateway.spec import Refused

if TYPE_CHECKING:
    from anymedia.batches.lines import Source
    from anymedia.client.batches import AsyncBatchesView
    from anymedia.gateway.app import Gateway

LINES = frozenset({"application/jsonl", "application/x-ndjson", "application/x-jsonlines"})
"""What a body of lines may call itself."""
SOON_SECONDS = 5
MEDIA: tuple[str, ...] = get_args(Medium)
FIELDS = frozenset(BatchSettings.model_fields) | {"media_type"}
DECODED = frozenset({"tags", "metadata"})
"""Settings that a form or an address says as JSON."""


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["batches"])

    @routes.post(
        "/api/batches",
        summary="Take many requests on as one: JSONL, a form with a file of it, or JSON",
        openapi_extra=asks(),
        responses=answers({202: Batch}),
    )
    async def create(request: HttpRequest) -> Response:
        caller = gateway.asker(request)
        caller.need("generate")
        match media_type(request):
            case "multipart/form-data":
                batch = await from_form(gateway, caller, request)
            case kind if kind in LINES:
                said = spoken(dict(request.query_params))
                batch = await taken(gateway, caller, request, said, body(gateway, request))
            case _:
                batch = await from_json(gateway, caller, request)
        headers = {"location": f"/api/batches/{batch.id}", "retry-after": str(SOON_SECONDS)}
        return as_json(plain(batch), 202, headers)

    @routes.get(
        "/api/batches",
        summary="Your batches, the newest first",
        responses=answers({200: LISTED}),
    )
    async def batches(
        request: HttpRequest, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> Response:
        found = await views(gateway, request).list(limit=limit)
        return as_json({"batches": [plain(one) for one in found]})

    @routes.get(
        "/api/batches/{batch_id}",
        summary="One batch: how its requests stand, what they have cost, how long it still takes",
        responses=answers({200: Batch}),
    )
    async def batch(request: HttpRequest, batch_id: str) -> Response:
        return as_json(plain(await views(gateway, request).get(batch_id)))

    @routes.get(
        "/api/batches/{batch_id}/results",
        summary="What became of the requests that are over, in the order they came in, as JSONL",
        responses={
            200: {
                "description": "A `BatchItem` a line",
                "content": {"application/jsonl": {"schema": {"type": "string"}}},
            },
            "default": answers({})["default"],
        },
    )
    async def results(request: HttpRequest, batch_id: str) -> Response:
        own = views(gateway, request)
        found = await own.get(batch_id)
        headers = {"x-batch-status": found.status}
        return StreamingResponse(
            told(own, batch_id), media_type="application/jsonl", headers=headers
        )

    @routes.post(
        "/api/batches/{batch_id}/cancel",
        summary="Begin nothing more of it, and stop what can be stopped",
        responses=answers({200: Batch, 202: Batch}),
    )
    async def cancel(request: HttpRequest, batch_id: str) -> Response:
        gateway.asker(request).need("generate")
        found = await views(gateway, request).cancel(batch_id)
        return as_json(plain(found), 200 if found.final else 202)

    return routes


LISTED = {
    "type": "object",
    "required": ["batches"],
    "properties": {"batches": {"type": "array", "items": {"$ref": "#/components/schemas/Batch"}}},
}


def asks() -> dict[str, Any]:
    """The bodies that make a batch."""
    text = {"schema": {"type": "string"}}
    form = {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                **{name: {"type": "string"} for name in sorted(FIELDS)},
            },
            "additionalProperties": False,
        }
    }
    whole = {"schema": {"$ref": "#/components/schemas/BatchRequest"}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": whole,
                "multipart/form-data": form,
                **dict.fromkeys(sorted(LINES), text),
            },
        }
    }


def views(gateway: Gateway, request: HttpRequest) -> AsyncBatchesView:
    """The batches of whoever asks, and nobody else's."""
    return gateway.client.batches.of(gateway.asker(request).owner)


# --- handing in -----------------------------------------------------------------------------


async def from_json(gateway: Gateway, caller: Caller, request: HttpRequest) -> Batch:
    """A JSON body."""
    asked = valid(BatchRequest, await document(request, gateway.limit_bytes), "the batch")
    said = asked.model_dump(exclude={"requests", "input_artifact"}, exclude_unset=True)
    if (asked.requests is None) == (asked.input_artifact is None):
        raise Refused("say either `requests` or `input_artifact`", param="requests")
    source: Source = asked.requests or ()
    if asked.input_artifact is not None:
        found = await gateway.jobs(request).artifact(asked.input_artifact)
        source = stored(found)
    return await taken(gateway, caller, request, said, source)


async def stored(artifact: StoredArtifact) -> AsyncIterator[bytes]:
    """An artifact's bytes."""
    yield await asyncio.to_thread(artifact.read)


async def from_form(gateway: Gateway, caller: Caller, request: HttpRequest) -> Batch:
    """A form with a file, which waits on the disk while its lines are read."""
    async with uploaded(request, gateway.limit_bytes) as (file, fields):
        return await taken(gateway, caller, request, spoken(dict(fields)), pieces(file))


async def body(gateway: Gateway, request: HttpRequest) -> AsyncIterator[bytes]:
    """The body as it comes."""
    check_length(request, gateway.limit_bytes)
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise CallerGone from None


def spoken(said: dict[str, Any]) -> dict[str, Any]:
    """Settings in words, as an address or a form has them."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        if name not in FIELDS:
            raise Refused(f"`{name[:60]}`: a batch has no such setting", param=name[:60])
        found[name] = value
        if name in DECODED and str(value)[:1] in {"[", "{"}:
            try:
                found[name] = msgspec.json.decode(str(value))
            except msgspec.DecodeError as error:
                raise Refused(f"`{name}` is not JSON: {error}", param=name) from None
        elif name == "tags":
            found[name] = str(value).split(",")
    return found


async def taken(
    gateway: Gateway,
    caller: Caller,
    request: HttpRequest,
    said: dict[str, Any],
    source: Source,
) -> Batch:
    """The batch, taken on within its caller's rights."""
    medium = said.pop("media_type", None)
    if medium is not None and medium not in MEDIA:
        raise Refused(f"`media_type`: expected one of {', '.join(MEDIA)}", param="media_type")
    settings = valid(BatchSettings, said, "the batch")
    keys = request.headers.getlist("idempotency-key")
    if keys:
        key = keys[0].strip()
        if len(keys) > 1 or not KEY.fullmatch(key):
            raise Refused("`Idempotency-Key` is one word of at most 255 letters")
        settings = settings.model_copy(update={"idempotency_key": key})

    async def permitted(wanted: Request[Any]) -> Request[Any]:
        found: Request[Any] = await gateway.client.permitted(wanted, caller)
        return found

    own = gateway.client.batches.of(caller.owner)
    return await own.create(source, settings, media_type=medium, check=permitted)


# --- telling --------------------------------------------------------------------------------


async def told(own: AsyncBatchesView, batch_id: str) -> AsyncIterator[bytes]:
    """The lines of the results."""
    async for item in own.results(batch_id):
        yield encoded(seen(item)) + b"\n"


def seen(item: BatchItem) -> dict[str, Any]:
    """A line as callers see it: artifacts by their address, not by their place with us."""
    document: dict[str, Any] = plain(item)
    for artifact in (document.get("result") or {}).get("artifacts", ()):
        artifact.pop("location", None)
        artifact["url"] = link(artifact["id"])
    return {name: value for name, value in document.items() if value is not None}
