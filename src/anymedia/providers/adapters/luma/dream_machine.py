"""Generations of the older service: `dreaming` until they are complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaUrl, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.luma.agents import failed
from anymedia.providers.inputs import AnyMedia, unprepared
from anymedia.providers.spec import Account, Brief, Callback, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpResponse, get, post
from anymedia.wire.shape import Shape, read

PAGE = 100
MOST_PAGES = 10
CENTS = Decimal(100)


class Assets(Shape):
    """What was made."""

    video: str | None = None
    image: str | None = None


class Asked(Shape):
    """The request, as far as it tells one from another."""

    callback_url: str | None = None


class Generation(Shape):
    """A generation, whatever its kind."""

    id: str
    state: str | None = None
    model: str | None = None
    failure_reason: str | None = None
    created_at: datetime | None = None
    assets: Assets | None = None
    request: Asked | None = None


class Listed(Shape):
    """A page of generations, the newest first."""

    generations: tuple[Generation, ...] | None = None
    has_more: bool | None = None


class Credits(Shape):
    """What is left, in cents."""

    credit_balance: Decimal | None = None


def submit_video(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip, or the change of one."""
    body: dict[str, Any] = {"model": request.model}
    if request.prompt:
        body["prompt"] = request.prompt
    if request.video is not None:
        return (yield from modify(request, brief, body))
    body["generation_type"] = "video"
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.resolution:
        body["resolution"] = request.resolution
    if request.duration_seconds is not None:
        body["duration"] = f"{request.duration_seconds:.0f}s"
    frames = {"frame0": request.first_frame, "frame1": request.last_frame}
    given = {name: keyframe(frame) for name, frame in frames.items() if frame is not None}
    if given:
        body["keyframes"] = given
    return submitted((yield post("/generations/video", json=complete(body, request, brief))))


def modify(request: VideoRequest, brief: Brief, body: dict[str, Any]) -> Exchange[Submitted]:
    """Change a clip. How far from it the result may be is an option; half-way unless said."""
    assert request.video is not None
    body |= {"generation_type": "modify_video", "mode": "flex_1"}
    body["media"] = {"url": address(request.video)}
    if request.first_frame is not None:
        body["first_frame"] = {"url": address(request.first_frame)}
    response = yield post("/generations/video/modify", json=complete(body, request, brief))
    return submitted(response)


def submit_image(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a picture."""
    body: dict[str, Any] = {"model": request.model, "generation_type": "image"}
    if request.prompt:
        body["prompt"] = request.prompt
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.format:
        body["format"] = "jpg" if request.format == "jpeg" else request.format
    references = request.images
    if request.task == "edit":
        body["modify_image_ref"] = {"url": address(request.images[0])}
        references = request.images[1:]
    if references:
        body["image_ref"] = [{"url": address(image)} for image in references]
    return submitted((yield post("/generations/image", json=complete(body, request, brief))))


def complete(
    body: dict[str, Any], request: VideoRequest | ImageRequest, brief: Brief
) -> dict[str, Any]:
    """With where it may report, and the caller's own options."""
    if brief.callback_url:
        body["callback_url"] = brief.callback_url
    return body | request.options


def keyframe(media: AnyMedia) -> dict[str, str]:
    """A frame."""
    return {"type": "image", "url": address(media)}


def address(media: AnyMedia) -> str:
    """The public URL; there is no other way in."""
    if isinstance(media, MediaUrl):
        return media.url
    raise unprepared(media)


def submitted(response: HttpResponse) -> Submitted:
    """The id is the whole handle."""
    generation = response.read(Generation)
    return Submitted(handle=generation.id, state=Queued())


def find(brief: Brief, since: datetime) -> Exchange[Submitted | None]:
    """A lost submission, by the secret address it was to report to; without one it stays lost."""
    if brief.callback_url is None:
        return None
    for page in range(MOST_PAGES):
        response = yield get("/generations", query={"limit": PAGE, "offset": page * PAGE})
        listed = response.read(Listed)
        for generation in listed.generations or ():
            asked = generation.request
            if asked is not None and asked.callback_url == brief.callback_url:
                return Submitted(handle=generation.id)
            if generation.created_at is not None and older(generation.created_at, since):
                return None
        if not listed.has_more:
            return None
    return None


def older(one: datetime, other: datetime) -> bool:
    """Whether one time is well before another; clocks differ, and some times have no zone."""
    return one.replace(tzinfo=one.tzinfo or UTC) < other - timedelta(minutes=10)


def poll(handle: str) -> Exchange[JobState]:
    """How a generation stands."""
    response = yield get(f"/generations/{handle}")
    return state(response.read(Generation))


def state(generation: Generation) -> JobState:
    """Where it stands, in our words."""
    match generation.state:
        case "queued":
            return Queued()
        case "completed":
            assets = generation.assets or Assets()
            urls = [url for url in (assets.video, assets.image) if url]
            if not urls:
                raise UnreadableResponse("the generation is complete and empty", accepted="yes")
            return Succeeded(
                artifacts=tuple(RemoteArtifact(url=url) for url in urls), model=generation.model
            )
        case "failed":
            return failed("failed", generation.failure_reason)
        case _:  # `dreaming`, and whatever is added without notice
            return Running()


def read_callback(body: bytes, _: Headers) -> Callback:
    """The call at each change. It carries no signature, so it only makes us ask."""
    return Callback(handle=read(body, Generation).id)


def check() -> Exchange[Account]:
    """The balance."""
    response = yield get("/credits")
    cents = response.read(Credits).credit_balance
    return Account(balance=None if cents is None else cents / CENTS)
