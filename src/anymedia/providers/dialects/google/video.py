"""Clips: interactions with Omni models, or Veo's operations on Vertex AI.

A model's sheet says `api = "veo"` in `settings` where it is Veo's. A handle is an interaction's
id, or an operation's name, which has slashes in it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.job import CancelOutcome, JobState
from anymedia.contracts.video import VideoRequest
from anymedia.providers.dialects.google import interactions, veo
from anymedia.providers.dialects.google.errors import failure_inside
from anymedia.providers.dialects.google.interactions import (
    Interaction,
    kept_as,
    shown,
    with_options,
)
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.webhook import read_callback
from anymedia.providers.spec import Brief, Job, Pace, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

OURS = frozenset({"gcs_uri", "api"})
TASKS = {
    "text_to_video": "text_to_video",
    "image_to_video": "image_to_video",
    "first_last_frame": "image_to_video",
    "reference_to_video": "reference_to_video",
    "video_to_video": "edit",
    "extend": "extend",
}


def operation(surface: Surface) -> Job:
    """Clips, after a while. Nothing finds a lost submission again: there is no list."""
    return Job(
        VideoRequest,
        partial(submit, surface=surface),
        partial(poll, surface=surface),
        partial(cancel, surface=surface),
        pace=Pace(first_seconds=5.0, factor=1.3, longest_seconds=15.0),
        read_callback=read_callback if surface.webhooks else None,
    )


def submit(request: VideoRequest, brief: Brief, surface: Surface) -> Exchange[Submitted]:
    """Have it made in the background."""
    if brief.model is not None and brief.model.settings.get("api") == "veo":
        return (yield from veo.submit(request, brief, surface))
    response = yield post(surface.interactions, json=asked(request, brief, surface))
    found = response.read(Interaction)
    if found.error:
        raise failure_inside({"error": found.error})
    if not found.id:
        raise UnreadableResponse("the interaction has no `id`", accepted="unknown")
    return Submitted(handle=found.id, state=interactions.state(found), request_id=found.id)


def asked(request: VideoRequest, brief: Brief, surface: Surface) -> dict[str, Any]:
    """The body. Media come before the words that speak of them."""
    frames = [frame for frame in (request.first_frame, request.last_frame) if frame is not None]
    shown_first = [shown("video", request.video)] if request.video is not None else []
    shown_first += [shown("image", image) for image in (*frames, *request.references)]
    words = [{"type": "text", "text": request.prompt}] if request.prompt else []
    configuration: dict[str, Any] = {"video_config": {"task": TASKS[request.task]}}
    if request.seed is not None:
        configuration["seed"] = request.seed
    body = {
        "model": request.model,
        "input": [*shown_first, *words],
        "background": True,
        "store": True,
        "response_format": form(request, surface),
        "generation_config": configuration,
        **kept_as(brief, surface),
    }
    return with_options(body, request.options, OURS)


def form(request: VideoRequest, surface: Surface) -> dict[str, Any]:
    """What the clip should be, and where it should lie."""
    wanted: dict[str, Any] = {"type": "video"}
    if request.aspect_ratio is not None:
        wanted["aspect_ratio"] = request.aspect_ratio
    if request.resolution is not None:
        wanted["resolution"] = request.resolution
    if request.duration_seconds is not None:
        wanted["duration"] = f"{request.duration_seconds:g}s"
    bucket = request.options.get("gcs_uri")
    if surface.stored:
        wanted["delivery"] = "uri"
    elif isinstance(bucket, str):
        wanted |= {"delivery": "uri", "gcs_uri": bucket}
    return wanted


def poll(handle: str, surface: Surface) -> Exchange[JobState]:
    """Where it stands."""
    if "/" in handle:
        return (yield from veo.poll(handle, surface))
    return (yield from interactions.poll(handle, surface))


def cancel(handle: str, surface: Surface) -> Exchange[CancelOutcome]:
    """Stop it, where that can be done."""
    if "/" in handle:
        return (yield from veo.cancel(handle, surface))
    return (yield from interactions.cancel(handle, surface))
