"""Sizes in pixels from aspect ratios and tiers, kept exactly wherever whole pixels allow."""

from __future__ import annotations

import math
import re

from anymedia.echo.refusal import invalid

PIXELS = re.compile(r"^(\d{1,5})[x×*](\d{1,5})$")
TIER = re.compile(r"^(\d{3,4})p$")
AREAS = {"512": 512**2, "1k": 1024**2, "1.5k": 1536**2, "2k": 2048**2, "4k": 4096**2}
"""Image tiers stand for an area, so that every aspect ratio is worth the same."""
LARGEST_IMAGE = 4096
LARGEST_CLIP = 2560
SMALLEST = 64


def image_size(
    aspect_ratio: str | None, resolution: str | None, own: tuple[int, int] | None = None
) -> tuple[int, int]:
    """The size of a picture; `own` is that of the picture it is made from."""
    if resolution and (pixels := PIXELS.match(resolution)):
        return within(int(pixels[1]), int(pixels[2]), LARGEST_IMAGE)
    if own and not resolution and not aspect_ratio:
        return fitted(*own, LARGEST_IMAGE)
    wide, high = proportions(aspect_ratio) if aspect_ratio else own or (1, 1)
    area = AREAS.get((resolution or "1k").lower())
    if area is None:
        raise invalid(f"`resolution` {resolution!r} is neither `1024x1024` nor {', '.join(AREAS)}")
    return fitted(*of_area(wide, high, area), LARGEST_IMAGE)


def clip_size(aspect_ratio: str | None, resolution: str | None) -> tuple[int, int]:
    """The size of a clip; H.264 wants both sides even."""
    word = (resolution or "720p").lower()
    if pixels := PIXELS.match(word):
        width, height = within(int(pixels[1]), int(pixels[2]), LARGEST_CLIP)
        return even(width), even(height)
    tier = TIER.match(word)
    if tier is None:
        raise invalid(f"`resolution` {resolution!r} is neither `1280x720` nor a tier like `720p`")
    short = int(tier[1])
    wide, high = proportions(aspect_ratio or "16:9")
    long = short * max(wide, high) / min(wide, high)
    size = (long, short) if wide >= high else (short, long)
    return within(even(size[0]), even(size[1]), LARGEST_CLIP)


def proportions(aspect_ratio: str) -> tuple[int, int]:
    """An aspect ratio in lowest terms."""
    wide, _, high = aspect_ratio.partition(":")
    if not (wide.isdecimal() and high.isdecimal() and int(wide) and int(high)):
        raise invalid(f"`aspect_ratio` {aspect_ratio!r} should be like `16:9`")
    if not 1 / 4 <= int(wide) / int(high) <= 4:
        raise invalid(f"`aspect_ratio` {aspect_ratio!r} is beyond 4:1")
    divisor = math.gcd(int(wide), int(high))
    return int(wide) // divisor, int(high) // divisor


def of_area(wide: int, high: int, area: int) -> tuple[int, int]:
    """The size of that area whose sides are in exactly that proportion, if there is one near."""
    step = math.sqrt(area / (wide * high))
    if step >= 8:
        return wide * round(step), high * round(step)
    return round(wide * step), round(high * step)


def fitted(width: int, height: int, largest: int) -> tuple[int, int]:
    """The size, made smaller if it is too large and larger if it is too small."""
    factor = min(1.0, largest / max(width, height))
    factor = max(factor, SMALLEST / min(width, height))
    return within(round(width * factor), round(height * factor), largest)


def within(width: int, height: int, largest: int) -> tuple[int, int]:
    """The size, if it is one that echo makes."""
    if not (min(width, height) >= SMALLEST and max(width, height) <= largest):
        raise invalid(f"{width}x{height} is outside {SMALLEST} to {largest} pixels a side")
    return width, height


def even(side: float) -> int:
    """The nearest even number."""
    return 2 * round(side / 2)
