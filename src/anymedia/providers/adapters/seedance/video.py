"""Clips: words, frames, references and clips as a list of contents."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnreadableResponse, UnsupportedOption
from anymedia.contracts.job import Queued
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.seedance.task import TASKS, Task
from anymedia.providers.dialects.openai.fields import merged, named
from anymedia.providers.inputs import AnyMedia, reference
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

FIELDS = {"resolution": "resolution", "aspect_ratio": "ratio", "seed": "seed"}


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip. Without a mark, as everybody else's are."""
    body: dict[str, Any] = {
        "model": request.model,
        "content": contents(request),
        "watermark": False,
        **named(request, FIELDS),
    }
    known = brief.model.limits.resolutions if brief.model else ()
    if known:
        body.setdefault("resolution", known[0])  # said always: prices depend on it
    if request.duration_seconds is not None:
        body["duration"] = round(request.duration_seconds)
    if brief.model is None or brief.model.limits.audio == "optional":
        # Said always where it can be: the vendor's own default differs from model to model.
        body["generate_audio"] = bool(request.audio)
    if brief.callback_url:
        body["callback_url"] = brief.callback_url
    response = yield post(TASKS, json=merged(body, request.options))
    task = response.read(Task)
    if not task.id:
        raise UnreadableResponse("Ark took a task on and did not name it", accepted="yes")
    return Submitted(
        handle=task.id, state=Queued(), request_id=response.headers.get("x-request-id")
    )


def contents(request: VideoRequest) -> list[dict[str, Any]]:
    """Each with its part; frames and references exclude each other."""
    framed = request.first_frame is not None or request.last_frame is not None
    if framed and (request.references or request.video is not None):
        raise UnsupportedOption(f"`{request.model}` takes frames or references, not both")
    found: list[dict[str, Any]] = []
    if request.prompt:
        found.append({"type": "text", "text": request.prompt})
    if request.first_frame is not None:
        found.append(part("image", "first_frame", request.first_frame))
    if request.last_frame is not None:
        found.append(part("image", "last_frame", request.last_frame))
    for media in request.references:
        kind = (getattr(media, "media_type", None) or "").partition("/")[0]
        kind = kind if kind in {"video", "audio"} else "image"
        found.append(part(kind, f"reference_{kind}", media))
    if request.video is not None:
        found.append(part("video", "reference_video", request.video))
    return found


def part(kind: str, role: str, media: AnyMedia) -> dict[str, Any]:
    """One content that is not words."""
    return {"type": f"{kind}_url", f"{kind}_url": {"url": reference(media)}, "role": role}
