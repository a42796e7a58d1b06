"""Who can be asked; and for administrators, changing that at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.media import Medium
from anymedia.engine.providers import ProviderStatus
from anymedia.gateway.callers import Caller, allows
from anymedia.gateway.changes import shown as settings_shown
from anymedia.gateway.ours.reading import document
from anymedia.gateway.ours.schemas import answers, asks, listed
from anymedia.gateway.ours.shown import plain
from anymedia.gateway.shared.document import as_json

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
SETTINGS = {"type": "object", "description": "Provider settings, secrets masked"}


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["providers"])

    @routes.get(
        "/api/providers",
        summary="Every provider there is, and whether it can be used here",
        responses=answers({200: listed("providers", "ProviderStatus")}),
    )
    async def providers(request: HttpRequest, configured: bool | None = None) -> Response:
        caller = gateway.asker(request)
        paused = {(one.provider, one.media) for one in await gateway.client.jobs.pauses()}
        found = [
            standing(one, caller, paused)
            for one in gateway.client.providers.list()
            if configured is None or one.configured is configured
        ]
        return as_json({"providers": found})

    @routes.get(
        "/api/models",
        summary="Models that the catalogue lists: what each can do, its price, how long it lives",
        responses=answers({200: listed("models", "Model")}),
    )
    async def models(
        request: HttpRequest, media: Medium | None = None, provider: str | None = None
    ) -> Response:
        caller = gateway.asker(request)
        found = [
            plain(one)
            for one in gateway.client.models(media)
            if provider in {None, one.provider}
            and (caller.key is None or allows(caller.key, f"{one.provider}/{one.id}"))
        ]
        return as_json({"models": found})

    @routes.put(
        "/api/providers/{name}",
        tags=["administration"],
        summary="Add or replace a provider at run time, for all workers and the next start",
        openapi_extra=asks("ProviderSettings"),
        responses=answers({200: SETTINGS}),
    )
    async def put(request: HttpRequest, name: Name) -> Response:
        actor = gateway.admin(request).owner
        sent = await document(request, gateway.limit_bytes)
        return as_json(settings_shown(await gateway.changes.put(name, sent, actor=actor)))

    @routes.patch(
        "/api/providers/{name}",
        tags=["administration"],
        summary="Change some settings of a provider that is configured",
        openapi_extra=asks("ProviderSettings"),
        responses=answers({200: SETTINGS}),
    )
    async def patch(request: HttpRequest, name: Name) -> Response:
        actor = gateway.admin(request).owner
        sent = await document(request, gateway.limit_bytes)
        return as_json(settings_shown(await gateway.changes.patch(name, sent, actor=actor)))

    @routes.delete(
        "/api/providers/{name}",
        tags=["administration"],
        summary="Forget a provider; its jobs under way fail",
        status_code=204,
        responses={204: {"description": "Forgotten"}, "default": answers({})["default"]},
    )
    async def remove(request: HttpRequest, name: Name) -> Response:
        actor = gateway.admin(request).owner
        await gateway.changes.remove(name, actor=actor)
        return Response(status_code=204)

    @routes.post(
        "/api/providers/{name}/pause",
        tags=["administration"],
        summary="Give a provider no new jobs, in any process; those under way go on",
        responses=answers({200: listed("pauses", "Pause")}),
    )
    async def pause(request: HttpRequest, name: Name, media: Medium | None = None) -> Response:
        actor = gateway.admin(request).owner
        await gateway.client.jobs.pause(name, media)
        await gateway.keys.note(actor=actor, action="provider-paused", subject=name)
        return await pauses_of(name)

    @routes.post(
        "/api/providers/{name}/resume",
        tags=["administration"],
        summary="Give a paused provider jobs again",
        responses=answers({200: listed("pauses", "Pause")}),
    )
    async def resume(request: HttpRequest, name: Name, media: Medium | None = None) -> Response:
        actor = gateway.admin(request).owner
        await gateway.client.jobs.resume(name, media)
        await gateway.keys.note(actor=actor, action="provider-resumed", subject=name)
        return await pauses_of(name)

    async def pauses_of(name: str) -> Response:
        found = [one for one in await gateway.client.jobs.pauses() if one.provider == name]
        return as_json({"pauses": [plain(one) for one in found]})

    return routes


def standing(
    one: ProviderStatus, caller: Caller, paused: set[tuple[str, Medium | None]]
) -> dict[str, Any]:
    """A provider as it is shown; where it is is the operator's affair."""
    told: dict[str, Any] = plain(one)
    told["paused"] = [
        medium for medium in one.media if (one.name, medium) in paused or (one.name, None) in paused
    ]
    if not caller.may("admin"):
        told["base_url"] = ""
    return told
