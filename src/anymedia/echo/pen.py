"""A pen for figures: soft outlines and limbs, in units of the figure's own height."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from PIL import Image, ImageDraw

from anymedia.echo.scene import Colour

Point: TypeAlias = tuple[float, float]
FINE = 3
"""Figures are drawn so many times larger, and made smaller smoothly."""


class Pen:
    """Draws on a transparent sheet. x goes right from the middle, y up from the ground."""

    def __init__(self, scale: float, wide: float, high: float, below: float = 0.06) -> None:
        self._scale = scale * FINE
        self._middle = wide / 2
        self._high = high
        size = (max(1, round(wide * scale)), max(1, round((high + below) * scale)))
        self._sheet = Image.new("RGBA", (size[0] * FINE, size[1] * FINE), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._sheet)
        self._size = size
        self.foot = round(high * scale)
        """The row of the ground."""

    def at(self, point: Point) -> Point:
        """Pixels on the sheet."""
        return (point[0] + self._middle) * self._scale, (self._high - point[1]) * self._scale

    def polygon(self, points: Sequence[Point], colour: Colour, opacity: int = 255) -> None:
        """Straight edges."""
        at = [self.at(point) for point in points]
        if opacity == 255:
            self._draw.polygon(at, fill=(*colour, 255))
        else:
            with self._veil() as draw:
                draw.polygon(at, fill=(*colour, opacity))

    def blob(self, points: Sequence[Point], colour: Colour, opacity: int = 255) -> None:
        """A closed outline without corners."""
        self.polygon(rounded(points), colour, opacity)

    def ellipse(
        self, centre: Point, wide: float, high: float, colour: Colour, opacity: int = 255
    ) -> None:
        """An upright ellipse of that half width and half height."""
        x, y = self.at(centre)
        rx, ry = wide * self._scale, high * self._scale
        box = (x - rx, y - ry, x + rx, y + ry)
        if opacity == 255:
            self._draw.ellipse(box, fill=(*colour, 255))
        else:
            with self._veil() as draw:
                draw.ellipse(box, fill=(*colour, opacity))

    @contextmanager
    def _veil(self) -> Iterator[ImageDraw.ImageDraw]:
        """A sheet of its own, for what lets through what is under it."""
        sheet = Image.new("RGBA", self._sheet.size, (0, 0, 0, 0))
        yield ImageDraw.Draw(sheet)
        self._sheet.alpha_composite(sheet)

    def limb(self, points: Sequence[Point], widths: Sequence[float], colour: Colour) -> None:
        """A leg, neck or mast: joints of given half widths, and what is between them."""
        for point, width in zip(points, widths, strict=True):
            self.ellipse(point, width, width, colour)
        joints = list(zip(points, widths, strict=True))
        for (start, first), (end, second) in itertools.pairwise(joints):
            along = math.atan2(end[1] - start[1], end[0] - start[0]) + math.pi / 2
            dx, dy = math.cos(along), math.sin(along)
            self.polygon(
                (
                    (start[0] + dx * first, start[1] + dy * first),
                    (end[0] + dx * second, end[1] + dy * second),
                    (end[0] - dx * second, end[1] - dy * second),
                    (start[0] - dx * first, start[1] - dy * first),
                ),
                colour,
            )

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line of even width."""
        pixels = max(1, round(width * self._scale))
        self._draw.line(
            [self.at(p) for p in points], fill=(*colour, 255), width=pixels, joint="curve"
        )

    def done(self) -> Image.Image:
        """The sheet, made smaller."""
        return self._sheet.resize(self._size, Image.Resampling.BOX)


def rounded(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """A closed curve through points (Catmull and Rom's)."""
    found: list[Point] = []
    count = len(points)
    for i in range(count):
        a, b, c, d = (points[(i + k - 1) % count] for k in range(4))
        for step in range(steps):
            t = step / steps
            found.append((curve(a[0], b[0], c[0], d[0], t), curve(a[1], b[1], c[1], d[1], t)))
    return found


def curve(a: float, b: float, c: float, d: float, t: float) -> float:
    """Between b and c, bent as a and d want it."""
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
