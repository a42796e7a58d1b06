"""vLLM-Omni's clips: jobs that live in the server's memory.

A job waits, runs with its progress, and is done after `slowness` polls; `broken` in a prompt fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure
from anymedia.testing.doubles.servers.media import FASTAPI, sides
from anymedia.testing.films import film

SECONDS = re.compile(r"[1-9][0-9]*")


@dataclass(slots=True)
class Videos:
    """All jobs of a server; one that is restarted forgets them."""

    slowness: int
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)

    def submit(self, asked: Asked) -> Response:
        """`POST /v1/videos`, as a form."""
        if "multipart/" not in asked.content_type:
            raise Failure(422, "Field required: prompt", kind=FASTAPI)
        fields = asked.fields
        if not fields.get("prompt"):
            raise Failure(422, "Field required: prompt", kind=FASTAPI)
        seconds = str(fields.get("seconds", "4"))
        if not SECONDS.fullmatch(seconds):
            raise Failure(422, "seconds should be a whole number", kind=FASTAPI)
        size = str(fields.get("size", "1280x720"))
        sides(size)
        name = f"video_gen_{len(self.polls) + 1}"
        self.polls[name] = 0
        self.jobs[name] = {
            "id": name,
            "object": "video",
            "model": fields.get("model"),
            "prompt": fields["prompt"],
            "status": "queued",
            "progress": 0,
            "seconds": seconds,
            "size": size,
            "quality": "default",
            "created_at": 1_795_000_000,
            "completed_at": None,
            "expires_at": None,
            "error": None,
            "media_type": "video/mp4",
        }
        return JSONResponse(self.jobs[name])

    def show(self, asked: Asked) -> Response:
        """`GET /v1/videos/{id}`: asking makes time pass."""
        job = self.known(asked)
        name = job["id"]
        self.polls[name] += 1
        if self.polls[name] > self.slowness:
            broken = "broken" in job["prompt"]
            job |= {"status": "failed" if broken else "completed", "progress": 100}
            job["error"] = {"code": 500, "message": "out of memory"} if broken else None
        elif self.polls[name] > 1:
            job |= {
                "status": "in_progress",
                "progress": 100 * self.polls[name] // self.slowness - 1,
            }
        return JSONResponse(job)

    def listed(self, _: Asked) -> Response:
        """`GET /v1/videos`."""
        names = list(self.jobs)
        ends = {"first_id": names[0], "last_id": names[-1]} if names else {}
        data = list(self.jobs.values())
        return JSONResponse({"object": "list", "data": data, **ends, "has_more": False})

    def content(self, asked: Asked) -> Response:
        """`GET /v1/videos/{id}/content`."""
        job = self.known(asked)
        if job["status"] != "completed":
            raise Failure(404, "Video is not ready", kind=FASTAPI)
        clip = film(*sides(job["size"]), float(job["seconds"]))
        return Response(clip, media_type="video/mp4")

    def remove(self, asked: Asked) -> Response:
        """`DELETE /v1/videos/{id}`: whatever it is doing."""
        name = self.known(asked)["id"]
        del self.jobs[name]
        return JSONResponse({"id": name, "deleted": True, "object": "video.deleted"})

    def known(self, asked: Asked) -> dict[str, Any]:
        """A job that is still remembered."""
        job = self.jobs.get(asked.path["id"])
        if job is None:
            raise Failure(404, "Video not found", kind=FASTAPI)
        return job
