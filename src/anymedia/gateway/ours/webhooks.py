"""Providers that call back.

The token in the path is the attempt's own and cannot be guessed; what the call says is only a
hint, and how the job stands is asked with our own key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.errors import GenerationError, NotFound
from anymedia.gateway.ours.schemas import answers
from anymedia.gateway.shared.body import content
from anymedia.gateway.spec import Refused

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

MOST_BYTES = 1024 * 1024


def router(gateway: Gateway) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["webhooks"])

    @routes.post(
        "/webhooks/{provider}/{token}",
        summary="For providers: something happened to a job",
        status_code=204,
        responses={204: {"description": "Heard"}, "default": answers({})["default"]},
    )
    async def heard(
        request: HttpRequest,
        provider: str,  # noqa: ARG001  part of the path
        token: str,
    ) -> Response:
        body = await content(request, min(MOST_BYTES, gateway.limit_bytes))
        headers = dict(request.headers)
        try:
            await gateway.client.jobs.received(token, body, headers)
        except NotFound:
            raise
        except GenerationError as error:
            raise Refused(f"the call could not be read: {error.message}") from None
        return Response(status_code=204)

    return routes
