"""Images: made and edited. Every picture has the size that was asked for."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

from starlette.responses import JSONResponse, Response

from anymedia.contracts.model import Model
from anymedia.testing.doubles.openai import mind
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure, missing_parameter, moderated
from anymedia.testing.samples import png

SHARED = frozenset(
    {
        *("model", "prompt", "n", "size", "quality", "background", "output_format"),
        *("output_compression", "stream", "partial_images", "complexity", "safety_identifier"),
        *("user", "svg", "frame_count", "frame_duration_ms"),
    }
)
MADE = SHARED | {"moderation"}
EDITED = SHARED | {"image", "images", "mask", "markup", "input_fidelity"}
FIXED = ("1024x1024", "1536x1024", "1024x1536")
QUALITIES = {"low": 196, "medium": 439, "high": 1756, "xhigh": 3122, "max": 7024}
"""Output tokens of a picture of 1024x1024 by gpt-image-2.5."""
IMAGE_TOKENS = 64
"""Input tokens of a picture that is given."""


def generated(asked: Asked) -> Response:
    """`POST /v1/images/generations`."""
    asked.refuse_unknown(MADE)
    return pictures(asked, given=0)


def edited(asked: Asked) -> Response:
    """`POST /v1/images/edits`, as a form or as JSON."""
    asked.refuse_unknown(EDITED)
    files = asked.files("image", "image[]")
    urls = asked.fields.get("images") or []
    if not files and not urls:
        raise missing_parameter("image")
    for file in files:
        if not file.content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF")):
            raise Failure(
                400,
                "Invalid image data.",
                kind="image_generation_user_error",
                code="invalid_image_file",
                param="image",
            )
    masks = asked.files("mask")
    if masks and not masks[0].content.startswith(b"\x89PNG"):
        raise Failure(400, "Invalid mask: it has to be a PNG.", param="mask")
    return pictures(asked, given=len(files) + len(urls))


def pictures(asked: Asked, *, given: int) -> Response:
    """The pictures, with the usage that they are billed by."""
    model = known_model(asked)
    prompt = asked.text("prompt")
    if mind.FORBIDDEN in prompt:
        raise moderated()
    count = within(asked.fields.get("n", 1), 1, 10, "n")
    width, height = sides(str(asked.fields.get("size", "auto")), model)
    quality = str(asked.fields.get("quality", "auto"))
    if quality not in {"auto", *QUALITIES}:
        raise wrong("quality", quality)
    form = str(asked.fields.get("output_format", "png"))
    words, output = mind.tokens(prompt), QUALITIES.get(quality, QUALITIES["medium"]) * count
    asked.charge(
        f"img_{asked.number}",
        model,
        input_tokens=words,
        input_image_tokens=given * IMAGE_TOKENS,
        output_image_tokens=output,
    )
    data = base64.b64encode(drawn(width, height, form)).decode()
    return JSONResponse(
        {
            "created": 1_795_000_000,
            "background": "opaque",
            "output_format": form,
            "quality": "medium" if quality == "auto" else quality,
            "size": f"{width}x{height}",
            "data": [{"b64_json": data} for _ in range(count)],
            "usage": {
                "input_tokens": words + given * IMAGE_TOKENS,
                "input_tokens_details": {
                    "text_tokens": words,
                    "image_tokens": given * IMAGE_TOKENS,
                },
                "output_tokens": output,
                "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
                "total_tokens": words + given * IMAGE_TOKENS + output,
            },
        }
    )


def known_model(asked: Asked) -> Model:
    """The model; an unknown one is a wrong value here."""
    name = asked.fields.get("model", "gpt-image-2")
    model = asked.models.get(str(name))
    if model is None or model.medium != "image":
        raise Failure(
            400,
            f"The model '{name}' does not exist.",
            kind="image_generation_user_error",
            code="invalid_value",
            param="model",
        )
    return model


def sides(size: str, model: Model) -> tuple[int, int]:
    """Width and height that the model makes of a `size`."""
    if size == "auto":
        return 1024, 1024
    pixels = re.fullmatch(r"(\d+)x(\d+)", size)
    if pixels is None:
        raise wrong("size", size)
    width, height = int(pixels[1]), int(pixels[2])
    free = "any" in model.limits.resolutions
    if not free and size not in FIXED:
        raise wrong("size", size)
    long, short = max(width, height), min(width, height)
    if width % 16 or height % 16 or long > 3 * short or long > 3840 or short > 2160:
        raise wrong("size", size)
    return width, height


def within(value: Any, least: int, most: int, name: str) -> int:
    """A whole number in its range; forms send it as text."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise wrong(name, value) from None
    if not least <= number <= most:
        raise wrong(name, value)
    return number


def wrong(name: str, value: object) -> Failure:
    """A value that the field does not take."""
    return Failure(400, f"Invalid value: '{value}' for '{name}'.", code="invalid_value", param=name)


def drawn(width: int, height: int, form: str) -> bytes:
    """A blank picture in the asked format."""
    picture = png(width, height)
    if form == "png":
        return picture
    if form not in {"jpeg", "webp"}:
        raise wrong("output_format", form)
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        opened.convert("RGB").save(buffer, form.upper())
    return buffer.getvalue()
