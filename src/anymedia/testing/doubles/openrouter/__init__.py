"""OpenRouter's double: chat with its cost, failures inside a 200, and video jobs.

A video is pending when first asked for, in progress then, and complete from the third time on.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.doubles.openai.mind import FORBIDDEN, echo, tokens, words
from anymedia.testing.samples import mp4

STATES = ("pending", "in_progress", "completed")
COST = 0.25
UPSTREAM = "upstream"
"""A prompt with this word fails in the middle of its answer."""
GONE = {
    "code": 502,
    "message": "Provider disconnected",
    "metadata": {"error_type": "provider_unavailable"},
}


class OpenRouterDouble(Double):
    """OpenRouter on loopback, below `/api/v1`."""

    def __init__(self, *, key: str = "sk-or-double") -> None:
        self.key = key
        self.polls: dict[str, int] = {}
        super().__init__(
            [
                Route("/api/v1/chat/completions", self._served(self._chat), methods=["POST"]),
                Route("/api/v1/videos", self._served(self._submit), methods=["POST"]),
                Route("/api/v1/videos/{id}", self._served(self._poll), methods=["GET"]),
                Route("/api/v1/videos/{id}/content", self._served(self._content), methods=["GET"]),
                Route("/api/v1/key", self._served(self._key), methods=["GET"]),
            ]
        )

    def _served(
        self, endpoint: Callable[[Request, dict[str, Any]], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not secrets.compare_digest(given.encode(), self.key.encode()):
                return failure(401, "No auth credentials found", error_type="authentication")
            content = await request.body()
            response = endpoint(request, json.loads(content) if content else {})
            response.headers["x-generation-id"] = "gen-1"
            return response

        return serve

    def _chat(self, _: Request, body: dict[str, Any]) -> Response:
        prompt = str(body["messages"][-1]["content"])
        if FORBIDDEN in prompt:
            return failure(403, "flagged", reasons=["violence"], flagged_input=prompt[:20])
        said = echo(prompt)
        usage = {"prompt_tokens": tokens(prompt), "completion_tokens": tokens(said)}
        used = {**usage, "total_tokens": sum(usage.values()), "cost": 0.001, "is_byok": False}
        self.record.invoice.append(("gen-1", Decimal("0.001")))
        head = {"id": "gen-1", "created": 1_795_000_000, "model": body["model"], "provider": "Acme"}
        broken = UPSTREAM in prompt
        if body.get("stream"):
            events = streamed(said, head, used, broken=broken)
            return StreamingResponse(events, media_type="text/event-stream")
        message = {"role": "assistant", "content": said, "refusal": None, "reasoning": None}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
        if broken:
            choice |= {"finish_reason": "error", "error": GONE}
        kind = {"object": "chat.completion", "choices": [choice], "usage": used}
        return JSONResponse({**head, **kind})

    def _submit(self, _: Request, body: dict[str, Any]) -> Response:
        if FORBIDDEN in body.get("prompt", ""):
            return failure(403, "flagged", reasons=["violence"])
        name = f"gen-vid-{len(self.polls) + 1}"
        self.polls[name] = 0
        self.record.invoice.append((name, Decimal(str(COST))))
        return JSONResponse({"id": name, "status": STATES[0], "polling_url": self._at(name)}, 202)

    def _poll(self, request: Request, _: dict[str, Any]) -> Response:
        name = request.path_params["id"]
        if name not in self.polls:
            return failure(404, "no such job", error_type="not_found")
        state = STATES[min(self.polls[name], len(STATES) - 1)]
        self.polls[name] += 1
        told: dict[str, Any] = {"id": name, "generation_id": name, "status": state}
        if state == "completed":
            told["unsigned_urls"] = [f"{self._at(name)}/content?index=0"]
            told["usage"] = {"cost": COST, "is_byok": False}
        return JSONResponse(told)

    def _content(self, request: Request, _: dict[str, Any]) -> Response:
        if request.path_params["id"] not in self.polls:
            return failure(404, "no such job", error_type="not_found")
        return Response(mp4(), media_type="video/mp4")

    def _key(self, _: Request, __: dict[str, Any]) -> Response:
        return JSONResponse({"data": {"label": "double", "limit": 10, "limit_remaining": 7.5}})

    def _at(self, name: str) -> str:
        return f"{self.base_url}/api/v1/videos/{name}"


def failure(status: int, message: str, **metadata: Any) -> JSONResponse:
    """A failed request, in OpenRouter's words."""
    error = {"code": status, "message": message, "metadata": metadata}
    return JSONResponse({"error": error, "user_id": "user_1"}, status)


def streamed(
    said: str, head: dict[str, Any], usage: dict[str, Any], *, broken: bool
) -> Iterator[str]:
    """Comments, fragments, and the usage last; or a failure after the first fragment."""

    def chunk(delta: dict[str, Any], finish: str | None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        body = {**head, "object": "chat.completion.chunk", "choices": [choice], **more}
        return f"data: {json.dumps(body)}\n\n"

    yield ": OPENROUTER PROCESSING\n\n"
    for piece in words(said):
        yield chunk({"content": piece}, None)
        if broken:
            yield chunk({"content": ""}, "error", error=GONE)
            return
    yield chunk({"content": ""}, "stop")
    yield chunk({"role": "assistant", "content": ""}, "stop", usage=usage)
    yield "data: [DONE]\n\n"
