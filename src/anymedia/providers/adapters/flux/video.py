"""Clips: FLUX 3 video, in one of three modes. It refuses fields of another mode."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.flux.image import raw
from anymedia.providers.adapters.flux.task import submitted
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

RESOLUTIONS = {"720p": "hd", "1080p": "fhd"}


def submit(request: VideoRequest, _: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    body: dict[str, Any] = moded(request)
    if request.prompt:
        body["prompt"] = request.prompt
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.resolution:
        body["resolution"] = RESOLUTIONS.get(request.resolution, request.resolution)
    if request.duration_seconds is not None:
        body["duration"] = round(request.duration_seconds)
    if request.audio is not None:
        body["generate_audio"] = request.audio
    response = yield post(f"/v1/{request.model}", json=body | request.options)
    return submitted(response)


def moded(request: VideoRequest) -> dict[str, Any]:
    """The mode, and the media that belong to it."""
    match request.task:
        case "text_to_video":
            return {"mode": "t2v"}
        case "image_to_video" | "first_last_frame":
            frames = [frame for frame in (request.first_frame, request.last_frame) if frame]
            if request.first_frame is None:
                raise UnsupportedOption(
                    "FLUX takes a last frame only together with a first one; give `first_frame`"
                )
            return {"mode": "i2v", "keyframes": [raw(frame) for frame in frames]}
        case "extend" | "video_to_video" if request.video is not None:
            return {"mode": "v2v", "start_video": raw(request.video)}
        case _:
            raise UnsupportedOption("FLUX clips go by frames or a clip, not by references")
