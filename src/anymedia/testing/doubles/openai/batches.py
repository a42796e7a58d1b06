"""Batches at the double: files that go up, batches that take a few looks, files that come back.

Every line is answered as it would be alone, at half the price, in an order of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeAlias

from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure, missing_parameter

Endpoint: TypeAlias = Callable[[Asked], Response]
WINDOW = "24h"
AT = 1_795_000_000
HALF = Decimal("0.5")


@dataclass
class Batches:
    """What the double keeps of them."""

    answering: dict[str, Endpoint]
    """By path, who answers a line."""
    slowness: int = 2
    """Looks until one is done."""
    most: int | None = None
    """How many lines it gets to before its day is over; all unless said."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    """The `custom_id` of every line that was answered, and so charged."""

    def endpoints(self) -> dict[str, Endpoint]:
        """What there is, by method and path."""
        return {
            "POST /files": self.upload,
            "GET /files/{file}": self.file,
            "GET /files/{file}/content": self.content,
            "POST /batches": self.create,
            "GET /batches": self.listed,
            "GET /batches/{batch}": self.look,
            "POST /batches/{batch}/cancel": self.cancel,
        }

    # --- files ----------------------------------------------------------------------------

    def keep(self, content: bytes, purpose: str, name: str) -> str:
        """A file more; its id."""
        identifier = f"file-{len(self.files) + 1}"
        self.files[identifier] = {
            "content": content,
            "shown": {
                "id": identifier,
                "object": "file",
                "bytes": len(content),
                "created_at": AT,
                "filename": name,
                "purpose": purpose,
                "status": "processed",
            },
        }
        return identifier

    def upload(self, asked: Asked) -> Response:
        """`POST /files`."""
        found = asked.files("file")
        if not found:
            raise missing_parameter("file")
        purpose = asked.fields.get("purpose")
        if purpose != "batch":
            raise Failure(400, f"'{purpose}' is not one of ['batch'] - 'purpose'")
        identifier = self.keep(found[0].content, "batch", found[0].filename or "file")
        return JSONResponse(self.files[identifier]["shown"])

    def _file(self, asked: Asked) -> dict[str, Any]:
        name = asked.path["file"]
        if name not in self.files:
            raise Failure(404, f"No such File object: {name}")
        return self.files[name]

    def file(self, asked: Asked) -> Response:
        """`GET /files/{file}`."""
        return JSONResponse(self._file(asked)["shown"])

    def content(self, asked: Asked) -> Response:
        """`GET /files/{file}/content`."""
        return Response(self._file(asked)["content"], media_type="application/octet-stream")

    # --- batches --------------------------------------------------------------------------

    def create(self, asked: Asked) -> Response:
        """`POST /batches`."""
        fields = asked.fields
        for name in ("input_file_id", "endpoint", "completion_window"):
            if name not in fields:
                raise missing_parameter(name)
        if fields["completion_window"] != WINDOW:
            raise Failure(400, "Invalid value: 'completion_window' must be '24h'.")
        if fields["endpoint"] not in self.answering:
            raise Failure(400, f"Invalid value: '{fields['endpoint']}'.", param="endpoint")
        if fields["input_file_id"] not in self.files:
            raise Failure(400, "Invalid 'input_file_id'.", param="input_file_id")
        identifier = f"batch_{asked.number}"
        lines = self.files[fields["input_file_id"]]["content"].splitlines()
        self.orders[identifier] = {
            "looks": 0,
            "asked": asked,
            "shown": {
                "id": identifier,
                "object": "batch",
                "endpoint": fields["endpoint"],
                "input_file_id": fields["input_file_id"],
                "completion_window": WINDOW,
                "status": "validating",
                "created_at": AT + asked.number,
                "expires_at": AT + 86_400,
                "output_file_id": None,
                "error_file_id": None,
                "errors": None,
                "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
                "metadata": fields.get("metadata"),
            },
        }
        return JSONResponse(self.orders[identifier]["shown"])

    def _order(self, asked: Asked) -> dict[str, Any]:
        name = asked.path["batch"]
        if name not in self.orders:
            raise Failure(404, f"No batch found with id '{name}'.")
        return self.orders[name]

    def look(self, asked: Asked) -> Response:
        """`GET /batches/{batch}`: it comes further by being looked at."""
        order = self._order(asked)
        shown = order["shown"]
        order["looks"] += 1
        if shown["status"] in {"validating", "in_progress"}:
            shown["status"] = "in_progress"
            if order["looks"] >= self.slowness:
                self.work(order, "completed")
        elif shown["status"] == "cancelling":
            shown["status"] = "cancelled"
        return JSONResponse(shown)

    def cancel(self, asked: Asked) -> Response:
        """`POST /batches/{batch}/cancel`."""
        shown = self._order(asked)["shown"]
        if shown["status"] not in {"validating", "in_progress", "cancelling"}:
            raise Failure(409, f"Cannot cancel a batch with status '{shown['status']}'.")
        shown["status"] = "cancelling"
        return JSONResponse(shown)

    def listed(self, _: Asked) -> Response:
        """`GET /batches`, the newest first."""
        data = [order["shown"] for order in reversed(self.orders.values())]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return JSONResponse({"object": "list", "data": data, "has_more": False, **ends})

    def work(self, order: dict[str, Any], status: str) -> None:
        """Answer its lines."""
        shown, asked = order["shown"], order["asked"]
        said = self.files[shown["input_file_id"]]["content"].splitlines()
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for number, raw in enumerate(said):
            line = json.loads(raw)
            head = {"id": f"batch_req_{number}", "custom_id": line["custom_id"]}
            if self.most is not None and number >= self.most:
                status = "expired"
                error = {"code": "batch_expired", "message": "This request could not be executed."}
                bad.append({**head, "response": None, "error": error})
                continue
            code, body = self.answer(asked, line, number)
            response = {"status_code": code, "request_id": f"req_{number}", "body": body}
            (good if code < 400 else bad).append({**head, "response": response, "error": None})
        for name, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                content = "".join(json.dumps(one) + "\n" for one in reversed(lines)).encode()
                shown[name] = self.keep(content, "batch_output", f"{name}.jsonl")
        shown["status"] = status
        shown["request_counts"] |= {"completed": len(good), "failed": len(bad)}

    def answer(self, asked: Asked, line: dict[str, Any], number: int) -> tuple[int, Any]:
        """A line, as it would be answered alone."""
        path = line["url"]
        alone = replace(
            asked,
            body=json.dumps(line["body"]).encode(),
            content_type="application/json",
            number=asked.number * 100_000 + number,
            bill=lambda name, usd: asked.bill(name, usd * HALF),
        )
        try:
            response = self.answering[path](alone)
        except Failure as failure:
            return failure.status, failure.body
        self.answered.append(line["custom_id"])
        return response.status_code, json.loads(bytes(response.body))
