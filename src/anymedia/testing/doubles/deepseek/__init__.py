"""DeepSeek's double: chat that thinks first, with a cache of prompts and a balance.

Everybody waits for a moment: a stream begins with comments and a whole answer with blank lines,
as the service keeps connections open. Words with `forbidden` are refused, with `exhausted` the
service runs out of resources. A prompt's beginning is remembered in blocks, and what was
remembered is cheaper. Prices hold by the hour of the `clock`. Clients of OpenAI go through their
normal flow with it.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.doubles.deepseek.chat import CURRENT, Said, answered, checked
from anymedia.testing.doubles.deepseek.failures import Refused
from anymedia.testing.doubles.openai.mind import words

Endpoint = Callable[[Request], Awaitable[Response]]
PREFIXES = ("", "/v1", "/beta")
PEAK_HOURS = {*range(1, 4), *range(6, 10)}
"""Of working days, in UTC. The double knows no holidays."""
SATURDAY = 5
MOST_BYTES = 30 * 1024 * 1024


class DeepSeekDouble(Double):
    """DeepSeek on loopback."""

    def __init__(
        self,
        *,
        key: str = "sk-deepseek-double",
        balance_usd: str = "12.30",
        at_once: int = 2500,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.balance = Decimal(balance_usd)
        self.at_once = at_once
        self.clock = clock
        self.under_way = 0
        """Streams that have not ended."""
        self.models = {one.id: one for one in catalogued("deepseek")}
        self._remembered: list[str] = []
        routes: dict[str, tuple[str, Endpoint]] = {
            "/chat/completions": ("POST", self._chat),
            "/models": ("GET", self._listed),
            "/user/balance": ("GET", self._balance),
        }
        super().__init__(
            [
                Route(prefix + path, self._served(endpoint), methods=[method])
                for prefix in PREFIXES
                for path, (method, endpoint) in routes.items()
            ]
        )

    def _served(self, endpoint: Endpoint) -> Endpoint:
        async def serve(request: Request) -> Response:
            try:
                self._admit(request)
                response = await endpoint(request)
            except Refused as refused:
                response = refused.response
            response.headers["x-deepseek-request-id"] = f"ds-{len(self.record.requests)}"
            return response

        return serve

    def _admit(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not hmac.compare_digest(key.encode(), self.key.encode()):
            told = f"Authentication Fails, Your api key: ****{key[-4:]} is invalid"
            raise Refused(401, told)

    async def _chat(self, request: Request) -> Response:
        content = await request.body()
        if len(content) > MOST_BYTES:
            raise Refused(413, "The request body is too large")
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(400, "Failed to parse the request body as JSON")
        if self.balance <= 0:
            raise Refused(402, "Insufficient Balance")
        asked = checked(body)
        if self.under_way >= self.at_once:
            raise Refused(429, "Rate limit reached: too many concurrent requests")
        said = answered(asked, body, self._remembered)
        self._remembered.append(asked.whole)
        identifier = f"0f7c{len(self.record.invoice):04}"
        self._bill(identifier, self.models[asked.model], said.usage)
        head = {"id": identifier, "created": int(self.clock()), "model": asked.model}
        head["system_fingerprint"] = "fp_double"
        if body.get("stream"):
            apart = bool((body.get("stream_options") or {}).get("include_usage"))
            return StreamingResponse(
                self._counted(streamed(said, head, thinks=asked.thinks, apart=apart)),
                media_type="text/event-stream",
            )
        answer = json.dumps(head | {"object": "chat.completion"} | whole(said, thinks=asked.thinks))
        return Response("\n\n" + answer, media_type="application/json")

    def _counted(self, pieces: Iterator[str]) -> Iterator[str]:
        self.under_way += 1
        try:
            yield from pieces
        finally:
            self.under_way -= 1

    def _bill(self, identifier: str, model: Model, usage: dict[str, Any]) -> None:
        when = datetime.fromtimestamp(self.clock(), UTC)
        peak = when.weekday() < SATURDAY and when.hour in PEAK_HOURS
        wanted = {} if peak else {"period": "off-peak"}
        rates = {one.unit: one.usd / one.per for one in model.prices if one.when == wanted}
        total = rates["input_tokens"] * usage["prompt_cache_miss_tokens"]
        total += rates["cached_input_tokens"] * usage["prompt_cache_hit_tokens"]
        total += rates["output_tokens"] * usage["completion_tokens"]
        self.balance -= total
        self.record.bill(identifier, total)

    async def _listed(self, _: Request) -> Response:
        data = [{"id": one, "object": "model", "owned_by": "deepseek"} for one in CURRENT]
        return JSONResponse({"object": "list", "data": data})

    async def _balance(self, _: Request) -> Response:
        left = f"{max(self.balance, Decimal(0)):.2f}"
        purse = {"currency": "USD", "total_balance": left, "granted_balance": "0.00"}
        purses = [purse | {"topped_up_balance": left}]
        return JSONResponse({"is_available": self.balance > 0, "balance_infos": purses})


def whole(said: Said, *, thinks: bool) -> dict[str, Any]:
    """An answer in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if thinks:
        message["reasoning_content"] = said.reasoning
    if said.calls:
        message["tool_calls"] = said.tools()
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}
    return {"choices": [choice], "usage": said.usage}


def streamed(said: Said, head: dict[str, Any], *, thinks: bool, apart: bool) -> Iterator[str]:
    """Fragments: first what it thinks, then what it says, then what it wants, then the counts.

    The counts come on the last fragment, or in a chunk of their own when they were asked for.
    """

    def chunk(delta: dict[str, Any] | None, finish: str | None = None, counts: Any = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        choices = [] if delta is None else [choice]
        said_so_far = {"object": "chat.completion.chunk", "choices": choices, "usage": counts}
        return f"data: {json.dumps(head | said_so_far)}\n\n"

    yield ": keep-alive\n\n"
    opening: dict[str, Any] = {"role": "assistant", "content": None if thinks else ""}
    yield chunk(opening | ({"reasoning_content": ""} if thinks else {}))
    for piece in words(said.reasoning):
        yield chunk({"reasoning_content": piece})
    for piece in words(said.text):
        yield chunk({"content": piece})
    for call in said.tools():
        function = call["function"]
        yield chunk({"tool_calls": [call | {"function": function | {"arguments": ""}}]})
        half = len(function["arguments"]) // 2
        for piece in (function["arguments"][:half], function["arguments"][half:]):
            yield chunk(
                {"tool_calls": [{"index": call["index"], "function": {"arguments": piece}}]}
            )
    yield chunk({"content": ""}, said.finish, None if apart else said.usage)
    if apart:
        yield chunk(None, None, said.usage)
    yield "data: [DONE]\n\n"
