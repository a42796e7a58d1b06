"""FLUX's double: tasks that are polled where the answer says, moderated twice, and billed in credits.

A task is pending at its first poll, being made at the next ones and ready after that; `slowness`
is how many polls it takes. Words with `forbidden` are moderated on the way in, with
`forbidden-late` on the way out; with `broken` a task fails. Tasks live in one `region`: another
one does not know them, and with `apart` the global address does not either. More than `at_once`
of them are too many; without `credits_left` there are none. Pictures can be fetched for ten
minutes of the `clock`, clips for two hours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.providers.catalog import catalogued
from anymedia.testing.delivery import Delivery
from anymedia.testing.double import Double
from anymedia.testing.doubles.flux.asked import Asked, clip, picture
from anymedia.testing.doubles.flux.failures import Refused, crowded, detailed, invalid
from anymedia.testing.doubles.flux.pictures import FORMATS
from anymedia.testing.films import film
from anymedia.testing.lapsing import Lapsing

Endpoint = Callable[[Request], Awaitable[Response]]
FORBIDDEN, LATE, BROKEN = "forbidden", "forbidden-late", "broken"
REGIONS = ("us1", "eu2")
PICTURES_LAST_SECONDS, CLIPS_LAST_SECONDS = 600, 7200
CENTS = 100


@dataclass(slots=True)
class Task:
    """A task, and how it stands."""

    id: str
    model: str
    asked: Asked
    started: float
    status: str = "Pending"
    progress: float | None = None
    polls: int = 0
    result: dict[str, Any] | None = None
    details: dict[str, Any] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status not in {"Pending", "Reasoning", "Generating"}

    @property
    def credits(self) -> float | None:
        """What it costs, as the vendor counts."""
        return None if self.asked.usd is None else float(self.asked.usd * CENTS)


class FluxDouble(Double):
    """Black Forest Labs on loopback; its regions are below `/us1` and `/eu2` here."""

    def __init__(
        self,
        *,
        key: str = "bfl_double",
        slowness: int = 2,
        at_once: int = 1000,
        credits_left: int = 100_000,
        region: str = REGIONS[0],
        apart: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.slowness = slowness
        self.at_once = at_once
        self.credits_left = Decimal(credits_left)
        self.region = region
        self.apart = apart
        self.clock = clock
        self.tasks: dict[str, Task] = {}
        self.deliveries: list[Delivery] = []
        self._lapsing = Lapsing(clock)
        self.models = {one.id: one for one in catalogued("flux")}
        addresses = ["", *(f"/{one}" for one in REGIONS)]
        super().__init__(
            [
                *(
                    Route(f"{at}/v1/{path}", self._served(endpoint), methods=[method])
                    for at in addresses
                    for method, path, endpoint in (
                        ("GET", "get_result", self._show),
                        ("GET", "credits", self._credits),
                        ("POST", "{model:path}", self._create),
                    )
                ),
                Route("/delivery/{name}", self._fetch),
            ]
        )

    def _served(self, endpoint: Endpoint) -> Endpoint:
        async def serve(request: Request) -> Response:
            try:
                given = request.headers.get("x-key", "")
                if not hmac.compare_digest(given.encode(), self.key.encode()):
                    raise detailed(403, "Not authenticated")
                return await endpoint(request)
            except Refused as refused:
                return refused.response

        return serve

    # --- submissions ----------------------------------------------------------------------------

    async def _create(self, request: Request) -> Response:
        model = self.models.get(request.path_params["model"])
        if model is None:
            raise detailed(404, "Not Found")
        try:
            body = await request.json()
        except ValueError:
            raise invalid("0", "JSON decode error", "json_invalid") from None
        if not isinstance(body, dict):
            raise invalid("0", "Input should be a valid dictionary", "model_attributes_type")
        asked = clip(model, body) if model.medium == "video" else picture(model, body)
        under_way = sum(not one.over for one in self.tasks.values())
        if under_way >= self.at_once:
            raise crowded(self.at_once)
        usd = asked.usd or Decimal(0)
        if usd * CENTS > self.credits_left:
            raise detailed(402, "Insufficient credits")
        task = Task(str(uuid.uuid4()), model.id, asked, started=self.clock())
        self.tasks[task.id] = task
        self.credits_left -= usd * CENTS
        self.record.bill(task.id, usd)
        said: dict[str, Any] = {"id": task.id, "cost": task.credits}
        sizes = (asked.input_megapixels, asked.output_megapixels)
        known = model.medium == "image"
        said |= {"input_mp": float(sizes[0]) if known else None}
        said |= {"output_mp": float(sizes[1]) if known else None}
        if asked.webhook_url:  # another shape: nowhere to poll
            said |= {"status": task.status, "webhook_url": asked.webhook_url}
        else:
            said["polling_url"] = f"{self.base_url}/{self.region}/v1/get_result?id={task.id}"
        limits = {
            "x-ratelimit-limit": str(self.at_once),
            "x-ratelimit-remaining": str(self.at_once - under_way - 1),
        }
        return JSONResponse(said, headers=limits)

    # --- how they stand -------------------------------------------------------------------------

    async def _show(self, request: Request) -> Response:
        asked = request.query_params.get("id", "")
        at = request.url.path.split("/")[1]
        task = self.tasks.get(asked)
        elsewhere = at != self.region and (at in REGIONS or self.apart)
        if task is None or elsewhere:
            return JSONResponse({"id": asked, "status": "Task not found", "result": None}, 404)
        task.polls += 1
        background = None if task.over else self._advanced(task)
        return JSONResponse(self._shown(task), background=background)

    def _shown(self, task: Task) -> dict[str, Any]:
        said = {
            "id": task.id,
            "status": task.status,
            "result": task.result,
            "progress": task.progress,
            "details": task.details,
            "preview": None,
        }
        if task.status == "Ready" and self.models[task.model].medium == "video":
            said["cost"] = task.credits
        return said

    def _advanced(self, task: Task) -> BackgroundTask | None:
        if task.polls > self.slowness:
            return self._end(task)
        newest = task.model.startswith("flux-3")
        if newest:
            task.status = "Reasoning" if task.polls == 1 else "Generating"
        elif task.polls > 1:
            task.progress = task.polls / (self.slowness + 1)
        return None

    def _end(self, task: Task) -> BackgroundTask | None:
        words, task.progress = task.asked.words, None
        if LATE in words or FORBIDDEN in words:
            task.status = "Content Moderated" if LATE in words else "Request Moderated"
            task.details = {"Moderation Reasons": ["Derivative Works Filter"]}
        elif BROKEN in words:
            task.status, task.details = "Error", {"error": "Generation failed"}
        else:
            task.status, task.result = "Ready", self._result(task)
        if task.status != "Ready":
            self.credits_left += (task.asked.usd or 0) * CENTS
            self.record.give_back(task.id)
        return self._called(task)

    def _result(self, task: Task) -> dict[str, Any]:
        ended = self.clock()
        result: dict[str, Any] = {
            "prompt": task.asked.words,
            "seed": task.asked.seed,
            "start_time": task.started,
            "end_time": ended,
            "duration": ended - task.started,
        }
        lives = CLIPS_LAST_SECONDS if task.asked.format == "mp4" else PICTURES_LAST_SECONDS
        names = [f"{task.id}-{one}.{task.asked.format}" for one in range(task.asked.count)]
        urls = [self._lapsing.address(self.base_url, f"/delivery/{one}", lives) for one in names]
        if task.asked.draft:
            cache = f"/delivery/{task.id}.cache"
            result["draft_cache"] = self._lapsing.address(self.base_url, cache, lives)
        return result | ({"sample": urls[0]} if len(urls) == 1 else {"samples": urls})

    def finish(self, identifier: str) -> Delivery | None:
        """Bring a task that nobody asks about to its end; the call that this makes, if any."""
        task = self.tasks[identifier]
        if task.over:
            return None
        return self.deliveries[-1] if self._end(task) else None

    def _called(self, task: Task) -> BackgroundTask | None:
        if not task.asked.webhook_url:
            return None
        body = json.dumps(self._shown(task)).encode()
        headers = {"content-type": "application/json"}
        if secret := task.asked.webhook_secret.encode():
            signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
            headers["x-bfl-signature"] = f"sha256={signature}"
        self.deliveries.append(Delivery(task.asked.webhook_url, body, headers))
        return BackgroundTask(self.deliveries[-1].post)

    async def _credits(self, _: Request) -> Response:
        return JSONResponse({"credits": float(self.credits_left)})

    async def _fetch(self, request: Request) -> Response:
        """A result. It takes no key: the address is the permission, until it ends."""
        if not self._lapsing.admits(request):
            return Response("<Error><Code>AccessDenied</Code></Error>", 403)
        name = request.path_params["name"]
        if name.endswith(".cache"):
            return Response(b"draft", media_type="application/octet-stream")
        stem, _, ending = name.rpartition(".")
        asked = self.tasks[stem.rpartition("-")[0]].asked
        if ending == "mp4":
            clip = film(asked.width, asked.height, asked.seconds, sound=asked.sound)
            return Response(clip, media_type="video/mp4")
        return Response(FORMATS[ending](asked.width, asked.height), media_type=f"image/{ending}")
