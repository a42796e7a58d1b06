"""Video: a job at `/videos`, asked for until it is over, and its file below it.

OpenAI had this form until its end on 2026-09-24; vLLM-Omni and gateways go on speaking it
(vllm-project/vllm-omni docs/serving/videos, read 2026-11-21). Nothing in it keeps a label of ours,
so the list of jobs cannot tell which one a lost submission became.

`options.remix_of` names an earlier job of the same service, whose clip is made anew after the
prompt; size and length stay as they were.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from anymedia.contracts.errors import (
    InvalidRequest,
    ProviderError,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.job import (
    CancelOutcome,
    Failed,
    JobState,
    Queued,
    Running,
    Stopped,
    Succeeded,
)
from anymedia.contracts.media import Media, RemoteArtifact
from anymedia.contracts.notice import Notice, dropped, rounded
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.providers.dialects.openai.errors import (
    OPENAI_ERRORS,
    failure_inside,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.fields import OURS, formed, merged, named
from anymedia.providers.dialects.openai.image_size import PIXELS, proportion
from anymedia.providers.explain import ErrorTable, number
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief, Job, Pace, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, delete, get, post
from anymedia.wire.shape import Shape

PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
REMIX = "remix_of"
KEPT = ("aspect_ratio", "resolution", "duration_seconds", "first_frame", "references")
"""What a remix has from the clip that it is made of."""
STEP = 8
"""Sides are multiples of this, as the models behind such servers want them."""
TIERS = {"2k": 1440, "4k": 2160}
"""The shorter side of tiers that are not named after it."""
TIER = re.compile(r"(\d{3,4})p")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoQuirks:
    """Where a service's videos differ. The defaults are those of OpenAI's last version."""

    errors: ErrorTable = OPENAI_ERRORS
    fields: Mapping[str, str] = field(default_factory=dict)
    """Our plain request fields in its words; what is not here is not sent."""


def operation(quirks: VideoQuirks) -> Job:
    """Clips later."""
    return Job(
        VideoRequest,
        partial(submit, quirks=quirks),
        partial(poll, quirks=quirks),
        cancel=cancel,
        pace=Pace(first_seconds=2.0, longest_seconds=15.0),
        timeout_seconds=120.0,
        dialect="openai",
    )


# --- asking ---------------------------------------------------------------------------------


def submit(request: VideoRequest, _: Brief, quirks: VideoQuirks) -> Exchange[Submitted]:
    """Hand it in, as a form where it is a new clip."""
    source = request.options.get(REMIX)
    if source is not None:
        notices = [dropped(name, "a remix keeps its source's") for name in stated(request)]
        response = yield post(f"/videos/{remixed(source)}/remix", json={"prompt": request.prompt})
    else:
        fields, notices = asked(request, quirks)
        parts = [part for name, value in fields.items() for part in formed(name, value)]
        if (picture := shown(request)) is not None:
            parts.append(file_part("input_reference", picture))
        response = yield post("/videos", parts=tuple(parts))
    clip = read(response, quirks)
    return Submitted(
        handle=plain(clip.id),
        state=Queued() if clip.status == "queued" else Running(),
        request_id=request_id(response, quirks.errors),
        warnings=tuple(notices),
    )


def stated(request: VideoRequest) -> list[str]:
    """What the request says that a remix cannot change."""
    return [name for name in KEPT if getattr(request, name) not in (None, ())]


def remixed(source: Any) -> str:
    """The job that a remix is made of."""
    if isinstance(source, str) and PLAIN_ID.fullmatch(source):
        return source
    raise InvalidRequest(f"`options.{REMIX}` is not the id of a video job")


def asked(request: VideoRequest, quirks: VideoQuirks) -> tuple[dict[str, Any], list[Notice]]:
    """The fields, and what in them is not as it was asked."""
    notices: list[Notice] = []
    fields: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
    if (seconds := request.duration_seconds) is not None:
        whole = max(1, math.floor(seconds + 0.5))
        fields["seconds"] = str(whole)
        if whole != seconds:
            notices.append(rounded("duration_seconds", seconds, whole, "only whole ones are taken"))
    if (pixels := size(request.aspect_ratio, request.resolution)) is not None:
        fields["size"] = pixels
    fields |= named(request, quirks.fields)
    notices += [
        dropped(name, "this service has no field for it")
        for name in ("negative_prompt", "seed", "fps", "audio")
        if name not in quirks.fields and getattr(request, name) is not None
    ]
    return merged(fields, request.options, without=OURS | {REMIX}), notices


def shown(request: VideoRequest) -> Media | None:
    """The one picture that it can go by."""
    if request.video is not None or request.last_frame is not None:
        wanting = "video" if request.video is not None else "last_frame"
        raise UnsupportedOption(
            f"`{wanting}` cannot be given in this dialect; give one picture as `first_frame`"
        )
    pictures = [one for one in (request.first_frame, *request.references) if one is not None]
    if len(pictures) > 1:
        raise UnsupportedOption("this dialect takes one picture, as frame or as reference")
    return pictures[0] if pictures else None


def size(aspect_ratio: str | None, resolution: str | None) -> str | None:
    """The `size` to send; `None` leaves it to the model. Exact pixels win over a ratio."""
    if resolution is not None and (pixels := PIXELS.match(resolution)):
        return f"{pixels[1]}x{pixels[2]}"
    if aspect_ratio is None and resolution is None:
        return None
    word = (resolution or "720p").lower()
    tier = TIER.fullmatch(word)
    short = int(tier[1]) if tier else TIERS.get(word)
    if not short:
        raise UnsupportedOption(
            f"`resolution` is {resolution!r}; it can be like 720p, {', '.join(TIERS)} or 1280x720"
        )
    width, height = proportion(aspect_ratio or "16:9")
    long = max(STEP, round(short * max(width, height) / min(width, height) / STEP) * STEP)
    return f"{long}x{short}" if width >= height else f"{short}x{long}"


# --- being answered -------------------------------------------------------------------------


class Clip(Shape):
    """A job where it stands."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    status: str | None = None
    progress: float | None = None
    seconds: Any = None
    size: str | None = None
    media_type: str | None = None
    error: Any = None


