"""Pictures, by Seedream: from words, or by other pictures."""

from __future__ import annotations

import math
import re
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import GeneratedArtifact, InlineArtifact, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.seedance.failures import explain, worded
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.explain import Said
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post
from anymedia.wire.shape import Shape

STEP = 16
SIDES = {"1k": 1024, "2k": 2048, "3k": 3072, "4k": 4096}
"""A tier is an area: that of a square with this side."""
PIXELS = re.compile(r"(\d{2,5})[xX*](\d{2,5})")


class Trouble(Shape):
    """Why a picture is missing."""

    code: str | None = None
    message: str | None = None


class Picture(Shape):
    """One picture, or why there is none."""

    url: str | None = None
    b64_json: str | None = None
    size: str | None = None
    error: Trouble | None = None


class Spent(Shape):
    """How many were made, and tokens."""

    generated_images: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None


class Drawn(Shape):
    """The answer."""

    model: str | None = None
    data: tuple[Picture, ...] | None = None
    usage: Spent | None = None
    error: Trouble | None = None


def draw(request: ImageRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have a picture made."""
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": request.prompt,
        "response_format": "url",
        "watermark": False,
    }
    if given := [reference(image) for image in request.images]:
        body["image"] = given[0] if len(given) == 1 else given
    if wanted := size(request.aspect_ratio, request.resolution):
        body["size"] = wanted
    if request.seed is not None:
        body["seed"] = request.seed % 2**31
    response = yield post("/images/generations", json=merged(body, request.options))
    drawn = response.read(Drawn)
    made = tuple(artifact(one) for one in drawn.data or () if one.url or one.b64_json)
    if not made:
        raise_missing(drawn)
    return MediaAnswer(
        model=drawn.model,
        request_id=response.headers.get("x-request-id"),
        artifacts=made,
        usage=used(drawn.usage or Spent(), len(made)),
    )


def raise_missing(drawn: Drawn) -> None:
    """There is no picture: for a reason that is told, or for none."""
    troubles = (drawn.error, *(one.error for one in drawn.data or ()))
    for trouble in troubles:
        if trouble is not None:
            said = Said(
                message=trouble.message or "no picture", code=trouble.code or "", type="failed"
            )
            raise explain.decide(worded(said), status=200)
    raise UnreadableResponse("the answer has no picture", accepted="yes")


def artifact(picture: Picture) -> GeneratedArtifact:
    """A picture, wherever it is."""
    told = {"size": picture.size} if picture.size else {}
    if picture.url:
        return RemoteArtifact(url=picture.url, metadata=told)
    return InlineArtifact(data=decoded(picture.b64_json or ""), metadata=told)


def used(spent: Spent, made: int) -> Usage:
    """Pictures, by which the vendor bills, and tokens."""
    told = {name: getattr(spent, name) for name in Spent.__struct_fields__}
    return Usage(
        images=made if spent.generated_images is None else spent.generated_images,
        output_tokens=spent.output_tokens,
        requests=1,
        raw={name: value for name, value in told.items() if value is not None},
    )


def size(aspect_ratio: str | None, resolution: str | None) -> str | None:
    """Pixels for a ratio, as large as the tier's area lets it be; a tier alone goes as it is."""
    if resolution and (exact := PIXELS.fullmatch(resolution)):
        return f"{exact[1]}x{exact[2]}"
    if aspect_ratio is None:
        return resolution.upper() if resolution else None
    width, _, height = aspect_ratio.partition(":")
    side = SIDES.get((resolution or "2k").lower(), SIDES["2k"])
    stretch = math.sqrt(max(int(width), 1) / max(int(height), 1))
    return f"{stepped(side * stretch)}x{stepped(side / stretch)}"


def stepped(side: float) -> int:
    """A side as a multiple of the step, never beyond the area."""
    return max(int(side) // STEP, 1) * STEP
