"""Our own surfaces as one FastAPI application, and the OpenAPI of everything that is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.mistakes import printable
from anymedia.contracts.version import __version__
from anymedia.gateway import handbook, problems
from anymedia.gateway.ours import (
    administration,
    artifacts,
    batches,
    generation,
    health,
    jobs,
    money,
    providers,
    webhooks,
)
from anymedia.gateway.shared.document import DEEP, as_json
from anymedia.gateway.shared.manner import inner_failure
from anymedia.gateway.shared.presence import CallerGone
from anymedia.gateway.spec import Refused

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

FACES = (generation, jobs, artifacts, batches, providers, money, administration, health, webhooks)
COMPRESSED_BYTES = 1024
UNTOUCHED = ("/api/artifacts/", "/metrics")
"""Paths whose answers are not compressed: media are already, and ranges are of the bytes as they are."""


class Typed(FastAPI):
    """FastAPI, with the dialects' routes in its OpenAPI too."""

    def __init__(self, plain: Sequence[Route], *, docs: bool) -> None:
        super().__init__(
            title="anymedia",
            summary="One contract for every generative model.",
            version=__version__,
            docs_url=None,
            redoc_url=None,
            openapi_url="/openapi.json" if docs else None,
            separate_input_output_schemas=False,
            generate_unique_id_function=operation_id,
        )
        self._plain = plain
        self._faces: list[APIRouter] = []

    def face(self, router: APIRouter) -> None:
        """Serve the routes of a face."""
        self._faces.append(router)
        self.include_router(router)

    def methods(self, scope: Scope) -> tuple[str, ...]:
        """What a path takes, whichever of its routes takes it."""
        found: set[str] = set()
        for route in (*self.routes, *(one for face in self._faces for one in face.routes)):
            if route.matches(scope)[0] is not Match.NONE:
                found |= getattr(route, "methods", None) or set()
        return tuple(sorted(found))

    def openapi(self) -> dict[str, Any]:
        """The whole, once."""
        if self.openapi_schema is None:
            # It takes a second to put together, and most gateways are never asked.
            from anymedia.gateway.description import whole

            said = get_openapi(
                title=self.title,
                version=self.version,
                summary=self.summary,
                routes=self.routes,
                separate_input_output_schemas=False,
            )
            self.openapi_schema = whole(said, self._plain)
        return self.openapi_schema


def operation_id(route: APIRoute) -> str:
    """What generators of clients call it."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def typed_application(gateway: Gateway, plain: Sequence[Route]) -> Compressed:
    """Everything that is not a dialect."""
    app = Typed(plain, docs=gateway.settings.docs)
    for face in FACES:
        app.face(face.router(gateway))

    @app.get("/", include_in_schema=False)
    async def about() -> Response:
        links = {"docs": "/docs", "openapi": "/openapi.json"} if gateway.settings.docs else {}
        return as_json({"name": "anymedia", "version": __version__, "health": "/health", **links})

    if gateway.settings.docs:

        @app.get("/docs", include_in_schema=False)
        async def docs(request: HttpRequest) -> Response:
            shown = handbook.page(app.openapi(), gateway.address(request))
            return HTMLResponse(shown, headers={"content-security-policy": handbook.POLICY})

    app.add_exception_handler(GenerationError, failed)
    app.add_exception_handler(HTTPException, lost)
    app.add_exception_handler(RequestValidationError, mistaken)
    app.add_exception_handler(CallerGone, gone)
    app.add_exception_handler(RecursionError, too_deep)
    app.add_exception_handler(Exception, broken)
    return Compressed(app)


class Compressed:
    """Compresses what is worth it."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, minimum_size=COMPRESSED_BYTES, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        path = scope["path"]
        plain = path.startswith(UNTOUCHED) or path.endswith("/events")
        await (self._app if plain else self._gzip)(scope, receive, send)


# --- failures -------------------------------------------------------------------------------


async def failed(request: HttpRequest, error: Exception) -> Response:
    """A failure that we raised on purpose."""
    assert isinstance(error, GenerationError)
    return problems.refused(error, request)


async def lost(request: HttpRequest, error: Exception) -> Response:
    """A path or a method that there is not."""
    assert isinstance(error, HTTPException)
    words = {
        404: "there is nothing at this path; `/docs` shows what there is",
        405: "this path does not take this method",
    }
    said = Refused(
        words.get(error.status_code, str(error.detail)),
        status=error.status_code,
        allow=request.app.methods(request.scope) if error.status_code == 405 else (),
    )
    return problems.refused(said, request)


async def mistaken(request: HttpRequest, error: Exception) -> Response:
    """Parameters of a path or a query that are not what they should be."""
    assert isinstance(error, RequestValidationError)
    mistakes = [
        {
            "path": ".".join(printable(str(step)) for step in one["loc"][1:]),
            "expected": one["msg"].replace("Input should", "should", 1)[:300],
        }
        for one in error.errors()
    ]
    told = "; ".join(f"`{one['path']}`: {one['expected']}" for one in mistakes[:20])
    said = Refused(f"the request is not valid: {told}", details={"mistakes": mistakes})
    return problems.refused(said, request)


async def gone(_: HttpRequest, __: Exception) -> Response:
    """Nobody is there to hear it."""
    return Response(status_code=499)


async def too_deep(request: HttpRequest, _: Exception) -> Response:
    """More levels than can be read."""
    return problems.refused(Refused(DEEP), request)


async def broken(request: HttpRequest, error: Exception) -> Response:
    """A mistake of ours."""
    return problems.refused(inner_failure(error, request), request)
