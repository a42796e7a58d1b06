"""Files, as far as batches need them: lines that are handed in, and what became of them.

What is handed in is an artifact of its owner's. What comes out stands in the batch (`batch_output`).
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from anymedia.batches.files import KeptFile
from anymedia.contracts.errors import NotFound, UnreadableResponse
from anymedia.contracts.mistakes import printable
from anymedia.gateway.openai.batch_output import STATUSES, Output, output
from anymedia.gateway.openai.failures import MANNER
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.shared.manner import route
from anymedia.gateway.shared.upload import pieces, uploaded
from anymedia.gateway.spec import Gateway, Refused

PATH = "/v1/files"
PURPOSE = "batch"
ELSEWHERE = ("assistants", "fine-tune", "vision", "user_data", "evals")
"""What OpenAI takes files for besides."""
LINES = "application/jsonl"
ID = re.compile(r"file-([0-9a-f]{32})")
MOST_LISTED = 10_000
FIELDS = frozenset({"purpose"})


def file_routes(gateway: Gateway) -> list[Route]:
    """`/v1/files`."""
    face = FilesFace(gateway)
    return [
        route(PATH, MANNER, face.upload),
        route(PATH, MANNER, face.files, "GET"),
        route(f"{PATH}/{{id}}", MANNER, face.look, "GET"),
        route(f"{PATH}/{{id}}", MANNER, face.delete, "DELETE"),
        route(f"{PATH}/{{id}}/content", MANNER, face.content, "GET"),
    ]


class FilesFace:
    """What each route does."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def upload(self, request: HttpRequest) -> Response:
        """`POST /v1/files`."""
        self._gateway.asker(request)
        async with uploaded(request, self._gateway.limit_bytes) as (file, fields):
            check(fields)
            if not file.size:
                raise Refused("`file`: it is empty", param="file")
            own = self._gateway.batches(request).files
            try:
                kept = await own.keep(pieces(file), file.filename or "batch.jsonl")
            except UnreadableResponse as error:  # more than is kept of anything
                raise Refused(error.message, status=413, param="file") from None
        return as_json(told(kept))

    async def files(self, request: HttpRequest) -> Response:
        """`GET /v1/files`: what was handed in."""
        said = request.query_params
        limit = said.get("limit", str(MOST_LISTED))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST_LISTED):
            raise Refused(f"`limit`: expected a number from 1 to {MOST_LISTED:,}", param="limit")
        order = said.get("order", "desc")
        if order not in {"asc", "desc"}:
            raise Refused("`order`: expected `asc` or `desc`", param="order")
        purpose, after = said.get("purpose", PURPOSE), said.get("after")
        if purpose == "batch_output":
            raise Refused(
                "`purpose`: outputs are not listed; their ids stand in their batches",
                param="purpose",
            )
        if purpose != PURPOSE:
            return as_json(listed([], more=False))
        most = int(limit)
        try:
            found = await self._gateway.batches(request).files.list(
                limit=most + 1,
                after=None if after is None else artifact_id(after),
                oldest_first=order == "asc",
            )
        except NotFound:
            raise Refused(
                f"`after`: there is no file `{printable((after or '')[:100])}`",
                status=404,
                param="after",
            ) from None
        return as_json(listed([told(one) for one in found[:most]], more=len(found) > most))

    async def look(self, request: HttpRequest) -> Response:
        """`GET /v1/files/{id}`."""
        found = await self._found(request)
        if isinstance(found, Output):
            return as_json(await written(found))
        return as_json(told(found))

    async def content(self, request: HttpRequest) -> Response:
        """`GET /v1/files/{id}/content`."""
        found = await self._found(request)
        if isinstance(found, Output):
            return StreamingResponse(found.lines(), media_type=LINES)
        return self._gateway.artifact(request, found.artifact)

    async def delete(self, request: HttpRequest) -> Response:
        """`DELETE /v1/files/{id}`: of an output, the answers themselves."""
        found, own = await self._found(request), self._gateway.batches(request)
        if isinstance(found, Output):
            await own.forget_answers(found.batch.id, STATUSES[found.kind])
        else:
            await own.files.remove(found.artifact.id)
        name = request.path_params["id"]
        return as_json({"id": name, "object": "file", "deleted": True})

    async def _found(self, request: HttpRequest) -> KeptFile | Output:
        name = request.path_params["id"]
        found = await output(self._gateway, request, name)
        return found or await kept(self._gateway, request, name)


async def kept(gateway: Gateway, request: HttpRequest, name: str) -> KeptFile:
    """A file that was handed in, by its id. `NotFound` where there is none."""
    try:
        return await gateway.batches(request).files.get(artifact_id(name))
    except NotFound:
        raise NotFound(f"there is no file `{printable(name[:100])}`") from None


def artifact_id(name: str) -> str:
    """The artifact that a file's id stands for."""
    found = ID.fullmatch(name)
    if found is None:
        raise NotFound(f"there is no file `{printable(name[:100])}`")
    return f"art_{found[1]}"


def file_id(file: KeptFile) -> str:
    """The id of a file that was handed in."""
    return f"file-{file.artifact.id.removeprefix('art_')}"


def check(fields: dict[str, str]) -> None:
    """What is said beside the file."""
    purpose = fields.get("purpose")
    if purpose in ELSEWHERE:
        raise Refused(
            f"`purpose`: files for `{purpose}` are not kept here, only for `{PURPOSE}`. Send media "
            f"inside the request that needs them",
            param="purpose",
        )
    if purpose != PURPOSE:
        raise Refused(f"`purpose`: expected `{PURPOSE}`", param="purpose")
    for name in fields.keys() - FIELDS:
        if name.startswith("expires_after"):
            raise Refused(
                "`expires_after`: a file stays until it is deleted, or as long as "
                "`retention.inputs` of the gateway says; leave it out",
                param="expires_after",
            )
        raise Refused(f"`{name[:60]}`: a file has no such field", param=name[:60])


def told(file: KeptFile) -> dict[str, Any]:
    """A file that was handed in."""
    artifact = file.artifact
    return {
        "id": file_id(file),
        "object": "file",
        "bytes": artifact.size_bytes,
        "created_at": int(file.kept_at.timestamp()),
        "expires_at": None,
        "filename": artifact.filename,
        "purpose": PURPOSE,
        "status": "processed",
        "status_details": None,
    }


async def written(found: Output) -> dict[str, Any]:
    """What came out. Its size is known by writing it."""
    at = found.batch.finished_at or found.batch.updated_at
    return {
        "id": found.id,
        "object": "file",
        "bytes": await found.size(),
        "created_at": int(at.timestamp()),
        "expires_at": None,
        "filename": f"{found.batch.id}_{found.kind}.jsonl",
        "purpose": "batch_output",
        "status": "processed",
        "status_details": None,
    }


def listed(files: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page."""
    return {
        "object": "list",
        "data": files,
        "has_more": more,
        "first_id": files[0]["id"] if files else None,
        "last_id": files[-1]["id"] if files else None,
    }
