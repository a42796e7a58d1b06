"""The stage: all parts of a scene built once, and put together for any moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image

from anymedia.echo.figures import FIGURES, Figure, house, shown_in, sprites
from anymedia.echo.layers import Ground, Layer
from anymedia.echo.paint import Floats, as_mask, clouds, enlarged, smooth
from anymedia.echo.scene import Scene, mixed
from anymedia.echo.sky import sky
from anymedia.echo.views import before, behind, horizon
from anymedia.echo.weather import swarms

PHASES = 12
"""Pictures to a stride."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A figure in its place."""

    figure: Figure
    name: str
    pictures: list[Image.Image]
    x: float
    """Where it is, as a share of the frame's width."""
    y: float
    """For sky and water, as a share of the height."""
    late: float = 0.0
    """By how much of a round its motion is behind."""

    def picture(self, seconds: float) -> Image.Image:
        """What it looks like at that time."""
        turn = seconds * self.figure.strides + self.late
        return self.pictures[int(turn * len(self.pictures)) % len(self.pictures)]


class Stage:
    """A scene in a size, ready to be shown at any time."""

    def __init__(self, scene: Scene, width: int, height: int, *, moving: bool) -> None:
        self.scene = scene
        self.moving = moving
        self.ground = Ground(scene=scene, width=width, height=height, span=2 if moving else 1)
        self.horizon = horizon(scene)
        self.pace = (4.0 if scene.running else 1.0) if moving else 0.0
        self._sky = sky(self.ground, self.horizon)
        self._behind = behind(self.ground)
        self._front = before(self.ground, moving=moving)
        self._actors = self._cast()
        self._swarms = swarms(self.ground)
        self._vignette = vignette(width, height)
        self._tide = self._ripples() if scene.place == "sea" else None

    # --- building ---------------------------------------------------------------------------

    def _cast(self) -> list[Actor]:
        """The figures in their places, from the sky down."""
        scene, unit = self.scene, self.ground.unit
        tone = shown_in(scene.lit((255, 255, 255)))
        actors: list[Actor] = []
        places = {
            "ground": [0.40, 0.66, 0.16],
            "land": [0.74, 0.30, 0.1],
            "water": [0.42, 0.70, 0.2],
            "sky": [0.36, 0.70, 0.2],
        }
        for name in scene.figures:
            figure = FIGURES[name]
            if name == "house" and scene.season == "winter":
                figure = replace(figure, draw=partial(house, snowy=True))
            where = "land" if figure.where == "water" and scene.place != "sea" else figure.where
            x = places[where].pop(0) if places[where] else 0.5
            moves = self.moving and (
                where != "ground" or scene.running or name in {"person", "robot", "car"}
            )
            pictures = sprites(figure, unit, PHASES, tone, moving=moves or where == "sky")
            if name == "bird":
                actors += self._flock(figure, pictures)
                continue
            low = {"sky": 0.40, "water": self.horizon + 0.19, "land": 0.0, "ground": 0.0}[where]
            actors.append(Actor(figure=figure, name=name, pictures=pictures, x=x, y=low))
        return sorted(
            actors, key=lambda actor: ("sky", "land", "water", "ground").index(actor.figure.where)
        )

    def _flock(self, figure: Figure, pictures: list[Image.Image]) -> list[Actor]:
        """Birds never come alone."""
        chance = self.scene.chance("flock")
        return [
            Actor(
                figure=figure,
                name="bird",
                pictures=pictures,
                x=0.24 + 0.085 * number + chance.between(-0.02, 0.02),
                y=0.30 + 0.055 * abs(number - 2) + chance.between(-0.02, 0.02),
                late=chance.number(),
            )
            for number in range(5)
        ]

    def _ripples(self) -> Floats:
        """Where in its swell each spot of water is: rows closer together farther away."""
        rows = self.ground.height - int(self.ground.height * self.horizon)
        depth = np.linspace(0, 1, rows, dtype=np.float32)
        lengths = (0.006 + 0.045 * depth) * self.ground.unit + 2
        uneven = enlarged(
            clouds(96, 48, self.scene.seed, "swell", stretch=1.2), self.ground.width, rows
        )
        swell: Floats = np.cumsum(2 * math.pi / lengths)[:, None].astype(np.float32) + uneven * 9
        return swell

    # --- showing ----------------------------------------------------------------------------

    def frame(self, seconds: float = 0.0) -> Image.Image:
        """The scene at a time."""
        frame = self._sky.copy()
        for layer in self._behind:
            layer.put(frame, self._moved(layer, seconds))
        for actor in self._actors:
            if actor.figure.where == "sky":
                self._fly(frame, actor, seconds)
        if self._tide is not None:
            self._water(frame, seconds)
        for actor in self._actors:
            if actor.figure.where != "sky":
                self._place(frame, actor, seconds)
        for layer in self._front:
            layer.put(frame, self._moved(layer, seconds))
        for swarm in self._swarms:
            swarm.put(frame, seconds)
        frame.paste((6, 8, 18), (0, 0), self._vignette)
        return frame

    def _moved(self, layer: Layer, seconds: float) -> float:
        """How many pixels a layer has gone by."""
        pace = self.pace if layer.speed > 0.015 else min(self.pace, 1.0)
        return layer.speed * pace * seconds * self.ground.width

    def _fly(self, frame: Image.Image, actor: Actor, seconds: float) -> None:
        """What is in the air moves on its own."""
        picture = actor.picture(seconds)
        speed = {"bird": 0.05, "balloon": 0.012, "rocket": 0.05}.get(actor.name, 0.02)
        x = (actor.x + speed * seconds) * frame.width
        bob = math.sin(seconds * 1.3 + actor.late * 6) * 0.012
        climb = 0.05 * seconds if actor.name == "rocket" else 0.0
        y = (actor.y + bob - climb) * frame.height
        frame.paste(picture, (int(x - picture.width / 2), int(y - picture.height / 2)), picture)

    def _place(self, frame: Image.Image, actor: Actor, seconds: float) -> None:
        """What stands, walks or floats."""
        picture = actor.picture(seconds)
        foot = picture.height - actor.figure.below * self.ground.unit * actor.figure.size
        near = next((layer for layer in self._behind[::-1] if layer.ridge is not None), None)
        if actor.figure.where == "water" and self._tide is not None:
            drift = 0.012 * seconds
            x = (actor.x + drift) * frame.width
            y = actor.y * frame.height + math.sin(seconds * 2.0) * self.ground.unit * 0.006
            self._mirrored(frame, picture, x, y)
        else:
            x = actor.x * frame.width
            moved = self._moved(near, seconds) if near else 0.0
            if actor.figure.where != "ground" and self.moving:
                x = (x - moved) % self.ground.strip
                x = x - self.ground.strip if x > self.ground.strip - frame.width * 0.5 else x
            at = x + moved if near else x
            sunk = self.ground.unit * (0.045 if actor.figure.where == "ground" else 0.02)
            y = (near.height_at(at) if near and self._tide is None else frame.height * 0.86) + sunk
            if actor.figure.where == "ground":
                self._shadow(frame, picture, x, y)
        frame.paste(picture, (int(x - picture.width / 2), int(y - foot)), picture)

    def _shadow(self, frame: Image.Image, picture: Image.Image, x: float, y: float) -> None:
        """A soft dark patch under somebody's feet."""
        wide, high = int(picture.width * 0.62), max(3, int(self.ground.unit * 0.022))
        patch = Image.radial_gradient("L").resize((wide, high)).point(lambda v: max(0, 120 - v))
        frame.paste(
            mixed(self.scene.near, (0, 0, 0), 0.7), (int(x - wide / 2), int(y - high / 2)), patch
        )

    def _mirrored(self, frame: Image.Image, picture: Image.Image, x: float, y: float) -> None:
        """A figure's reflection, faint and flattened."""
        turned = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        flat = turned.resize((turned.width, max(1, int(turned.height * 0.55))))
        veil = flat.getchannel("A").point(lambda value: value * 70 // 255)
        frame.paste(
            flat.convert("RGB"), (int(x - flat.width / 2), int(y - 0.02 * self.ground.unit)), veil
        )

    def _water(self, frame: Image.Image, seconds: float) -> None:
        """The sea: what is above it, upside down, in ripples."""
        assert self._tide is not None
        line = int(frame.height * self.horizon)
        rows = frame.height - line
        above = frame.crop((0, 0, frame.width, line)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        squeezed = above.resize((frame.width, int(rows * 1.15))).crop((0, 0, frame.width, rows))
        depth = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        swell = np.sin(self._tide - np.float32(seconds * 2.6))
        shift = (swell * (0.003 + 0.02 * depth) * self.ground.unit).astype(np.int32)
        columns = np.clip(np.arange(frame.width, dtype=np.int32) + shift, 0, frame.width - 1)
        mirror = np.asarray(squeezed)[np.arange(rows)[:, None], columns]
        deep = Image.new(
            "RGB", squeezed.size, mixed(self.scene.near, self.scene.light.sky[0], 0.25)
        )
        water = Image.fromarray(mirror)
        water.paste(deep, (0, 0), self._depths(squeezed.size))
        crests = as_mask(np.clip(swell * 3 - 2.2, 0, 1) * (0.10 + 0.14 * depth))
        water.paste(self.scene.light.glow, (0, 0), crests)
        frame.paste(water, (0, line))

    def _depths(self, size: tuple[int, int]) -> Image.Image:
        """How much of the water's own colour is seen, row by row."""
        rows = np.linspace(0.22, 0.72, size[1], dtype=np.float32)[:, None]
        return as_mask(np.broadcast_to(rows, (size[1], size[0])))


def vignette(width: int, height: int) -> Image.Image:
    """Corners a little darker, as an opacity."""
    x = np.linspace(-1, 1, 160, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, 160, dtype=np.float32)[:, None]
    dark = smooth((np.sqrt(x**2 + y**2) - 0.62) / 0.9) * np.float32(0.34)
    return as_mask(dark).resize((width, height), Image.Resampling.BICUBIC)
