"""Batches at the double: files that go up, work that takes a few looks, files that come back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.form import form

Answer: TypeAlias = Callable[[dict[str, Any]], tuple[int, Any]]
"""A chat, answered as it would be alone: the status and the body."""
ENDPOINT = "/v1/chat/completions"
AT = 1_795_000_000
OPEN = frozenset({"QUEUED", "RUNNING"})


@dataclass
class Batches:
    """What the double keeps of them."""

    key: str
    answer: Answer
    slowness: int = 2
    """Looks until one is done."""
    most: int | None = None
    """How many lines it gets to before its time is over; all unless said."""
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    """The `custom_id` of every line that was answered, and so charged."""

    def routes(self) -> list[Route]:
        """What there is."""
        return [
            self._route("POST", "/v1/files", self.upload),
            self._route("GET", "/v1/files/{file}/content", self.content),
            self._route("POST", "/v1/batch/jobs", self.create),
            self._route("GET", "/v1/batch/jobs", self.listed),
            self._route("GET", "/v1/batch/jobs/{job}", self.look),
            self._route("POST", "/v1/batch/jobs/{job}/cancel", self.cancel),
        ]

    def _route(
        self, method: str, path: str, endpoint: Callable[[Request, bytes], Response]
    ) -> Route:
        async def serve(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not secrets.compare_digest(given.encode(), self.key.encode()):
                return JSONResponse({"detail": "Unauthorized"}, 401)
            return endpoint(request, await request.body())

        served: Callable[[Request], Awaitable[Response]] = serve
        return Route(path, served, methods=[method])

    def keep(self, name: str, content: bytes) -> str:
        """A file more; its id."""
        identifier = f"00000000-0000-0000-0000-{len(self.files) + 1:012}"
        self.files[identifier] = (name, content)
        return identifier

    def upload(self, request: Request, body: bytes) -> Response:
        """`POST /v1/files`."""
        parts = {part.name: part for part in form(body, request.headers["content-type"])}
        file = parts["file"]
        identifier = self.keep(file.filename or "file", file.content)
        return JSONResponse(
            {
                "id": identifier,
                "object": "file",
                "bytes": len(file.content),
                "created_at": AT,
                "filename": file.filename,
                "purpose": parts["purpose"].content.decode() if "purpose" in parts else "batch",
                "sample_type": "batch_request",
                "num_lines": len(file.content.splitlines()),
                "source": "upload",
            }
        )

    def content(self, request: Request, _: bytes) -> Response:
        """`GET /v1/files/{file}/content`."""
        found = self.files.get(request.path_params["file"])
        if found is None:
            return JSONResponse({"detail": "File not found"}, 404)
        return Response(found[1], media_type="application/octet-stream")

    def create(self, _: Request, body: bytes) -> Response:
        """`POST /v1/batch/jobs`."""
        fields = json.loads(body)
        if fields.get("endpoint") != ENDPOINT or not fields.get("model"):
            problem = {"type": "missing", "loc": ["body", "endpoint"], "msg": "Field required"}
            return JSONResponse({"detail": [problem]}, 422)
        lines = [
            line for file in fields["input_files"] for line in self.files[file][1].splitlines()
        ]
        identifier = f"job-{len(self.orders) + 1}"
        self.orders[identifier] = {
            "looks": 0,
            "lines": lines,
            "shown": {
                "id": identifier,
                "object": "batch",
                "input_files": fields["input_files"],
                "endpoint": ENDPOINT,
                "model": fields["model"],
                "metadata": fields.get("metadata"),
                "errors": [],
                "status": "QUEUED",
                "created_at": AT,
                "total_requests": len(lines),
                "completed_requests": 0,
                "succeeded_requests": 0,
                "failed_requests": 0,
                "output_file": None,
                "error_file": None,
            },
        }
        return JSONResponse(self.orders[identifier]["shown"])

    def listed(self, request: Request, _: bytes) -> Response:
        """`GET /v1/batch/jobs`, page by page."""
        data = [order["shown"] for order in reversed(self.orders.values())]
        size = int(request.query_params.get("page_size", "100"))
        first = int(request.query_params.get("page", "0")) * size
        page = data[first : first + size]
        return JSONResponse({"object": "list", "data": page, "total": len(data)})

    def look(self, request: Request, _: bytes) -> Response:
        """`GET /v1/batch/jobs/{job}`: it comes further by being looked at."""
        order = self.orders.get(request.path_params["job"])
        if order is None:
            return JSONResponse({"detail": "Job not found"}, 404)
        order["looks"] += 1
        shown = order["shown"]
        if shown["status"] in OPEN:
            shown["status"] = "RUNNING"
            if order["looks"] >= self.slowness:
                self.work(order)
        elif shown["status"] == "CANCELLATION_REQUESTED":
            shown["status"] = "CANCELLED"
        return JSONResponse(shown)

    def cancel(self, request: Request, _: bytes) -> Response:
        """`POST /v1/batch/jobs/{job}/cancel`."""
        order = self.orders.get(request.path_params["job"])
        if order is None:
            return JSONResponse({"detail": "Job not found"}, 404)
        if order["shown"]["status"] in OPEN:
            order["shown"]["status"] = "CANCELLATION_REQUESTED"
        return JSONResponse(order["shown"])

    def work(self, order: dict[str, Any]) -> None:
        """Answer its lines."""
        shown, status = order["shown"], "SUCCESS"
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for number, raw in enumerate(order["lines"]):
            if self.most is not None and number >= self.most:
                status = "TIMEOUT_EXCEEDED"
                break
            line = json.loads(raw)
            code, body = self.answer({**line["body"], "model": shown["model"]})
            if code < 400:
                self.answered.append(line["custom_id"])
            head = {"id": f"batch-{number}", "custom_id": line["custom_id"]}
            said = {**head, "response": {"status_code": code, "body": body}, "error": None}
            (good if code < 400 else bad).append(said)
        for name, lines in (("output_file", good), ("error_file", bad)):
            if lines:
                content = "".join(json.dumps(one) + "\n" for one in reversed(lines)).encode()
                shown[name] = self.keep(f"{name}.jsonl", content)
        shown |= {
            "status": status,
            "completed_requests": len(good) + len(bad),
            "succeeded_requests": len(good),
            "failed_requests": len(bad),
        }
