"""Luma's doubles: both services, each with its own key and its own words.

A generation waits at its first poll, is being made at the next ones and is complete after that;
`slowness` is how many polls it takes. Prompts with the word `forbidden` are moderated.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.films import area, film, sides
from anymedia.testing.samples import png
from anymedia.testing.tariff import owed

Handler = Callable[[Request], Awaitable[Response]]
FORBIDDEN = "forbidden"


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.response = JSONResponse({"detail": detail}, status)


class LumaServices(Double, ABC):
    """What both have in common: a key, generations, files that can be fetched."""

    prefix = ""
    under_way = "processing"

    def __init__(self, routes: dict[tuple[str, str], Handler], *, key: str, slowness: int) -> None:
        self.key = key
        self.slowness = slowness
        self.generations: dict[str, dict[str, Any]] = {}
        self.polls: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._taken_on = itertools.count(1)
        super().__init__(
            [
                *(
                    Route(self.prefix + path, self._served(handler), methods=[method])
                    for (method, path), handler in routes.items()
                ),
                Route("/files/{name}", fetched),
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {self.key}":
                return JSONResponse({"detail": "Invalid API key"}, 401)
            try:
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            response.headers["x-request-id"] = f"req-{next(self._numbers)}"
            return response

        return serve

    def taken(self, generation: dict[str, Any], price: Decimal) -> dict[str, Any]:
        """A new generation, which is billed."""
        identifier = f"gen-{next(self._taken_on)}"
        self.generations[identifier] = {
            "id": identifier,
            "created_at": "2026-11-21T10:00:00Z",
            "state": "queued",
            "failure_reason": None,
            **generation,
        }
        self.polls[identifier] = 0
        self.record.bill(identifier, price)
        return self.generations[identifier]

    def looked_at(self, request: Request) -> dict[str, Any]:
        """A generation, one poll further."""
        identifier = request.path_params["id"]
        if identifier not in self.generations:
            raise Refused(404, "Generation not found")
        self.polls[identifier] += 1
        generation = self.generations[identifier]
        if generation["state"] in {"completed", "failed"}:
            return generation
        if self.polls[identifier] <= self.slowness:
            generation["state"] = "queued" if self.polls[identifier] == 1 else self.under_way
        else:
            self.end(generation)
        return generation

    @abstractmethod
    def end(self, generation: dict[str, Any]) -> None:
        """It is complete, or moderated."""

    def address(self, name: str) -> str:
        """Where a result can be fetched."""
        return f"{self.base_url}/files/{name}"


async def fetched(request: Request) -> Response:
    """A result. It takes no key: the address is the permission."""
    width, height, seconds = (int(one) for one in request.query_params["is"].split("x"))
    if request.path_params["name"].endswith(".mp4"):
        return Response(film(width, height, seconds), media_type="video/mp4")
    return Response(png(width, height), media_type="image/png")


def facts(video: dict[str, Any], ratio: str, side: int) -> str:
    """Width, height and seconds of a result, as its address holds them."""
    if not video:
        return "{}x{}x0".format(*area(side, ratio))
    seconds = str(video.get("duration", "5s")).removesuffix("s")
    return "{}x{}x{}".format(*sides(video.get("resolution", "720p"), ratio), seconds)


async def read(request: Request) -> dict[str, Any]:
    """The JSON body, which has to be an object."""
    try:
        body = await request.json()
    except ValueError:
        raise Refused(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(422, "The body is not an object")
    return body


class LumaDouble(LumaServices):
    """The current service, below `/v1`."""

    prefix = "/v1"
    models = frozenset({"uni-1", "uni-1-max", "ray-3.2"})
    fields = frozenset(
        [
            "prompt",
            "model",
            "type",
            "aspect_ratio",
            "image_ref",
            "source",
            "output_format",
            "style",
            "web_search",
            "user_id",
            "layering",
            "video",
        ]
    )

    def __init__(self, *, key: str = "luma-api-double", slowness: int = 2) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        super().__init__(
            {
                ("POST", "/generations"): self._create,
                ("GET", "/generations/{id}"): self._show,
                ("POST", "/files"): self._file,
                ("GET", "/files"): self._listed,
                ("POST", "/files/{id}/complete"): self._completed,
            },
            key=key,
            slowness=slowness,
        )
        self.app.router.routes.append(Route("/slots/{id}", self._filled, methods=["PUT"]))

    def end(self, generation: dict[str, Any]) -> None:
        if FORBIDDEN in generation.pop("_prompt"):
            generation |= {
                "state": "failed",
                "failure_code": "content_moderated",
                "failure_reason": "The prompt was moderated",
            }
            return
        kind = "video" if generation["type"].startswith("video") else "image"
        ending = "mp4" if kind == "video" else "png"
        url = self.address(f"{generation['id']}.{ending}?is={generation.pop('_facts')}")
        generation |= {"state": "completed", "output": [{"type": kind, "url": url}]}

    async def _create(self, request: Request) -> Response:
        body = await read(request)
        if unknown := body.keys() - self.fields:
            raise Refused(422, f"Unknown field: {min(unknown)}")
        if body.get("model", "uni-1") not in self.models:
            raise Refused(422, "Unknown model")
        if not body.get("prompt"):
            raise Refused(422, "prompt: field required")
        duration = (body.get("video") or {}).get("duration", "5s")
        if duration not in {"5s", "10s"}:
            raise Refused(422, "video.duration: 5s or 10s")
        kind = body.get("type", "image")
        price = list_price(body, kind)
        generation = self.taken(
            {
                "type": kind,
                "model": body.get("model", "uni-1"),
                "output": None,
                "failure_code": None,
                "_prompt": body["prompt"],
                "_facts": facts(
                    {"duration": "5s", **body.get("video", {})} if kind.startswith("video") else {},
                    body.get("aspect_ratio", "16:9"),
                    2048,
                ),
            },
            price,
        )
        return JSONResponse(shown(generation), 201)

    async def _show(self, request: Request) -> Response:
        return JSONResponse(shown(self.looked_at(request)))

    async def _file(self, request: Request) -> Response:
        body = await read(request)
        identifier = f"file-{len(self.files) + 1}"
        made = {
            "id": identifier,
            "created_at": "2026-11-21T10:00:00Z",
            "mime_type": body.get("mime_type"),
            "size_bytes": body.get("size_bytes"),
            "purpose": body.get("purpose", "input"),
            "state": "pending",
        }
        self.files[identifier] = made
        slot = {
            "url": f"{self.base_url}/slots/{identifier}",
            "method": "PUT",
            "headers": {"Content-Type": body.get("mime_type")},
            "expires_at": "2026-11-21T11:00:00Z",
        }
        return JSONResponse({"id": identifier, "state": "pending", "file": made, "upload": slot})

    async def _filled(self, request: Request) -> Response:
        made = self.files.get(request.path_params["id"])
        if made is None or "authorization" in request.headers:
            return Response(status_code=403)
        if len(await request.body()) != made["size_bytes"]:
            return Response(status_code=400)
        made["state"] = "uploaded"
        return Response()

    async def _completed(self, request: Request) -> Response:
        made = self.files.get(request.path_params["id"])
        if made is None or made["state"] == "pending":
            raise Refused(400, "The file has no bytes")
        made["state"] = "ready"
        return JSONResponse(made)

    async def _listed(self, _: Request) -> Response:
        return JSONResponse({"data": list(self.files.values()), "has_more": False})


def list_price(body: dict[str, Any], kind: str) -> Decimal:
    """What the price list says: a picture and each beside it, or seconds by their resolution."""
    sheets = {one.id: one for one in catalogued("luma")}
    sheet = sheets[body.get("model", "uni-1")]
    if not kind.startswith("video"):
        given = len(body.get("image_ref") or ()) + ("source" in body)
        return owed(sheet, {}, images=1, input_images=given) or Decimal(0)
    wanted = body.get("video") or {}
    facts = {"resolution": wanted.get("resolution", "720p")}
    seconds = int(wanted.get("duration", "5s").removesuffix("s"))
    return owed(sheet, facts, seconds=seconds) or Decimal(0)


class DreamMachineDouble(LumaServices):
    """The older service, below `/dream-machine/v1`."""

    prefix = "/dream-machine/v1"
    under_way = "dreaming"
    models = frozenset({"ray-2", "ray-flash-2", "photon-1", "photon-flash-1"})

    def __init__(self, *, key: str = "luma-double", slowness: int = 2) -> None:
        super().__init__(
            {
                ("POST", "/generations/video"): self._create,
                ("POST", "/generations/image"): self._create,
                ("POST", "/generations/video/modify"): self._create,
                ("GET", "/generations"): self._listed,
                ("GET", "/generations/{id}"): self._show,
                ("DELETE", "/generations/{id}"): self._deleted,
                ("GET", "/credits"): self._credits,
                ("GET", "/ping"): self._ping,
            },
            key=key,
            slowness=slowness,
        )

    def end(self, generation: dict[str, Any]) -> None:
        if FORBIDDEN in generation["request"].get("prompt", ""):
            generation |= {"state": "failed", "failure_reason": "prompt not allowed: moderation"}
            return
        kind = "image" if generation["model"].startswith("photon") else "video"
        ending = "mp4" if kind == "video" else "png"
        body = generation["request"]
        made = facts(
            {"duration": "5s", **body} if kind == "video" else {},
            body.get("aspect_ratio", "16:9"),
            1024,
        )
        url = self.address(f"{generation['id']}.{ending}?is={made}")
        generation |= {"state": "completed", "assets": {kind: url}}

    async def _create(self, request: Request) -> Response:
        body = await read(request)
        if body.get("model") not in self.models:
            raise Refused(400, "Invalid model")
        price = Decimal("0.02") if body["model"].startswith("photon") else Decimal("1.02")
        generation = self.taken({"model": body["model"], "assets": None, "request": body}, price)
        return JSONResponse(generation, 201)

    async def _show(self, request: Request) -> Response:
        return JSONResponse(self.looked_at(request))

    async def _listed(self, request: Request) -> Response:
        limit = int(request.query_params.get("limit", 10))
        offset = int(request.query_params.get("offset", 0))
        newest = list(self.generations.values())[::-1]
        page = newest[offset : offset + limit]
        return JSONResponse(
            {
                "generations": page,
                "count": len(newest),
                "has_more": offset + limit < len(newest),
                "limit": limit,
                "offset": offset,
            }
        )

    async def _deleted(self, request: Request) -> Response:
        if self.generations.pop(request.path_params["id"], None) is None:
            raise Refused(404, "Generation not found")
        return Response(status_code=204)

    async def _credits(self, _: Request) -> Response:
        spent = sum((amount for _, amount in self.record.invoice), Decimal(0))
        return JSONResponse({"credit_balance": float(10_000 - spent * 100)})

    async def _ping(self, _: Request) -> Response:
        return JSONResponse({"message": "pong"})


def shown(generation: dict[str, Any]) -> dict[str, Any]:
    """A generation as callers see it."""
    return {name: value for name, value in generation.items() if not name.startswith("_")}
