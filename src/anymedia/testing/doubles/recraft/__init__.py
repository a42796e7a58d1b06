"""Recraft's double: pictures at once, raster or vector, with the units that each call cost.

Failures are plain text, as the vendor's are. A prompt with the word `forbidden` is against its
policy; files can be fetched for a day.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.films import area, sides
from anymedia.testing.form import form
from anymedia.testing.samples import png

Handler = Callable[[Request], Awaitable[Response]]
FILES_LIVE_SECONDS = 24 * 3600
UNITS = {
    "recraftv4_1": 35,
    "recraftv4_1_flash": 7,
    "recraftv4_1_pro": 210,
    "recraftv4_1_vector": 80,
    "recraftv4_styles": 40,
    "recraftv3": 40,
    "recraftv3_vector": 80,
    "recraftv2": 22,
}
REMOVAL_UNITS = 10
FOURTH = re.compile(r"recraftv4(_\w+)?")
SIZE = re.compile(r"\d{1,2}:\d{1,2}|\d{3,4}x\d{3,4}")
VECTOR = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
TOOLS: dict[str, tuple[str, ...]] = {
    "generations": ("prompt",),
    "imageToImage": ("prompt", "image", "strength"),
    "inpaint": ("prompt", "image", "mask"),
    "replaceBackground": ("prompt", "image"),
    "variateImage": ("image", "size"),
    "removeBackground": ("file",),
}
"""By path, the fields that have to be there."""
THIRD_ONLY = frozenset({"inpaint", "replaceBackground"})


class Refused(Exception):
    """An answer that is a failure, in plain text."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.response = PlainTextResponse(words, status)


class RecraftDouble(Double):
    """Recraft on loopback."""

    def __init__(
        self,
        *,
        key: str = "recraft-double",
        units: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.units = units
        self.clock = clock
        self.files: dict[str, tuple[bytes, float]] = {}
        self._calls = itertools.count(1)
        super().__init__(
            [
                Route("/v1/images/{tool}", self._served(self._make), methods=["POST"]),
                Route("/v1/users/me", self._served(self._owner)),
                Route("/files/{name}", self._file),
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            try:
                self._known(request)
                return await handler(request)
            except Refused as refused:
                return refused.response

        return serve

    def _known(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, "request unauthorized")

    async def _owner(self, _: Request) -> Response:
        owner = {"id": "user-double", "email": "x@example.com", "name": "Double"}
        return JSONResponse({**owner, "credits": self.units})

    async def _make(self, request: Request) -> Response:
        tool = request.path_params["tool"]
        if tool not in TOOLS:
            raise Refused(404, "404 page not found")
        fields = await read(request)
        check(tool, fields)
        count = 1 if tool == "removeBackground" else int(fields.get("n") or 1)
        model = str(fields.get("model") or ("recraftv3" if tool in THIRD_ONLY else "recraftv4_1"))
        units = REMOVAL_UNITS if tool == "removeBackground" else UNITS[model] * count
        if units > self.units:
            raise Refused(400, "not enough credits: buy API units")
        self.units -= units
        name = f"call-{next(self._calls)}"
        self.record.bill(name, Decimal(units) / 1000)
        size = str(fields.get("size") or "1:1")
        side = 2048 if model.endswith("_pro") else 1024
        sized = sides(size) if "x" in size else area(side, size)
        content = VECTOR if model.endswith("_vector") else png(*sized)
        shown = [
            self._shown(f"{name}-{number}", content, fields.get("response_format"))
            for number in range(count)
        ]
        told = {"created": int(self.clock()), "credits": units}
        if tool == "removeBackground":
            return JSONResponse({**told, "image": shown[0]})
        return JSONResponse({**told, "data": shown})

    def _shown(self, name: str, content: bytes, how: Any) -> dict[str, str]:
        if how == "b64_json":
            return {"image_id": name, "b64_json": base64.b64encode(content).decode()}
        self.files[name] = (content, self.clock() + FILES_LIVE_SECONDS)
        return {"image_id": name, "url": f"{self.base_url}/files/{name}"}

    async def _file(self, request: Request) -> Response:
        """A result. It takes no key, and is gone after a day."""
        content, until = self.files.get(request.path_params["name"], (b"", 0.0))
        if self.clock() > until:
            return PlainTextResponse("not found", 404)
        media_type = "image/svg+xml" if content == VECTOR else "image/png"
        return Response(content, media_type=media_type)


async def read(request: Request) -> dict[str, Any]:
    """The fields, of JSON or a form; files are their bytes."""
    declared = request.headers.get("content-type", "")
    body = await request.body()
    try:
        if declared.startswith("multipart/form-data"):
            return {
                one.name: one.content if one.filename else one.content.decode()
                for one in form(body, declared)
            }
        found = json.loads(body)
    except ValueError:
        raise Refused(400, "the body cannot be read") from None
    if not isinstance(found, dict):
        raise Refused(400, "the body is not an object")
    return found


def check(tool: str, fields: dict[str, Any]) -> None:
    """Refuse what makes no sense."""
    for name in TOOLS[tool]:
        if not fields.get(name):
            raise Refused(400, f"{name} is required")
    model, prompt = fields.get("model"), str(fields.get("prompt", ""))
    if model is not None and model not in UNITS:
        raise Refused(400, f"unknown model {model}")
    if tool in THIRD_ONLY and model not in {None, "recraftv3", "recraftv3_vector"}:
        raise Refused(400, f"{tool} works with recraftv3 alone")
    if FOURTH.fullmatch(str(model)) and {"style", "negative_prompt"} & fields.keys():
        raise Refused(400, "style and negative_prompt are for older models")
    if model == "recraftv4_styles" and not {"style_id", "style_references"} & fields.keys():
        raise Refused(400, "style_id is required")
    if "forbidden" in prompt:
        raise Refused(400, "the prompt is against our content policy")
    if len(prompt) > (1000 if model in {"recraftv3", "recraftv2"} else 10_000):
        raise Refused(400, "prompt is too long")
    if not SIZE.fullmatch(str(fields.get("size") or "1:1")):
        raise Refused(400, "size is not supported")
    if not str(fields.get("n") or 1).isdecimal() or not 1 <= int(fields.get("n") or 1) <= 6:
        raise Refused(400, "n must be from 1 to 6")
