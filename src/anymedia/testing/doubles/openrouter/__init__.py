"""OpenRouter's double: chat, pictures, speech, transcripts, vectors and video jobs, with their cost.

Failures come in a failed answer, inside a 200 and in the middle of a stream. What is asked for is
paid from the account; when that is empty, 402.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.doubles.openai.mind import FORBIDDEN, echo, tokens, words
from anymedia.testing.doubles.openrouter import media
from anymedia.testing.doubles.openrouter.failures import GONE, Failure, flagged, invalid
from anymedia.testing.doubles.openrouter.media import UPSTREAM, Made
from anymedia.testing.doubles.openrouter.videos import Videos

CHAT_USD = Decimal("0.001")
LIMIT = Decimal(10)


class OpenRouterDouble(Double):
    """OpenRouter on loopback, below `/api/v1`."""

    def __init__(
        self,
        *,
        key: str = "sk-or-double",
        credits_left: str = "7.5",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.balance = Decimal(credits_left)
        self.videos = Videos(self._bill, clock)
        self.generations: dict[str, Decimal] = {}
        self._numbers = itertools.count(1)
        posts: dict[str, Callable[[dict[str, Any]], Made]] = {
            "images": media.image,
            "audio/speech": media.speech,
            "audio/transcriptions": media.transcript,
            "embeddings": media.embedded,
        }
        gets = {
            "videos/{id}": self._poll,
            "key": self._key,
            "credits": self._credits,
            "generation": self._generation,
        }
        super().__init__(
            [
                Route("/api/v1/chat/completions", self._served(self._chat), methods=["POST"]),
                *(
                    Route(f"/api/v1/{path}", self._served(self._made(one)), methods=["POST"])
                    for path, one in posts.items()
                ),
                Route("/api/v1/videos", self._served(self._submit), methods=["POST"]),
                Route("/api/v1/videos/{id}/content", self._content, methods=["GET"]),
                *(
                    Route(f"/api/v1/{path}", self._served(one), methods=["GET"])
                    for path, one in gets.items()
                ),
            ]
        )

    # --- what everything goes through ---------------------------------------------------------

    def _served(
        self, endpoint: Callable[[Request, dict[str, Any]], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            identifier = f"gen-{next(self._numbers)}"
            request.state.generation = identifier
            content = await request.body()
            try:
                self._admit(request)
                body = parsed(content) if content else {}
                if request.method == "POST":
                    self._payable(body)
                response = endpoint(request, body)
            except Failure as failure:
                response = JSONResponse(failure.body, failure.status)
            response.headers["x-generation-id"] = identifier
            return response

        return serve

    def _admit(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), self.key.encode()):
            raise Failure(401, "No auth credentials found", error_type="authentication")

    def _payable(self, body: dict[str, Any]) -> None:
        if not isinstance(body.get("model"), str) or "/" not in body["model"]:
            raise Failure(400, f"{body.get('model')} is not a valid model ID")
        if self.balance <= 0:
            raise Failure(
                402,
                "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
                limit_source="openrouter_credits",
                remedy_hint="Add credits or lower max_tokens",
            )

    def _bill(self, name: str, amount: Decimal) -> None:
        self.balance -= amount
        self.generations[name] = self.generations.get(name, Decimal()) + amount
        self.record.bill(name, amount)

    def _made(
        self, make: Callable[[dict[str, Any]], Made]
    ) -> Callable[[Request, dict[str, Any]], Response]:
        def serve(request: Request, body: dict[str, Any]) -> Response:
            made = make(body)
            self._bill(request.state.generation, made.usd)
            return made.response

        return serve

    # --- chat -----------------------------------------------------------------------------------

    def _chat(self, request: Request, body: dict[str, Any]) -> Response:
        if not body.get("messages"):
            raise invalid("messages is required")
        prompt = str(body["messages"][-1]["content"])
        if FORBIDDEN in prompt:
            raise flagged(prompt)
        said = echo(prompt)
        identifier = request.state.generation
        usage = {"prompt_tokens": tokens(prompt), "completion_tokens": tokens(said)}
        used = {**usage, "total_tokens": sum(usage.values()), "cost": 0.001, "is_byok": False}
        self._bill(identifier, CHAT_USD)
        head = {"id": identifier, "created": 1_795_000_000, "model": body["model"]}
        head["provider"] = "Acme"
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

    # --- video ----------------------------------------------------------------------------------

    def _submit(self, _: Request, body: dict[str, Any]) -> Response:
        name = self.videos.submit(body)
        return JSONResponse({"id": name, "status": "pending", "polling_url": self._at(name)}, 202)

    def _poll(self, request: Request, _: dict[str, Any]) -> Response:
        name = request.path_params["id"]
        return JSONResponse(self.videos.state(name, self._at(name)))

    async def _content(self, request: Request) -> Response:
        """The file: with the key, or by an address that is signed and has not ended."""
        try:
            token = request.query_params.get("token")
            if token is None:
                self._admit(request)
                self.videos.known(request.path_params["id"])
            elif not self.videos.opened(request.path_params["id"], token):
                return Response(status_code=403)
        except Failure as failure:
            return JSONResponse(failure.body, failure.status)
        return Response(self.videos.clip(request.path_params["id"]), media_type="video/mp4")

    def _at(self, name: str) -> str:
        return f"{self.base_url}/api/v1/videos/{name}"

    # --- the account ----------------------------------------------------------------------------

    def _key(self, _: Request, __: dict[str, Any]) -> Response:
        told = {"label": "double", "limit": float(LIMIT), "limit_remaining": float(self.balance)}
        return JSONResponse({"data": told})

    def _credits(self, _: Request, __: dict[str, Any]) -> Response:
        raise Failure(403, "Only management keys can do this", error_type="permission_denied")

    def _generation(self, request: Request, _: dict[str, Any]) -> Response:
        name = request.query_params.get("id", "")
        if name not in self.generations:
            raise Failure(404, "Generation not found", error_type="not_found")
        return JSONResponse({"data": {"id": name, "total_cost": float(self.generations[name])}})


def parsed(content: bytes) -> dict[str, Any]:
    """A JSON body."""
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid("The body is not a JSON object")
    return found


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
