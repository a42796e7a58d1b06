"""Model Studio's double: Wan's clips by task, Qwen's pictures at once.

A clip waits at its first poll, is being made at the next ones and is complete after that;
`slowness` is how many polls it takes. Words with `forbidden` are refused: of pictures at once, of
clips in the end, inside a 200; with `broken` a clip fails inside. More than `at_once` clips under
way are throttled, and an account in `arrears` makes none. Tasks and addresses are gone after
`forget`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.films import film, sides
from anymedia.testing.samples import png

Handler = Callable[[Request], Awaitable[dict[str, Any]]]
FORBIDDEN = "forbidden"
REFUSAL = "Input data may contain inappropriate content."
AIGC = "/api/v1/services/aigc"
OPEN = {"PENDING", "RUNNING"}
PARTS = {"first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"}
FLAT_PRICE = Decimal("0.10")
"""Made up: what the older models cost is not known."""


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.body = status, {"code": code, "message": words}


class WanDouble(Double):
    """One region's service."""

    def __init__(
        self, *, key: str = "sk-wan-double", slowness: int = 2, at_once: int = 1000
    ) -> None:
        self.key = key
        self.slowness = slowness
        self.at_once = at_once
        self.arrears = False
        self.forgotten = False
        self.tasks: dict[str, dict[str, Any]] = {}
        self.models = {one.id: one for one in catalogued("wan")}
        routes: dict[tuple[str, str], Handler] = {
            ("POST", f"{AIGC}/video-generation/video-synthesis"): self._create,
            ("GET", "/api/v1/tasks/{id}"): self._show,
            ("POST", "/api/v1/tasks/{id}/cancel"): self._cancel,
            ("POST", f"{AIGC}/multimodal-generation/generation"): self._draw,
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

    def _served(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            told = {"request_id": f"req-{len(self.record.requests)}"}
            try:
                self._admit(request)
                return JSONResponse(await handler(request) | told)
            except Refused as refused:
                return JSONResponse(refused.body | told, refused.status)

        return serve

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, "InvalidApiKey", "Invalid API-key provided.")

    def forget(self) -> None:
        """Let a day go by."""
        self.forgotten = True

    # --- clips ----------------------------------------------------------------------------------

    async def _create(self, request: Request) -> dict[str, Any]:
        if request.headers.get("x-dashscope-async") != "enable":
            words = "current user api does not support synchronous calls."
            raise Refused(403, "AccessDenied", words)
        body, model = await self._asked(request, "video")
        parameters = body.get("parameters", {})
        resolution, rate = checked(body, model)
        if sum(one["status"] in OPEN for one in self.tasks.values()) >= self.at_once:
            raise Refused(429, "Throttling.RateQuota", "Requests rate limit exceeded.")
        identifier = f"task-{len(self.tasks) + 1}"
        seconds = parameters.get("duration", 5)
        self.tasks[identifier] = {
            "status": "PENDING",
            "words": body["input"].get("prompt", ""),
            "seconds": seconds,
            "resolution": resolution,
            "ratio": parameters.get("ratio", "16:9"),
            "sides": sides(parameters.get("size", resolution), parameters.get("ratio", "16:9")),
            "polls": 0,
        }
        self.record.bill(identifier, rate * Decimal(seconds))
        return {"output": {"task_id": identifier, "task_status": "PENDING"}}

    async def _show(self, request: Request) -> dict[str, Any]:
        identifier = request.path_params["id"]
        task = self.tasks.get(identifier)
        output: dict[str, Any] = {"task_id": identifier, "task_status": "UNKNOWN"}
        if task is None or self.forgotten:
            return {"output": output}
        if task["status"] in OPEN:
            self._advance(task)
        output["task_status"] = task["status"]
        if task["status"] == "FAILED":
            refused = FORBIDDEN in task["words"]
            output["code"] = "DataInspectionFailed" if refused else "InternalError.Algo"
            output["message"] = REFUSAL if refused else "The model failed."
        if task["status"] != "SUCCEEDED":
            return {"output": output}
        output["video_url"] = f"{self.base_url}/results/{identifier}.mp4"
        usage = {
            "duration": task["seconds"],
            "input_video_duration": 0,
            "output_video_duration": task["seconds"],
            "video_count": 1,
            "SR": int(task["resolution"].rstrip("P")),
            "ratio": task["ratio"],
            "fps": 30,
        }
        return {"output": output, "usage": usage}

    def _advance(self, task: dict[str, Any]) -> None:
        task["polls"] += 1
        if task["polls"] <= self.slowness:
            task["status"] = "PENDING" if task["polls"] == 1 else "RUNNING"
        else:
            failed = FORBIDDEN in task["words"] or "broken" in task["words"]
            task["status"] = "FAILED" if failed else "SUCCEEDED"

    async def _cancel(self, request: Request) -> dict[str, Any]:
        identifier = request.path_params["id"]
        task = self.tasks.get(identifier)
        if task is None or task["status"] != "PENDING":
            raise Refused(400, "UnsupportedOperation", "Only a pending task can be cancelled.")
        task["status"] = "CANCELED"
        self.record.give_back(identifier)
        return {}

    # --- pictures, and what both go through -----------------------------------------------------

    async def _draw(self, request: Request) -> dict[str, Any]:
        body, model = await self._asked(request, "image")
        content = body["input"]["messages"][0]["content"]
        if FORBIDDEN in " ".join(one.get("text", "") for one in content):
            raise Refused(400, "DataInspectionFailed", REFUSAL)
        count = body.get("parameters", {}).get("n", 1)
        if count not in range(1, (model.limits.max_count or 1) + 1):
            raise Refused(400, "InvalidParameter", "n is out of range")
        price = next(one.usd for one in model.prices)
        self.record.bill(f"images-{count}", price * count)
        size = body.get("parameters", {}).get("size", "1024*1024")
        at = f"{self.base_url}/results"
        made = [{"image": f"{at}/{number}.png?size={size}"} for number in range(count)]
        message = {"role": "assistant", "content": made}
        return {
            "output": {"choices": [{"finish_reason": "stop", "message": message}]},
            "usage": {"image_count": count, "width": 1024, "height": 1024},
        }

    async def _asked(self, request: Request, medium: str) -> tuple[dict[str, Any], Model]:
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(400, "InvalidParameter", "The body is not a JSON object.")
        model = self.models.get(str(body.get("model")))
        if model is None or model.medium != medium:
            raise Refused(404, "ModelNotFound", "Model not exist.")
        if not body.get("input"):
            raise Refused(400, "InvalidParameter", "input is required")
        if self.arrears:
            words = "Access denied, please make sure your account is in good standing."
            raise Refused(400, "Arrearage", words)
        return body, model

    async def _fetch(self, request: Request) -> Response:
        """A result. It takes no key: the address is the permission."""
        if self.forgotten:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403)
        name = request.path_params["name"]
        if name.endswith(".mp4"):
            task = self.tasks[name.removesuffix(".mp4")]
            clip = film(*task["sides"], task["seconds"], fps=30, sound=True)
            return Response(clip, media_type="video/mp4")
        return Response(
            png(*sides(request.query_params.get("size", "1024*1024"))), media_type="image/png"
        )


def checked(body: dict[str, Any], model: Model) -> tuple[str, Decimal]:
    """Resolution and US dollars a second of a clip, or what is wrong with its body."""
    given, parameters = body["input"], body.get("parameters", {})
    seed = parameters.get("seed", 0)
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise Refused(400, "InvalidParameter", "seed is out of range")
    if model.settings.get("contract") == "flat":
        if "media" in given or "ratio" in parameters:
            raise Refused(400, "InvalidParameter", "media and ratio are not of this model")
        if "image_to_video" in model.tasks and "img_url" not in given:
            raise Refused(400, "InvalidParameter", "img_url is required")
        return parameters.get("resolution", "720P"), FLAT_PRICE
    parts = {one.get("type") for one in given.get("media", ())}
    if parts - PARTS or "img_url" in given:
        raise Refused(400, "InvalidParameter", "media has an unknown type")
    resolution = parameters.get("resolution", "720P")
    rates = {one.when["resolution"]: one.usd for one in model.prices}
    if resolution not in rates:
        raise Refused(400, "InvalidParameter", "resolution is not of this model")
    return resolution, rates[resolution]
