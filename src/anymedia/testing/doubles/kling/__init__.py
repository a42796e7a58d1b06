"""Kling's double: both contracts, both kinds of credentials, calls at each change.

A task is submitted at its first poll, processing at the next ones and over after that; `slowness`
is how many polls it takes. Words with `forbidden` are refused at once; with `forbidden-late` or
`broken` a task fails in the end. More than `at_once` tasks under way are too many, and an empty
pack (`units_left`) makes none. A task is billed when it is taken on; a failed one is given back.
Results end after thirty days of the `clock`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from starlette.background import BackgroundTasks
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.contracts.media import Medium
from anymedia.providers.catalog import catalogued
from anymedia.testing.delivery import Delivery
from anymedia.testing.double import Double
from anymedia.testing.doubles.kling.asked import Asked, newer_clip, older_clip, older_picture
from anymedia.testing.doubles.kling.failures import Refused
from anymedia.testing.doubles.kling.proof import Keys
from anymedia.testing.doubles.kling.tasks import UNIT_USD, Task, newer, older
from anymedia.testing.films import film
from anymedia.testing.lapsing import Lapsing
from anymedia.testing.samples import png

Endpoint = Callable[[Request], Awaitable[Response]]
CLIPS = ("/v1/videos/text2video", "/v1/videos/image2video")
PICTURES = "/v1/images/generations"
KINDS = ("text-to-video", "image-to-video", "omni-video")
FORBIDDEN, LATE, BROKEN = "forbidden", "forbidden-late", "broken"
FILES_LAST_SECONDS = 30 * 86_400


class KlingDouble(Double):
    """Kling on loopback."""

    def __init__(
        self,
        *,
        key: str = "api-key-kling-double",
        access_key: str = "double-access",
        secret_key: str = "double-secret",  # noqa: S107  it guards nothing
        slowness: int = 2,
        at_once: int = 1000,
        units_left: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.access_key = access_key
        self.secret_key = secret_key
        self.slowness = slowness
        self.at_once = at_once
        self.units_left = Decimal(units_left)
        self.clock = clock
        self.tasks: dict[str, Task] = {}
        self.deliveries: list[Delivery] = []
        self._lapsing = Lapsing(clock)
        self._keys = Keys(key=key, access_key=access_key, secret_key=secret_key)
        models = [one for one in catalogued("kling") if one.retires_on is None]
        self.models = {(one.medium, one.id): one for one in models}
        super().__init__(
            [
                *(
                    route
                    for path in (*CLIPS, PICTURES)
                    for route in (
                        Route(path, self._served(self._create), methods=["POST"]),
                        Route(path, self._served(self._list), methods=["GET"]),
                        Route(f"{path}/{{id}}", self._served(self._show), methods=["GET"]),
                    )
                ),
                *(
                    Route(f"/{kind}/{{model}}", self._served(self._queue), methods=["POST"])
                    for kind in KINDS
                ),
                Route("/tasks", self._served(self._tasks), methods=["GET"]),
                Route("/results/{name}", self._fetch),
            ]
        )

    def _served(self, endpoint: Endpoint) -> Endpoint:
        async def serve(request: Request) -> Response:
            try:
                self._keys.admit(request.headers.get("authorization"), self.clock())
                return await endpoint(request)
            except Refused as refused:
                return refused.response(self._request_id())

        return serve

    def _request_id(self) -> str:
        return f"Cl6{len(self.record.requests):08}"

    def _told(self, data: Any, background: BackgroundTasks | None = None) -> Response:
        told = {"code": 0, "message": "SUCCEED", "request_id": self._request_id(), "data": data}
        return JSONResponse(told, background=background)

    # --- submissions ----------------------------------------------------------------------------

    async def _create(self, request: Request) -> Response:
        body, path = await read(request), request.url.path
        medium: Medium = "image" if path == PICTURES else "video"
        model = self.models.get((medium, str(body.get("model_name"))))
        if model is None or model.settings.get("contract") == "tasks":
            raise Refused(1203, "model_name is not found")
        asked = older_picture(body, model) if medium == "image" else older_clip(path, body, model)
        task, background = self._taken(path, asked)
        data = {**older(task), "task_result": None}
        return self._told({name: value for name, value in data.items() if value}, background)

    async def _queue(self, request: Request) -> Response:
        kind = request.url.path.split("/")[1]
        model = self.models.get(("video", request.path_params["model"]))
        omni = model is not None and bool(model.settings.get("omni"))
        if (
            model is None
            or model.settings.get("contract") != "tasks"
            or omni != (kind == "omni-video")
        ):
            raise Refused(1203)
        task, background = self._taken("", newer_clip(kind, await read(request), model))
        return self._told({"id": task.id, "status": task.status}, background)

    def _taken(self, path: str, asked: Asked) -> tuple[Task, BackgroundTasks | None]:
        if FORBIDDEN in asked.words and LATE not in asked.words:
            raise Refused(1301)
        if asked.external_id and self._named(asked.external_id) is not None:
            raise Refused(1201, "external_task_id already exists")
        if asked.usd / UNIT_USD > self.units_left:
            raise Refused(1102)
        if sum(not one.over for one in self.tasks.values()) >= self.at_once:
            raise Refused(1303)
        now = int(self.clock() * 1000)
        identifier = str(831_000_000_000_000_000 + len(self.tasks))
        task = Task(identifier, path, asked, created_at=now, updated_at=now)
        self.tasks[identifier] = task
        self.units_left -= asked.usd / UNIT_USD
        self.record.bill(identifier, asked.usd)
        return task, self._reported(task)

    def _named(self, external_id: str) -> Task | None:
        tasks = self.tasks.values()
        return next((one for one in tasks if one.asked.external_id == external_id), None)

    # --- how they stand -------------------------------------------------------------------------

    async def _show(self, request: Request) -> Response:
        name = request.path_params["id"]
        task = self.tasks.get(name) or self._named(name)
        if task is None or task.path != request.url.path.rpartition("/")[0]:
            raise Refused(1203, "task not found")
        background = self._looked_at(task)
        return self._told(older(task), background)

    async def _list(self, request: Request) -> Response:
        page = whole(request, "pageNum", 1, 1000)
        size = whole(request, "pageSize", 30, 500)
        newest = [one for one in self.tasks.values() if one.path == request.url.path][::-1]
        shown = newest[(page - 1) * size : page * size]
        return self._told([older(one) for one in shown])

    async def _tasks(self, request: Request) -> Response:
        asked = request.query_params
        names = [one for one in asked.get("task_ids", "").split(",") if one]
        found = [self.tasks.get(name) for name in names]
        others = [one for one in asked.get("external_task_ids", "").split(",") if one]
        found += [self._named(name) for name in others]
        if not names and not others:
            raise Refused(1201, "task_ids or external_task_ids is needed")
        known = [one for one in found if one is not None and not one.path]
        background = BackgroundTasks()
        for task in known:
            called = self._looked_at(task)
            background.tasks += called.tasks if called else []
        return self._told([newer(one) for one in known], background)

    def _looked_at(self, task: Task) -> BackgroundTasks | None:
        """A task, one poll further; who wants to know of a change is called."""
        before, task.polls = task.status, task.polls + 1
        if not task.over and task.polls > self.slowness:
            self._end(task)
        elif not task.over and task.polls > 1:
            task.status = "processing"
        if task.status == before:
            return None
        task.updated_at = int(self.clock() * 1000)
        return self._reported(task)

    def _end(self, task: Task) -> None:
        if LATE in task.asked.words or BROKEN in task.asked.words:
            task.status = "failed"
            late = LATE in task.asked.words
            task.message = "Failure to pass the risk control system" if late else "Internal error"
            self.units_left += task.asked.usd / UNIT_USD
            self.record.give_back(task.id)
            return
        task.status = "succeeded"
        ending = "mp4" if task.asked.kind == "videos" else "png"
        task.urls = tuple(
            self._lapsing.address(
                self.base_url, f"/results/{task.id}-{number}.{ending}", FILES_LAST_SECONDS
            )
            for number in range(task.asked.count)
        )

    def finish(self, identifier: str) -> Delivery | None:
        """Bring a task that nobody asks about to its end; the call that this makes, if any."""
        task = self.tasks[identifier]
        task.polls = max(task.polls, self.slowness)
        called = self._looked_at(task)
        return self.deliveries[-1] if called else None

    def _reported(self, task: Task) -> BackgroundTasks | None:
        if not task.asked.callback_url:
            return None
        data = older(task) if task.path else newer(task)
        headers = {"content-type": "application/json"}  # there is no signature
        delivery = Delivery(task.asked.callback_url, json.dumps(data).encode(), headers)
        self.deliveries.append(delivery)
        background = BackgroundTasks()
        background.add_task(delivery.post)
        return background

    async def _fetch(self, request: Request) -> Response:
        """A result. It takes no key: the address is the permission, until it ends."""
        if not self._lapsing.admits(request):
            return Response("<Error><Code>AccessDenied</Code></Error>", 403)
        name = request.path_params["name"]
        asked = self.tasks[name.rpartition("-")[0]].asked
        if name.endswith(".mp4"):
            clip = film(*asked.sides, asked.seconds, sound=asked.sound)
            return Response(clip, media_type="video/mp4")
        return Response(png(*asked.sides), media_type="image/png")


async def read(request: Request) -> Mapping[str, Any]:
    """The JSON body, which has to be an object."""
    try:
        body = await request.json()
    except ValueError:
        raise Refused(1200, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(1200, "the body is not an object")
    return body


def whole(request: Request, name: str, default: int, most: int) -> int:
    """A number of the query, from 1 up."""
    written = request.query_params.get(name, str(default))
    if not written.isdigit() or not 1 <= int(written) <= most:
        raise Refused(1201, f"{name} is 1 to {most}")
    return int(written)
