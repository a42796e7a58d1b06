"""Batches at the double: every message answered as it would be alone, at half the price."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.anthropic.failures import Failure

Answer: TypeAlias = Callable[[dict[str, Any], str, int], dict[str, Any]]
"""A message, by its parameters, the API's version and a number; billed by whoever answers."""
DAY = timedelta(hours=24)
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass
class Batches:
    """What the double keeps of them."""

    answer: Answer
    base_url: Callable[[], str]
    slowness: int = 2
    """Looks until one is done."""
    most: int | None = None
    """How many messages it gets to before its day is over; all unless said."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    """The `custom_id` of every message that was answered, and so charged."""

    def create(self, request: Request, body: dict[str, Any], number: int) -> Response:
        """`POST /v1/messages/batches`."""
        asked = body.get("requests")
        if not isinstance(asked, list) or not asked:
            raise Failure(400, "requests: Field required")
        names = [one.get("custom_id") for one in asked]
        if len(set(names)) != len(names):
            raise Failure(400, "requests: custom_id must be unique")
        if not all(CUSTOM_ID.fullmatch(str(name)) for name in names):
            raise Failure(400, f"custom_id: String should match pattern '^{CUSTOM_ID.pattern}$'")
        if any(one.get("params", {}).get("stream") for one in asked):
            raise Failure(400, "requests: stream is not supported in batches")
        identifier, now = f"msgbatch_{number}", datetime.now(UTC)
        self.orders[identifier] = {
            "looks": 0,
            "requests": asked,
            "version": request.headers["anthropic-version"],
            "number": number,
            "lines": [],
            "shown": {
                "id": identifier,
                "type": "message_batch",
                "processing_status": "in_progress",
                "request_counts": counts(processing=len(asked)),
                "created_at": now.isoformat(),
                "expires_at": (now + DAY).isoformat(),
                "ended_at": None,
                "archived_at": None,
                "cancel_initiated_at": None,
                "results_url": None,
            },
        }
        return JSONResponse(self.orders[identifier]["shown"])

    def _order(self, request: Request) -> dict[str, Any]:
        name = request.path_params["batch"]
        if name not in self.orders:
            raise Failure(404, f"batch: {name}", kind="not_found_error")
        return self.orders[name]

    def look(self, request: Request, _: dict[str, Any], __: int) -> Response:
        """`GET /v1/messages/batches/{batch}`: it comes further by being looked at."""
        return JSONResponse(self.looked_at(self._order(request)))

    def looked_at(self, order: dict[str, Any]) -> dict[str, Any]:
        """An order, a little later."""
        order["looks"] += 1
        status = order["shown"]["processing_status"]
        if status == "canceling" or (status == "in_progress" and order["looks"] >= self.slowness):
            self.work(order, cancelled=status == "canceling")
        shown: dict[str, Any] = order["shown"]
        return shown

    def listed(self, request: Request, _: dict[str, Any], __: int) -> Response:
        """`GET /v1/messages/batches`, the newest first."""
        data = [self.looked_at(order) for order in reversed(self.orders.values())]
        names = [one["id"] for one in data]
        after = request.query_params.get("after_id")
        rest = data[names.index(after) + 1 :] if after in names else data
        page = rest[: int(request.query_params.get("limit", "20"))]
        return JSONResponse(
            {
                "data": page,
                "has_more": len(page) < len(rest),
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
            }
        )

    def cancel(self, request: Request, _: dict[str, Any], __: int) -> Response:
        """`POST /v1/messages/batches/{batch}/cancel`."""
        shown = self._order(request)["shown"]
        if shown["processing_status"] == "ended":
            raise Failure(400, "the batch has ended")
        shown["processing_status"] = "canceling"
        shown["cancel_initiated_at"] = datetime.now(UTC).isoformat()
        return JSONResponse(shown)

    def results(self, request: Request, _: dict[str, Any], __: int) -> Response:
        """`GET /v1/messages/batches/{batch}/results`, in no order."""
        order = self._order(request)
        if order["shown"]["processing_status"] != "ended":
            raise Failure(404, "the batch has no results yet", kind="not_found_error")
        lines = "".join(json.dumps(one) + "\n" for one in reversed(order["lines"]))
        return Response(lines, media_type="application/x-jsonl")

    def work(self, order: dict[str, Any], *, cancelled: bool) -> None:
        """Answer its messages."""
        shown = order["shown"]
        told = counts(processing=0)
        for place, one in enumerate(order["requests"]):
            if cancelled:
                result: dict[str, Any] = {"type": "canceled"}
            elif self.most is not None and place >= self.most:
                result = {"type": "expired"}
            else:
                result = self.one(order, one, place)
            told[result["type"]] += 1
            order["lines"].append({"custom_id": one["custom_id"], "result": result})
        shown |= {
            "processing_status": "ended",
            "request_counts": told,
            "ended_at": datetime.now(UTC).isoformat(),
            "results_url": f"{self.base_url()}/v1/messages/batches/{shown['id']}/results",
        }

    def one(self, order: dict[str, Any], asked: dict[str, Any], place: int) -> dict[str, Any]:
        """A message, as it would be answered alone."""
        try:
            number = order["number"] * 100_000 + place
            message = self.answer(asked["params"], order["version"], number)
        except Failure as failure:
            return {"type": "errored", "error": {**failure.body, "request_id": None}}
        self.answered.append(asked["custom_id"])
        return {"type": "succeeded", "message": message}


def counts(processing: int) -> dict[str, int]:
    """How many stand how."""
    names = ("succeeded", "errored", "canceled", "expired")
    return {"processing": processing, **dict.fromkeys(names, 0)}
