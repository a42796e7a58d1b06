"""What falls, drifts and glows in front of a scene: snow, rain, leaves, petals, fireflies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from anymedia.echo.chance import noise
from anymedia.echo.layers import Ground
from anymedia.echo.paint import Floats, halo
from anymedia.echo.scene import Colour, Scene

LEAVES: tuple[Colour, ...] = ((214, 96, 38), (236, 158, 52), (176, 58, 36), (226, 190, 82))
PETALS: tuple[Colour, ...] = ((250, 196, 214), (255, 222, 232), (240, 160, 190))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """Many particles of one kind: where each begins, how it moves, how it looks."""

    x: Floats
    y: Floats
    along: Floats
    """Pixels a second to the right."""
    down: Floats
    sway: Floats
    """Pixels to either side."""
    beat: Floats
    """Where in its swaying it begins."""
    stamp: Floats
    """Which of the stamps it is."""
    stamps: tuple[Image.Image, ...]
    """RGBA."""
    width: int
    height: int
    blinks: bool = False

    def put(self, frame: Image.Image, seconds: float, share: float = 1.0) -> None:
        """Paste what there is at that time; only a share of it while it begins."""
        edge = self.stamps[-1].width * 2
        x = self.x + self.along * seconds + self.sway * np.sin(self.beat + seconds * 1.6)
        y = self.y + self.down * seconds
        x = np.mod(x, self.width + edge) - edge / 2
        y = np.mod(y, self.height + edge) - edge / 2
        lit = np.sin(self.beat * 3 + seconds * 2.2) > -0.2 if self.blinks else np.ones(len(x), bool)
        for index in np.flatnonzero(lit[: math.ceil(len(x) * share)]):
            stamp = self.stamps[int(self.stamp[index])]
            frame.paste(stamp, (int(x[index]), int(y[index])), stamp)


def swarms(ground: Ground) -> list[Swarm]:
    """All that moves in the air of a scene."""
    scene, unit = ground.scene, ground.unit
    found = []
    if "snow" in scene.weather:
        sizes = (0.0035, 0.005, 0.008, 0.012)
        spots = tuple(
            spot(unit * size, (252, 254, 255), o)
            for size, o in zip(sizes, (150, 200, 230, 150), strict=True)
        )
        found.append(
            swarm(ground, "snow", 300, spots, fall=(0.05, 0.20), drift=(-0.05, 0.02), sway=0.012)
        )
    if "rain" in scene.weather:
        streaks = tuple(
            streak(unit, length, o) for length, o in ((0.03, 60), (0.05, 90), (0.075, 110))
        )
        found.append(
            swarm(ground, "rain", 420, streaks, fall=(1.1, 1.9), drift=(-0.30, -0.26), sway=0.0)
        )
    for kind, colours in (("leaves", LEAVES), ("petals", PETALS)):
        if kind in scene.weather:
            stamps = tuple(
                leaf(unit, scene.lit(c) if not scene.light.dark else c, n)
                for n, c in enumerate(colours)
            )
            found.append(
                swarm(ground, kind, 34, stamps, fall=(0.06, 0.14), drift=(-0.10, -0.02), sway=0.05)
            )
    if "fireflies" in scene.weather or (
        scene.light.dark and scene.place in {"forest", "hills"} and scene.season is None
    ):
        glows = tuple(
            spot(unit * size, (255, 236, 140), 235, soft=True) for size in (0.008, 0.012, 0.016)
        )
        found.append(
            swarm(
                ground,
                "fireflies",
                42,
                glows,
                fall=(-0.015, 0.01),
                drift=(-0.02, 0.02),
                sway=0.03,
                low=0.55,
                blinks=True,
            )
        )
    return found


def swarm(
    ground: Ground,
    name: str,
    many: int,
    stamps: tuple[Image.Image, ...],
    *,
    fall: tuple[float, float],
    drift: tuple[float, float],
    sway: float,
    low: float = 0.0,
    blinks: bool = False,
) -> Swarm:
    """A swarm, the larger ones of it faster, as what is nearer is."""
    scene, unit = ground.scene, ground.unit
    rng = noise(scene.seed, scene.prompt, name)
    count = max(6, int(many * ground.width / ground.height / 1.7))
    nearness = rng.beta(1.1, 2.2, count)
    speed = fall[0] + (fall[1] - fall[0]) * nearness
    return Swarm(
        x=rng.uniform(0, ground.width, count).astype(np.float32),
        y=rng.uniform(low * ground.height, ground.height, count).astype(np.float32),
        along=(rng.uniform(*drift, count) * unit * (0.5 + nearness)).astype(np.float32),
        down=(speed * unit).astype(np.float32),
        sway=(rng.uniform(0.2, 1, count) * sway * unit).astype(np.float32),
        beat=rng.uniform(0, 2 * math.pi, count).astype(np.float32),
        stamp=np.minimum(nearness * len(stamps), len(stamps) - 1).astype(np.float32),
        stamps=stamps,
        width=ground.width,
        height=ground.height,
        blinks=blinks,
    )


def spot(radius: float, colour: Colour, opacity: int, *, soft: bool = False) -> Image.Image:
    """A round soft spot; a glowing one is wider than its core."""
    side = max(3, round(radius * (5 if soft else 2.4)) | 1)
    image = Image.new("RGBA", (side, side), (*colour, 0))
    image.putalpha(
        halo(side).point(lambda value: min(255, value * (3 if not soft else 2)) * opacity // 255)
    )
    return image


def streak(unit: float, length: float, opacity: int) -> Image.Image:
    """A drop of rain on its way."""
    high = max(4, int(unit * length))
    wide = max(2, int(high * 0.2) + 2)
    image = Image.new("RGBA", (wide * 3, high * 3), (226, 234, 244, 0))
    thick = max(2, int(unit * 0.0016 * 3))
    ImageDraw.Draw(image).line(
        (wide * 3 - thick, 0, thick, high * 3), fill=(226, 234, 244, opacity), width=thick
    )
    return image.resize((wide, high), Image.Resampling.BOX)


def leaf(unit: float, colour: Colour, turn: int) -> Image.Image:
    """A leaf or petal, lying in some direction."""
    side = max(6, int(unit * 0.020))
    image = Image.new("RGBA", (side * 4, side * 4), (*colour, 0))
    ImageDraw.Draw(image).ellipse(
        (side * 0.4, side * 1.3, side * 3.6, side * 2.7), fill=(*colour, 235)
    )
    return image.rotate(35 + 50 * turn).resize((side, side), Image.Resampling.BOX)


def has_weather(scene: Scene) -> bool:
    """Whether anything moves in the air of itself."""
    return bool(scene.weather - {"fog"})
