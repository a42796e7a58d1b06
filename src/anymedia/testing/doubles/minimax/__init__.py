"""MiniMax's double: clips in both contracts, pictures, songs, speech, files and the account.

A clip waits at its first poll, is being made at the next ones and is complete after that;
`slowness` is how many polls it takes. Words with `forbidden` are refused at once, by the older
calls inside a 200 and by the newer ones with a 422; with `forbidden-late`, `broken` or (newer)
`expires` a clip comes to nothing in the end. More than `at_once` clips under way are too many.
Addresses end when they `expire`; asking again gives fresh ones.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.doubles.minimax import clips
from anymedia.testing.doubles.minimax.answers import Refused, fine, newer, older, wrong
from anymedia.testing.films import area
from anymedia.testing.form import form
from anymedia.testing.samples import mp3, pcm, png, wav

Handler = Callable[[Request], Awaitable[Response]]
PICTURE_PRICE, SOUND_PRICE = Decimal("0.0035"), Decimal("0.01")
"""Made up: what they cost is not known."""
SOUNDS: dict[str, Callable[[], bytes]] = {
    "mp3": lambda: mp3(1.0),
    "wav": lambda: wav(1.0),
    "pcm": lambda: pcm(1.0),
}


class MiniMaxDouble(Double):
    """Everything below one host."""

    def __init__(
        self,
        *,
        key: str = "sk-api-double",
        slowness: int = 2,
        dollars: Decimal = Decimal(100),
        at_once: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.slowness = slowness
        self.balance = dollars
        self.at_once = at_once
        self.clock = clock
        self.tasks: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.signature = 1
        self._numbers = itertools.count(1)
        self._taken_on = itertools.count(1)
        routes: dict[tuple[str, str], Handler] = {
            ("POST", "/v2/video_generation"): self._create,
            ("GET", "/v2/query/video_generation/{id}"): self._show,
            ("GET", "/v2/query/video_generation"): self._list,
            ("DELETE", "/v2/video_generation/{id}"): self._delete,
            ("POST", "/v1/video_generation"): self._create_older,
            ("GET", "/v1/query/video_generation"): self._show_older,
            ("GET", "/v1/files/retrieve"): self._retrieve,
            ("POST", "/v1/files/upload"): self._upload,
            ("POST", "/v1/image_generation"): self._draw,
            ("POST", "/v1/music_generation"): self._sing,
            ("POST", "/v1/t2a_v2"): self._speak,
            ("GET", "/account/query_balance"): self._balance,
            ("GET", "/v1/token_plan/remains"): self._remains,
        }
        super().__init__(
            [
                *(
                    Route(path, self._served(handler), methods=[method])
                    for (method, path), handler in routes.items()
                ),
                Route("/results/{name}", self._fetch),
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            is_newer = request.url.path.startswith("/v2")
            try:
                if request.headers.get("authorization") != f"Bearer {self.key}":
                    words = "invalid api key"
                    raise newer(401, "authorized_error", words) if is_newer else older(2049, words)
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            response.headers["trace-id"] = f"trace-{next(self._numbers)}"
            return response

        return serve

    def expire(self) -> None:
        """Let every address handed out so far end."""
        self.signature += 1

    def _address(self, name: str) -> str:
        return f"{self.base_url}/results/{name}?signed={self.signature}"

    # --- clips ----------------------------------------------------------------------------------

    async def _create(self, request: Request) -> Response:
        task, price = clips.asked(await read(request, wrong("the body is no JSON object")))
        if self._full():
            raise newer(429, "rate_limit_error", "too many tasks")
        if price > self.balance:
            raise newer(402, "insufficient_balance_error", "insufficient balance")
        return JSONResponse({"task_id": self._taken(task, price)})

    async def _create_older(self, request: Request) -> Response:
        body = await read(request, older(2013, "invalid params"))
        task, price = clips.asked_older(body)
        if self._full():
            raise older(1002, "rate limit exceeded")
        if price > self.balance:
            raise older(1008, "insufficient balance")
        return fine(task_id=self._taken(task, price))

    def _full(self) -> bool:
        return sum(one["status"] in clips.OPEN for one in self.tasks.values()) >= self.at_once

    def _taken(self, task: dict[str, Any], price: Decimal) -> str:
        identifier = str(319000000000 + next(self._taken_on))
        times = dict.fromkeys(("created_at", "updated_at"), int(self.clock()))
        self.tasks[identifier] = {"id": identifier, **times, "_polls": 0, **task}
        self._bill(identifier, price)
        return identifier

    def _bill(self, what: str, price: Decimal) -> None:
        self.balance -= price
        self.record.bill(what, price)

    def _known(self, request: Request) -> dict[str, Any]:
        identifier = request.path_params["id"]
        if identifier not in self.tasks:
            raise newer(500, "api_error", "record not found")
        return self.tasks[identifier]

    async def _show(self, request: Request) -> Response:
        task = self._known(request)
        clips.advance(task, self.slowness, self._address(f"{task['id']}.mp4"))
        return JSONResponse({"task": clips.shown(task)})

    async def _list(self, request: Request) -> Response:
        size = int(request.query_params.get("page_size", 10))
        wanted = request.query_params.get("filter.task_ids")
        names = wanted.split(",") if wanted is not None else list(self.tasks)
        found = [self.tasks[one] for one in names if one in self.tasks]
        if wanted is not None:
            for one in found:
                clips.advance(one, self.slowness, self._address(f"{one['id']}.mp4"))
        newest = [clips.shown(one) for one in found][::-1]
        return JSONResponse({"items": newest[:size], "total": len(newest)})

    async def _delete(self, request: Request) -> Response:
        task = self._known(request)
        if task["status"] in clips.OPEN:
            task["status"] = "cancelled"
        else:
            self.tasks.pop(task["id"])
        return JSONResponse({"task_id": task["id"], "status": task["status"]})

    async def _show_older(self, request: Request) -> Response:
        identifier = request.query_params.get("task_id", "")
        if identifier not in self.tasks:
            return fine(task_id=identifier, status="Unknown")
        return JSONResponse(clips.advance_older(self.tasks[identifier], self.slowness))

    async def _retrieve(self, request: Request) -> Response:
        identifier = request.query_params.get("file_id", "")
        if self.tasks.get(identifier, {}).get("status") != "Success":
            raise older(2013, "invalid params, file_id")
        url = self._address(f"{identifier}.mp4")
        file = {"file_id": identifier, "bytes": len(clips.made(self.tasks[identifier]))}
        told = {"created_at": self.tasks[identifier]["created_at"], "download_url": url}
        named = {"filename": "output.mp4", "purpose": "video_generation"}
        return fine(file=file | named | told)

    async def _fetch(self, request: Request) -> Response:
        """A result. It takes no key: the address is the permission."""
        if request.query_params.get("signed") != str(self.signature):
            return Response("<Error><Code>AccessDenied</Code></Error>", 403)
        ending = request.path_params["name"].rpartition(".")[2]
        if ending == "mp4":
            task = self.tasks[request.path_params["name"].removesuffix(".mp4")]
            return Response(clips.made(task), media_type="video/mp4")
        if ending == "png":
            width, _, height = request.path_params["name"].partition("-")[0].partition("x")
            return Response(png(int(width), int(height)), media_type="image/png")
        return Response(SOUNDS[ending](), media_type="application/octet-stream")

    # --- files, pictures, sound, account --------------------------------------------------------

    async def _upload(self, request: Request) -> Response:
        parts = form(await request.body(), request.headers.get("content-type", ""))
        given = {part.name: part for part in parts}
        if not {"file", "purpose"} <= given.keys() or not given["file"].content:
            raise older(2013, "invalid params, file and purpose")
        identifier = str(700 + len(self.files))
        self.files[identifier] = {"file_id": identifier, "bytes": len(given["file"].content)}
        return fine(file=self.files[identifier])

    async def _draw(self, request: Request) -> Response:
        body = await checked(request, "prompt")
        count = body.get("n", 1)
        if count not in range(1, 10):
            raise older(2013, "invalid params, n")
        # Some may be withheld; the words say how many.
        withheld = count if "withheld-all" in body["prompt"] else "withheld" in body["prompt"]
        made = count - int(withheld)
        self._bill(f"images-{made}", PICTURE_PRICE * made)
        size = "{}x{}".format(*area(1024, str(body.get("aspect_ratio", "1:1"))))
        urls = [self._address(f"{size}-{number}.png") for number in range(made)]
        counts = {"success_count": str(made), "failed_count": str(int(withheld))}
        return fine(id="img-1", data={"image_urls": urls}, metadata=counts)

    async def _sing(self, request: Request) -> Response:
        body = await checked(request, "prompt")
        if not (body.get("lyrics") or body.get("is_instrumental") or body.get("lyrics_optimizer")):
            raise older(2013, "invalid params, lyrics")
        return self._sounded(body, {"music_duration": 1000, "music_sample_rate": 44100})

    async def _speak(self, request: Request) -> Response:
        body = await checked(request, "text")
        if not (body.get("voice_setting") or {}).get("voice_id"):
            raise older(2013, "invalid params, voice_id")
        told = {"audio_length": 1000, "audio_sample_rate": 32000}
        return self._sounded(body, told | {"usage_characters": len(body["text"])})

    def _sounded(self, body: dict[str, Any], told: dict[str, Any]) -> Response:
        codec = (body.get("audio_setting") or {}).get("format", "mp3")
        if codec not in SOUNDS:
            raise older(2013, "invalid params, format")
        self._bill("sound", SOUND_PRICE)
        data: dict[str, Any] = {"status": 2}
        if body.get("output_format") == "url":
            data["audio"] = self._address(f"sound.{codec}")
        else:
            data["audio"] = SOUNDS[codec]().hex()
        return fine(data=data, extra_info=told, trace_id="t-1")

    async def _balance(self, _: Request) -> Response:
        if not self.key.startswith("sk-api-"):
            raise older(1004, "not a pay-as-you-go key")
        return fine(available_amount=str(self.balance), cash_balance=str(self.balance))

    async def _remains(self, _: Request) -> Response:
        return fine(model_remains=[{"model_name": "MiniMax-H3", "remains_time": 3600}])


async def checked(request: Request, field: str) -> dict[str, Any]:
    """An older call's body, unless its words are refused."""
    body = await read(request, older(2013, "invalid params"))
    words = body.get(field)
    if not isinstance(words, str) or not words or not body.get("model"):
        raise older(2013, f"invalid params, {field} or model is missing")
    if clips.FORBIDDEN in words:
        raise older(1026, "input new_sensitive")
    return body


async def read(request: Request, refusal: Refused) -> dict[str, Any]:
    """The JSON body, which has to be an object."""
    try:
        body = await request.json()
    except ValueError:
        raise refusal from None
    if not isinstance(body, dict):
        raise refusal
    return body
