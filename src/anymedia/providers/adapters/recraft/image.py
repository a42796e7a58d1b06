"""Pictures: made from words, from a picture and words, or within a mask.

Most models are asked by the task. Tools that are no model of their own have a `path` in the
catalogue's `settings`, with `model` where they want one named, `file` where their picture's field
is called otherwise, `words = false` where they take none, and `sized` where they want a size.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.contracts.errors import UnreadableResponse, UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import (
    GeneratedArtifact,
    InlineArtifact,
    RemoteArtifact,
    sniffed,
)
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.openai.fields import json_text
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import FormPart, HttpRequest, HttpResponse, form_field, post
from anymedia.wire.shape import Shape

USD_PER_UNIT = Decimal("0.001")
STRENGTHS = {"edit": 0.5, "variation": 0.8}
"""How far from the picture: the vendor wants it said, 0 is nearly the same and 1 hardly like it."""
PATHS = {"edit": "imageToImage", "variation": "imageToImage", "inpaint": "inpaint"}


def draw(request: ImageRequest, brief: Brief) -> Exchange[MediaAnswer]:
    """Pictures, at once."""
    settings = brief.model.settings if brief.model else {}
    warnings: list[Notice] = []
    refuse_what_lacks(request, settings)
    response = yield (
        with_pictures(request, settings, warnings) if request.images else from_words(request)
    )
    return answered(response, warnings)


# --- asking ---------------------------------------------------------------------------------


def refuse_what_lacks(request: ImageRequest, settings: dict[str, Any]) -> None:
    """Say before sending what the vendor would only say after."""
    words = settings.get("words", True)
    if len(request.images) > 1:
        raise UnsupportedOption(f"`{request.model}` takes one picture at most")
    if words and not request.prompt:
        raise UnsupportedOption(f"`{request.model}` wants a `prompt` beside the picture")
    if not words and request.prompt:
        raise UnsupportedOption(f"`{request.model}` takes no words; leave `prompt` out")
    wanted = settings.get("needs", ())
    if wanted and not any(name in request.options for name in wanted):
        raise UnsupportedOption(
            f"`{request.model}` cannot do without {' or '.join(f'`{one}`' for one in wanted)}; "
            f"say it in `options`"
        )


def from_words(request: ImageRequest) -> HttpRequest:
    """From words alone."""
    fields = {"model": request.model, **named(request), **size(request)}
    return post("/images/generations", json=fields | request.options)


def with_pictures(
    request: ImageRequest, settings: dict[str, Any], warnings: list[Notice]
) -> HttpRequest:
    """From a picture: a form, with flat fields."""
    path = settings.get("path") or PATHS[request.task]
    model = settings.get("model") if "path" in settings else request.model
    fields = ({"model": model} if model else {}) | named(request)
    if settings.get("sized"):
        fields |= size(request) or {"size": "1:1"}
    else:
        warnings.extend(
            dropped(name, "the given picture's size is kept", asked=asked)
            for name in ("aspect_ratio", "resolution")
            if (asked := getattr(request, name))
        )
    if path == "imageToImage" and "strength" not in request.options:
        fields["strength"] = STRENGTHS[request.task]
        warnings.append(
            Notice(
                code="provider-note",
                message=f"`strength` has to be said here and was set to {fields['strength']}; "
                f"say another from 0 (nearly the same picture) to 1 in `options`",
                option="options",
            )
        )
    parts = formed(fields | request.options)
    parts += [file_part(settings.get("file", "image"), one) for one in request.images]
    if request.mask is not None:
        parts.append(file_part("mask", request.mask))
    return post(f"/images/{path}", parts=tuple(parts))


def named(request: ImageRequest) -> dict[str, Any]:
    """Plain fields, under the vendor's names."""
    fields: dict[str, Any] = {
        "prompt": request.prompt or None,
        "negative_prompt": request.negative_prompt,
        "style": request.style,
        "n": request.count if request.count > 1 else None,
        "response_format": "url",
    }
    return {name: value for name, value in fields.items() if value is not None}


def size(request: ImageRequest) -> dict[str, str]:
    """A size in pixels or as a ratio; a model's tier is its own, so that only its ratio counts."""
    pixels = (request.resolution or "").lower()
    if "x" in pixels:
        return {"size": pixels}
    return {"size": request.aspect_ratio} if request.aspect_ratio else {}


def formed(fields: dict[str, Any]) -> list[FormPart]:
    """JSON values as form fields; lists and objects stay JSON."""
    return [
        form_field(name, json_text(value) if isinstance(value, dict | list) else value)
        for name, value in fields.items()
        if value is not None
    ]


# --- being answered -------------------------------------------------------------------------


class Picture(Shape):
    """One picture: behind a URL, or inside the answer."""

    image_id: str | None = None
    url: str | None = None
    b64_json: str | None = None


class Pictures(Shape):
    """The answer; tools that make exactly one picture name it `image`."""

    data: tuple[Picture | None, ...] | None = None
    image: Picture | None = None
    credits: Decimal | None = None
    """Units charged for the call."""


def answered(response: HttpResponse, warnings: list[Notice]) -> MediaAnswer:
    """The pictures, and what they cost."""
    made = response.read(Pictures)
    pictures = [one for one in (*(made.data or ()), made.image) if one is not None]
    if not pictures:
        raise UnreadableResponse("the answer has no pictures", accepted="yes")
    units = made.credits if made.credits is not None and made.credits.is_finite() else None
    return MediaAnswer(
        request_id=response.headers.get("x-request-id"),
        artifacts=tuple(artifact(one) for one in pictures),
        usage=Usage(
            images=len(pictures),
            credits=units,
            raw={} if units is None else {"credits": str(units)},
        ),
        reported_cost=None if units is None else units * USD_PER_UNIT,
        warnings=tuple(warnings),
    )


def artifact(picture: Picture) -> GeneratedArtifact:
    """One picture where it is."""
    about = {"image_id": picture.image_id} if picture.image_id else {}
    if picture.url:
        return RemoteArtifact(url=picture.url, metadata=about)
    if picture.b64_json:
        data = decoded(picture.b64_json)
        vector = data.lstrip()[:5].lower() in {b"<svg ", b"<?xml"}
        media_type = "image/svg+xml" if vector else sniffed(data)
        return InlineArtifact(data=data, media_type=media_type, metadata=about)
    raise UnreadableResponse("a picture has neither `url` nor `b64_json`", accepted="yes")
