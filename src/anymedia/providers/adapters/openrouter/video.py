"""Video at OpenRouter: a job at `/videos`, asked for until it is over.

https://openrouter.ai/docs/guides/overview/multimodal/video-generation (read 2026-11-21). There is
neither an idempotency key nor a list of jobs: a lost submission is learnt of by its callback.
"""

from __future__ import annotations

import re
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.openrouter.errors import OPENROUTER_ERRORS, failed_job
from anymedia.providers.adapters.openrouter.image import frame, tier
from anymedia.providers.dialects.openai.errors import request_id
from anymedia.providers.dialects.openai.fields import OURS, merged
from anymedia.providers.dialects.openai.image_size import PIXELS
from anymedia.providers.dialects.openai.usage import reported_cost
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief, Callback, Job, Pace, Report, Submitted, Webhook
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, get, post
from anymedia.wire.shape import Shape, read
from anymedia.wire.signature import TimedMac

CONTENT = "https://openrouter.ai/api/v1/videos"
PLAIN_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class Clip(Shape):
    """A job where it stands."""

    id: str | None = None
    generation_id: str | None = None
    status: str | None = None
    unsigned_urls: tuple[str | None, ...] | None = None
    usage: Any = None
    error: Any = None


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Hand it in."""
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    exact = request.resolution is not None and PIXELS.match(request.resolution)
    seconds = request.duration_seconds
    fields: dict[str, Any] = {
        "model": request.model,
        "prompt": request.prompt or None,
        "duration": None if seconds is None else round(seconds),
        "size": request.resolution if exact else None,
        "resolution": tier(request.resolution) if not exact else None,
        "aspect_ratio": request.aspect_ratio if not exact else None,
        # Its default differs between guide and client, so it is sent wherever it is known.
        "generate_audio": request.audio,
        "seed": request.seed,
        "frame_images": [
            {**frame(reference(media)), "frame_type": name}
            for name, media in frames
            if media is not None
        ]
        or None,
        "input_references": [frame(reference(media)) for media in request.references] or None,
        "callback_url": brief.callback_url,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    response = yield post("/videos", json=merged(body, request.options, without=OURS))
    clip = response.read(Clip)
    return Submitted(
        handle=plain(clip.id),
        state=Queued() if clip.status == "pending" else Running(),
        request_id=request_id(response, OPENROUTER_ERRORS) or clip.generation_id,
    )


def plain(identifier: str | None) -> str:
    """An id that can stand in a path."""
    if identifier is None or not PLAIN_ID.fullmatch(identifier):
        raise UnreadableResponse("the answer names no job", accepted="unknown")
    return identifier


def poll(handle: str) -> Exchange[JobState]:
    """Where it stands."""
    response = yield get(f"/videos/{plain(handle)}")
    return state(response.read(Clip), handle)


def state(clip: Clip, handle: str) -> JobState:
    """The same in our words."""
    used = Usage(requests=1, raw=clip.usage if isinstance(clip.usage, dict) else {})
    match clip.status:
        case "pending":
            return Queued()
        case "completed":
            urls = [url for url in clip.unsigned_urls or () if url]
            return Succeeded(
                request_id=clip.generation_id,
                # `urls`, where they are told, are signed secrets that end; these want the key.
                artifacts=tuple(
                    RemoteArtifact(url=url, media_type="video/mp4", needs_key=True)
                    for url in urls or (f"{CONTENT}/{handle}/content?index=0",)
                ),
                usage=used,
                reported_cost=reported_cost(clip.usage),
            )
        case "failed":
            return Failed(problem=failed_job(clip.error).problem(), usage=used)
        case "expired":
            return Failed(problem=failed_job(clip.error or "the job expired").problem(), usage=used)
        case "cancelled":
            return Stopped(usage=used)
        case _:  # `in_progress`, and whatever may be added
            return Running()


def read_callback(body: bytes, _: Headers) -> Callback:
    """Whose call it is. How it stands is asked for with our own key."""
    call = read(body, dict[str, Any])
    inner = call.get("data")
    told = inner if isinstance(inner, dict) else call
    found = told.get("id")
    return Callback(handle=plain(found if isinstance(found, str) else None))


WEBHOOK = Webhook(
    signature=TimedMac(
        header="x-openrouter-signature",
        version="v1",
        joint=",",
        named_by="x-openrouter-idempotency-key",
    )
)
OPERATION = Job(
    VideoRequest,
    submit,
    poll,
    recovery=Report(wait_seconds=1800.0),
    pace=Pace(first_seconds=10.0, longest_seconds=30.0),
    read_callback=read_callback,
)
