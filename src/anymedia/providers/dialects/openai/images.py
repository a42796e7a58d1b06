"""Images: `POST /images/generations`, and `POST /images/edits` where there are images to go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import GeneratedArtifact, InlineArtifact, RemoteArtifact, sniffed
from anymedia.contracts.notice import Notice, imitated
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.openai.errors import (
    OPENAI_ERRORS,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.fields import OURS, formed, merged, named
from anymedia.providers.dialects.openai.image_size import size
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.dialects.openai.usage import reported_cost, usage
from anymedia.providers.explain import ErrorTable
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape

STREAMED = OURS | {"partial_images"}
VARY = "Make a variation of this image: the same subject and style, another picture."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuirks:
    """Where a service's images differ. The defaults are OpenAI's."""

    errors: ErrorTable = OPENAI_ERRORS
    fields: Mapping[str, str] = field(
        default_factory=lambda: {"background": "background", "format": "output_format"}
    )
    """Our plain request fields in its words; what is not here is not sent."""
    always: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every request. OpenAI refuses the `response_format` that servers want here."""
    reports_cost: bool = False


def operation(quirks: ImageQuirks) -> Call:
    """Images at once."""
    return Call(ImageRequest, partial(exchange, quirks=quirks), dialect="openai")


def exchange(request: ImageRequest, _: Brief, quirks: ImageQuirks) -> Exchange[MediaAnswer]:
    """Generate, or edit what was given."""
    response = yield edit(request, quirks) if request.images else generate(request, quirks)
    return answer(response, request, quirks)


# --- asking ---------------------------------------------------------------------------------


def generate(request: ImageRequest, quirks: ImageQuirks) -> HttpRequest:
    """From words alone."""
    return post("/images/generations", json=body(request, quirks))


def edit(request: ImageRequest, quirks: ImageQuirks) -> HttpRequest:
    """From words and images; several images go as a list."""
    name = "image" if len(request.images) == 1 else "image[]"
    parts = [
        part for field_, value in body(request, quirks).items() for part in formed(field_, value)
    ]
    parts += [file_part(name, image) for image in request.images]
    if request.mask is not None:
        parts.append(file_part("mask", request.mask))
    return post("/images/edits", parts=tuple(parts))


def body(request: ImageRequest, quirks: ImageQuirks) -> dict[str, Any]:
    """The fields that generating and editing share."""
    prompt = f"{VARY} {request.prompt}".strip() if request.task == "variation" else request.prompt
    made: dict[str, Any] = {"model": request.model, "prompt": prompt}
    if request.count > 1:
        made["n"] = request.count
    if (pixels := size(request.aspect_ratio, request.resolution)) is not None:
        made["size"] = pixels
    made |= {**named(request, quirks.fields), **quirks.always}
    return merged(made, request.options, without=STREAMED)


# --- being answered -------------------------------------------------------------------------


class Picture(Shape):
    """One image: inside the answer, or behind a URL."""

    b64_json: str | None = None
    url: str | None = None
    media_type: str | None = None
    revised_prompt: str | None = None


class Pictures(Shape):
    """The answer."""

    data: tuple[Picture | None, ...] | None = None
    object: str | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    usage: Any = None
    error: Any = None


def answer(response: HttpResponse, request: ImageRequest, quirks: ImageQuirks) -> MediaAnswer:
    """The images. Raises what a 200 says went wrong."""
    made = response.read(Pictures)
    raise_failure_inside(response, made.error, made.object, quirks.errors)
    pictures = [picture for picture in made.data or () if picture is not None]
    if not pictures:
        raise UnreadableResponse("the answer has no images in `data`", accepted="yes")
    echoed = ("size", "quality", "background", "output_format")
    return MediaAnswer(
        request_id=request_id(response, quirks.errors),
        artifacts=tuple(artifact(picture, made.output_format) for picture in pictures),
        usage=used(made.usage, len(pictures)),
        reported_cost=reported_cost(made.usage) if quirks.reports_cost else None,
        warnings=noted(request),
        metadata={name: value for name in echoed if (value := getattr(made, name)) is not None},
    )


def artifact(picture: Picture, output_format: str | None) -> GeneratedArtifact:
    """One image where it is."""
    about = {"revised_prompt": picture.revised_prompt} if picture.revised_prompt else {}
    if picture.b64_json:
        data = decoded(picture.b64_json)
        media_type = sniffed(data)
        if media_type == "application/octet-stream":
            media_type = picture.media_type or MEDIA_TYPES.get(output_format or "", media_type)
        return InlineArtifact(data=data, media_type=media_type, metadata=about)
    if picture.url:
        return RemoteArtifact(url=picture.url, media_type=picture.media_type, metadata=about)
    raise UnreadableResponse("an image has neither `b64_json` nor `url`", accepted="yes")


MEDIA_TYPES = {"svg": "image/svg+xml"}
"""Formats that their first bytes do not show."""


def used(raw: Any, pictures: int) -> Usage:
    """What it consumed. Where the answer does not split its output, all of it is image."""
    said = usage(raw)
    image_tokens = said.output_image_tokens
    return said.model_copy(
        update={
            "images": pictures,
            "output_image_tokens": said.output_tokens if image_tokens is None else image_tokens,
        }
    )


def noted(request: ImageRequest) -> tuple[Notice, ...]:
    """What was brought about another way."""
    if request.task != "variation":
        return ()
    return (imitated("mode", "an edit whose prompt asks for a variation"),)
