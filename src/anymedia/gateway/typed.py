"""Our own surfaces as one FastAPI application, and the OpenAPI of everything that is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.mistakes import printable
from anymedia.contracts.version import __version__
from anymedia.gateway import problems
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
from anymedia.gateway.ours.schemas import components
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
DOCS_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' https://fastapi.tiangolo.com data:; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; frame-ancestors 'none'"
)
FORMS = {
    "/v1/audio/transcriptions": ("multipart/form-data",),
    "/v1/images/edits": ("multipart/form-data", "application/json"),
    "/v1/videos": ("application/json", "multipart/form-data"),
}
"""Paths of dialects that take files."""
OPEN = frozenset({"/", "/health", "/api/health", "/livez", "/readyz"})
"""Paths that need no key."""


class Typed(FastAPI):
    """FastAPI, with the dialects' routes in its OpenAPI too."""

    def __init__(self, plain: Sequence[Route], *, docs: bool) -> None:
        super().__init__(
            title="anymedia",
            summary="One contract for every generative model.",
            version=__version__,
            docs_url="/docs" if docs else None,
            redoc_url=None,
            openapi_url="/openapi.json" if docs else None,
            separate_input_output_schemas=False,
        )
        self._plain = plain

    def openapi(self) -> dict[str, Any]:
        """The whole, once."""
        if self.openapi_schema is None:
            said = get_openapi(
                title=self.title,
                version=self.version,
                summary=self.summary,
                routes=self.routes,
                separate_input_output_schemas=False,
            )
            found = said.setdefault("components", {}).setdefault("schemas", {})
            found |= components()
            found["Any"] = {"type": "object", "additionalProperties": True}
            keyed(said)
            for route in self._plain:
                described(said["paths"], route)
            self.openapi_schema = said
        return self.openapi_schema


def typed_application(gateway: Gateway, plain: Sequence[Route]) -> Compressed:
    """Everything that is not a dialect."""
    app = Typed(plain, docs=gateway.settings.docs)
    for face in FACES:
        app.include_router(face.router(gateway))

    @app.get("/", include_in_schema=False)
    async def about() -> Response:
        links = {"docs": "/docs", "openapi": "/openapi.json"} if gateway.settings.docs else {}
        return as_json({"name": "anymedia", "version": __version__, "health": "/health", **links})

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
        if path == "/docs":
            send = with_policy(send)
        plain = path.startswith(UNTOUCHED) or path.endswith("/events")
        await (self._app if plain else self._gzip)(scope, receive, send)


def with_policy(send: Send) -> Send:
    """The page of the documentation loads its program from elsewhere."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            policy = (b"content-security-policy", DOCS_POLICY.encode())
            message = {**message, "headers": [*message.get("headers", ()), policy]}
        await send(message)

    return sending


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
    said = Refused(words.get(error.status_code, str(error.detail)), status=error.status_code)
    response = problems.refused(said, request)
    response.headers.update(error.headers or {})
    return response


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


# --- the description ------------------------------------------------------------------------


def keyed(said: dict[str, Any]) -> None:
    """How keys are sent, and where they are needed."""
    said["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A virtual key or the admin key; none on a gateway without keys.",
        }
    }
    for path, operations in said["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # ours are told as problems, by `default`
            if path not in OPEN and not path.startswith("/webhooks/"):
                operation["security"] = [{"key": []}]


def described(paths: dict[str, Any], route: Route) -> None:
    """A dialect's route: its form is its owner's, and described by them."""
    whose = "Anthropic" if route.path.startswith("/v1/messages") else "OpenAI"
    path = route.path_format
    for method in sorted((route.methods or set()) - {"HEAD"}):
        name = path.replace("/", "_").replace("{", "").replace("}", "")
        said = {"description": f"As {whose} answers", "content": {"*/*": {"schema": {}}}}
        operation: dict[str, Any] = {
            "tags": [f"{whose}'s language"],
            "summary": f"As {whose} describes it",
            "operationId": f"{method.lower()}{name}",
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in route.param_convertors
            ],
            "responses": {"default": said},
            "security": [{"key": []}],
        }
        if method == "POST":
            kinds = FORMS.get(path, ("application/json",))
            schema = {"$ref": "#/components/schemas/Any"}
            content = {kind: {"schema": schema} for kind in kinds}
            operation["requestBody"] = {"required": True, "content": content}
        paths.setdefault(path, {})[method.lower()] = operation
