"""Anthropic's double: messages, token counting, models, batches.

It knows the models of the catalogue, refuses what the real service refuses (sampling parameters,
the wrong form of thinking, prefilled answers, a missing version, a wrong key) and bills every
answer at the list price. The official client goes through its normal flow with it.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.doubles.anthropic import messages
from anymedia.testing.doubles.anthropic.batches import Batches
from anymedia.testing.doubles.anthropic.failures import Failure
from anymedia.testing.doubles.openai import mind

VERSIONS = ("2026-10-21", messages.OLD_VERSION)
COUNTED = frozenset(
    {
        *("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
        *("cache_control", "speed"),
    }
)
"""What a question may have whose tokens are counted."""
LIMITS = {
    "anthropic-organization-id": "org_double",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:00Z",
}


class AnthropicDouble(Double):
    """Anthropic on loopback, below `/v1`."""

    def __init__(self, *, key: str = "sk-ant-double") -> None:
        self.key = key
        self.models = {
            model.id: model
            for model in catalogued("anthropic")
            if model.lifecycle(model.as_of) != "retired"
        }
        self._numbers = itertools.count(1)
        self.batches = Batches(self._batched, lambda: self.base_url)
        batch = "/v1/messages/batches"
        super().__init__(
            [
                Route(batch, self._served(self.batches.create), methods=["POST"]),
                Route(batch, self._served(self.batches.listed), methods=["GET"]),
                Route(batch + "/{batch}", self._served(self.batches.look), methods=["GET"]),
                Route(
                    batch + "/{batch}/cancel", self._served(self.batches.cancel), methods=["POST"]
                ),
                Route(
                    batch + "/{batch}/results", self._served(self.batches.results), methods=["GET"]
                ),
                Route("/v1/messages", self._served(self._answer), methods=["POST"]),
                Route("/v1/messages/count_tokens", self._served(self._count), methods=["POST"]),
                Route("/v1/models", self._served(self._list), methods=["GET"]),
                Route("/v1/models/{model}", self._served(self._one), methods=["GET"]),
            ]
        )

    def _served(
        self, endpoint: Callable[[Request, dict[str, Any], int], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint behind the key, with Anthropic's headers and its way of failing."""

        async def serve(request: Request) -> Response:
            number = next(self._numbers)
            try:
                self._admit(request)
                response = endpoint(request, fields(await request.body()), number)
            except Failure as failure:
                body = {**failure.body, "request_id": f"req_{number}"}
                response = JSONResponse(body, failure.status)
            response.headers.update(LIMITS | {"request-id": f"req_{number}"})
            return response

        return serve

    def _admit(self, request: Request) -> None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = request.headers.get("x-api-key") or bearer
        if not secrets.compare_digest(key.encode(), self.key.encode()):
            raise Failure(401, "invalid x-api-key", kind="authentication_error")
        if request.headers.get("anthropic-version") not in VERSIONS:
            raise Failure(400, "anthropic-version: header is required")

    def _answer(self, request: Request, body: dict[str, Any], number: int) -> Response:
        model = self._model(body.get("model"))
        whole = messages.answer(body, model, request.headers["anthropic-version"], number)
        self.record.bill(whole["id"], price(model, whole["usage"]))
        if not body.get("stream"):
            return JSONResponse(whole)
        told = messages.events(whole, messages.last_words(body["messages"]))
        return StreamingResponse(told, media_type="text/event-stream")

    def _batched(self, params: dict[str, Any], version: str, number: int) -> dict[str, Any]:
        """A message of a batch, at half the price."""
        model = self._model(params.get("model"))
        whole = messages.answer(params, model, version, number)
        self.record.bill(whole["id"], price(model, whole["usage"]) / 2)
        return {**whole, "usage": {**whole["usage"], "service_tier": "batch"}}

    def _count(self, _: Request, body: dict[str, Any], __: int) -> Response:
        self._model(body.get("model"))
        for name in body.keys() - COUNTED:
            raise Failure(400, f"{name}: Extra inputs are not permitted")
        said = [body[name] for name in ("system", "tools", "messages") if name in body]
        return JSONResponse({"input_tokens": sum(mind.tokens(json.dumps(one)) for one in said)})

    def _list(self, request: Request, _: dict[str, Any], __: int) -> Response:
        names = sorted(self.models)
        after = request.query_params.get("after_id")
        rest = names[names.index(after) + 1 :] if after in names else names
        page = rest[: int(request.query_params.get("limit", "20"))]
        return JSONResponse(
            {
                "data": [entry(self.models[name]) for name in page],
                "has_more": len(page) < len(rest),
                "first_id": page[0] if page else None,
                "last_id": page[-1] if page else None,
            }
        )

    def _one(self, request: Request, _: dict[str, Any], __: int) -> Response:
        return JSONResponse(entry(self._model(request.path_params["model"])))

    def _model(self, name: Any) -> Model:
        if name not in self.models:
            raise Failure(404, f"model: {name}", kind="not_found_error")
        return self.models[name]


def fields(content: bytes) -> dict[str, Any]:
    """The JSON body; nothing where there is none."""
    if not content:
        return {}
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Failure(400, "The request body is not valid JSON.")
    return body


def entry(model: Model) -> dict[str, Any]:
    """What the list says of a model."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": "2026-10-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": model.limits.context_tokens,
        "max_tokens": model.limits.output_tokens,
    }


def price(model: Model, usage: dict[str, Any]) -> Decimal:
    """What it costs by the list."""
    each = {
        price.unit: price.usd / price.per
        for price in model.prices
        if not price.when and price.above_input_tokens is None
    }
    amounts = {
        "input_tokens": usage["input_tokens"],
        "cache_write_tokens": usage["cache_creation_input_tokens"],
        "output_tokens": usage["output_tokens"],
    }
    return sum((each.get(unit, Decimal(0)) * n for unit, n in amounts.items()), Decimal(0))
