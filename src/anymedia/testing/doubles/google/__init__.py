"""Google's double: the Gemini API and Vertex AI, with the server that hands out tokens.

Both surfaces are served at once, as they share their models: the Gemini API below `/{version}`,
Vertex AI below `/{version}/projects/...` and, with a key, `/{version}/publishers/...`. The
official client goes through its normal flow with it on both.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.doubles.google import generated, predicted
from anymedia.testing.doubles.google.batches import Batches
from anymedia.testing.doubles.google.bills import charged, filmed, paid
from anymedia.testing.doubles.google.failures import Failure, unknown_model, wrong_key
from anymedia.testing.doubles.google.files import Files
from anymedia.testing.doubles.google.interactions import Interactions
from anymedia.testing.doubles.google.predicted import Operations
from anymedia.testing.doubles.google.tokens import TokenServer
from anymedia.testing.doubles.openai.mind import tokens

GONE = 900
"""The priority of models that are listed as gone."""
PLACE = "/{version}/projects/{project}/locations/{location}"
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class GoogleDouble(Double):
    """Both of Google's surfaces on loopback."""

    def __init__(
        self,
        *,
        key: str = "google-double",
        slowness: int = 2,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.key = key
        self.clock = clock
        self.tokens = TokenServer(clock)
        self.files = Files(clock, lambda: self.base_url)
        self.interactions = Interactions(slowness=slowness, store=self.files.stored)
        self.operations = Operations(slowness=slowness)
        self.surfaces = {name: listed(name) for name in ("google", "vertex")}
        self._numbers = itertools.count(1)
        self.batches = Batches(self.files, self._batched)
        super().__init__(self._routes())

    def _routes(self) -> list[Route]:
        routes = [
            Route("/token", self._token, methods=["POST"]),
            Route("/{version}/batches", self._keyed(self.batches.listed), methods=["GET"]),
            Route(
                "/{version}/batches/{name}:cancel",
                self._keyed(self.batches.cancel),
                methods=["POST"],
            ),
            Route("/{version}/batches/{name}", self._keyed(self.batches.look), methods=["GET"]),
            Route("/upload/{version}/files", self._upload, methods=["POST"]),
            Route("/download/{version}/files/{name}:download", self._keyed(self.files.content)),
            Route("/{version}/files/{name}:download", self._keyed(self.files.elsewhere)),
            Route("/{version}/files/{name}", self._keyed(self.files.shown)),
            Route("/{version}/models", self._keyed(self._listing)),
            Route("/{version}/publishers/google/models", self._keyed(self._listing)),
            Route(PLACE + "/{operation:path}:cancel", self._keyed(self._stop), methods=["POST"]),
        ]
        for below in (
            "/{version}/models",
            PLACE + "/publishers/google/models",
            "/{version}/publishers/google/models",
        ):
            path = below + "/{model}:{method}"
            routes.append(Route(path, self._keyed(self._method), methods=["POST"]))
        for below in ("/{version}", PLACE):
            path = below + "/interactions"
            routes += [
                Route(path, self._keyed(self._create), methods=["POST"]),
                Route(path + "/{id}", self._keyed(self._look), methods=["GET"]),
                Route(path + "/{id}", self._keyed(self._delete), methods=["DELETE"]),
                Route(path + "/{id}/cancel", self._keyed(self._cancel), methods=["POST"]),
            ]
        # The operation's own stop is the most particular path, and has to be tried last.
        routes.sort(key=lambda route: "{operation:path}" in route.path)
        return routes

    # --- what everything goes through ---------------------------------------------------------

    def _keyed(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            try:
                self._allow(request)
                response = await handler(request)
            except Failure as failure:
                response = JSONResponse(failure.body, failure.status)
            response.headers["server-timing"] = f"gfet4t7; dur={next(self._numbers)}"
            return response

        return serve

    def _allow(self, request: Request) -> None:
        given = request.headers.get("x-goog-api-key") or request.query_params.get("key", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            if not self.tokens.holds(token):
                raise Failure(401, "Request had invalid authentication credentials.")
        elif "/projects/" in request.url.path:
            raise Failure(401, "API keys are not supported by this API. Expected OAuth2 token.")
        elif not secrets.compare_digest(given.encode(), self.key.encode()):
            raise wrong_key()

    def _surface(self, request: Request) -> str:
        return (
            "vertex"
            if "/publishers/" in request.url.path or "/projects/" in request.url.path
            else "google"
        )

    def _model(self, request: Request, name: str, *media: str) -> Model:
        models = self.surfaces[self._surface(request)]
        found = [one for one in models if one.id == name and (not media or one.medium in media)]
        if not found:
            raise unknown_model(name, request.path_params["version"])
        return found[0]

    def _bill(self, name: str, amount: Decimal, words: str | None = None) -> None:
        self.record.bill(name, amount, words)

    # --- methods of models --------------------------------------------------------------------

    async def _method(self, request: Request) -> Response:
        name, method = request.path_params["model"], request.path_params["method"]
        body = json.loads(await request.body() or b"{}")
        match method:
            case "generateContent" | "streamGenerateContent":
                return self._generate(request, name, body, stream=method[0] == "s")
            case "batchGenerateContent":
                self._model(request, name, "text")
                return self.batches.create(name, body)
            case "countTokens":
                return JSONResponse({"totalTokens": tokens(json.dumps(body))})
            case "batchEmbedContents" | "embedContent":
                return self._embed(self._model(request, name, "embedding"), body)
            case "predict":
                model = self._model(request, name)
                if model.settings.get("api") != "predict":
                    raise unknown_model(name, request.path_params["version"])
                found = predicted.predicted(body, model)
                self._bill("predict", paid(model, Decimal(len(found.get("predictions", ())))))
                return JSONResponse(found)
            case "predictLongRunning":
                self._model(request, name, "video")
                prefix = request.url.path.partition(":")[0].split("/", 2)[2]
                return JSONResponse(self.operations.start(body, prefix))
            case "fetchPredictOperation":
                return JSONResponse(self.operations.look(str(body.get("operationName"))))
            case _:
                raise Failure(404, "The requested method was not found on this server.")

    def _generate(
        self, request: Request, name: str, body: dict[str, Any], *, stream: bool
    ) -> Response:
        model = self._model(request, name, "text", "image", "speech", "transcription")
        if model.settings.get("api"):
            raise unknown_model(name, request.path_params["version"])
        body = generated.spelt(body)
        generated.checked(body, vertex=self._surface(request) == "vertex")
        generated.signed(body, model)
        whole = generated.answered(body, model, len(self.record.invoice) + 1)
        self._bill(whole["responseId"], charged(model, whole, body))
        if not stream:
            return JSONResponse(whole)
        if request.query_params.get("alt") != "sse":
            return JSONResponse(list(generated.pieces(whole)))
        return StreamingResponse(generated.streamed(whole), media_type="text/event-stream")

    def _batched(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """An answer of a batch, at half the price."""
        model = next(one for one in self.surfaces["google"] if one.id == name)
        body = generated.spelt(body)
        generated.checked(body, vertex=False)
        whole = generated.answered(body, model, len(self.record.invoice) + 1)
        self._bill(whole["responseId"], charged(model, whole, body) / 2)
        return whole

    def _embed(self, model: Model, body: dict[str, Any]) -> Response:
        one = "requests" not in body
        vectors = []
        for asked in [body] if one else body["requests"]:
            text = "".join(part.get("text", "") for part in asked["content"]["parts"])
            size = asked.get("outputDimensionality") or asked.get("embedContentConfig", {}).get(
                "outputDimensionality"
            )
            vectors.append({"values": predicted.vector(text, size)})
        self._bill("embed", Decimal(0))
        if one:
            return JSONResponse({"embedding": vectors[0], "usageMetadata": {"promptTokenCount": 3}})
        return JSONResponse({"embeddings": vectors})

    async def _stop(self, request: Request) -> Response:
        place = request.path_params
        name = f"projects/{place['project']}/locations/{place['location']}/{place['operation']}"
        if not self.operations.known(name):
            raise Failure(404, "Operation not found")
        return JSONResponse({})

    async def _listing(self, request: Request) -> Response:
        surface = self._surface(request)
        names = dict.fromkeys(one.id for one in self.surfaces[surface])
        if surface == "vertex":
            models = [{"name": f"publishers/google/models/{name}"} for name in names]
            return JSONResponse({"publisherModels": models})
        shown = [
            {
                "name": f"models/{name}",
                "displayName": name,
                "supportedGenerationMethods": ["generateContent"],
            }
            for name in names
        ]
        start = int(request.query_params.get("pageToken") or 0)
        size = int(request.query_params.get("pageSize") or 50)
        page: dict[str, Any] = {"models": shown[start : start + size]}
        if start + size < len(shown):
            page["nextPageToken"] = str(start + size)
        return JSONResponse(page)

    # --- interactions -------------------------------------------------------------------------

    async def _create(self, request: Request) -> Response:
        body = json.loads(await request.body() or b"{}")
        model = self._model(request, str(body.get("model")), "video", "audio")
        if model.settings.get("api"):
            raise unknown_model(model.id, request.path_params["version"])
        return JSONResponse(self._charged(self.interactions.create(body, model), model))

    async def _look(self, request: Request) -> Response:
        found = self.interactions.look(request.path_params["id"])
        model = self._model(request, found["model"], "video", "audio")
        return JSONResponse(self._charged(found, model))

    def _charged(self, found: dict[str, Any], model: Model) -> dict[str, Any]:
        """The interaction; one that has just been completed goes on the invoice."""
        billed = {name for name, _ in self.record.invoice}
        if found["status"] == "completed" and found["id"] not in billed:
            body = self.interactions.body(found["id"])
            clip = model.medium == "video"
            amount = filmed(model, body) if clip else paid(model, Decimal(1))
            self._bill(found["id"], amount, json.dumps(body["input"]))
        return found

    async def _cancel(self, request: Request) -> Response:
        return JSONResponse(self.interactions.cancel(request.path_params["id"]))

    async def _delete(self, request: Request) -> Response:
        self.interactions.delete(request.path_params["id"])
        return JSONResponse({})

    async def _upload(self, request: Request) -> Response:
        if request.headers.get("x-goog-upload-command") == "start":
            return await self._keyed(self.files.start)(request)
        return await self.files.fill(request)  # the address is the permission

    # --- tokens -------------------------------------------------------------------------------

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        granted = self.tokens.grant(form, self.base_url)
        if granted is None:
            wrong = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return JSONResponse(wrong, 400)
        return JSONResponse(granted)


def listed(name: str) -> tuple[Model, ...]:
    """A surface's models that the catalogue does not call gone."""
    return tuple(one for one in catalogued(name) if one.priority < 900)
