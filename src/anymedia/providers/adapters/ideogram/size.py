"""Sizes: four vocabularies for the same thing, by the model.

`size` and `resolution` are fields that want exact pixels out of a list; `crossed` is a ratio
written `16x9`, `colon` one written `16:9`.
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.notice import Notice, rounded

SMALL: dict[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "4:5": (896, 1120),
    "5:4": (1120, 896),
    "3:4": (864, 1152),
    "4:3": (1152, 864),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "9:16": (720, 1280),
    "16:9": (1280, 720),
    "10:16": (800, 1280),
    "16:10": (1280, 800),
    "1:2": (720, 1440),
    "2:1": (1440, 720),
    "1:3": (512, 1536),
    "3:1": (1536, 512),
}
"""The listed sizes of the first tier; those of the second are twice as long on each side."""


STEP = 32
"""Beside pictures, sides are multiples of this."""


def sized(request: ImageRequest, words: str, warnings: list[Notice]) -> dict[str, Any]:
    """The size in a model's words; nothing where nothing was asked for."""
    ratio, tier = request.aspect_ratio, request.resolution
    if words in {"size", "resolution"}:
        pixels = listed(ratio, tier)
        if pixels and request.images and (given := stepped(pixels)) != pixels:
            warnings.append(rounded("resolution", pixels, given, f"sides in steps of {STEP}"))
            pixels = given
        return {words: pixels} if pixels else {}
    fields: dict[str, Any] = {}
    if ratio:
        fields["aspect_ratio"] = ratio.replace(":", "x") if words == "crossed" else ratio
    if tier:
        fields["resolution"] = tier
    return fields


def listed(ratio: str | None, tier: str | None) -> str | None:
    """The size out of the list; other pixels as they were asked for."""
    if ratio is None and tier is None:
        return None
    if tier is not None and "x" in tier.lower():
        return tier.lower()
    width, height = SMALL.get(ratio or "1:1", SMALL["1:1"])
    times = 2 if (tier or "").lower() == "2k" else 1
    return f"{width * times}x{height * times}"


def stepped(pixels: str) -> str:
    """The nearest size in steps; what is no size as it is."""
    width, _, height = pixels.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return pixels
    sides = [max(256, round(int(side) / STEP) * STEP) for side in (width, height)]
    return f"{sides[0]}x{sides[1]}"
