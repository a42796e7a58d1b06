"""Keys, and what administrators did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.key import KeyChange, KeyRights, NewKey, Rotation, VirtualKey
from anymedia.contracts.mistakes import valid
from anymedia.gateway.ours.reading import document
from anymedia.gateway.ours.schemas import answers, asks, listed
from anymedia.gateway.ours.shown import plain
from anymedia.gateway.shared.document import as_json

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["administration"])

    @routes.post(
        "/api/keys",
        summary="Make a key; its secret is told this once",
        openapi_extra=asks("KeyRights"),
        responses=answers({201: NewKey}),
    )
    async def create(request: HttpRequest) -> Response:
        actor = gateway.admin(request).owner
        rights = valid(KeyRights, await document(request, gateway.limit_bytes), "the key")
        made = await gateway.keys.create(rights, actor=actor)
        await gateway.callers.renew()
        return as_json(plain(made), 201, {"location": f"/api/keys/{made.id}"})

    @routes.get(
        "/api/keys",
        summary="All keys, the newest first",
        responses=answers({200: listed("keys", "VirtualKey")}),
    )
    async def keys(request: HttpRequest) -> Response:
        gateway.admin(request)
        return as_json({"keys": [plain(one) for one in await gateway.keys.every()]})

    @routes.get("/api/keys/{key_id}", summary="One key", responses=answers({200: VirtualKey}))
    async def key(request: HttpRequest, key_id: str) -> Response:
        gateway.admin(request)
        return as_json(plain(await gateway.keys.get(key_id)))

    @routes.patch(
        "/api/keys/{key_id}",
        summary="Change a key's rights: those that are said, limits one by one",
        openapi_extra=asks("KeyChange"),
        responses=answers({200: VirtualKey}),
    )
    async def change(request: HttpRequest, key_id: str) -> Response:
        actor = gateway.admin(request).owner
        said = valid(KeyChange, await document(request, gateway.limit_bytes), "the change")
        changed = await gateway.keys.change(key_id, said, actor=actor)
        await gateway.callers.renew()
        return as_json(plain(changed))

    @routes.delete(
        "/api/keys/{key_id}",
        summary="Revoke a key; its jobs go on",
        responses=answers({200: VirtualKey}),
    )
    async def revoke(request: HttpRequest, key_id: str) -> Response:
        actor = gateway.admin(request).owner
        revoked = await gateway.keys.revoke(key_id, actor=actor)
        await gateway.callers.renew()
        return as_json(plain(revoked))

    @routes.post(
        "/api/keys/{key_id}/rotate",
        summary="Give a key a new secret; the old one opens for a while yet",
        openapi_extra=asks("Rotation"),
        responses=answers({200: NewKey}),
    )
    async def rotate(request: HttpRequest, key_id: str) -> Response:
        actor = gateway.admin(request).owner
        said = valid(Rotation, await document(request, gateway.limit_bytes), "the rotation")
        made = await gateway.keys.rotate(key_id, said.overlap_seconds, actor=actor)
        await gateway.callers.renew()
        return as_json(plain(made))

    @routes.get(
        "/api/audit",
        summary="What administrators did, the latest first",
        responses=answers({200: listed("entries", "AuditEntry")}),
    )
    async def audit(
        request: HttpRequest, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> Response:
        gateway.admin(request)
        return as_json({"entries": [plain(one) for one in await gateway.keys.noted(limit)]})

    return routes
