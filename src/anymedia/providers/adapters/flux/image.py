"""Pictures: five generations of models, each with its own names for the same things.

`settings.form` in the catalogue says which: `flux2`, `flux3`, `kontext`, `ultra`, `pixels`
(1.1 and dev), `fill`, `erase`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaUrl, as_base64
from anymedia.contracts.notice import Notice, rounded
from anymedia.providers.adapters.flux.task import submitted
from anymedia.providers.inputs import AnyMedia, held
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

Body = dict[str, Any]


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a picture."""
    settings = brief.model.settings if brief.model else {}
    warnings: list[Notice] = []
    body = FORMS[settings.get("form", "flux2")](request, warnings)
    if request.seed is not None:
        body["seed"] = request.seed
    if request.format is not None:
        body["output_format"] = request.format
    if brief.callback_url and settings.get("webhook", True):
        body["webhook_url"] = brief.callback_url
        if brief.callback_secret:
            body["webhook_secret"] = brief.callback_secret
    response = yield post(f"/v1/{request.model}", json=body | request.options)
    taken = submitted(response)
    return Submitted(
        handle=taken.handle,
        state=taken.state,
        request_id=taken.request_id,
        reported_cost=taken.reported_cost,
        warnings=tuple(warnings),
    )


# --- forms ----------------------------------------------------------------------------------


def flux2(request: ImageRequest, warnings: list[Notice]) -> Body:
    """FLUX.2: pictures as `input_image`, `input_image_2` and so on; sizes in pixels."""
    return {
        "prompt": request.prompt,
        **numbered(request.images),
        **pixels(request, warnings, step=16, least=64, most=4096),
    }


def flux3(request: ImageRequest, _: list[Notice]) -> Body:
    """FLUX 3: pictures as a list; a tier and a ratio. Unknown fields are refused."""
    body: Body = {"prompt": request.prompt, "aspect_ratio": request.aspect_ratio or "auto"}
    if request.images:
        body["images"] = [raw(image) for image in request.images]
    if request.resolution is not None:
        body["resolution"] = request.resolution
    return body


def kontext(request: ImageRequest, _: list[Notice]) -> Body:
    """FLUX.1 Kontext: edits by instruction, a ratio."""
    return {"prompt": request.prompt, **numbered(request.images), **ratio(request)}


def ultra(request: ImageRequest, _: list[Notice]) -> Body:
    """FLUX1.1 ultra: a ratio, and a picture to go by."""
    return {"prompt": request.prompt, **gone_by(request), **ratio(request)}


def by_pixels(request: ImageRequest, warnings: list[Notice]) -> Body:
    """FLUX1.1 and dev: pixels in steps of 32, and a picture to go by."""
    size = pixels(request, warnings, step=32, least=256, most=1440)
    return {"prompt": request.prompt, **gone_by(request), **size}


def fill(request: ImageRequest, _: list[Notice]) -> Body:
    """Inpainting: the mask is white where the picture may change."""
    if not request.images:
        raise UnsupportedOption("this model fills a picture in; give the picture in `images`")
    body: Body = {"image": raw(request.images[0])}
    if request.prompt:
        body["prompt"] = request.prompt
    if request.mask is not None:
        body["mask"] = raw(request.mask)
    return body


FORMS: dict[str, Callable[[ImageRequest, list[Notice]], Body]] = {
    "flux2": flux2,
    "flux3": flux3,
    "kontext": kontext,
    "ultra": ultra,
    "pixels": by_pixels,
    "fill": fill,
}

# --- values ---------------------------------------------------------------------------------


def raw(media: AnyMedia) -> str:
    """A URL, or base64 without the `data:` head, which these fields may not take."""
    return media.url if isinstance(media, MediaUrl) else as_base64(held(media).data)


def numbered(images: tuple[AnyMedia, ...]) -> Body:
    """Pictures under `input_image`, `input_image_2`, ..."""
    return {
        "input_image" if number == 1 else f"input_image_{number}": raw(image)
        for number, image in enumerate(images, 1)
    }


def gone_by(request: ImageRequest) -> Body:
    """The one picture that these models go by."""
    return {"image_prompt": raw(request.images[0])} if request.images else {}


def ratio(request: ImageRequest) -> Body:
    """A ratio, if one was asked for."""
    return {"aspect_ratio": request.aspect_ratio} if request.aspect_ratio else {}


TIERS = {"1k": 1024, "1.5k": 1536, "2k": 2048}
LARGEST = 2048 * 2048
"""Pixels: four megapixels."""


def pixels(
    request: ImageRequest, warnings: list[Notice], *, step: int, least: int, most: int
) -> Body:
    """Width and height in the model's steps; none where nothing was asked for."""
    if request.resolution is None and request.aspect_ratio is None:
        return {}
    asked = request.resolution or "1k"
    across, _, down = asked.lower().partition("x")
    if across.isdigit() and down.isdigit():
        width, height = float(across), float(down)
    else:
        side = TIERS.get(asked.lower(), 1024)
        wide, _, high = (request.aspect_ratio or "1:1").partition(":")
        share = math.sqrt(int(wide) / max(1, int(high)))
        width, height = side * share, side / share
    given = [min(most, max(least, round(length / step) * step)) for length in (width, height)]
    if given[0] * given[1] > LARGEST and width * height < LARGEST + 1:
        # Both sides were rounded up, beyond what the model takes.
        given[given.index(max(given))] -= step
    if request.resolution and across.isdigit() and given != [width, height]:
        warnings.append(rounded("resolution", asked, f"{given[0]}x{given[1]}"))
    return {"width": given[0], "height": given[1]}
