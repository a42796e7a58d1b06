"""Clips. `settings.contract = "flat"` marks older models, whose media are fields of their own."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnreadableResponse, UnsupportedOption
from anymedia.contracts.job import Queued
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.wan.failures import TABLE
from anymedia.providers.adapters.wan.task import Output, Told
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.explain import Said
from anymedia.providers.inputs import AnyMedia, reference
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

SYNTHESIS = "/api/v1/services/aigc/video-generation/video-synthesis"
LARGEST_SEED = 2**31
OLDER = ("wan2.1", "wan2.2", "wan2.5", "wan2.6", "wanx")
SHAPES = {
    "480P": {"16:9": "832*480", "9:16": "480*832", "1:1": "624*624"},
    "720P": {
        "16:9": "1280*720",
        "9:16": "720*1280",
        "1:1": "960*960",
        "4:3": "1088*832",
        "3:4": "832*1088",
    },
    "1080P": {
        "16:9": "1920*1080",
        "9:16": "1080*1920",
        "1:1": "1440*1440",
        "4:3": "1632*1248",
        "3:4": "1248*1632",
    },
}
"""Pixels that older models have for a resolution and a shape (npm @ai-sdk/alibaba)."""


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    body, warnings = asked(request, brief)
    response = yield post(
        SYNTHESIS,
        json=merged(body, request.options),
        headers={"X-DashScope-Async": "enable"},
    )
    told = response.read(Told)
    output = told.output or Output()
    if not output.task_id:
        raise_untaken(told)
    return Submitted(
        handle=output.task_id or "",
        state=Queued(),
        request_id=told.request_id,
        warnings=warnings,
    )


def raise_untaken(told: Told) -> None:
    """There is no task: for a reason that is told inside a 200, or for none."""
    if told.code:
        said = Said(message=told.message or "", code=told.code)
        raise TABLE.decide(said, status=200, request_id=told.request_id)
    raise UnreadableResponse("Model Studio took a task on and did not name it", accepted="yes")


def asked(request: VideoRequest, brief: Brief) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """The body, and what of the request is not in it."""
    given: dict[str, Any] = {}
    if request.prompt:
        given["prompt"] = request.prompt
    if request.negative_prompt:
        given["negative_prompt"] = request.negative_prompt
    parameters: dict[str, Any] = {"watermark": False}
    if request.duration_seconds is not None:
        parameters["duration"] = round(request.duration_seconds)
    if request.audio is not None:
        parameters["audio"] = request.audio
    if request.seed is not None:
        parameters["seed"] = request.seed % LARGEST_SEED
    known = brief.model.limits.resolutions if brief.model else ()
    # Said always: prices depend on it.
    resolution = request.resolution or next(iter(known), None)
    framed = request.first_frame is not None or request.last_frame is not None
    if is_flat(request, brief):
        given |= fields(request)
        parameters |= sized(request.aspect_ratio, resolution, framed=framed)
    else:
        if media := contents(request):
            given["media"] = media
        if resolution:
            parameters["resolution"] = resolution
        if request.aspect_ratio is not None and not framed:
            parameters["ratio"] = request.aspect_ratio
    warnings: tuple[Notice, ...] = ()
    if framed and request.aspect_ratio is not None:
        why = "a clip from frames has their shape"
        warnings = (dropped("aspect_ratio", why, request.aspect_ratio),)
    return {"model": request.model, "input": given, "parameters": parameters}, warnings


def is_flat(request: VideoRequest, brief: Brief) -> bool:
    """Whether it is an older model; one that no sheet lists is known by its name."""
    if brief.model is not None:
        return brief.model.settings.get("contract") == "flat"
    return (request.model or "").startswith(OLDER)


def contents(request: VideoRequest) -> list[dict[str, Any]]:
    """Frames, references and a clip, each with its part."""
    found: list[dict[str, Any]] = []
    for kind, frame in (("first_frame", request.first_frame), ("last_frame", request.last_frame)):
        if frame is not None:
            found.append({"type": kind, "url": reference(frame)})
    found += [
        {"type": f"reference_{kind_of(one)}", "url": reference(one)} for one in request.references
    ]
    if request.video is not None:
        found.append({"type": "reference_video", "url": reference(request.video)})
    return found


def fields(request: VideoRequest) -> dict[str, Any]:
    """The same as older models have it: a field for each."""
    found: dict[str, Any] = {}
    if request.last_frame is not None:
        if request.first_frame is not None:
            found["first_frame_url"] = reference(request.first_frame)
        found["last_frame_url"] = reference(request.last_frame)
    elif request.first_frame is not None:
        found["img_url"] = reference(request.first_frame)
    sounds = [reference(one) for one in request.references if kind_of(one) == "audio"]
    if len(sounds) > 1:
        raise UnsupportedOption(f"`{request.model}` takes one sound, not {len(sounds)}")
    if sounds:
        found["audio_url"] = sounds[0]
    seen = [reference(one) for one in request.references if kind_of(one) != "audio"]
    if request.video is not None:
        seen.append(reference(request.video))
    if seen:
        found["reference_urls"] = seen
    return found


def kind_of(media: AnyMedia) -> str:
    """Picture, clip or sound; what does not say is a picture."""
    kind = (getattr(media, "media_type", None) or "").partition("/")[0]
    return kind if kind in {"video", "audio"} else "image"


def sized(aspect_ratio: str | None, resolution: str | None, *, framed: bool) -> dict[str, str]:
    """Pixels for older models; from frames alone they take a resolution."""
    if framed:
        return {"resolution": resolution} if resolution else {}
    pixels = SHAPES.get((resolution or "").upper(), {}).get(aspect_ratio or "16:9")
    if pixels is None and resolution and not resolution.upper().endswith("P"):
        pixels = resolution.lower().replace("x", "*")
    return {"size": pixels} if pixels else {}
