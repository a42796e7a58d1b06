"""Those behind the router who make media, each in a form of its own.

Words with `forbidden` are refused where the real ones look at them: by fal, on the way in for what
is made at once and as the result for what waits in its queue, and by Together. `broken` fails.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.openai.mind import FORBIDDEN
from anymedia.testing.films import area, film
from anymedia.testing.samples import mp3, png

BROKEN = "broken"
MEDIA_TYPES = {"png": "image/png", "mp3": "audio/mpeg", "mp4": "video/mp4"}
FILE_SECONDS = 3600
DIMENSIONS = 8
HEARD = "Good morning."


class Refused(Exception):
    """A failed request, in the words of whoever was asked."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body


def disallowed() -> Refused:
    """What fal says of words that it does not take."""
    problem = {
        "loc": ["body", "prompt"],
        "msg": "The content could not be processed because it was flagged by a content checker.",
        "type": "content_policy_violation",
    }
    return Refused(422, {"detail": [problem]})


def missing(name: str) -> Refused:
    """A field that it cannot do without."""
    problem = {"loc": ["body", name], "msg": "Field required", "type": "missing"}
    return Refused(422, {"detail": [problem]})


@dataclass(slots=True)
class SubProviders:
    """All of them, with the jobs that they have and the files that they made."""

    address: Callable[[], str]
    """Where files can be fetched."""
    clock: Callable[[], float]
    slowness: int
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    """By name: what is in them, and when they were made."""

    def file(self, ending: str, content: bytes) -> str:
        """The address of a new file, which ends."""
        name = f"file-{len(self.files) + 1}.{ending}"
        self.files[name] = (content, self.clock())
        return f"{self.address()}/files/{name}"

    async def fetch(self, request: Request) -> Response:
        """A file, while there is one. It wants no token, and should not get one."""
        name = request.path_params["name"]
        content, made_at = self.files.get(name, (b"", 0.0))
        if not content or "authorization" in request.headers:
            return Response(status_code=404)
        if self.clock() >= made_at + FILE_SECONDS:
            return Response(status_code=403)
        return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]])

    # --- hf-inference -------------------------------------------------------------------------

    async def inferred(self, request: Request) -> Response:
        """The hub's own: raw files, and words for sound."""
        content = await request.body()
        if "json" not in request.headers.get("content-type", ""):
            return JSONResponse({"text": HEARD})  # sound came, words go
        body = json.loads(content)
        if not body.get("inputs"):
            raise Refused(422, {"error": "inputs is required"})
        if BROKEN in str(body["inputs"]):
            raise Refused(500, {"error": "CUDA out of memory", "error_type": "generation"})
        if "tts" in request.path_params["model"].lower():
            return Response(mp3(1.0), media_type="audio/mpeg")
        sides = body.get("parameters") or {}
        picture = png(int(sides.get("width") or 1024), int(sides.get("height") or 1024))
        return Response(picture, media_type="image/png")

    async def vectors(self, request: Request) -> Response:
        """Numbers for texts."""
        inputs = (await request.json()).get("inputs")
        texts = [inputs] if isinstance(inputs, str) else inputs
        return JSONResponse([[(len(text) + n) / 100 for n in range(DIMENSIONS)] for text in texts])

    # --- fal ------------------------------------------------------------------------------------

    async def fal(self, request: Request) -> Response:
        """Made at once; below the queue's name, made in its time."""
        body = await request.json()
        queued = request.query_params.get("_subdomain") == "queue"
        name = request.path_params["model"]
        words = body.get("prompt") or body.get("text")
        if not words and not body.get("audio_url"):
            raise missing("prompt")
        if queued:
            return JSONResponse(self._queued(name, body))
        if FORBIDDEN in str(words):
            raise disallowed()
        if BROKEN in str(words):
            raise Refused(500, {"detail": "Internal Server Error"})
        if body.get("audio_url"):
            return JSONResponse({"text": HEARD, "chunks": []})
        if "text" in body:
            url = self.file("mp3", mp3(1.0))
            return JSONResponse({"audio": {"url": url, "content_type": "audio/mpeg"}})
        sides = body.get("image_size") or {}
        content = png(int(sides.get("width", 1024)), int(sides.get("height", 768)))
        picture = {"url": self.file("png", content), "content_type": "image/png", **sides}
        return JSONResponse({"images": [picture], "seed": body.get("seed", 7)})

    def _queued(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        identifier = f"fal-{len(self.jobs) + 1}"
        # The queue's path has the model's first two names alone.
        short = "/".join(name.split("/")[:2])
        self.jobs[identifier] = {"polls": 0, "prompt": str(body.get("prompt"))}
        where = f"https://queue.fal.run/{short}/requests/{identifier}"
        return {"request_id": identifier, "status": "IN_QUEUE", "response_url": where}

    async def fal_status(self, request: Request) -> Response:
        """There is no word for failure: what went wrong is complete as well."""
        job = self._known(request)
        job["polls"] += 1
        waiting = "IN_QUEUE" if job["polls"] == 1 else "IN_PROGRESS"
        over = job["polls"] > self.slowness
        return JSONResponse({"status": "COMPLETED" if over else waiting})

    async def fal_result(self, request: Request) -> Response:
        """The file, or why there is none."""
        job = self._known(request)
        if job["polls"] <= self.slowness:
            raise Refused(400, {"detail": "Request is still in progress"})
        if FORBIDDEN in job["prompt"]:
            raise disallowed()
        if BROKEN in job["prompt"]:
            raise Refused(422, {"detail": [{"loc": ["body"], "msg": "broke", "type": "broken"}]})
        job.setdefault("url", None)
        job["url"] = job["url"] or self.file("mp4", film())
        return JSONResponse({"video": {"url": job["url"]}})

    def _known(self, request: Request) -> dict[str, Any]:
        job = self.jobs.get(request.path_params["id"])
        if job is None or request.query_params.get("_subdomain") != "queue":
            raise Refused(404, {"detail": "Not found"})
        return job

    # --- together, nscale, replicate ------------------------------------------------------------

    async def pictured(self, request: Request) -> Response:
        """Together's and nscale's pictures, inside the answer, in two words for the same."""
        body = await request.json()
        wanted = "base64" if request.url.path.startswith("/together") else "b64_json"
        if body.get("response_format") != wanted or not body.get("model"):
            raise Refused(400, {"message": f"response_format should be {wanted}"})
        if FORBIDDEN in str(body.get("prompt")):
            raise disallowed()
        width, high = body.get("width") or 1024, body.get("height") or 1024
        if "size" in body:
            width, high = map(int, str(body["size"]).split("x"))
        picture = base64.b64encode(png(int(width), int(high))).decode()
        return JSONResponse({"data": [{"index": 0, "b64_json": picture}]})

    async def spoken(self, request: Request) -> Response:
        """Together's speech: raw, by a voice that has to be named."""
        body = await request.json()
        if not body.get("voice"):
            raise Refused(400, {"error": {"message": "voice is required", "type": "validation"}})
        return Response(mp3(1.0), media_type="audio/mpeg")

    async def filmed(self, request: Request) -> Response:
        """Together's clip, later."""
        body = await request.json()
        identifier = f"together-{len(self.jobs) + 1}"
        self.jobs[identifier] = {"polls": 0, "prompt": str(body.get("prompt"))}
        return JSONResponse({"id": identifier, "status": "queued"})

    async def together_status(self, request: Request) -> Response:
        """Where a clip of Together's stands."""
        identifier = request.path_params["id"]
        job = self.jobs.get(identifier)
        if job is None:
            raise Refused(404, {"message": "Not found"})
        job["polls"] += 1
        if job["polls"] <= self.slowness:
            return JSONResponse({"id": identifier, "status": "in_progress"})
        if FORBIDDEN in job["prompt"] or BROKEN in job["prompt"]:
            code = "content_policy_violation" if FORBIDDEN in job["prompt"] else "server_error"
            error = {"message": f"the video was not made: {code}", "code": code}
            return JSONResponse({"id": identifier, "status": "failed", "error": error})
        job.setdefault("url", None)
        job["url"] = job["url"] or self.file("mp4", film())
        outputs = {"video_url": job["url"]}
        return JSONResponse({"id": identifier, "status": "completed", "outputs": outputs})

    async def predicted(self, request: Request) -> Response:
        """Replicate's, where it is waited for; else there is no output yet."""
        given = (await request.json()).get("input") or {}
        if not (given.get("prompt") or given.get("text")):
            raise Refused(422, {"detail": "- input: prompt is required", "status": 422})
        waited = request.headers.get("prefer") == "wait"
        ratio = str(given.get("aspect_ratio", "1:1"))
        drawn = png(
            *(
                given.get(name) or side
                for name, side in zip(("width", "height"), area(1024, ratio), strict=True)
            )
        )
        kind = ("mp3", mp3(1.0)) if "text" in given else ("png", drawn)
        output = self.file(*kind) if waited else None
        state = "succeeded" if waited else "starting"
        return JSONResponse({"id": "p1", "status": state, "output": output}, 201)
