"""Runway's double: tasks for clips, pictures, speech and effects; uploads; the account.

A task waits, then runs, then has succeeded; `slowness` is how many polls it takes. The words
`forbidden` and `forbidden-late` in a prompt are moderated on the way in and on the way out,
`broken` fails inside. Each task costs the credits that its model charges.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.doubles.runway.bodies import Mistake, checked, filmed
from anymedia.testing.films import film, sides
from anymedia.testing.form import form
from anymedia.testing.samples import mp3, png

Handler = Callable[[Request], Awaitable[Response]]
VERSION = "2024-11-06"
DOUBLE_KEY = "key_" + "d0" * 64
MADE = {
    "text_to_video": "mp4",
    "image_to_video": "mp4",
    "video_to_video": "mp4",
    "text_to_image": "png",
    "text_to_speech": "mp3",
    "sound_effect": "mp3",
}


class RunwayDouble(Double):
    """Runway on loopback."""

    def __init__(
        self, *, key: str = DOUBLE_KEY, slowness: int = 2, credits_left: int = 10_000
    ) -> None:
        self.key = key
        self.slowness = slowness
        self.balance = Decimal(credits_left)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.polls: dict[str, int] = {}
        self.uploads: dict[str, bytes] = {}
        self.expired: set[str] = set()
        """Names of files whose URLs have ended."""
        self.models = {
            (one.medium, one.id): one for one in catalogued("runway") if one.retires_on is None
        }
        self._numbers = itertools.count(1)
        self._taken_on = itertools.count(1)
        super().__init__(
            [
                *(
                    Route(f"/v1/{kind}", self._served(self._create), methods=["POST"])
                    for kind in MADE
                ),
                Route("/v1/tasks/{id}", self._served(self._show), methods=["GET"]),
                Route("/v1/tasks/{id}", self._served(self._delete), methods=["DELETE"]),
                Route("/v1/uploads", self._served(self._slot), methods=["POST"]),
                Route("/v1/organization", self._served(self._organization), methods=["GET"]),
                Route("/slots/{id}", self._fill, methods=["POST"]),
                Route("/files/{name}", self._file, methods=["GET"]),
            ]
        )

    # --- what everything goes through ---------------------------------------------------------

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            if request.headers.get("x-runway-version") != VERSION:
                return refused(400, "The X-Runway-Version header is missing or unknown")
            if request.headers.get("authorization") != f"Bearer {self.key}":
                return refused(401, "The API key is not valid")
            try:
                response = await handler(request)
            except Mistake as mistake:
                response = JSONResponse(
                    {"error": "Validation of body failed", "issues": [mistake.issue]}, 400
                )
            response.headers["x-request-id"] = f"req-{next(self._numbers)}"
            return response

        return serve

    # --- tasks --------------------------------------------------------------------------------

    async def _create(self, request: Request) -> Response:
        kind = request.url.path.rpartition("/")[2]
        try:
            body = await request.json()
        except ValueError:
            return refused(400, "The body is not JSON")
        model, price = checked(kind, body, self.models)
        if price > self.balance:
            return refused(400, "You do not have enough credits to run this task.")
        return JSONResponse(self._taken(kind, model, body, price))

    def _taken(self, kind: str, model: Model, body: dict[str, Any], price: Decimal) -> Any:
        identifier = str(uuid.UUID(int=next(self._taken_on), version=4))
        self.tasks[identifier] = {
            "id": identifier,
            "createdAt": "2026-11-21T10:00:00.000Z",
            "status": "PENDING",
            "estimatedCost": {"credits": float(price)},
            "_kind": kind,
            "_prompt": str(body.get("promptText", "")),
            "_price": price,
            "_model": model,
            "_body": body,
            "_count": int(body.get("outputCount") or body.get("numVariants") or 1),
        }
        self.polls[identifier] = 0
        self.balance -= price
        self.record.bill(identifier, price / 100)
        return {"id": identifier, "estimatedCost": {"credits": float(price)}}

    async def _show(self, request: Request) -> Response:
        task = self.tasks.get(request.path_params["id"])
        if task is None:
            return refused(404, "Task not found")
        self.polls[task["id"]] += 1
        if task["status"] in {"PENDING", "RUNNING", "THROTTLED"}:
            self._advance(task, self.polls[task["id"]])
        return JSONResponse({name: value for name, value in task.items() if name[0] != "_"})

    def _advance(self, task: dict[str, Any], polls: int) -> None:
        if polls <= self.slowness:
            if polls > 1:
                task |= {"status": "RUNNING", "progress": polls / (self.slowness + 1)}
            return
        task.pop("progress", None)
        task.pop("estimatedCost", None)
        task["cost"] = {"credits": int(task["_price"])}
        for word, code in (
            ("forbidden-late", "SAFETY.OUTPUT.VIDEO"),
            ("forbidden", "SAFETY.INPUT.TEXT"),
            ("broken", "INTERNAL.BAD_OUTPUT.CODE01"),
        ):
            if word in task["_prompt"]:
                task |= {"status": "FAILED", "failure": f"It failed: {word}", "failureCode": code}
                return
        ending = MADE[task["_kind"]]
        names = [f"{task['id']}-{number}.{ending}" for number in range(task["_count"])]
        task |= {
            "status": "SUCCEEDED",
            "output": [f"{self.base_url}/files/{name}?_jwt=signed" for name in names],
        }

    async def _delete(self, request: Request) -> Response:
        task = self.tasks.pop(request.path_params["id"], None)
        if task is None:
            return refused(404, "Task not found")
        if task["status"] == "PENDING":  # what runs already is not given back
            self.balance += task["_price"]
            self.record.bill(task["id"], -task["_price"] / 100)
        return Response(status_code=204)

    # --- files --------------------------------------------------------------------------------

    async def _slot(self, request: Request) -> Response:
        body = await request.json()
        if not 3 <= len(str(body.get("filename", ""))) <= 255 or body.get("type") != "ephemeral":
            raise Mistake("filename", "should have 3 to 255 characters")
        identifier = f"up-{len(self.uploads) + 1}"
        self.uploads[identifier] = b""
        return JSONResponse(
            {
                "uploadUrl": f"{self.base_url}/slots/{identifier}",
                "fields": {"key": identifier, "policy": "signed"},
                "runwayUri": f"runway://{identifier}",
            }
        )

    async def _fill(self, request: Request) -> Response:
        identifier = request.path_params["id"]
        if identifier not in self.uploads or "authorization" in request.headers:
            return Response(status_code=403)
        parts = form(await request.body(), request.headers.get("content-type", ""))
        fields = {part.name: part.content for part in parts}
        if fields.get("policy") != b"signed" or not fields.get("file"):
            return Response(status_code=400)
        self.uploads[identifier] = fields["file"]
        return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        known = re.match(r"^(.+)-\d+\.(\w+)$", name)
        if known is None or known[1] not in self.tasks:
            return Response(status_code=404)
        if name in self.expired or request.query_params.get("_jwt") != "signed":
            return Response(status_code=403)
        task = self.tasks[known[1]]
        if known[2] == "mp4":
            size, seconds, sound = filmed(task["_model"], task["_body"])
            return Response(film(*size, seconds, sound=sound), media_type="video/mp4")
        if known[2] == "png":
            picture = png(*sides(str(task["_body"].get("ratio", "1024:1024"))))
            return Response(picture, media_type="image/png")
        return Response(mp3(float(task["_body"].get("duration") or 1)), media_type="audio/mpeg")

    # --- the account --------------------------------------------------------------------------

    async def _organization(self, _: Request) -> Response:
        models = {
            name: {"maxConcurrentGenerations": 2, "maxDailyGenerations": 200}
            for _, name in self.models
        }
        return JSONResponse(
            {
                "creditBalance": int(self.balance),
                "tier": {"maxMonthlyCreditSpend": 10_000, "models": models},
                "usage": {"models": {}},
            }
        )


def refused(status: int, error: str) -> Response:
    """A failed answer."""
    return JSONResponse({"error": error}, status)
