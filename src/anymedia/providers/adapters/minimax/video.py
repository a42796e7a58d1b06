"""Clips, in both contracts. `settings.contract = "v1"` marks models of the older one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from anymedia.contracts.errors import UnreadableResponse, UnsupportedOption
from anymedia.contracts.job import Queued
from anymedia.contracts.notice import Notice, dropped, rounded
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.minimax.failures import Base, request_id, well
from anymedia.providers.adapters.minimax.task import V1, V2, is_older
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.inputs import AnyMedia, reference
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from anymedia.wire.shape import Shape

DEFAULT_SECONDS = 5
DEFAULT_RATIO = "16:9"
ADAPTIVE = "adaptive"
MOST = {"reference_image": 9, "reference_video": 3, "reference_audio": 3}
MOST_TOGETHER = 12
LARGE, LARGE_SECONDS = "1080P", 6
"""In the older contract clips of this size have this length."""


class Taken(Shape):
    """The answer to a submission, in either contract."""

    task_id: str | int | None = None
    base_resp: Base | None = None


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    if is_older(brief, request.model):
        body, warnings = older(request)
        response = yield post("/v1/video_generation", json=merged(body, request.options))
        return submitted(V1, response, warnings)
    body, warnings = newer(request, brief)
    response = yield post("/v2/video_generation", json=merged(body, request.options))
    return submitted(V2, response, warnings)


def newer(request: VideoRequest, brief: Brief) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """What it goes by is a list of contents; with frames the ratio is theirs."""
    found = contents(request)
    refuse_mixtures(request, found)
    framed = request.first_frame is not None
    # From words alone it has to be said.
    usual = DEFAULT_RATIO if len(found) == 1 else ADAPTIVE
    body: dict[str, Any] = {
        "model": request.model,
        "content": found,
        "duration": round(request.duration_seconds or DEFAULT_SECONDS),
        "ratio": ADAPTIVE if framed else request.aspect_ratio or usual,
    }
    known = brief.model.limits.resolutions if brief.model else ()
    if resolution := request.resolution or next(iter(known), None):
        body["resolution"] = resolution  # said always: the vendor's default has changed, and costs
    if not framed or request.aspect_ratio is None:
        return body, ()
    why = "a clip from frames has their shape"
    return body, (dropped("aspect_ratio", why, request.aspect_ratio),)


def refuse_mixtures(request: VideoRequest, found: list[dict[str, Any]]) -> None:
    """Refuse what the vendor would, before anything is sent."""
    if not request.prompt.strip():
        raise UnsupportedOption(f"`{request.model}` wants a `prompt` beside its pictures and clips")
    if request.last_frame is not None and request.first_frame is None:
        raise UnsupportedOption(f"`{request.model}` takes a `last_frame` only with a `first_frame`")
    counts = Counter(str(one["role"]) for one in found if "role" in one)
    referred = sum(counts[role] for role in MOST)
    if referred and request.first_frame is not None:
        raise UnsupportedOption(f"`{request.model}` takes frames or references, not both")
    for role, most in MOST.items():
        if counts[role] > most:
            what = role.removeprefix("reference_")
            raise UnsupportedOption(
                f"`{request.model}` takes at most {most} {what} references, not {counts[role]}"
            )
    if referred > MOST_TOGETHER:
        raise UnsupportedOption(
            f"`{request.model}` takes at most {MOST_TOGETHER} references in all, not {referred}"
        )
    if counts["reference_audio"] == referred > 0:
        raise UnsupportedOption(
            f"`{request.model}` takes a sound only beside a picture or a clip in `references`"
        )


def contents(request: VideoRequest) -> list[dict[str, Any]]:
    """Words, frames, references and a clip, each with its part."""
    found: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    found += [part("image", role, frame) for role, frame in frames if frame is not None]
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


def older(request: VideoRequest) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """The flat form of Hailuo; `S2V` models take one reference, a person."""
    body: dict[str, Any] = {"model": request.model}
    warnings: tuple[Notice, ...] = ()
    if request.prompt:
        body["prompt"] = request.prompt
    if request.first_frame is not None:
        body["first_frame_image"] = reference(request.first_frame)
    if request.last_frame is not None:
        body["last_frame_image"] = reference(request.last_frame)
    if request.references:
        people = [reference(one) for one in request.references]
        body["subject_reference"] = [{"type": "character", "image": people}]
    if request.duration_seconds is not None:
        seconds = body["duration"] = round(request.duration_seconds)
        if request.resolution == LARGE and seconds > LARGE_SECONDS:
            body["duration"] = LARGE_SECONDS
            why = f"at {LARGE} a clip has {LARGE_SECONDS} seconds"
            warnings = (rounded("duration_seconds", seconds, LARGE_SECONDS, why),)
    if request.resolution is not None:
        body["resolution"] = request.resolution
    return body, warnings


def submitted(contract: str, response: HttpResponse, warnings: tuple[Notice, ...]) -> Submitted:
    """The contract and the task's id are the handle."""
    taken = response.read(Taken)
    well(taken.base_resp, response)
    if not taken.task_id:
        raise UnreadableResponse("MiniMax took a task on and did not name it", accepted="yes")
    return Submitted(
        handle=f"{contract}/{taken.task_id}",
        state=Queued(),
        request_id=request_id(response),
        warnings=warnings,
    )
