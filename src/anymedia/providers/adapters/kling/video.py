"""Clips, in both contracts. `settings.contract = "tasks"` marks models of the newer one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from anymedia.contracts.media import MediaUrl, as_base64
from anymedia.contracts.notice import Notice, rounded
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.kling.task import (
    PATHS,
    TASKS,
    Task as TaskShape,
    looked_for,
    opened,
    submitted,
    taken,
)
from anymedia.providers.inputs import AnyMedia, held
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import convert

FROM_TEXT, FROM_IMAGE, _ = PATHS
MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    if settings_of(brief).get("contract") == "tasks":
        return (yield from submit_task(request, brief))
    return (yield from submit_v1(request, brief))


def find(brief: Brief, _: datetime) -> Exchange[Submitted | None]:
    """A lost submission, by the id that we gave it."""
    if settings_of(brief).get("contract") == "tasks":
        response = yield get(TASKS, query={"external_task_ids": brief.marker})
        envelope = opened(response)
        tasks = envelope.data if isinstance(envelope.data, list) else []
        return taken(TASKS, convert(tasks[0], TaskShape), envelope.request_id) if tasks else None
    for path in (FROM_TEXT, FROM_IMAGE):
        if (found := (yield from looked_for(path, brief))) is not None:
            return found
    return None


def settings_of(brief: Brief) -> dict[str, Any]:
    """What the catalogue says of the model that only concerns us."""
    return brief.model.settings if brief.model else {}


def raw(media: AnyMedia) -> str:
    """A URL, or base64 without the `data:` head, which is refused."""
    return media.url if isinstance(media, MediaUrl) else as_base64(held(media).data)


# --- the older contract ---------------------------------------------------------------------


def submit_v1(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """The model in the body; the path says what is made from what."""
    body: dict[str, Any] = {"model_name": request.model, "external_task_id": brief.marker}
    warnings: list[Notice] = []
    path = FROM_TEXT
    if request.first_frame is not None or request.last_frame is not None:
        path = FROM_IMAGE
        if request.first_frame is not None:
            body["image"] = raw(request.first_frame)
        if request.last_frame is not None:
            body["image_tail"] = raw(request.last_frame)
    elif request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.prompt:
        body["prompt"] = request.prompt
    if request.negative_prompt:
        body["negative_prompt"] = request.negative_prompt
    if request.duration_seconds is not None:
        body["duration"] = f"{request.duration_seconds:.0f}"
    if request.resolution is not None:
        body["mode"] = MODES.get(request.resolution, request.resolution)
    sounds(request, brief, body, warnings)
    if brief.callback_url:
        body["callback_url"] = brief.callback_url
    response = yield post(path, json=body | request.options)
    return with_warnings(submitted(path, response), warnings)


def sounds(
    request: VideoRequest, brief: Brief, body: dict[str, Any], warnings: list[Notice]
) -> None:
    """Sound, where the model has it; some have it only in their better mode."""
    if not brief.model or brief.model.limits.audio != "optional":
        return
    body["sound"] = "on" if request.audio else "off"
    if request.audio and settings_of(brief).get("sound_needs_pro") and body.get("mode") != "pro":
        if body.get("mode") is not None:
            warnings.append(
                rounded("resolution", request.resolution, "1080p", "it has sound only there")
            )
        body["mode"] = "pro"


def with_warnings(found: Submitted, warnings: list[Notice]) -> Submitted:
    """The same submission with what was changed on the way."""
    return Submitted(
        handle=found.handle,
        state=found.state,
        request_id=found.request_id,
        warnings=tuple(warnings),
    )


# --- the newer contract ---------------------------------------------------------------------


def submit_task(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """The model in the path; what it goes by is a list of contents."""
    settings: dict[str, Any] = {}
    if request.resolution is not None:
        settings["resolution"] = request.resolution
    if request.duration_seconds is not None:
        settings["duration"] = round(request.duration_seconds)
    settings["audio"] = "native" if request.audio else "off"
    options: dict[str, Any] = {"external_task_id": brief.marker}
    if brief.callback_url:
        options["callback_url"] = brief.callback_url
    body: dict[str, Any] = {"settings": settings, "options": options}
    if request.task == "text_to_video" and not settings_of(brief).get("omni"):
        kind = "text-to-video"
        body["prompt"] = request.prompt
        if request.aspect_ratio:
            settings["aspect_ratio"] = request.aspect_ratio
    else:
        kind = "omni-video" if settings_of(brief).get("omni") else "image-to-video"
        if kind == "omni-video" and request.aspect_ratio:
            settings["aspect_ratio"] = request.aspect_ratio
        body["contents"] = contents(request)
    response = yield post(f"/{kind}/{request.model}", json=body | request.options)
    return submitted(TASKS, response)


def contents(request: VideoRequest) -> list[dict[str, Any]]:
    """Words, frames, references and a clip, each with its part."""
    found: list[dict[str, Any]] = []
    if request.prompt:
        found.append({"type": "prompt", "text": request.prompt})
    parts = [
        ("first_frame", request.first_frame),
        ("last_frame", request.last_frame),
        *(("refer_image", reference) for reference in request.references),
        ("base_video", request.video),
    ]
    found += [{"type": kind, "url": raw(media)} for kind, media in parts if media is not None]
    return found
