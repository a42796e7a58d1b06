"""fal's double: the queue, its results on a file host, storage, keys and signed calls.

A request waits for one poll and runs for one more; `polls_queued` and `polls_running` change that.
Words in a prompt script the rest: `forbidden` is refused by the model, `flagged` is blacked out,
`breaks` fails on the platform, `odd` fails in the model. The clock is handed in: files expire by it
and calls are signed with it. The official client goes through its normal flow with it.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.delivery import Delivery
from anymedia.testing.double import Double
from anymedia.testing.doubles.fal import failures
from anymedia.testing.doubles.fal.failures import Failure
from anymedia.testing.doubles.fal.models import Endpoint, endpoints, files
from anymedia.testing.doubles.fal.signing import Signer

BELOW = re.compile(r"(?P<app>.+)/requests/(?P<id>[^/]+)(?P<what>/status|/cancel)?")
NOON = 1_795_262_400.0
"""A time for those who hand in a clock of their own."""
FILES_LAST_SECONDS = 7 * 86_400


@dataclass(slots=True)
class Queued:
    """One request in the queue."""

    id: str
    app: str
    endpoint: Endpoint
    body: dict[str, Any]
    webhook: str | None
    polls: int = 0
    cancelled: bool = False
    status: int | None = None
    """Of the result, once it is over."""
    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)
    """What the status says of a failure on the platform."""
    units: Decimal = Decimal(0)


class FalDouble(Double):
    """fal on loopback: its hosts are one here."""

    def __init__(
        self,
        *,
        key: str = "fal-id:fal-secret",
        polls_queued: int = 1,
        polls_running: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.polls_queued = polls_queued
        self.polls_running = polls_running
        self.clock = clock
        self.signer = Signer()
        self.endpoints = endpoints()
        self.requests: dict[str, Queued] = {}
        self.deliveries: list[Delivery] = []
        self.files: dict[str, tuple[bytes, str, float]] = {}
        self._numbers = itertools.count(1)
        super().__init__(
            [
                Route("/.well-known/jwks.json", self._keys, methods=["GET"]),
                Route("/storage/upload/initiate", self._slot, methods=["POST"]),
                Route("/slots/{name}", self._filled, methods=["PUT"]),
                Route("/files/{name:path}", self._file, methods=["GET"]),
                Route("/{path:path}", self._queue, methods=["GET", "POST", "PUT"]),
            ]
        )

    # --- the queue ------------------------------------------------------------------------

    async def _queue(self, request: Request) -> Response:
        try:
            self._admit(request)
            below = BELOW.fullmatch(request.path_params["path"])
            if below is not None:
                return self._below(request, below)
            return await self._submitted(request)
        except Failure as failure:
            return JSONResponse(failure.body, failure.status, self._headers())

    def _admit(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Key" or not secrets.compare_digest(key.encode(), self.key.encode()):
            raise Failure(
                401, failures.platform("Cannot access application. Authentication needed")
            )

    def _headers(self) -> dict[str, str]:
        return {"x-fal-request-id": f"fal_{next(self._numbers)}"}

    async def _submitted(self, request: Request) -> Response:
        name = request.path_params["path"]
        if request.method != "POST":
            raise Failure(405, failures.platform("Method Not Allowed"))
        if name not in self.endpoints:
            raise Failure(404, failures.platform(f'Application "{name}" not found'))
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise Failure(422, failures.model("json_invalid", "JSON decode error", "0")) from None
        if not isinstance(body, dict):
            raise Failure(422, failures.model("dict_type", "Input should be an object", "0"))
        # The real queue takes any body; the model refuses it when it runs.
        app = "/".join(name.split("/")[:2])
        made = Queued(
            id=str(uuid.uuid4()),
            app=app,
            endpoint=self.endpoints[name],
            body=body,
            webhook=request.query_params.get("fal_webhook"),
        )
        self.requests[made.id] = made
        url = f"{self.base_url}/{app}/requests/{made.id}"
        return JSONResponse(
            {
                "status": "IN_QUEUE",
                "request_id": made.id,
                "response_url": url,
                "status_url": f"{url}/status",
                "cancel_url": f"{url}/cancel",
                "queue_position": 0,
            },
            headers={"x-fal-request-id": made.id},
        )

    def _below(self, request: Request, below: re.Match[str]) -> Response:
        made = self.requests.get(below["id"])
        if made is None or made.app != below["app"]:
            raise Failure(404, failures.platform("Request not found"))
        match request.method, below["what"]:
            case "GET", "/status":
                return self._status(made, logs=request.query_params.get("logs") in {"1", "true"})
            case "GET", None:
                return self._result(made)
            case "PUT", "/cancel":
                return self._cancelled(made)
            case _:
                raise Failure(405, failures.platform("Method Not Allowed"))

    def _status(self, made: Queued, *, logs: bool) -> Response:
        made.polls += 1
        said: dict[str, Any] = {"request_id": made.id}
        if made.status is None and made.polls <= self.polls_queued and not made.cancelled:
            said |= {"status": "IN_QUEUE", "queue_position": self.polls_queued - made.polls}
            return JSONResponse(said, 202)
        lines = [{"message": "50%", "level": "INFO", "source": "USER", "timestamp": "2026-11-21"}]
        said["logs"] = lines if logs else None
        over = made.polls > self.polls_queued + self.polls_running or made.cancelled
        if made.status is None and not over:
            return JSONResponse(said | {"status": "IN_PROGRESS"}, 202)
        background = self._finished(made) if made.status is None else None
        said |= {"status": "COMPLETED", "metrics": {"inference_time": 1.5}, **made.error}
        return JSONResponse(said, 200, background=background)

    def _result(self, made: Queued) -> Response:
        if made.status is None:
            raise Failure(400, failures.platform("Request is still in progress"))
        headers = {
            "x-fal-request-id": made.id,
            "x-fal-billable-units": f"{made.units.normalize():f}",
        }
        return JSONResponse(made.result, made.status, headers)

    def _cancelled(self, made: Queued) -> Response:
        if made.status is not None:
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        # What waits is dropped; what runs already comes to its end.
        made.cancelled = made.polls <= self.polls_queued
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    def finish(self, identifier: str) -> Delivery | None:
        """Bring a request that nobody asks about to its end; the call that it makes, if any."""
        made = self.requests[identifier]
        if made.status is None:
            self._finished(made)
        return next((one for one in self.deliveries if one.url == made.webhook), None)

    # --- the work -------------------------------------------------------------------------

    def _finished(self, made: Queued) -> BackgroundTask | None:
        """Do the work, bill it, and call whoever wants to know."""
        self._worked(made)
        if made.webhook is None:
            return None
        fine = made.status == 200
        body = json.dumps(
            {
                "request_id": made.id,
                "gateway_request_id": made.id,
                "status": "OK" if fine else "ERROR",
                "error": None if fine else f"Invalid status code: {made.status}",
                "payload": made.result,
            }
        ).encode()
        signed = self.signer.headers(body, request_id=made.id, timestamp=int(self.clock()))
        delivery = Delivery(made.webhook, body, signed)
        self.deliveries.append(delivery)
        return BackgroundTask(delivery.post)

    def _worked(self, made: Queued) -> None:
        words = f"{made.body.get('prompt') or made.body.get('text') or ''}"
        if made.cancelled:
            made.status, made.result = 499, failures.platform("Cancelled", "request_cancelled")
            made.error = {"error": "Request was cancelled", "error_type": "request_cancelled"}
            return
        if "breaks" in words:
            made.status = 503
            made.result = failures.platform("Runner disconnected", "runner_disconnected")
            made.error = {"error": "Runner disconnected", "error_type": "runner_disconnected"}
            return
        try:
            made.endpoint.check(made.body)
            scripted(words)
            made.result = self._made(made, flagged="flagged" in words)
        except Failure as failure:
            made.status, made.result = failure.status, failure.body
            return
        made.status = 200
        made.units, amount = made.endpoint.cost(made.body)
        self.record.bill(made.id, amount, words)

    def _made(self, made: Queued, *, flagged: bool) -> dict[str, Any]:
        """The result, its files put where they can be fetched until they expire."""
        until = self.clock() + FILES_LAST_SECONDS
        told: list[dict[str, Any]] = []
        for name, data, about in files(made.endpoint, made.body):
            path = f"{made.id}/{name}"
            self.files[path] = (data, about["content_type"], until)
            url = f"{self.base_url}/files/{path}"
            told.append({"url": url, "file_name": name, "file_size": len(data), **about})
        match made.endpoint.sheet.medium:
            case "image":
                return {
                    "images": told,
                    "seed": made.body.get("seed", 7),
                    "has_nsfw_concepts": [flagged for _ in told],
                    "timings": {"inference": 0.35},
                    "prompt": made.body.get("prompt", ""),
                }
            case "video":
                return {"video": told[0]}
            case _:
                return {"audio": told[0]}

    # --- files and keys -------------------------------------------------------------------

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.signer.jwk()]})

    async def _slot(self, request: Request) -> Response:
        try:
            self._admit(request)
        except Failure as failure:
            return JSONResponse(failure.body, failure.status)
        if request.query_params.get("storage_type") != "fal-cdn-v3":
            return JSONResponse(failures.platform("Unsupported storage type"), 400)
        asked = await request.json()
        name = f"{next(self._numbers)}-{asked['file_name']}"
        return JSONResponse(
            {
                "upload_url": f"{self.base_url}/slots/{name}",
                "file_url": f"{self.base_url}/files/{name}",
            }
        )

    async def _filled(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "application/octet-stream")
        self.files[request.path_params["name"]] = (
            await request.body(),
            kind,
            self.clock() + 86_400,
        )
        return Response(status_code=200)

    async def _file(self, request: Request) -> Response:
        data, kind, until = self.files.get(request.path_params["name"], (b"", "", 0.0))
        if until <= self.clock():
            return Response("Not Found", 404)
        return Response(data, media_type=kind)


def scripted(words: str) -> None:
    """Fail in the model where the prompt asks for it."""
    if "forbidden" in words:
        refusal = "The content could not be processed because it was flagged by a content checker."
        raise Failure(422, failures.model("content_policy_violation", refusal))
    if "odd" in words:
        raise Failure(500, failures.model("downstream_service_error", "Downstream service error"))
