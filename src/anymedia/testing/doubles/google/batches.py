"""Batches at the double: a file of questions, a few looks, a file of answers at half the price."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.google.failures import Failure
from anymedia.testing.doubles.google.files import Files

Answer: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any]]
"""What a model says to a body; billed by whoever answers."""
OPEN = frozenset({"BATCH_STATE_PENDING", "BATCH_STATE_RUNNING"})
TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
AT = "2026-11-21T12:00:00Z"


@dataclass
class Batches:
    """What the double keeps of them."""

    files: Files
    answer: Answer
    slowness: int = 2
    """Looks until one is done."""
    most: int | None = None
    """How many questions it gets to before its day is over; all unless said."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    """The key of every question that was answered, and so charged."""

    def create(self, model: str, body: dict[str, Any]) -> Response:
        """`POST /{version}/models/{model}:batchGenerateContent`."""
        batch = body.get("batch") or {}
        source = batch.get("inputConfig") or batch.get("input_config") or {}
        file = source.get("fileName") or source.get("file_name")
        inline = (source.get("requests") or {}).get("requests") or ()
        if not file and not inline:
            raise Failure(400, "* BatchGenerateContentRequest.batch.input_config: is not specified")
        if file:
            content = self.files.known(file.removeprefix("files/"))["content"]
            lines = [json.loads(line) for line in content.splitlines()]
        else:
            lines = [
                {"key": (one.get("metadata") or {}).get("key", str(place)), **one}
                for place, one in enumerate(inline)
            ]
        name = f"batches/double{len(self.orders) + 1}"
        about = {
            "@type": TYPE,
            "name": name,
            "model": f"models/{model}",
            "displayName": batch.get("displayName") or batch.get("display_name") or "",
            "state": "BATCH_STATE_PENDING",
            "createTime": AT,
            "updateTime": AT,
            "batchStats": {"requestCount": str(len(lines))},
        }
        shown = {"name": name, "metadata": about, "done": False}
        self.orders[name] = {
            "looks": 0,
            "model": model,
            "lines": lines,
            "inline": not file,
            "shown": shown,
        }
        return JSONResponse(shown)

    def _order(self, request: Request) -> dict[str, Any]:
        name = f"batches/{request.path_params['name']}"
        if name not in self.orders:
            raise Failure(404, "Requested entity was not found.")
        return self.orders[name]

    async def listed(self, request: Request) -> Response:
        """`GET /{version}/batches`, page by page."""
        shown = [order["shown"] for order in reversed(self.orders.values())]
        first = int(request.query_params.get("pageToken") or 0)
        size = int(request.query_params.get("pageSize") or 50)
        page: dict[str, Any] = {"operations": shown[first : first + size]}
        if first + size < len(shown):
            page["nextPageToken"] = str(first + size)
        return JSONResponse(page)

    async def look(self, request: Request) -> Response:
        """`GET /{version}/batches/{name}`: it comes further by being looked at."""
        order = self._order(request)
        order["looks"] += 1
        about = order["shown"]["metadata"]
        if about["state"] in OPEN:
            about["state"] = "BATCH_STATE_RUNNING"
            if order["looks"] >= self.slowness:
                self.work(order)
        return JSONResponse(order["shown"])

    async def cancel(self, request: Request) -> Response:
        """`POST /{version}/batches/{name}:cancel`."""
        order = self._order(request)
        about = order["shown"]["metadata"]
        if about["state"] not in OPEN:
            raise Failure(400, "The batch has ended.")
        about["state"] = "BATCH_STATE_CANCELLED"
        order["shown"]["done"] = True
        return JSONResponse({})

    def work(self, order: dict[str, Any]) -> None:
        """Answer its questions."""
        about, state, replies = order["shown"]["metadata"], "BATCH_STATE_SUCCEEDED", []
        failed = 0
        for place, line in enumerate(order["lines"]):
            if self.most is not None and place >= self.most:
                state = "BATCH_STATE_EXPIRED"
                break
            try:
                said = {"response": self.answer(order["model"], line["request"])}
                self.answered.append(line["key"])
            except Failure as failure:
                failed += 1
                said = {"error": {**failure.body["error"], "code": 3}}
            replies.append({"key": line["key"], **said})
        if order["inline"]:
            told = [
                {name: value for name, value in one.items() if name != "key"}
                | {"metadata": {"key": one["key"]}}
                for one in replies
            ]
            output: dict[str, Any] = {"inlinedResponses": {"inlinedResponses": told}}
        else:
            content = "".join(json.dumps(one) + "\n" for one in reversed(replies)).encode()
            kept = self.files.keep(content, "application/jsonl", "ACTIVE")
            output = {"responsesFile": kept["shown"]["name"]}
        about |= {"state": state, "endTime": AT, "output": output}
        about["batchStats"] |= {
            "successfulRequestCount": str(len(replies) - failed),
            "failedRequestCount": str(failed),
        }
        order["shown"] |= {"done": True, "response": output}
