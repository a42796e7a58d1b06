"""From aspect ratio and resolution to the `size` that the images API takes.

Sides are multiples of 16 and a size has the asked ratio exactly where it can: within a tier's
frame it is the largest one. (OpenAI, image generation guide: any `WxH` divisible by 16, from 1:3
to 3:1, up to 3840x2160; recorded answers confirm 1536x864.)
"""

from __future__ import annotations

import math
import re

from anymedia.contracts.errors import UnsupportedOption

STEP = 16
FRAMES: dict[str, tuple[int, int]] = {
    "1k": (1536, 1024),
    "2k": (2560, 1440),
    "4k": (3840, 2160),
}
"""The longer and the shorter side that a tier may have at most. The first frame makes exactly
the three sizes that every model has: 1024x1024, 1536x1024, 1024x1536."""
PIXELS = re.compile(r"^(\d{2,5})[x*\u00d7](\d{2,5})$")


def size(aspect_ratio: str | None, resolution: str | None) -> str | None:
    """The `size` to send; `None` leaves it to the model. Exact pixels win over a ratio."""
    if resolution is not None and (pixels := PIXELS.match(resolution)):
        return f"{pixels[1]}x{pixels[2]}"
    if aspect_ratio is None and resolution is None:
        return None
    frame = FRAMES.get((resolution or "1k").lower())
    if frame is None:
        raise UnsupportedOption(
            f"`resolution` is {resolution!r}; it can be {', '.join(FRAMES)} or pixels like 1536x1024"
        )
    width, height = proportion(aspect_ratio or "1:1")
    long, short = within(frame, max(width, height), min(width, height))
    return f"{long}x{short}" if width >= height else f"{short}x{long}"


def proportion(aspect_ratio: str) -> tuple[int, int]:
    """A ratio in lowest terms; sides of 0 count as 1."""
    width, _, height = aspect_ratio.partition(":")
    sides = max(int(width), 1), max(int(height), 1)
    divisor = math.gcd(*sides)
    return sides[0] // divisor, sides[1] // divisor


def within(frame: tuple[int, int], long: int, short: int) -> tuple[int, int]:
    """The largest size of that ratio in a frame; the nearest one, if none has it exactly."""
    times = min(frame[0] // (long * STEP), frame[1] // (short * STEP))
    if times >= 1:
        return long * STEP * times, short * STEP * times
    scale = min(frame[0] / long, frame[1] / short)
    return stepped(long * scale), stepped(short * scale)


def stepped(side: float) -> int:
    """A side as a multiple of the step."""
    return max(STEP, round(side / STEP) * STEP)
