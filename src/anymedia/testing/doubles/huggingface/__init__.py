"""Hugging Face's double: the router with those behind it, and what is asked of the hub.

A model whose name has `cold` in it is still loading; `gated` ones may not be used. Every answer
that was made costs the same, from credits that end.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.doubles.huggingface.subproviders import Refused, SubProviders
from anymedia.testing.doubles.openai.mind import FORBIDDEN, echo, tokens, words

Handler = Callable[[Request], Awaitable[Response]]
USD_PER_CALL = Decimal("0.001")
TASKS = {
    "image": "text-to-image",
    "video": "text-to-video",
    "speech": "text-to-speech",
    "transcription": "automatic-speech-recognition",
    "embedding": "feature-extraction",
}
ALSO_SERVED: Mapping[str, Mapping[str, str]] = {
    "hexgrad/Kokoro-82M": {"fal-ai": "fal-ai/kokoro/american-english"},
}
"""By whom, where no sheet says it; the real mapping of these could not be looked up."""


class HuggingFaceDouble(Double):
    """The router and the hub on loopback."""

    def __init__(
        self,
        *,
        key: str = "hf_double",
        credits_left: str = "2",
        slowness: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = key
        self.balance = Decimal(credits_left)
        self.mapping = mapping()
        """By model: which sub-providers serve it, and what it is called there."""
        self.behind = SubProviders(lambda: self.base_url, clock, slowness)
        self._numbers = itertools.count(1)
        behind = self.behind
        posts: dict[str, Handler] = {
            "/v1/chat/completions": self._chat,
            "/hf-inference/models/{model:path}/pipeline/feature-extraction": behind.vectors,
            "/hf-inference/models/{model:path}": behind.inferred,
            "/together/v1/images/generations": behind.pictured,
            "/nscale/v1/images/generations": behind.pictured,
            "/together/v1/audio/speech": behind.spoken,
            "/together/v2/videos": behind.filmed,
            "/replicate/v1/models/{model:path}/predictions": behind.predicted,
            "/replicate/v1/predictions": behind.predicted,
            "/fal-ai/{model:path}": behind.fal,
        }
        gets: dict[str, Handler] = {
            "/fal-ai/{model:path}/requests/{id}/status": behind.fal_status,
            "/fal-ai/{model:path}/requests/{id}": behind.fal_result,
            "/together/v2/videos/{id}": behind.together_status,
            "/api/whoami-v2": self._whoami,
            "/api/models/{model:path}": self._mapped,
        }
        super().__init__(
            [
                *(Route(path, self._served(one), methods=["POST"]) for path, one in posts.items()),
                *(Route(path, self._served(one), methods=["GET"]) for path, one in gets.items()),
                Route("/files/{name}", behind.fetch, methods=["GET"]),
            ]
        )

    # --- what everything goes through ---------------------------------------------------------

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            identifier = f"hf-{next(self._numbers)}"
            try:
                self._admit(request)
                response = await handler(request)
            except Refused as refused:
                response = JSONResponse(refused.body, refused.status)
            response.headers["x-request-id"] = identifier
            if request.method == "POST" and response.status_code < 300:
                self.balance -= USD_PER_CALL
                self.record.bill(identifier, USD_PER_CALL)
            return response

        return serve

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, {"error": "Invalid username or password."})
        model = request.path_params.get("model", "")
        if "gated" in model:
            raise Refused(403, {"error": f"Model {model} is gated."})
        if "cold" in model:
            loading = {"error": f"Model {model} is currently loading", "estimated_time": 20.0}
            raise Refused(503, loading)
        if request.method == "POST" and self.balance < USD_PER_CALL:
            raise Refused(
                402,
                {
                    "error": "You have depleted your monthly included credits. Purchase pre-paid "
                    "credits to continue using Inference Providers."
                },
            )

    # --- chat -----------------------------------------------------------------------------------

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        prompt = str(body["messages"][-1]["content"])
        if FORBIDDEN in prompt:
            problem = {"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}
            raise Refused(422, {"detail": [problem]})
        if "/" not in str(body.get("model")):
            raise Refused(
                400,
                {
                    "error": {
                        "message": f"The requested model '{body.get('model')}' does not exist",
                        "type": "invalid_request_error",
                        "param": "model",
                        "code": "model_not_found",
                    }
                },
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

    # --- the hub --------------------------------------------------------------------------------

    async def _whoami(self, _: Request) -> Response:
        return JSONResponse({"type": "user", "name": "double", "isPro": False})

    async def _mapped(self, request: Request) -> Response:
        name = request.path_params["model"]
        if name not in self.mapping:
            raise Refused(404, {"error": "Repository not found"})
        told: dict[str, Any] = {"id": name}
        if request.query_params.get("expand[]") == "inferenceProviderMapping":
            told["inferenceProviderMapping"] = self.mapping[name]
        return JSONResponse(told)


def mapping() -> dict[str, dict[str, dict[str, str]]]:
    """What the hub knows of the catalogue's models."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for model in catalogued("huggingface"):
        if model.medium not in TASKS:
            continue
        served = dict(ALSO_SERVED.get(model.id, {}))
        if via := model.settings.get("via"):
            served[via] = model.settings["provider_id"]
        found[model.id] = {
            who: {"status": "live", "providerId": name, "task": TASKS[model.medium]}
            for who, name in served.items()
        }
    return found


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
