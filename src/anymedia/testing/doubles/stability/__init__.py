"""Stability AI's double: pictures and sound at once, as JSON or bare files, billed in credits.

Everything has to come as a form. A prompt with the word `forbidden` is refused, one with
`doubtful` gets a blurred picture in an answer with status 200. More than `most` requests in ten
seconds lock the key out for a minute.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.films import area
from anymedia.testing.form import form
from anymedia.testing.samples import mp3, png, wav
from anymedia.wire.http import FormPart

Handler = Callable[[Request], Awaitable[Response]]
WINDOW_SECONDS, LOCKED_SECONDS = 10.0, 60.0
MOST_BYTES = 10 * 1024 * 1024
MOST_SEED = 4294967294
CORE_SIDE = 1254
"""Core's pictures have a megapixel and a half, the others' one."""
RATIOS = frozenset(["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"])
FAMILY = {
    "sd3.5-large": Decimal("6.5"),
    "sd3.5-large-turbo": Decimal(4),
    "sd3.5-medium": Decimal("3.5"),
    "sd3.5-flash": Decimal("2.5"),
}
TOOLS: dict[str, tuple[Decimal, tuple[str, ...]]] = {
    "generate/ultra": (Decimal(8), ("prompt",)),
    "generate/core": (Decimal(3), ("prompt",)),
    "generate/sd3": (Decimal(0), ("prompt",)),
    "edit/inpaint": (Decimal(5), ("prompt", "image")),
    "edit/erase": (Decimal(5), ("image",)),
    "edit/outpaint": (Decimal(5), ("image",)),
    "edit/search-and-replace": (Decimal(5), ("prompt", "search_prompt", "image")),
    "edit/search-and-recolor": (Decimal(5), ("prompt", "select_prompt", "image")),
    "edit/remove-background": (Decimal(5), ("image",)),
    "control/sketch": (Decimal(5), ("prompt", "image")),
    "control/structure": (Decimal(5), ("prompt", "image")),
    "control/style": (Decimal(5), ("prompt", "image")),
    "control/style-transfer": (Decimal(5), ("init_image", "style_image")),
}
"""By path, the credits it costs and the fields that have to be there."""
SOUND_CREDITS = Decimal(20)


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, name: str, words: str) -> None:
        super().__init__(words)
        self.response = JSONResponse({"id": "0f3c", "name": name, "errors": [words]}, status)


class StabilityDouble(Double):
    """Stability AI on loopback."""

    def __init__(
        self,
        *,
        key: str = "sk-double",
        balance: int = 1000,
        most: int = 150,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = key
        self.credits = Decimal(balance)
        self.most = most
        self.clock = clock
        self.came: list[float] = []
        self.locked_until = float("-inf")
        self._numbers = itertools.count(1)
        handlers: dict[tuple[str, str], Handler] = {
            ("POST", "/v2beta/stable-image/{group}/{tool}"): self._picture,
            ("POST", "/v2beta/audio/stable-audio-2/{tool}"): self._sound,
            ("GET", "/v1/user/balance"): self._balance,
        }
        super().__init__(
            [
                Route(path, self._served(handler), methods=[method])
                for (method, path), handler in handlers.items()
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            try:
                self._admit(request)
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            response.headers["x-request-id"] = f"req-{next(self._numbers)}"
            return response

        return serve

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, "unauthorized", "authorization: invalid or missing")
        now = self.clock()
        if now >= self.locked_until:  # what comes to a closed door is not counted
            self.came = [*(then for then in self.came if now - then < WINDOW_SECONDS), now]
            if len(self.came) > self.most:
                self.locked_until = now + LOCKED_SECONDS
        if now < self.locked_until:
            raise Refused(429, "rate_limit_exceeded", "150 requests in 10 seconds are the limit")

    async def _balance(self, _: Request) -> Response:
        return JSONResponse({"credits": float(self.credits)})

    # --- making -------------------------------------------------------------------------------

    async def _picture(self, request: Request) -> Response:
        path = f"{request.path_params['group']}/{request.path_params['tool']}"
        if path not in TOOLS:
            raise Refused(404, "not_found", "there is no such path")
        price, wanted = TOOLS[path]
        fields = await read(request, wanted)
        if path == "generate/sd3":
            model = fields.get("model", "sd3.5-large")
            if model not in FAMILY:
                raise wrong("model", "must be one of the family")
            price = FAMILY[model]
            if ("image" in fields) != (fields.get("mode") == "image-to-image"):
                raise wrong("mode", "goes with an image")
        if path.startswith("generate/"):
            started_from(fields)
        side = CORE_SIDE if path == "generate/core" else 1024
        picture = png(*area(side, str(fields.get("aspect_ratio", "1:1"))))
        return self._made(request, "image", picture, price, fields)

    async def _sound(self, request: Request) -> Response:
        tool = request.path_params["tool"]
        if tool not in {"text-to-audio", "audio-to-audio"}:
            raise Refused(404, "not_found", "there is no such path")
        fields = await read(request, ("prompt", "audio") if tool[0] == "a" else ("prompt",))
        if fields.get("model", "stable-audio-2") not in {"stable-audio-2", "stable-audio-2.5"}:
            raise wrong("model", "must be stable-audio-2 or stable-audio-2.5")
        length = float(fields.get("duration", 190))
        if not 1 <= length <= 190:
            raise wrong("duration", "must be from 1 to 190")
        sound = wav(length) if fields.get("output_format") == "wav" else mp3(length)
        return self._made(request, "audio", sound, SOUND_CREDITS, fields)

    def _made(
        self, request: Request, kind: str, content: bytes, price: Decimal, fields: dict[str, Any]
    ) -> Response:
        prompt = fields.get("prompt", "")
        if "forbidden" in prompt:
            raise Refused(403, "content_moderation", "the request was flagged")
        if price > self.credits:
            raise Refused(402, "payment_required", "the balance is too low")
        filtered = "doubtful" in prompt
        if not filtered:
            self.credits -= price
            number = f"{kind}-{len(self.record.invoice) + 1}"
            self.record.bill(number, price / 100)
        reason = "CONTENT_FILTERED" if filtered else "SUCCESS"
        seed = int(fields.get("seed", 0)) or 42
        if request.headers.get("accept") == "application/json":
            inside = base64.b64encode(content).decode()
            return JSONResponse({kind: inside, "finish_reason": reason, "seed": seed})
        return Response(content, headers={"finish-reason": reason, "seed": str(seed)})


async def read(request: Request, wanted: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a form; files are their bytes."""
    declared = request.headers.get("content-type", "")
    if not declared.startswith("multipart/form-data"):
        raise Refused(415, "unsupported_media_type", "content-type: must be multipart/form-data")
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise Refused(413, "payload_too_large", "the request is larger than 10MiB")
    try:
        parts = form(body, declared)
    except ValueError as error:
        raise wrong("body", str(error)) from None
    fields = {one.name: value(one) for one in parts}
    for name in wanted:
        if not fields.get(name):
            raise wrong(name, "is required")
    if fields.get("aspect_ratio", "1:1") not in RATIOS:
        raise wrong("aspect_ratio", "must be one of the list")
    seed = str(fields.get("seed", 0))
    if not seed.isdecimal() or int(seed) > MOST_SEED:
        raise wrong("seed", f"must be from 0 to {MOST_SEED}")
    return fields


def value(part: FormPart) -> bytes | str:
    """A file's bytes, a field's text."""
    return part.content if part.filename else part.content.decode("utf-8", "replace")


def started_from(fields: dict[str, Any]) -> None:
    """A picture to start from wants a strength, and brings its own ratio."""
    if "image" not in fields:
        return
    if "strength" not in fields:
        raise wrong("strength", "is required with an image")
    if "aspect_ratio" in fields:
        raise wrong("aspect_ratio", "does not go with an image")


def wrong(name: str, words: str) -> Refused:
    """A request that makes no sense."""
    return Refused(400, "bad_request", f"{name}: {words}")
