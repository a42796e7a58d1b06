"""Generations of the current service: pictures and clips in one form."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import GenerationError, UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaUrl, RemoteArtifact, as_base64
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.luma.failures import explain
from anymedia.providers.explain import Said
from anymedia.providers.inputs import AnyMedia, held
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, get, post
from anymedia.wire.shape import Shape

FRAMES_PER_SECOND = 24
"""Of the grid on which key frames are placed."""


class Output(Shape):
    """One thing that was made."""

    url: str | None = None
    type: str | None = None


class Generation(Shape):
    """A generation, whatever its kind."""

    id: str
    state: str | None = None
    model: str | None = None
    output: tuple[Output, ...] | None = None
    failure_code: str | None = None
    failure_reason: str | None = None


def submit_image(request: ImageRequest, _: Brief) -> Exchange[Submitted]:
    """Queue a picture. The first one given is edited; when varying, all are only gone by."""
    body: dict[str, Any] = {"model": request.model, "type": "image", "prompt": request.prompt}
    references = request.images
    if request.task == "edit":
        body |= {"type": "image_edit", "source": ref(request.images[0])}
        references = request.images[1:]
    if references:
        body["image_ref"] = [ref(image) for image in references]
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.format:
        body["output_format"] = request.format
    if request.style:
        body["style"] = request.style
    return submitted((yield post("/generations", json=body | request.options)))


def submit_video(request: VideoRequest, _: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    body: dict[str, Any] = {"model": request.model, "type": "video", "prompt": request.prompt}
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    video: dict[str, Any] = {}
    if request.resolution:
        video["resolution"] = request.resolution
    if request.video is not None:
        body |= {"type": "video_edit", "source": ref(request.video, kind="video/mp4")}
    else:
        if request.duration_seconds is not None:
            video["duration"] = f"{request.duration_seconds:.0f}s"
        video |= frames(request)
    options = dict(request.options)
    inner = options.pop("video", None)
    video |= inner if isinstance(inner, dict) else {}
    if video:
        body["video"] = video
    return submitted((yield post("/generations", json=body | options)))


def frames(request: VideoRequest) -> dict[str, Any]:
    """First and last frame; ten-second clips take them only as key frames on the grid."""
    given = [
        (0, "start_frame", request.first_frame),
        (1, "end_frame", request.last_frame),
    ]
    if (request.duration_seconds or 0) < 10:
        return {name: ref(frame) for _, name, frame in given if frame is not None}
    last = round((request.duration_seconds or 0) * FRAMES_PER_SECOND)
    placed = [(last * share, ref(frame)) for share, _, frame in given if frame is not None]
    if not placed:
        return {}
    return {
        "keyframes": [frame for _, frame in placed],
        "keyframe_indexes": [index for index, _ in placed],
    }


def ref(media: AnyMedia, *, kind: str | None = None) -> dict[str, Any]:
    """A reference: a URL, bytes, an uploaded file, or an earlier generation.

    `luma://file/ID` and `luma://generation/ID` stand for the last two.
    """
    if not isinstance(media, MediaUrl):
        data = held(media)
        return {"data": as_base64(data.data), "media_type": data.media_type}
    scheme, _, rest = media.url.partition("://")
    if scheme == "luma":
        what, _, identifier = rest.partition("/")
        return {"generation_id" if what == "generation" else "file_id": identifier}
    named = media.media_type or kind
    return {"url": media.url} | ({"media_type": named} if named else {})


def submitted(response: HttpResponse) -> Submitted:
    """The id is the whole handle."""
    generation = response.read(Generation)
    return Submitted(
        handle=generation.id, state=Queued(), request_id=response.headers.get("x-request-id")
    )


def poll(handle: str) -> Exchange[JobState]:
    """How a generation stands. The URLs in the answer live an hour."""
    response = yield get(f"/generations/{handle}")
    return state(response.read(Generation), response.headers.get("x-request-id"))


def state(generation: Generation, request_id: str | None) -> JobState:
    """Where it stands, in our words."""
    match generation.state:
        case "queued":
            return Queued()
        case "completed":
            urls = [one.url for one in generation.output or () if one.url]
            if not urls:
                raise UnreadableResponse("the generation is complete and empty", accepted="yes")
            return Succeeded(
                artifacts=tuple(RemoteArtifact(url=url) for url in urls),
                model=generation.model,
                request_id=request_id,
            )
        case "failed":
            return failed(generation.failure_code or "failed", generation.failure_reason)
        case _:  # `processing`, and whatever is added without notice
            return Running()


def failed(code: str, reason: str | None) -> Failed:
    """A generation that ended without a file."""
    said = Said(message=reason or code.replace("_", " "), code=code)
    error: GenerationError = explain.decide(said, status=200)
    return Failed(problem=error.problem())
