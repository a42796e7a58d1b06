"""Ideogram's double: pictures and clips by generation, price quotes, files that expire, signed calls.

A generation is pending for `slowness` polls and completed after that. A prompt with the word
`forbidden` does not pass the review before the work, one with `doubtful` not the one after it, and
one with `broken` fails. At most `room` generations may be in progress at once.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.delivery import Delivery
from anymedia.testing.double import Double
from anymedia.testing.doubles.ideogram.asked import ALWAYS_LATER, Asked, Refused, asked
from anymedia.testing.doubles.ideogram.signing import Signer
from anymedia.testing.films import film, sides
from anymedia.testing.samples import png

Handler = Callable[[Request], Awaitable[Response]]
FILES_LIVE_SECONDS = 24 * 3600
PRICES = {"very_low": 8000, "low": 30000, "medium": 60000, "high": 220000}
"""Millionths of a dollar for a picture."""
CLIP_PRICE = 420000


@dataclass(slots=True)
class Generation:
    """One, as the service knows it."""

    id: str
    asked: Asked
    status: str = "pending"
    polls: int = 0
    data: list[dict[str, Any]] = field(default_factory=list)
    failure_reason: str | None = None

    def shown(self) -> dict[str, Any]:
        """As it is answered."""
        told: dict[str, Any] = {
            "generation_id": self.id,
            "generation_kind": "sampling",
            "status": self.status,
            "created": "2026-11-21T10:00:00Z",
        }
        if self.status == "completed":
            told["data"] = self.data
        if self.failure_reason:
            told["failure_reason"] = self.failure_reason
        return told


class IdeogramDouble(Double):
    """Ideogram on loopback."""

    def __init__(
        self,
        *,
        key: str = "ideogram-double",
        slowness: int = 1,
        room: int = 10,
        balance: int = 100_000_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self.slowness = slowness
        self.room = room
        self.balance = balance
        """Millionths of a dollar."""
        self.clock = clock
        self.generations: dict[str, Generation] = {}
        self.deliveries: list[Delivery] = []
        self.signer = Signer()
        self._answers = 0
        handlers: dict[tuple[str, str], Handler] = {
            ("POST", "/v2/image/{action}/{model}"): self._make,
            ("POST", "/v2/video/generate/{model}"): self._make,
            ("GET", "/v2/generations/{id}"): self._poll,
        }
        super().__init__(
            [
                *(
                    Route(path, self._served(handler), methods=[method])
                    for (method, path), handler in handlers.items()
                ),
                Route("/v1/.well-known/jwks.json", self._keys),
                Route("/api/{kind}/ephemeral/{name}", self._file),
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            try:
                self._known(request)
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            self._answers += 1
            response.headers["x-request-id"] = f"req-{self._answers}"
            return response

        return serve

    def _known(self, request: Request) -> None:
        if request.headers.get("api-key") != self.key:
            raise Refused(401, {"message": "Access denied. Please verify your API Token."})

    # --- making -------------------------------------------------------------------------------

    async def _make(self, request: Request) -> Response:
        wanted = await asked(request)
        price = self._price(wanted)
        if request.query_params.get("dry_run") == "true":
            return JSONResponse({"object": "price_quote", "usd_micros": price})
        if "forbidden" in wanted.prompt:
            raise Refused(422, None)
        self._take_on(price)
        generation = Generation(
            base64.urlsafe_b64encode(self._name()).rstrip(b"=").decode(), wanted
        )
        self.generations[generation.id] = generation
        self.balance -= price
        self.record.bill(generation.id, Decimal(price) / 1_000_000)
        told: dict[str, Any] = {"generation_id": generation.id, "seed": wanted.seed}
        if wanted.later or wanted.webhook or wanted.action in ALWAYS_LATER:
            return JSONResponse(told)
        self._end(generation)
        return JSONResponse({**told, "data": generation.data})

    def _name(self) -> bytes:
        return (1_000_000 + len(self.generations)).to_bytes(16, "big")

    def _price(self, wanted: Asked) -> int:
        if wanted.clip:
            return CLIP_PRICE
        usual = "high" if wanted.action == "generate" else "medium"
        return PRICES[wanted.quality or usual] * wanted.count

    def _take_on(self, price: int) -> None:
        if price > self.balance:
            self._refuse(402, "insufficient_funds")
        under_way = sum(one.status == "pending" for one in self.generations.values())
        if under_way >= self.room:
            self._refuse(429, "inflight_limit", max_inflight_requests=self.room)

    def _refuse(self, status: int, reason: str, **more: Any) -> None:
        raise Refused(status, {"error": f"rejected: {reason}", "reject_reason": reason, **more})

    # --- ending -------------------------------------------------------------------------------

    async def _poll(self, request: Request) -> Response:
        generation = self.generations.get(request.path_params["id"])
        if generation is None:
            detail = {"type": "about:blank", "title": "Not Found", "status": 404}
            raise Refused(404, {**detail, "detail": "generation not found"})
        generation.polls += 1
        calling = None
        if generation.status == "pending" and generation.polls > self.slowness:
            calling = self._end(generation)
        return JSONResponse(
            generation.shown(), background=BackgroundTask(calling.post) if calling else None
        )

    def _end(self, generation: Generation) -> Delivery | None:
        """It is over: files or a reason, and a call to who wanted one."""
        if "broken" in generation.asked.prompt:
            generation.status, generation.failure_reason = "failed", "internal_error"
        else:
            generation.status = "completed"
            generation.data = [self._item(generation, n) for n in range(generation.asked.count)]
        if generation.asked.webhook is None:
            return None
        body = json.dumps(generation.shown()).encode()
        signed = self.signer.headers(body, generation_id=generation.id, timestamp=int(self.clock()))
        self.deliveries.append(Delivery(generation.asked.webhook, body, signed))
        return self.deliveries[-1]

    def _item(self, generation: Generation, number: int) -> dict[str, Any]:
        wanted = generation.asked
        kind, ending = ("videos", "mp4") if wanted.clip else ("images", "png")
        until = int(self.clock()) + FILES_LIVE_SECONDS
        name = f"{generation.id}-{number}.{ending}"
        url = f"{self.base_url}/api/{kind}/ephemeral/{name}?exp={until}&sig={sealed(name, until)}"
        if wanted.clip:
            return {
                "object_type": "video.generation",
                "url": url,
                "prompt": wanted.prompt,
                "duration": wanted.duration,
                "resolution": "720p",
            }
        safe = "doubtful" not in wanted.prompt
        return {
            "url": url if safe else "",
            "prompt": wanted.prompt,
            "resolution": wanted.size,
            "is_image_safe": safe,
            "seed": wanted.seed + number,
        }

    async def _file(self, request: Request) -> Response:
        """A result. Its address is the permission, for a day."""
        until = int(request.query_params.get("exp", "0"))
        name = request.path_params["name"]
        if request.query_params.get("sig") != sealed(name, until) or self.clock() > until:
            return Response("Forbidden", 403)
        asked = self.generations[name.rpartition("-")[0]].asked
        if name.endswith(".mp4"):
            return Response(film(1280, 720, asked.duration), media_type="video/mp4")
        return Response(png(*sides(asked.size)), media_type="image/png")

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.signer.jwk()]})


def sealed(name: str, until: int) -> str:
    """What proves that an address was made here."""
    return base64.urlsafe_b64encode(f"{name}:{until}".encode()).rstrip(b"=").decode()
