"""Shots: what a clip shows at any moment, whether drawn or made from pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from PIL import Image

from anymedia.echo.caption import caption, put
from anymedia.echo.cards import printed
from anymedia.echo.chance import Chance
from anymedia.echo.grade import graded
from anymedia.echo.inputs import covering, picture
from anymedia.echo.layers import Ground
from anymedia.echo.orders import VideoOrder
from anymedia.echo.scene import scene
from anymedia.echo.stage import Stage
from anymedia.echo.weather import swarms

Shot: TypeAlias = Callable[[float, float], Image.Image]


def ease(share: float) -> float:
    """From 0 to 1, softly."""
    held = min(max(share, 0.0), 1.0)
    return held * held * (3 - 2 * held)


def from_scene(order: VideoOrder, seed: int) -> Shot:
    """A scene that moves, with the references as prints in a corner."""
    stage = Stage(scene(order.prompt, seed), order.width, order.height, moving=True)
    band = caption(order.prompt, order.width, order.height)
    prints = Prints(order)

    def at(seconds: float, _: float) -> Image.Image:
        frame = stage.frame(seconds)
        prints.put(frame, seconds)
        put(frame, band)
        return frame

    return at


class Prints:
    """Prints that sway a little."""

    STEPS = 9

    def __init__(self, order: VideoOrder) -> None:
        side = int(min(order.width, order.height) * 0.36)
        self._turned = [
            [
                printed(picture(one, "references"), side, -6 + 5 * number + 4 * step / self.STEPS)
                for step in range(self.STEPS)
            ]
            for number, one in enumerate(order.references)
        ]

    def put(self, frame: Image.Image, seconds: float) -> None:
        """Lay them over the sky, side by side."""
        for number, turned in enumerate(self._turned):
            sway = 0.5 + 0.5 * math.sin(seconds * 1.6 + number * 2)
            card = turned[min(int(sway * self.STEPS), self.STEPS - 1)]
            slot = frame.width * (0.03 + number * 0.24)
            widest = max(one.width for one in turned)
            tallest = max(one.height for one in turned)
            x = slot + (widest - card.width) / 2
            y = frame.height * 0.04 + (tallest - card.height) / 2
            frame.paste(card, (int(x), int(y)), card)


class Camera:
    """Moves slowly over a picture: closer, and to one side."""

    def __init__(self, still: Image.Image, seed: int) -> None:
        chance = Chance("camera", seed)
        self._still = still
        self._x, self._y = chance.between(0.25, 0.75), chance.between(0.35, 0.65)

    def at(self, near: float) -> Image.Image:
        """The picture from that near; 0 shows it as it is."""
        if near <= 0:
            return self._still.copy()
        cut = 1 - 1 / (1 + near)
        width, height = self._still.size
        box = (
            width * cut * self._x,
            height * cut * self._y,
            width * (1 - cut * (1 - self._x)),
            height * (1 - cut * (1 - self._y)),
        )
        return self._still.resize(self._still.size, Image.Resampling.BILINEAR, box=box)


def from_picture(order: VideoOrder, seed: int) -> Shot:
    """Starts exactly on the picture; then camera, weather and caption come in."""
    assert order.first is not None
    shown = scene(order.prompt, seed)
    still = covering(picture(order.first, "first_frame"), order.width, order.height)
    if order.graded:
        still = graded(still, shown)
    camera = Camera(still, seed)
    air = swarms(Ground(scene=shown, width=order.width, height=order.height, span=1))
    band = caption(order.prompt, order.width, order.height)

    def at(seconds: float, whole: float) -> Image.Image:
        frame = camera.at(0.16 * ease(seconds / max(whole, 1e-6) * 0.9))
        come = 1.0 if order.graded else ease(seconds / min(1.2, whole / 2))
        for swarm in air if come > 0 else ():
            swarm.put(frame, seconds, come)
        put(frame, band, come)
        return frame

    return at


def between(order: VideoOrder, seed: int) -> Shot:
    """From the first picture to the last, which it ends exactly on."""
    assert order.last is not None
    size = (order.width, order.height)
    ending = covering(picture(order.last, "last_frame"), *size)
    beginning = (
        covering(picture(order.first, "first_frame"), *size)
        if order.first is not None
        else Stage(scene(order.prompt, seed), *size, moving=False).frame()
    )
    there, back = Camera(beginning, seed), Camera(ending, seed + 1)
    band = caption(order.prompt, *size)
    last_frame = 1 / order.fps

    def at(seconds: float, whole: float) -> Image.Image:
        share = min(seconds / max(whole - last_frame, last_frame), 1.0)
        over = ease((share - 0.28) / 0.44)
        if over <= 0:
            frame = there.at(0.14 * ease(share))
        elif over >= 1:
            frame = back.at(0.14 * ease(1 - share))
        else:
            frame = Image.blend(there.at(0.14 * ease(share)), back.at(0.14 * ease(1 - share)), over)
        put(frame, band, ease(min(share, 1 - share) * 6))
        return frame

    return at
