"""OpenAI's double: chat, responses, images, speech, transcription, embeddings, models, batches.

It knows the models of the catalogue, refuses what the real service refuses (unknown fields,
`max_tokens` for models that reason, tools beside reasoning in chat, a wrong key) and bills every
answer at the list price. The official client goes through its normal flow with it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import ClassVar, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.contracts.model import Model
from anymedia.testing.double import Double
from anymedia.testing.doubles.openai import audio, chat, embeddings, images, responses
from anymedia.testing.doubles.openai.asked import Asked, living
from anymedia.testing.doubles.openai.batches import Batches
from anymedia.testing.doubles.openai.failures import Failure, unknown_model

Endpoint: TypeAlias = Callable[[Asked], Response]


class OpenAIDouble(Double):
    """OpenAI on loopback, below `/v1`. Who speaks its language elsewhere changes a step or two."""

    asked_as: ClassVar[type[Asked]] = Asked

    def __init__(
        self, *, key: str = "sk-double", models: Mapping[str, Model] | None = None
    ) -> None:
        self.key = key
        self.models = living() if models is None else models
        self._numbers = itertools.count(1)
        self.batches = Batches(BATCHED)
        super().__init__([*self._routes(), Route("/{path:path}", lost, methods=ANY)])

    def _routes(self) -> list[Route]:
        return self._below("/v1", endpoints() | self.batches.endpoints())

    def _below(self, path: str, table: Mapping[str, Endpoint]) -> list[Route]:
        """Endpoints below a path, each behind the same door."""
        return [
            Route(path + below, self._served(endpoint), methods=[method])
            for said, endpoint in table.items()
            for method, below in (said.split(),)
        ]

    def _served(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint behind the key, with OpenAI's headers and its way of failing."""

        async def serve(request: Request) -> Response:
            asked = self.asked_as(
                body=await request.body(),
                content_type=request.headers.get("content-type", ""),
                models=self.models,
                number=next(self._numbers),
                bill=self._bill,
                path=request.path_params,
            )
            try:
                self._admit(request)
                response = endpoint(asked)
            except Failure as failure:
                response = self._failed(failure)
            response.headers.update(self._headers(asked))
            return response

        return serve

    def _failed(self, failure: Failure) -> Response:
        return JSONResponse(failure.body, failure.status)

    def _headers(self, asked: Asked) -> dict[str, str]:
        return HEADERS | {"x-request-id": f"req_{asked.number}"}

    def _admit(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key:
            raise Failure(401, "You didn't provide an API key.")
        if not secrets.compare_digest(key.encode(), self.key.encode()):
            shown = f"{key[:3]}***{key[-2:]}"
            raise Failure(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")

    def _bill(self, identifier: str, amount: Decimal) -> None:
        self.record.bill(identifier, amount)


ANY = ["GET", "POST", "DELETE"]
HEADERS = {
    "openai-version": "2020-10-01",
    "openai-processing-ms": "12",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms",
}


BATCHED: dict[str, Endpoint] = {
    "/v1/chat/completions": chat.answer,
    "/v1/responses": responses.answer,
}
"""What can be asked in batches."""


def endpoints() -> dict[str, Endpoint]:
    """What there is, by method and path."""
    return {
        "POST /chat/completions": chat.answer,
        "POST /responses": responses.answer,
        "POST /images/generations": images.generated,
        "POST /images/edits": images.edited,
        "POST /audio/speech": audio.spoken,
        "POST /audio/transcriptions": audio.transcribed,
        "POST /audio/translations": audio.translated,
        "POST /embeddings": embeddings.answer,
        "GET /models": listed,
        "GET /models/{model}": one,
    }


def listed(asked: Asked) -> Response:
    """`GET /v1/models`."""
    return JSONResponse({"object": "list", "data": [entry(name) for name in asked.models]})


def one(asked: Asked) -> Response:
    """`GET /v1/models/{model}`."""
    if asked.path["model"] not in asked.models:
        raise unknown_model(asked.path["model"])
    return JSONResponse(entry(asked.path["model"]))


def entry(name: str) -> dict[str, object]:
    """What the list says of a model."""
    return {"id": name, "object": "model", "created": 1_790_000_000, "owned_by": "openai"}


async def lost(request: Request) -> Response:
    """An address that is not there."""
    failure = Failure(404, f"Invalid URL ({request.method} {request.url.path})")
    return JSONResponse(failure.body, failure.status)
