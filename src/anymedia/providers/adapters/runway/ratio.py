"""Runway's `ratio`: a pair of pixels, from a list that differs by model and by kind of work."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

PAIR = re.compile(r"^(\d+):(\d+)$")
SIDES = {"360p": 360, "480p": 480, "720p": 720, "768p": 768, "1080p": 1080, "2k": 1440, "4k": 2160}
AREAS = {"512": 512**2, "1k": 1024**2, "2k": 2048**2, "4k": 4096**2}


def nearest(
    pairs: Sequence[str], aspect_ratio: str | None, resolution: str | None, *, still: bool = False
) -> str | None:
    """The pair of a list that is nearest to a shape and a size; the first where none is asked.

    The shape counts first. Sizes are told apart by the shorter side, of stills also by area.
    """
    found = [(pair, int(m[1]), int(m[2])) for pair in pairs if (m := PAIR.match(pair))]
    if not found:
        return pairs[0] if pairs else None
    first = found[0]
    pixels = re.match(r"^(\d+)x(\d+)$", resolution or "")
    shape = aspect_ratio or (f"{pixels[1]}:{pixels[2]}" if pixels else f"{first[1]}:{first[2]}")
    wanted = proportion(*map(int, shape.split(":")))
    closest = min(abs(proportion(wide, high) - wanted) for _, wide, high in found)
    alike = [one for one in found if abs(proportion(one[1], one[2]) - wanted) < closest + 0.03]
    by_area = still and not (resolution or "").endswith("p")
    if pixels:
        size = measure(("", int(pixels[1]), int(pixels[2])), by_area=by_area)
    else:
        named = (AREAS if by_area else SIDES).get((resolution or "").lower())
        size = named if named is not None else measure(first, by_area=by_area)
    return min(alike, key=lambda one: abs(math.log(measure(one, by_area=by_area) / size)))[0]


def proportion(wide: int, high: int) -> float:
    """Shapes on a scale where twice as wide is as far as twice as high."""
    return math.log(max(wide, 1) / max(high, 1))


def measure(one: tuple[str, int, int], *, by_area: bool) -> int:
    """The size of a pair."""
    return one[1] * one[2] if by_area else min(one[1], one[2])
