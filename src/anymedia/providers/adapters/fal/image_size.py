"""From aspect ratio and resolution to fal's `image_size`: one of its words, or pixels."""

from __future__ import annotations

import math
import re
from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.providers.described import AnyRequest

WORDS: dict[tuple[str, int], str] = {
    ("1:1", 1024): "square_hd",
    ("1:1", 512): "square",
    ("3:4", 1024): "portrait_4_3",
    ("9:16", 1024): "portrait_16_9",
    ("4:3", 1024): "landscape_4_3",
    ("16:9", 1024): "landscape_16_9",
}
"""fal's own sizes; the longer side is the tier."""
TIERS = {"512": 512, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
PIXELS = re.compile(r"^(\d{2,5})[x*](\d{2,5})$")
STEP = 16


def image_size(_: Any, request: AnyRequest) -> str | dict[str, int] | None:
    """The size that ratio and resolution mean together. Exact pixels win over a ratio."""
    assert isinstance(request, ImageRequest)
    if request.resolution and (pixels := PIXELS.match(request.resolution)):
        return {"width": int(pixels[1]), "height": int(pixels[2])}
    longer = TIERS.get((request.resolution or "1k").lower())
    if longer is None:
        raise UnsupportedOption(
            f"`resolution` is {request.resolution!r}; it can be {', '.join(TIERS)} or pixels "
            f"like 1280x720"
        )
    ratio = request.aspect_ratio or "4:3"
    if (word := WORDS.get((ratio, longer))) is not None:
        return word
    width, _colon, height = ratio.partition(":")
    sides = max(int(width), 1), max(int(height), 1)
    scale = longer / max(sides)
    wide, high = (max(STEP, math.floor(side * scale / STEP) * STEP) for side in sides)
    return {"width": wide, "height": high}