class Removed(Shape):
    """A job that is gone."""

    deleted: bool | None = None


def read(response: HttpResponse, quirks: VideoQuirks) -> Clip:
    """The job. Raises what a 200 without one says went wrong."""
    clip = response.read(Clip)
    if clip.status is None:
        raise_failure_inside(response, clip.error, clip.object, quirks.errors)
    return clip


def plain(identifier: str | None) -> str:
    """An id that can stand in a path."""
    if identifier is None or not PLAIN_ID.fullmatch(identifier):
        raise UnreadableResponse("the answer names no job", accepted="unknown")
    return identifier


def poll(handle: str, quirks: VideoQuirks) -> Exchange[JobState]:
    """Where it stands. Servers keep their jobs in memory: one that restarts forgets them."""
    response = yield get(f"/videos/{plain(handle)}", allow=frozenset({404}))
    if response.status == 404:
        lost = ProviderError(
            "the service no longer knows the job: it was deleted, or the server was restarted",
            retryable=False,
            accepted="yes",
            http_status=404,
        )
        return Failed(problem=lost.problem())
    wait = number(response.headers.get("openai-poll-after-ms"))
    return state(
        read(response, quirks),
        handle,
        quirks,
        request_id=request_id(response, quirks.errors),
        after=None if wait is None else max(0.0, wait / 1000),
    )


def state(
    clip: Clip,
    handle: str,
    quirks: VideoQuirks,
    *,
    request_id: str | None = None,
    after: float | None = None,
) -> JobState:
    """The same in our words."""
    match clip.status:
        case "queued":
            return Queued(poll_after_seconds=after)
        case "completed":
            return Succeeded(
                model=clip.model,
                request_id=request_id,
                # Below the service's own address, and only with its key.
                artifacts=(
                    RemoteArtifact(
                        url=f"/videos/{handle}/content",
                        media_type=clip.media_type or "video/mp4",
                        needs_key=True,
                    ),
                ),
                usage=Usage(seconds=length(clip.seconds)),
                metadata={"size": clip.size} if clip.size else {},
            )
        case "failed":
            error = failure_inside({"error": clip.error}, quirks.errors, request_id)
            error.accepted = "yes"
            return Failed(problem=error.problem())
        case "cancelled" | "canceled":
            return Stopped()
        case _:  # `in_progress`, and whatever may be added
            return Running(progress=share(clip.progress), poll_after_seconds=after)


def share(percent: float | None) -> float | None:
    """Progress from 0 to 1, where it is a sensible number."""
    if percent is None or not math.isfinite(percent):
        return None
    return min(max(percent / 100, 0.0), 1.0)


def length(seconds: Any) -> Decimal | None:
    """The clip's length, which comes as text."""
    if isinstance(seconds, bool) or not isinstance(seconds, str | int | float):
        return None
    try:
        found = Decimal(str(seconds))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Deleting it is the only way to stop it; a service may also refuse that while it runs."""
    refused = frozenset({400, 404, 405, 409, 501})
    response = yield delete(f"/videos/{plain(handle)}", allow=refused)
    if response.status in refused:
        return "impossible"
    return "confirmed" if response.read(Removed).deleted else "requested"
