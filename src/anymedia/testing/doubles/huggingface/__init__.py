"""Hugging Face's double: the chat router, and `hf-inference` for pictures, sound and vectors.

A model whose name has `cold` in it is still loading; `gated` ones may not be used.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.doubles.openai.mind import FORBIDDEN, echo, tokens, words
from anymedia.testing.samples import mp3, png

Handler = Callable[[Request], Awaitable[Response]]
USD_PER_CALL = Decimal("0.001")
DIMENSIONS = 8


class HuggingFaceDouble(Double):
    """The router on loopback."""

    def __init__(self, *, key: str = "hf_double") -> None:
        self.key = key
        self._numbers = itertools.count(1)
        vectors = "/hf-inference/models/{model:path}/pipeline/feature-extraction"
        super().__init__(
            [
                Route("/v1/chat/completions", self._served(self._chat), methods=["POST"]),
                Route(vectors, self._served(self._vectors), methods=["POST"]),
                Route(
                    "/hf-inference/models/{model:path}", self._served(self._made), methods=["POST"]
                ),
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {self.key}":
                return JSONResponse({"error": "Invalid username or password."}, 401)
            model = request.path_params.get("model", "")
            if "gated" in model:
                return JSONResponse({"error": f"Model {model} is gated."}, 403)
            if "cold" in model:
                return JSONResponse(
                    {"error": f"Model {model} is currently loading", "estimated_time": 20.0}, 503
                )
            response = await handler(request)
            identifier = f"hf-{next(self._numbers)}"
            response.headers["x-request-id"] = identifier
            if response.status_code == 200:
                self.record.invoice.append((identifier, USD_PER_CALL))
            return response

        return serve

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        prompt = str(body["messages"][-1]["content"])
        if FORBIDDEN in prompt:
            problem = {"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}
            return JSONResponse({"detail": [problem]}, 422)
        if "/" not in str(body.get("model")):
            return JSONResponse(
                {
                    "error": {
                        "message": f"The requested model '{body.get('model')}' does not exist",
                        "type": "invalid_request_error",
                        "param": "model",
                        "code": "model_not_found",
                    }
                },
                400,
            )
        said = echo(prompt)
        usage = {"prompt_tokens": tokens(prompt), "completion_tokens": tokens(said)}
        used = {**usage, "total_tokens": sum(usage.values())}
        head = {"id": "chat-1", "created": 1_795_000_000, "model": body["model"]}
        if body.get("stream"):
            told = bool((body.get("stream_options") or {}).get("include_usage"))
            events = streamed(said, head, used if told else None)
            return StreamingResponse(events, media_type="text/event-stream")
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse(
            {**head, "object": "chat.completion", "choices": [choice], "usage": used}
        )

    async def _made(self, request: Request) -> Response:
        content = await request.body()
        if "json" not in request.headers.get("content-type", ""):
            return JSONResponse({"text": "Good morning."})  # sound came, words go
        body = json.loads(content)
        if not body.get("inputs"):
            return JSONResponse({"error": "inputs is required"}, 422)
        if "tts" in request.path_params["model"].lower():
            return Response(mp3(1.0), media_type="audio/mpeg")
        sides = body.get("parameters") or {}
        picture = png(int(sides.get("width") or 64), int(sides.get("height") or 64))
        return Response(picture, media_type="image/png")

    async def _vectors(self, request: Request) -> Response:
        inputs = (await request.json()).get("inputs")
        texts = [inputs] if isinstance(inputs, str) else inputs
        found = [[(len(text) + n) / 100 for n in range(DIMENSIONS)] for text in texts]
        return JSONResponse(found)


def streamed(said: str, head: dict[str, Any], usage: dict[str, Any] | None) -> Iterator[str]:
    """Fragments, the finish word, and the usage where it was asked for."""

    def chunk(choices: list[dict[str, Any]], **more: Any) -> str:
        body = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
        return f"data: {json.dumps(body)}\n\n"

    for piece in words(said):
        delta = {"role": "assistant", "content": piece}
        yield chunk([{"index": 0, "delta": delta, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}])
    if usage is not None:
        yield chunk([], usage=usage)
    yield "data: [DONE]\n\n"
