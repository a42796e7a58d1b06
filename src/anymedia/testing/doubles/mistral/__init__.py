"""Mistral's double: strict chat, embeddings, transcription, speech, models and batches.

A field that the real service does not know is a 422 here too. The official client goes through its
normal flow with it.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double, Fault
from anymedia.testing.doubles.mistral.batches import Batches
from anymedia.testing.doubles.mistral.chat import answered, last_words, streamed, whole
from anymedia.testing.doubles.openai.mind import FORBIDDEN, tokens
from anymedia.testing.form import form

KNOWN = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "min_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "random_seed",
        "n",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "prediction",
        "reasoning_effort",
        "prompt_mode",
        "guardrails",
        "prompt_cache_key",
        "service_tier",
        "safe_prompt",
        "metadata",
        "stream",
    ]
)
HEADERS = {"mistral-correlation-id": "corr-1"}


class Failure(Exception):
    """A failed request, in Mistral's words."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body


def rate_limited() -> Fault:
    """Too many requests."""
    body = {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited"}
    content = json.dumps({**body, "code": "1300", "raw_status_code": 429}).encode()
    return Fault(
        method="POST",
        status=429,
        body=content,
        headers={"content-type": "application/json", "retry-after": "2"},
    )


class MistralDouble(Double):
    """Mistral on loopback, below `/v1`."""

    def __init__(self, *, key: str = "mistral-double", besides: Sequence[Route] = ()) -> None:
        self.key = key
        self.models = {model.id: model for model in catalogued("mistral")}
        self.batches = Batches(key, self._batched)
        self._share = Decimal(1)
        posts = {
            "/v1/chat/completions": self._chat,
            "/v1/embeddings": self._embeddings,
            "/v1/audio/speech": self._speech,
            "/v1/audio/transcriptions": self._transcription,
        }
        super().__init__(
            [
                *(Route(path, self._served(one), methods=["POST"]) for path, one in posts.items()),
                Route("/v1/models", self._served(self._listed), methods=["GET"]),
                *self.batches.routes(),
                *besides,
            ]
        )

    def _served(
        self, endpoint: Callable[[dict[str, Any]], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not secrets.compare_digest(given.encode(), self.key.encode()):
                return JSONResponse({"detail": "Unauthorized"}, 401)
            content = await request.body()
            kind = request.headers.get("content-type", "")
            if "multipart" in kind:
                fields: dict[str, Any] = {part.name: part for part in form(content, kind)}
                fields["model"] = fields["model"].content.decode()
            else:
                fields = json.loads(content) if content else {}
            try:
                response = endpoint(fields)
            except Failure as failure:
                response = JSONResponse(failure.body, failure.status)
            response.headers.update(HEADERS)
            return response

        return serve

    def _known(self, body: dict[str, Any]) -> None:
        if body.get("model") not in self.models:
            error = {"object": "error", "message": f"Invalid model: {body.get('model')}"}
            raise Failure(400, {**error, "type": "invalid_model", "code": "1500"})

    def _chat(self, body: dict[str, Any]) -> Response:
        for name in body.keys() - KNOWN:
            problem = {"type": "extra_forbidden", "loc": ["body", name]}
            raise Failure(422, {"detail": [{**problem, "msg": "Extra inputs are not permitted"}]})
        self._known(body)
        content = last_words(body["messages"][-1])
        if FORBIDDEN in content:
            raise Failure(403, {"message": "Request blocked by guardrail"})
        said = answered(body, content)
        usage = {"prompt_tokens": tokens(content), "completion_tokens": said.tokens}
        usage["total_tokens"] = sum(usage.values())
        self._bill(body["model"], usage)
        head = {"id": "cmpl-1", "created": 1_795_000_000, "model": body["model"]}
        if body.get("stream"):
            return StreamingResponse(streamed(said, head, usage), media_type="text/event-stream")
        return JSONResponse({**head, **whole(said), "usage": usage})

    def _bill(self, model: str, usage: dict[str, int]) -> None:
        prices = {one.unit: one.usd / one.per for one in self.models[model].prices}
        total = prices.get("input_tokens", Decimal(0)) * usage["prompt_tokens"]
        total += prices.get("output_tokens", Decimal(0)) * usage["completion_tokens"]
        self.record.bill("cmpl-1", total * self._share)

    def _batched(self, body: dict[str, Any]) -> tuple[int, Any]:
        """A chat of a batch, at half the price."""
        self._share = Decimal("0.5")
        try:
            return 200, json.loads(bytes(self._chat(body).body))
        except Failure as failure:
            return failure.status, failure.body
        finally:
            self._share = Decimal(1)

    def _embeddings(self, body: dict[str, Any]) -> Response:
        self._known(body)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [
            {"object": "embedding", "index": place, "embedding": [0.5, float(place)]}
            for place, _ in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "completion_tokens": 0, "total_tokens": len(texts)}
        head = {"id": "emb-1", "object": "list", "model": body["model"]}
        return JSONResponse({**head, "data": data, "usage": usage})

    def _speech(self, body: dict[str, Any]) -> Response:
        self._known(body)
        return JSONResponse({"audio_data": base64.b64encode(b"ID3" + bytes(40)).decode()})

    def _transcription(self, body: dict[str, Any]) -> Response:
        self._known(body)
        usage = {"prompt_audio_seconds": 2, "prompt_tokens": 4, "completion_tokens": 3}
        heard = {"model": body["model"], "text": "Hello there.", "language": "en", "segments": []}
        return JSONResponse({**heard, "usage": {**usage, "total_tokens": 7}})

    def _listed(self, _: dict[str, Any]) -> Response:
        data = [
            {"id": name, "object": "model", "capabilities": {}, "type": "base"}
            for name in self.models
        ]
        return JSONResponse({"object": "list", "data": data})
