"""Clips of other vendors' models: `POST /v2/video/generate/{model}-{text|image|reference}-to-video`."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.notice import Notice
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.ideogram.generation import submitted
from anymedia.providers.adapters.ideogram.image import formed
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import FormPart, post


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    kind, parts = gone_by(request)
    fields = body(request)
    if brief.callback_url:
        fields["webhook_url"] = brief.callback_url
    fields |= request.options
    path = f"/v2/video/generate/{request.model}-{kind}-to-video"
    if parts:
        response = yield post(path, parts=(*formed(fields), *parts))
    else:
        response = yield post(path, json=fields)
    warnings: list[Notice] = []
    return submitted(response, warnings)


def body(request: VideoRequest) -> dict[str, Any]:
    """The fields without the files."""
    length = request.duration_seconds
    named = {
        "prompt": request.prompt or None,
        "duration": None if length is None else round(length),
        "aspect_ratio": request.aspect_ratio and request.aspect_ratio.replace(":", "x"),
        "resolution": request.resolution,
        "generate_audio": request.audio,
    }
    return {name: value for name, value in named.items() if value is not None}


def gone_by(request: VideoRequest) -> tuple[str, list[FormPart]]:
    """Which of the three endpoints, and its files."""
    match request.task:
        case "text_to_video":
            return "text", []
        case "image_to_video" | "first_last_frame":
            if request.first_frame is None:
                raise UnsupportedOption(
                    "a last frame is taken only together with a first one; give `first_frame`"
                )
            if request.references:
                raise UnsupportedOption("a clip goes by frames or by references, not by both")
            parts = [file_part("image", request.first_frame)]
            if request.last_frame is not None:
                parts.append(file_part("end_image", request.last_frame))
            return "image", parts
        case "reference_to_video":
            if request.first_frame is not None:
                raise UnsupportedOption("a clip goes by frames or by references, not by both")
            return "reference", [file_part("reference_images", one) for one in request.references]
        case _:
            raise UnsupportedOption("Ideogram's clips go by words and pictures, not by clips")
