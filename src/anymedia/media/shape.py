"""The arithmetic of fitting one shape into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Placing:
    """How a picture becomes another size: scaled, then cut or set into a frame."""

    width: int
    height: int
    """Of the outcome."""
    scaled_width: int
    scaled_height: int
    """Of the picture before cutting (where it is larger) or framing (where it is smaller)."""

    @property
    def left(self) -> int:
        """Where the scaled picture lies in the outcome; negative where it stands over."""
        return (self.width - self.scaled_width) // 2

    @property
    def top(self) -> int:
        """The same, downwards."""
        return (self.height - self.scaled_height) // 2


def placing(width: int, height: int, wanted: dict[str, Any], *, step: int = 1) -> Placing:
    """How a picture of some size becomes what is wanted; sides are multiples of `step`."""
    across, down = size(width, height, wanted)
    across, down = stepped(across, step), stepped(down, step)
    fit = wanted.get("fit", "contain")
    if fit == "stretch" or not alters(width, height, across, down):
        return Placing(across, down, across, down)
    scale = (min if fit == "contain" else max)(across / width, down / height)
    inner = stepped(width * scale, step), stepped(height * scale, step)
    # Rounding must neither leave a seam nor cut a line.
    pairs = zip(inner, (across, down), strict=True)
    if fit == "contain":
        scaled = tuple(min(one, most) for one, most in pairs)
    else:
        scaled = tuple(max(one, least) for one, least in pairs)
    return Placing(across, down, scaled[0], scaled[1])


def size(width: int, height: int, wanted: dict[str, Any]) -> tuple[float, float]:
    """The size that is meant."""
    across, down = wanted.get("width"), wanted.get("height")
    if across and down:
        return across, down
    ratio = width / height
    if said := wanted.get("aspect_ratio"):
        one, other = (int(part) for part in said.split(":"))
        ratio = one / other
    if across:
        return across, across / ratio
    if down:
        return down * ratio, down
    if said := wanted.get("resolution"):
        shorter = int(said.rstrip("p"))
        return (shorter * ratio, shorter) if ratio >= 1 else (shorter, shorter / ratio)
    if not wanted.get("aspect_ratio"):
        return width, height
    if wanted.get("fit") == "cover":
        return (height * ratio, height) if ratio < width / height else (width, width / ratio)
    return (width, width / ratio) if ratio < width / height else (height * ratio, height)


def stepped(length: float, step: int) -> int:
    """The nearest multiple of a step, and one at least."""
    return max(step, round(length / step) * step)


def alters(width: int, height: int, across: int, down: int) -> bool:
    """Whether two sizes are of different shape, beyond rounding."""
    return abs((across / down) / (width / height) - 1) > 0.005
