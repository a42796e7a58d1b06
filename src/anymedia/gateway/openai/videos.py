"""Clips: a job at `/videos`, asked for until it is over, its file below it.

OpenAI's own clips have ended; clients and servers go on speaking this form, and here any provider
of clips answers it. A job's id is ours, the same as at `/api/jobs`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from anymedia.contracts.errors import NotFound
from anymedia.contracts.job import Job
from anymedia.contracts.media import MediaBytes, StoredArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.gateway.openai.images import QUALITIES
from anymedia.gateway.shared.body import Form
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, shown, wrong
from anymedia.gateway.spec import Refused

STATUSES = {
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
    "outcome_unknown": "failed",
}
NAMES = {"duration_seconds": "seconds", "resolution": "size", "first_frame": "input_reference"}
POLL_MILLISECONDS = 1000
REFERENCE = "input_reference"
SOURCE = "remixed_from_video_id"
"""In a job's metadata, and in what is told of it: the clip that it was made of."""


class Body(msgspec.Struct):
    """What is asked."""

    prompt: str
    model: str | None = None
    seconds: str | int | float | None = None
    size: str | None = None
    quality: str | None = None
    input_reference: Any = None
    anymedia: dict[str, Any] | None = None


class Reference(msgspec.Struct):
    """A picture to begin with."""

    image_url: str | None = None


def asked(reading: Reading, form: Form | None = None) -> VideoRequest:
    """The request that a body or a form stands for."""
    body = reading.top(Body)
    fields = {
        "model": body.model,
        "prompt": body.prompt,
        "duration_seconds": length(body.seconds),
        "resolution": body.size,
        "quality": QUALITIES.get(body.quality or "auto", body.quality),
        "first_frame": attached(form) or pictured(reading, body.input_reference),
    }
    return built(VideoRequest, fields, body.anymedia, names=NAMES)


def length(seconds: str | float | None) -> float | None:
    """The clip's length, which is written as text."""
    try:
        return None if seconds is None else float(seconds)
    except ValueError:
        raise wrong("seconds", "expected a number of seconds, such as `8`") from None


def attached(form: Form | None) -> MediaBytes | None:
    """The picture that came as a file."""
    if form is None:
        return None
    for name in form.files.keys() - {REFERENCE}:
        raise wrong(name[:60], f"there is no such file here; there is `{REFERENCE}`")
    pictures = form.files.get(REFERENCE, [])
    if len(pictures) > 1:
        raise wrong(REFERENCE, "there can be one")
    return pictures[0] if pictures else None


def pictured(reading: Reading, raw: Any) -> Any:
    """The picture that came as an address; a file's id means something only at its provider."""
    if raw is None:
        return None
    reference = reading.read(raw, Reference, REFERENCE)
    if reference.image_url is None:
        return None
    return shown(reference.image_url, f"{REFERENCE}.image_url")


# --- answering ------------------------------------------------------------------------------


def video(job: Job) -> dict[str, Any]:
    """A job as a video. Whoever asks is asked to come back no sooner than is useful."""
    clip = job.artifacts[0] if job.artifacts else None
    told: dict[str, Any] = {
        "id": job.id,
        "object": "video",
        "model": model_of(job),
        "status": STATUSES[job.status],
        "progress": 100 if job.status == "succeeded" else round(100 * (job.progress or 0)),
        "created_at": seconds_of(job.created_at),
        "completed_at": seconds_of(job.finished_at) if job.status == "succeeded" else None,
        "expires_at": None,
        "prompt": job.request.get("prompt"),
        "seconds": lasting(job, clip),
        "size": size(job, clip),
        SOURCE: job.metadata.get(SOURCE),
        "error": problem(job),
    }
    if job.cost.amount is not None:
        told["usage"] = {"cost": float(job.cost.amount)}
    if job.warnings:
        told["warnings"] = [one.model_dump(exclude_none=True) for one in job.warnings]
    return told


def model_of(job: Job) -> str | None:
    """Who makes it; what was asked for while that is open."""
    if job.provider is not None:
        return f"{job.provider}/{job.model}"
    asked = job.request.get("model")
    return asked if isinstance(asked, str) else None


def seconds_of(moment: datetime | None) -> int | None:
    """A time as the dialect has it."""
    return None if moment is None else int(moment.timestamp())


def lasting(job: Job, clip: StoredArtifact | None) -> str | None:
    """Its length: as it is, else as it was asked."""
    found = clip.seconds if clip else None
    wanted = job.request.get("duration_seconds") if found is None else found
    return f"{wanted:g}" if isinstance(wanted, int | float) else None


def size(job: Job, clip: StoredArtifact | None) -> str | None:
    """Its pixels: as they are, else as they were asked."""
    if clip is not None and clip.width and clip.height:
        return f"{clip.width}x{clip.height}"
    asked = job.request.get("resolution")
    return asked if isinstance(asked, str) else None


def problem(job: Job) -> dict[str, Any] | None:
    """Why it has failed."""
    match job.status:
        case "failed" | "outcome_unknown" if job.problem is not None:
            return {"code": job.problem.code.lower(), "message": job.problem.message}
        case "failed" | "outcome_unknown" | "cancelled":
            return {"code": job.status, "message": f"the job is {job.status}"}
        case _:
            return None


def clip_of(job: Job, variant: str | None) -> StoredArtifact:
    """The file of a finished clip."""
    if variant not in {None, "video"}:
        raise Refused("`variant`: there is only `video` here", param="variant")
    if job.status != "succeeded":
        raise Refused(
            f"the clip of `{job.id}` is not there: the job is {job.status}. "
            f"`GET /v1/videos/{job.id}` tells how it goes",
            word="video_not_ready",
        )
    if not job.artifacts:
        raise NotFound(f"job `{job.id}` has kept no clip")
    return job.artifacts[0]


def listed(videos: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page of them."""
    return {
        "object": "list",
        "data": videos,
        "has_more": more,
        "first_id": videos[0]["id"] if videos else None,
        "last_id": videos[-1]["id"] if videos else None,
    }
