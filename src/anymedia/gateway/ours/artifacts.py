"""What was made, handed out: streamed, explained, linked to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.client.artifacts import AsyncArtifactsView
from anymedia.contracts.manifest import Manifest
from anymedia.gateway.ours.schemas import answers, listed
from anymedia.gateway.ours.shown import ARTIFACTS, link as place_of, plain
from anymedia.gateway.shared.document import as_json
from anymedia.jobs.artifacts import Role
from anymedia.store.artifacts.links import LONGEST_SECONDS, allowed

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway
    from anymedia.jobs.artifacts import ArtifactEntry

BYTES = {"type": "string", "format": "binary"}
Seconds = Annotated[int, Query(ge=1, le=LONGEST_SECONDS)]
LINK = {
    "type": "object",
    "required": ["url", "expires_at"],
    "properties": {
        "url": {"type": "string"},
        "expires_at": {"type": "string", "format": "date-time"},
    },
}
PARTS = {kind: {"schema": BYTES} for kind in ("*/*", "multipart/byteranges")}
NEVER_KEPT = {"cache-control": "no-store"}


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["artifacts"])

    @routes.get(
        ARTIFACTS.rstrip("/"),
        summary="What is kept of yours, the newest first",
        responses=answers({200: listed("artifacts", "ListedArtifact")}),
    )
    async def artifacts(
        request: HttpRequest,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        role: Role | None = None,
        job_id: str | None = None,
        after: str | None = None,
    ) -> Response:
        found = await mine(gateway, request).list(
            limit=limit, role=role, job_id=job_id, after=after
        )
        return as_json({"artifacts": [entered(one) for one in found]})

    @routes.api_route(
        "/api/artifacts/{artifact_id}",
        methods=["GET"],
        summary="What was made, streamed; `Range` is heeded. A signed link needs no key",
        responses={
            200: {"description": "All of it", "content": {"*/*": {"schema": BYTES}}},
            206: {"description": "The part asked for, or several", "content": PARTS},
            304: {"description": "The caller has it already"},
            "default": answers({})["default"],
        },
    )
    async def artifact(
        request: HttpRequest,
        artifact_id: str,
        expires: str | None = None,
        signature: str | None = None,
    ) -> Response:
        if signature is not None:
            found = await gateway.client.by_link(artifact_id, expires or "", signature)
        else:
            found = await gateway.jobs(request).artifact(artifact_id)
        return gateway.artifact(request, found)

    routes.add_api_route(
        "/api/artifacts/{artifact_id}", artifact, methods=["HEAD"], include_in_schema=False
    )

    @routes.get(
        "/api/artifacts/{artifact_id}/preview",
        summary="A small picture of it: thumbnail, poster or wave; made when first asked for",
        responses={
            200: {
                "description": "At most 512 pixels a side",
                "content": {"image/webp": {"schema": BYTES}},
            },
            206: {"description": "The part asked for, or several", "content": PARTS},
            304: {"description": "The caller has it already"},
            "default": answers({})["default"],
        },
    )
    async def preview(request: HttpRequest, artifact_id: str) -> Response:
        return gateway.artifact(request, await gateway.jobs(request).preview(artifact_id))

    @routes.get(
        "/api/artifacts/{artifact_id}/manifest",
        summary="Where it comes from: who made it, of what, when, for how much",
        responses=answers({200: Manifest}),
    )
    async def manifest(request: HttpRequest, artifact_id: str, *, prompt: bool = False) -> Response:
        found = await mine(gateway, request).manifest(artifact_id, prompt=prompt)
        return as_json(found.model_dump(mode="json", exclude_none=True))

    @routes.get(
        "/api/artifacts/{artifact_id}/link",
        summary="A URL at which anybody can fetch it without a key, for a while",
        responses=answers({200: LINK}),
    )
    async def link(
        request: HttpRequest, artifact_id: str, expires_seconds: Seconds = 3600
    ) -> Response:
        url = await mine(gateway, request).link(
            artifact_id, expires_seconds, base_url=base_url(gateway, request)
        )
        ends = gateway.clock.now() + timedelta(seconds=allowed(expires_seconds))
        return as_json({"url": url, "expires_at": ends.isoformat()}, 200, NEVER_KEPT)

    return routes


def mine(gateway: Gateway, request: HttpRequest) -> AsyncArtifactsView:
    """The artifacts of whoever asks, and nobody else's."""
    return gateway.client.artifacts.of(gateway.asker(request).owner)


def base_url(gateway: Gateway, request: HttpRequest) -> str:
    """Where this gateway is, as far as it or its caller knows."""
    return gateway.settings.public_url or str(request.base_url)


def entered(entry: ArtifactEntry) -> dict[str, Any]:
    """One artifact in a list, by its address."""
    body: dict[str, Any] = plain(entry.artifact)
    del body["location"]
    return {
        **body,
        "url": place_of(entry.artifact.id),
        "role": entry.role,
        "job_id": entry.job_id,
        "kept_at": entry.kept_at.isoformat(),
    }


async def with_links(
    gateway: Gateway, request: HttpRequest, body: dict[str, Any], seconds: int | None
) -> dict[str, Any]:
    """A job as a document, with signed links to what it made where those are asked for."""
    if seconds is not None:
        view, base = mine(gateway, request), base_url(gateway, request)
        for artifact in body.get("artifacts", ()):
            if artifact.get("removed_at") is None:
                artifact["link"] = await view.link(artifact["id"], seconds, base_url=base)
    return body
