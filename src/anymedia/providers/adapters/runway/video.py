"""Clips, at three addresses: from words, from pictures, from a clip.

What differs by model stands in the catalogue's `settings`: `ratios` and `image_ratios` (pixel
pairs), `true_ratios` (`16:9` and a `resolution` instead), `video_field`, `modes`.
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.media import MediaUrl
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.runway.ratio import nearest
from anymedia.providers.adapters.runway.task import submitted
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

USUAL_SECONDS = 5
"""Where a length is required and none was asked for."""


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    settings = brief.model.settings if brief.model else {}
    body: dict[str, Any] = {"model": request.model}
    if request.prompt:
        body["promptText"] = request.prompt
    if request.negative_prompt:
        body["negativePrompt"] = request.negative_prompt
    if request.seed is not None:
        body["seed"] = request.seed % 2**32
    keeps = request.video is not None and settings.get("whole_clips", False)
    if request.audio is not None and not keeps:
        body["audio"] = request.audio
    path = "/v1/text_to_video"
    if request.video is not None:
        path = "/v1/video_to_video"
        body |= from_video(request, settings)
    elif request.first_frame is not None or request.last_frame is not None:
        path = "/v1/image_to_video"
        body["promptImage"] = frames(request)
    if request.references:
        body["references"] = [{"uri": reference(one)} for one in request.references]
    body |= sized(request, settings, path)
    if request.duration_seconds is not None and settings.get("timed", True) and not keeps:
        body["duration"] = round(request.duration_seconds)
    elif settings.get("needs_duration") and request.video is None:
        body["duration"] = USUAL_SECONDS
    warnings = kept(request) if keeps else ()
    return submitted((yield post(path, json=body | request.options)), warnings)


def kept(request: VideoRequest) -> tuple[Notice, ...]:
    """What was asked of a clip that keeps its own length and sound."""
    asked = {"duration_seconds": request.duration_seconds, "audio": request.audio}
    return tuple(
        dropped(name, "a changed clip keeps its own")
        for name, value in asked.items()
        if value is not None
    )


def frames(request: VideoRequest) -> str | list[dict[str, str]]:
    """The first frame alone, or frames with their places."""
    if request.first_frame is not None and request.last_frame is None:
        return reference(request.first_frame)
    given = (("first", request.first_frame), ("last", request.last_frame))
    return [{"uri": reference(one), "position": place} for place, one in given if one is not None]


def from_video(request: VideoRequest, settings: dict[str, Any]) -> dict[str, Any]:
    """The clip to go by, under the name that the model's family has for it."""
    assert request.video is not None
    body: dict[str, Any] = {settings.get("video_field", "videoUri"): reference(request.video)}
    if settings.get("modes"):
        body["mode"] = request.mode or "edit"
    elif request.mode == "extend":
        raise UnsupportedOption("this model changes a clip; it does not go on from one")
    if request.first_frame is not None and settings.get("keyframes"):
        body["keyframes"] = [{"uri": reference(request.first_frame), "seconds": 0}]
    if settings.get("keyframes") and isinstance(request.video, MediaUrl) and request.aspect_ratio:
        body["targetAspectRatio"] = request.aspect_ratio
    return body


def sized(request: VideoRequest, settings: dict[str, Any], path: str) -> dict[str, Any]:
    """Shape and size, in the model's words."""
    if settings.get("true_ratios"):
        body: dict[str, Any] = {}
        if request.aspect_ratio:
            body["ratio"] = request.aspect_ratio
        if request.resolution:
            body["resolution"] = request.resolution
        return body
    pairs = settings.get("ratios", ())
    if path == "/v1/image_to_video":
        pairs = settings.get("image_ratios", pairs)
    if path == "/v1/video_to_video" and not settings.get("video_ratios"):
        pairs = ()
    pair = nearest(pairs, request.aspect_ratio, request.resolution)
    return {} if pair is None else {"ratio": pair}
