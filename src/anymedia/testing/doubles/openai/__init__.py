"""OpenAI's double: chat, responses, images, speech, transcription, embeddings, models.

It knows the models of the catalogue, refuses what the real service refuses (unknown fields,
`max_tokens` for models that reason, tools beside reasoning in chat, a wrong key) and bills every
answer at the list price. The official client goes through its normal flow with it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.doubles.openai import audio, chat, embeddings, images, responses
from anymedia.testing.doubles.openai.asked import Asked, living
from anymedia.testing.doubles.openai.failures import Failure, unknown_model

Endpoint: TypeAlias = Callable[[Asked], Response]


class OpenAIDouble(Double):
    """OpenAI on loopback, below `/v1`."""

    def __init__(self, *, key: str = "sk-double") -> None:
        self.key = key
        self.models = living()
        self._numbers = itertools.count(1)
        posts: dict[str, Endpoint] = {
            "/v1/chat/completions": chat.answer,
            "/v1/responses": responses.answer,
            "/v1/images/generations": images.generated,
            "/v1/images/edits": images.edited,
            "/v1/audio/speech": audio.spoken,
            "/v1/audio/transcriptions": audio.transcribed,
            "/v1/embeddings": embeddings.answer,
        }
        gets: dict[str, Endpoint] = {"/v1/models": listed, "/v1/models/{model}": one}
        super().__init__(
            [
                *(
                    Route(path, self._served(made), methods=["POST"])
                    for path, made in posts.items()
                ),
                *(Route(path, self._served(made), methods=["GET"]) for path, made in gets.items()),
                Route("/{path:path}", lost, methods=["GET", "POST", "DELETE"]),
            ]
        )

    def _served(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint behind the key, with OpenAI's headers and its way of failing."""

        async def serve(request: Request) -> Response:
            asked = Asked(
                body=await request.body(),
                content_type=request.headers.get("content-type", ""),
                models=self.models,
                number=next(self._numbers),
                bill=self._bill,
                path=request.path_params,
            )
            try:
                self._admit(request.headers.get("authorization", ""))
                response = endpoint(asked)
            except Failure as failure:
                response = JSONResponse(failure.body, failure.status)
            response.headers.update(HEADERS | {"x-request-id": f"req_{asked.number}"})
            return response

        return serve

    def _admit(self, authorization: str) -> None:
        kind, _, key = authorization.partition(" ")
        if kind.lower() != "bearer" or not key:
            raise Failure(401, "You didn't provide an API key.")
        if not secrets.compare_digest(key.encode(), self.key.encode()):
            shown = f"{key[:3]}***{key[-2:]}"
            raise Failure(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")

    def _bill(self, identifier: str, amount: Decimal) -> None:
        self.record.invoice.append((identifier, amount))


HEADERS = {
    "openai-version": "2020-10-01",
    "openai-processing-ms": "12",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms",
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
