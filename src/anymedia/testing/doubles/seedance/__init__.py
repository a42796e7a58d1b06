"""Ark's double: Seedance's clips by task, Seedream's pictures at once.

A clip waits at its first poll, is being made at the next ones and is complete after that;
`slowness` is how many polls it takes. Words with `forbidden` are refused at once; with
`forbidden-late`, `broken` or `expires` a clip comes to nothing in the end. More than `at_once`
clips under way are too many, and an `overdue` account makes none. Addresses end when they
`expire`. Each change is reported to `callback_url`, and every delivery is kept.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.background import BackgroundTask, BackgroundTasks
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.delivery import Delivery
from anymedia.testing.double import Double
from anymedia.testing.films import area, film, sides
from anymedia.testing.samples import png

Handler = Callable[[Request], Awaitable[Response]]
PREFIX = "/api/v3"
TASKS = "/contents/generations/tasks"
FORBIDDEN, LATE = "forbidden", "forbidden-late"
OPEN = {"queued", "running"}
FRAMES = {"first_frame", "last_frame"}
RATIOS = {"16:9", "9:16", "4:3", "3:4", "1:1", "21:9", "adaptive"}
ENDS = {
    LATE: ("failed", "OutputVideoSensitiveContentDetected", "The output may be sensitive."),
    "broken": ("failed", "InternalServiceError", "The service has an internal error."),
    "expires": ("expired", "TaskExpired", "The task waited for too long."),
}


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        error = {"code": code, "message": words, "param": "", "type": "BadRequest"}
        self.response = JSONResponse({"error": error}, status)


class SeedanceDouble(Double):
    """One region's service."""

    def __init__(
        self,
        *,
        key: str = "ark-double",
        slowness: int = 2,
        at_once: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.slowness = slowness
        self.at_once = at_once
        self.clock = clock
        self.overdue = False
        self.tasks: dict[str, dict[str, Any]] = {}
        self.deliveries: list[Delivery] = []
        self.expired: set[str] = set()
        self._numbers = itertools.count(1)
        self.models = {one.id: one for one in catalogued("seedance")}
        routes: dict[tuple[str, str], Handler] = {
            ("POST", TASKS): self._create,
            ("GET", TASKS): self._list,
            ("GET", f"{TASKS}/{{id}}"): self._show,
            ("DELETE", f"{TASKS}/{{id}}"): self._delete,
            ("POST", "/images/generations"): self._draw,
        }
        super().__init__(
            [
                *(
                    Route(PREFIX + path, self._served(handler), methods=[method])
                    for (method, path), handler in routes.items()
                ),
                Route("/results/{name}", self._fetch),
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            try:
                self._admit(request)
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            response.headers["x-request-id"] = f"02{len(self.record.requests)}"
            return response

        return serve

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, "AuthenticationError", "The API key is invalid.")

    def expire(self) -> None:
        """Let every address handed out so far end."""
        self.expired |= {f"{identifier}.mp4" for identifier in self.tasks} | {"1.png"}

    # --- clips ----------------------------------------------------------------------------------

    async def _create(self, request: Request) -> Response:
        body, model = await self._asked(request, "video")
        words = checked(body, model)
        if sum(one["status"] in OPEN for one in self.tasks.values()) >= self.at_once:
            raise Refused(429, "QuotaExceeded", "Too many tasks are queued.")
        identifier = f"cgt-20261121100000-{next(self._numbers):05}"
        resolution, seconds = body.get("resolution", "720p"), body.get("duration", 5)
        self.tasks[identifier] = {
            "id": identifier,
            "model": body["model"],
            "status": "queued",
            "created_at": int(self.clock()),
            "updated_at": int(self.clock()),
            "service_tier": body.get("service_tier", "default"),
            "_words": words,
            "_polls": 0,
            "_size": {
                "seed": body.get("seed", 17918),
                "resolution": resolution,
                "ratio": body.get("ratio", "16:9"),
                "duration": seconds,
                "framespersecond": 24,
            },
            "_last": bool(body.get("return_last_frame")),
            "_sound": body.get("generate_audio") is not False,
            "_callback": str(body.get("callback_url", "")),
        }
        rate = next(one.usd for one in model.prices if one.when["resolution"] == resolution)
        self.record.bill(identifier, rate * Decimal(seconds))
        return JSONResponse({"id": identifier})

    def _known(self, request: Request) -> dict[str, Any]:
        identifier = request.path_params["id"]
        if identifier not in self.tasks:
            raise Refused(404, "ResourceNotFound", "The task does not exist.")
        return self.tasks[identifier]

    async def _show(self, request: Request) -> Response:
        task = self._known(request)
        call = self._looked_at(task)
        return JSONResponse(shown(task), background=call)

    def _looked_at(self, task: dict[str, Any]) -> BackgroundTask | None:
        """Every look at it takes it a step further."""
        before = task["status"]
        if before in OPEN:
            self._advance(task)
        return self._reported(task) if task["status"] != before else None

    def _advance(self, task: dict[str, Any]) -> None:
        task["_polls"] += 1
        if task["_polls"] <= self.slowness:
            task["status"] = "queued" if task["_polls"] == 1 else "running"
            return
        for word, (status, code, message) in ENDS.items():
            if word in task["_words"]:
                task |= {"status": status, "error": {"code": code, "message": message}}
                return
        task |= {
            "status": "succeeded",
            "content": {"video_url": self._address(f"{task['id']}.mp4")},
            "usage": {"completion_tokens": 108900, "total_tokens": 108900},
            **task["_size"],
        }
        if task["_last"]:
            task["content"]["last_frame_url"] = self._address("1.png")

    def _address(self, name: str) -> str:
        return f"{self.base_url}/results/{name}"

    def _reported(self, task: dict[str, Any]) -> BackgroundTask | None:
        if not task["_callback"]:
            return None
        headers = {"content-type": "application/json"}  # there is no signature
        delivery = Delivery(task["_callback"], json.dumps(shown(task)).encode(), headers)
        self.deliveries.append(delivery)
        return BackgroundTask(delivery.post)

    async def _list(self, request: Request) -> Response:
        size = int(request.query_params.get("page_size", 10))
        page, calls = list(self.tasks.values())[::-1][:size], BackgroundTasks()
        calls.tasks += [call for call in map(self._looked_at, page) if call is not None]
        told = {"items": list(map(shown, page)), "total": len(self.tasks)}
        return JSONResponse(told, background=calls)

    async def _delete(self, request: Request) -> Response:
        task = self._known(request)
        if task["status"] == "running":
            raise Refused(409, "InvalidAction.RunningTaskDeletion", "The task is running.")
        if task["status"] == "queued":
            task["status"] = "cancelled"
            self.record.give_back(task["id"])
        else:
            self.tasks.pop(task["id"])
        return JSONResponse({})

    # --- pictures, and what both go through -----------------------------------------------------

    async def _draw(self, request: Request) -> Response:
        body, model = await self._asked(request, "image")
        refuse_words(str(body.get("prompt", "")))
        price = next((one.usd for one in model.prices), Decimal("0.03"))
        self.record.bill("image", price)
        spent = {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384}
        size = body.get("size", "2048x2048")
        data = [{"url": self._address(f"1.png?size={size}"), "size": size}]
        return JSONResponse(
            {"model": body["model"], "created": int(self.clock()), "data": data, "usage": spent}
        )

    async def _asked(self, request: Request, medium: str) -> tuple[dict[str, Any], Model]:
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(400, "InvalidParameter", "The body is not a JSON object.")
        # The vendor's own client writes what it does not say as null.
        body = {name: value for name, value in body.items() if value is not None}
        model = self.models.get(str(body.get("model")))
        if model is None or model.medium != medium:
            words = "The model or endpoint does not exist."
            raise Refused(404, "InvalidEndpointOrModel.NotFound", words)
        if self.overdue:
            raise Refused(403, "AccountOverdueError", "The account is overdue.")
        return body, model

    async def _fetch(self, request: Request) -> Response:
        """A result. It takes no key: the address is the permission."""
        name = request.path_params["name"]
        if name in self.expired:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403)
        if name.endswith(".mp4"):
            task = self.tasks[name.removesuffix(".mp4")]
            made = task["_size"]
            ratio = "16:9" if made["ratio"] == "adaptive" else made["ratio"]
            size = sides(made["resolution"], ratio)
            clip = film(*size, made["duration"], sound=task["_sound"])
            return Response(clip, media_type="video/mp4")
        return Response(png(*drawn(request.query_params.get("size", ""))), media_type="image/png")


def checked(body: dict[str, Any], model: Model) -> str:
    """The words of a clip's body, or what is wrong with it."""
    content = body.get("content") or []
    if not content:
        raise Refused(400, "MissingParameter", "content is missing")
    roles = {one.get("role") for one in content} - {None}
    if roles & FRAMES and roles - FRAMES:
        raise Refused(400, "InvalidParameter", "frames and references cannot be mixed")
    limits = model.limits
    if body.get("resolution", "720p") not in limits.resolutions:
        raise Refused(400, "InvalidParameter", "resolution is not valid for the model")
    if body.get("duration", 5) not in limits.durations_seconds:
        raise Refused(400, "InvalidParameter", "duration is not valid for the model")
    if body.get("ratio", "16:9") not in RATIOS:
        raise Refused(400, "InvalidParameter", "ratio is not valid")
    words = " ".join(one.get("text", "") for one in content)
    refuse_words(words)
    return words


def refuse_words(words: str) -> None:
    """Refuse what is refused at once."""
    if FORBIDDEN in words and LATE not in words:
        code = "InputTextSensitiveContentDetected"
        raise Refused(400, code, "The input text may contain sensitive information.")


def drawn(size: str) -> tuple[int, int]:
    """Width and height of a picture: as said, or of a tier in squares."""
    width, _, height = size.partition("x")
    if width.isdigit() and height.isdigit():
        return int(width), int(height)
    return area({"1K": 1024, "2K": 2048, "4K": 4096}.get(size, 1024))


def shown(task: dict[str, Any]) -> dict[str, Any]:
    """A task as callers see it."""
    return {name: value for name, value in task.items() if not name.startswith("_")}
