"""Webhooks, in both directions: providers that call us, and what callers' servers were told.

A provider's call is known by the token in the path, which is the attempt's own and cannot be
guessed, or by its signature, or both; `jobs.inbox` judges it. A call about a job that we do not
know is answered 404: its provider calls again, and by then the job's handle may be written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.client.webhooks import AsyncWebhooksView
from anymedia.contracts.callback import MessageStatus, SigningSecrets, WebhookMessage
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.key import Rotation
from anymedia.contracts.mistakes import valid
from anymedia.gateway.callers import Caller, secret_of
from anymedia.gateway.ours.reading import document
from anymedia.gateway.ours.schemas import answers, asks, listed
from anymedia.gateway.ours.shown import plain
from anymedia.gateway.shared.body import content
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.spec import Refused

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

MOST_BYTES = 1024 * 1024
ANY: dict[str, Any] = {"application/json": {"schema": {}}}
CALL = {"requestBody": {"description": "As the provider writes it.", "content": ANY}}
HEARD: dict[int | str, dict[str, Any]] = {
    200: {"description": "Heard, and answered as the provider expects", "content": ANY},
    204: {"description": "Heard"},
    "default": answers({})["default"],
}


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["webhooks"])

    @routes.post(
        "/webhooks/{provider}/{token}",
        summary="For providers: something happened to a job",
        status_code=204,
        openapi_extra=CALL,
        responses=HEARD,
    )
    async def heard(request: HttpRequest, provider: str, token: str) -> Response:
        return await received(gateway, request, provider, token)

    @routes.post(
        "/webhooks/{provider}",
        summary="For providers: something happened to a job; the call must be signed",
        status_code=204,
        openapi_extra=CALL,
        responses=HEARD,
    )
    async def heard_by_signature(request: HttpRequest, provider: str) -> Response:
        return await received(gateway, request, provider, None)

    @routes.get(
        "/api/webhooks",
        summary="What your server was told of your jobs, the latest first",
        responses=answers({200: listed("webhooks", "WebhookMessage")}),
    )
    async def messages(
        request: HttpRequest,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        status: MessageStatus | None = None,
        job_id: str | None = None,
        everyone: Annotated[bool, Query(description="For administrators.")] = False,
    ) -> Response:
        found = await view(gateway, request, everyone=everyone).list(
            status=status, job_id=job_id, limit=limit
        )
        return as_json({"webhooks": [plain(one) for one in found]})

    @routes.get(
        "/api/webhooks/secret",
        summary="What your messages are signed with, masked; in clear the first time",
        responses=answers({200: SigningSecrets}),
    )
    async def secret(request: HttpRequest) -> Response:
        needed(gateway, request)
        return as_json(plain(await view(gateway, request).secrets()))

    @routes.post(
        "/api/webhooks/secret/rotate",
        summary="A new secret for your messages; the old one signs beside it for a while yet",
        openapi_extra=asks("Rotation"),
        responses=answers({200: SigningSecrets}),
    )
    async def rotate(request: HttpRequest) -> Response:
        needed(gateway, request)
        said = valid(Rotation, await document(request, gateway.limit_bytes), "the rotation")
        return as_json(plain(await view(gateway, request).rotate(said.overlap_seconds)))

    @routes.get(
        "/api/webhooks/{message_id}",
        summary="One message to your server",
        responses=answers({200: WebhookMessage}),
    )
    async def message(request: HttpRequest, message_id: str) -> Response:
        return as_json(plain(await view(gateway, request).get(message_id)))

    @routes.post(
        "/api/webhooks/{message_id}/replay",
        summary="Send a message again, under the id that it has",
        responses=answers({202: WebhookMessage}),
    )
    async def replay(request: HttpRequest, message_id: str) -> Response:
        needed(gateway, request)
        return as_json(plain(await view(gateway, request).replay(message_id)), 202)

    return routes


def view(gateway: Gateway, request: HttpRequest, *, everyone: bool = False) -> AsyncWebhooksView:
    """The messages of whoever asks; with `everyone` all of them, for administrators."""
    if everyone:
        gateway.admin(request)
        return gateway.client.webhooks.of(None)
    return gateway.client.webhooks.of(asker(gateway, request).owner)


def needed(gateway: Gateway, request: HttpRequest) -> None:
    """Changing how messages go takes the scope that making jobs does."""
    asker(gateway, request).need("generate")


def asker(gateway: Gateway, request: HttpRequest) -> Caller:
    """Who asks."""
    return gateway.callers.caller(secret_of(request.scope["headers"]))


async def received(
    gateway: Gateway, request: HttpRequest, provider: str, token: str | None
) -> Response:
    """Hear a provider's call, read no further than it may be long."""
    from anymedia.jobs.inbox.inbox import Forged
    from anymedia.wire.http import Headers

    body = await content(request, min(MOST_BYTES, gateway.limit_bytes))
    headers = Headers(list(request.headers.items()))
    try:
        reply = await gateway.client.webhooks.received(token, body, headers, provider=provider)
    except Forged as error:
        raise Refused(error.message, status=401) from None
    except InvalidRequest as error:
        if isinstance(error, Refused):
            raise
        status = 404 if error.code == "NOT_FOUND" else 400
        raise Refused(error.message, status=status) from None
    if reply is not None:
        return Response(reply, media_type="application/json")
    return Response(status_code=204)
