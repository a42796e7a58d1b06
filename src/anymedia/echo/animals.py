"""Animals on four legs: one body plan with different measures, standing or at a gallop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image

from anymedia.echo.pen import Pen, Point
from anymedia.echo.scene import Colour, mixed

Tone: TypeAlias = Callable[[Colour], Colour]
"""A daylight colour by the scene's light."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Animal:
    """The measures of a kind of animal, in heights of its back."""

    coat: Colour
    belly: Colour
    socks: Colour
    long: float = 1.0
    """From chest to rump."""
    deep: float = 0.27
    leg: float = 0.46
    legs: float = 0.045
    """Half the width of a leg."""
    neck: float = 0.20
    head: float = 0.15
    snout: float = 0.22
    muzzle: float = 0.16
    """How thick the snout ends, in heads."""
    drop: float = 0.42
    """How far the snout hangs, in heads."""
    ears: Literal["pointed", "long", "floppy", "small"] = "pointed"
    tail: Literal["bushy", "thin", "short", "hair"] = "bushy"
    antlers: bool = False
    mane: bool = False


ANIMALS: dict[str, Animal] = {
    "fox": Animal(coat=(226, 106, 38), belly=(250, 240, 226), socks=(58, 34, 30)),
    "cat": Animal(
        coat=(72, 74, 88),
        belly=(226, 226, 232),
        socks=(226, 226, 232),
        long=0.86,
        deep=0.24,
        neck=0.15,
        snout=0.03,
        head=0.175,
        muzzle=0.30,
        tail="thin",
    ),
    "dog": Animal(
        coat=(150, 112, 78),
        belly=(240, 228, 210),
        socks=(240, 228, 210),
        ears="floppy",
        tail="hair",
        head=0.16,
        snout=0.13,
        muzzle=0.34,
    ),
    "deer": Animal(
        coat=(156, 98, 58),
        belly=(232, 210, 186),
        socks=(104, 66, 44),
        leg=0.62,
        legs=0.032,
        deep=0.26,
        neck=0.42,
        head=0.12,
        snout=0.12,
        muzzle=0.30,
        drop=0.7,
        ears="small",
        tail="short",
        antlers=True,
    ),
    "horse": Animal(
        coat=(122, 70, 44),
        belly=(136, 82, 54),
        socks=(60, 38, 30),
        leg=0.60,
        legs=0.046,
        deep=0.36,
        long=1.08,
        neck=0.44,
        head=0.13,
        snout=0.13,
        muzzle=0.48,
        drop=1.25,
        ears="small",
        tail="hair",
        mane=True,
    ),
    "rabbit": Animal(
        coat=(176, 158, 140),
        belly=(244, 238, 230),
        socks=(206, 192, 176),
        long=0.66,
        deep=0.28,
        leg=0.30,
        legs=0.055,
        neck=0.12,
        head=0.15,
        snout=0.04,
        muzzle=0.36,
        ears="long",
        tail="short",
    ),
}


def drawn(animal: Animal, scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """The animal, facing right. `phase` runs from 0 to 1 over a stride; `None` stands."""
    pen = Pen(scale, 2.7, 1.75, below=0.08)
    running = phase is not None
    turn = 2 * math.pi * (phase or 0.0)
    lift = 0.05 * math.sin(2 * turn) + 0.05 if running else 0.0
    back = animal.leg + animal.deep + lift
    tilt = 0.05 * math.cos(turn) if running else 0.0
    half = animal.long / 2
    coat, belly, socks = tone(animal.coat), tone(animal.belly), tone(animal.socks)
    shaded = mixed(coat, (0, 0, 0), 0.28)
    low = animal.leg + lift
    shoulder = (half * 0.66, low + 0.09 + tilt)
    hip = (-half * 0.74, low + 0.11 - tilt)
    swing = 0.85 if running else 0.0
    for joint, offset, front in ((shoulder, 0.10, True), (hip, 0.60, False)):
        leg(
            pen, animal, joint, (turn, offset, swing), (shaded, mixed(socks, (0, 0, 0), 0.2)), front
        )
    tail(pen, animal, (-half * 0.95, back - 0.10 - tilt), turn, running, (coat, belly))
    body(pen, animal, (half, low, back, tilt), (coat, belly, shaded))
    for joint, offset, front in ((shoulder, 0.0, True), (hip, 0.50, False)):
        leg(pen, animal, joint, (turn, offset, swing), (coat, socks), front)
    head(pen, animal, (half * 0.80, back - 0.05 + tilt), running, (coat, belly, shaded))
    return pen.done()


def body(
    pen: Pen,
    animal: Animal,
    frame: tuple[float, float, float, float],
    paint: tuple[Colour, Colour, Colour],
) -> None:
    """Trunk with chest and belly."""
    half, low, back, tilt = frame
    coat, belly, shaded = paint
    pen.blob(
        (
            (half * 0.98, back - 0.12 + tilt),
            (half * 0.72, back + 0.01 + tilt),
            (0.0, back - 0.03),
            (-half * 0.66, back + 0.02 - tilt),
            (-half * 1.02, back - 0.10 - tilt),
            (-half * 0.98, low + 0.02 - tilt),
            (-half * 0.4, low + 0.06),
            (half * 0.4, low - 0.03),
            (half * 0.94, low + 0.02 + tilt),
        ),
        coat,
    )
    pen.blob(
        (
            (half * 0.96, low + animal.deep * 0.55 + tilt),
            (half * 0.5, low + 0.03),
            (-half * 0.1, low + 0.05),
            (half * 0.4, low - 0.025),
            (half * 0.90, low + 0.02 + tilt),
        ),
        belly,
    )
    pen.blob(
        (
            (-half * 0.66, back - 0.02 - tilt),
            (-half * 0.44, back - 0.12),
            (-half * 0.52, low + 0.05),
            (-half * 0.94, low + 0.04 - tilt),
            (-half * 0.98, back - 0.12 - tilt),
        ),
        mixed(coat, shaded, 0.22),
    )


def leg(
    pen: Pen,
    animal: Animal,
    joint: Point,
    motion: tuple[float, float, float],
    paint: tuple[Colour, Colour],
    front: bool,
) -> None:
    """Two bones that swing about a joint; the foot folds while it is in the air."""
    turn, offset, swing = motion
    beat = turn + 2 * math.pi * offset
    angle = swing * math.sin(beat) + (0.0 if swing else (0.05 if offset in {0.0, 0.5} else -0.14))
    fold = swing * 1.25 * max(0.0, math.cos(beat)) + (0.0 if front else 0.18)
    upper = joint[1] * 0.52
    lower = joint[1] * 0.53
    knee = (joint[0] + upper * math.sin(angle), joint[1] - upper * math.cos(angle))
    bend = angle - fold if front else angle - fold * 0.9
    foot = (knee[0] + lower * math.sin(bend), knee[1] - lower * math.cos(bend))
    wide = animal.legs
    coat, sock = paint
    thigh = wide * (2.0 if front else 2.7)
    pen.limb((joint, knee), (thigh, wide * 1.15), coat)
    pen.limb((knee, foot), (wide * 1.15, wide * 0.8), sock)
    pen.ellipse((foot[0] + wide * 0.5, foot[1]), wide * 1.4, wide * 0.85, sock)


def tail(
    pen: Pen, animal: Animal, root: Point, turn: float, running: bool, paint: tuple[Colour, Colour]
) -> None:
    """What it steers with."""
    coat, tip = paint
    x, y = root
    sway = 0.10 * math.sin(turn + 0.6) if running else -0.16
    match animal.tail:
        case "bushy":
            pen.blob(
                (
                    (x + 0.06, y + 0.04),
                    (x - 0.26, y + 0.13 + sway * 0.6),
                    (x - 0.56, y + 0.12 + sway * 1.2),
                    (x - 0.78, y + 0.02 + sway * 1.6),
                    (x - 0.52, y - 0.10 + sway * 1.2),
                    (x - 0.22, y - 0.08 + sway * 0.5),
                ),
                coat,
            )
            pen.blob(
                (
                    (x - 0.54, y + 0.12 + sway * 1.2),
                    (x - 0.68, y + 0.09 + sway * 1.5),
                    (x - 0.79, y + 0.02 + sway * 1.6),
                    (x - 0.64, y - 0.06 + sway * 1.4),
                    (x - 0.52, y - 0.09 + sway * 1.2),
                    (x - 0.57, y + 0.02 + sway * 1.3),
                ),
                tip,
            )
        case "thin":
            curl = 0.42 if not running else 0.20
            pen.blob(
                (
                    (x + 0.06, y + 0.05),
                    (x - 0.16, y + 0.05 + sway * 0.3),
                    (x - 0.30, y + curl * 0.5 + sway),
                    (x - 0.34, y + curl + sway),
                    (x - 0.40, y + curl + sway),
                    (x - 0.38, y + curl * 0.4 + sway),
                    (x - 0.22, y - 0.05 + sway * 0.3),
                    (x + 0.04, y - 0.04),
                ),
                coat,
            )
        case "hair":
            pen.blob(
                (
                    (x + 0.05, y + 0.05),
                    (x - 0.14, y + 0.08 + sway),
                    (x - 0.36, y - 0.10 + sway * 1.6),
                    (x - 0.42, y - 0.30 + sway * 1.8),
                    (x - 0.24, y - 0.16 + sway),
                    (x - 0.06, y - 0.06),
                ),
                mixed(coat, (0, 0, 0), 0.25),
            )
        case _:
            pen.ellipse((x - 0.03, y + 0.02), 0.08, 0.07, tip)


def head(
    pen: Pen, animal: Animal, root: Point, running: bool, paint: tuple[Colour, Colour, Colour]
) -> None:
    """Neck, skull, snout, ears, eye and nose."""
    coat, cheek, shaded = paint
    lean = 0.95 if running else 0.60
    size = animal.head
    x = root[0] + animal.neck * math.sin(lean) + 0.06
    y = root[1] + animal.neck * math.cos(lean) + 0.05
    pen.limb((root, (x, y)), (0.15 * (0.8 + animal.deep), size * 0.78), coat)
    if animal.mane:
        pen.blob(
            (
                (root[0] - 0.10, root[1] + 0.06),
                (x - 0.16, y + 0.06),
                (x, y + size),
                (x - 0.02, y - 0.02),
                (root[0], root[1] - 0.04),
            ),
            mixed(coat, (0, 0, 0), 0.5),
        )
    ears(pen, animal, (x, y), running, (coat, shaded), behind=True)
    tip = (x + size * 0.7 + animal.snout, y - size * animal.drop)
    blunt = size * animal.muzzle
    pen.blob(
        (
            (x - size * 0.95, y + size * 0.1),
            (x - size * 0.35, y + size * 0.86),
            (x + size * 0.45, y + size * 0.62),
            (x + size * 0.85, y + size * 0.10),
            (tip[0], tip[1] + blunt),
            (tip[0] + size * 0.02, tip[1] - blunt * 0.8),
            (x + size * 0.5, y - size * 0.72),
            (x - size * 0.35, y - size * 0.80),
        ),
        coat,
    )
    pen.blob(
        (
            (x - size * 0.2, y - size * 0.16),
            (x + size * 0.55, y - size * 0.16),
            (tip[0] - size * 0.06, tip[1]),
            (tip[0] - size * 0.02, tip[1] - blunt * 0.85),
            (x + size * 0.45, y - size * 0.72),
            (x - size * 0.30, y - size * 0.72),
        ),
        cheek,
    )
    pen.ellipse(
        (tip[0] - size * 0.05, tip[1] + blunt * 0.5), size * 0.16, size * 0.13, (30, 24, 26)
    )
    eye = (x + size * 0.34, y + size * 0.20)
    pen.ellipse(eye, size * 0.13, size * 0.15, (28, 22, 24))
    pen.ellipse(
        (eye[0] + size * 0.04, eye[1] + size * 0.05), size * 0.045, size * 0.05, (255, 255, 255)
    )
    ears(pen, animal, (x, y), running, (coat, shaded), behind=False)
    if animal.antlers:
        antlers(pen, (x - size * 0.2, y + size * 0.7), shaded)


def ears(
    pen: Pen,
    animal: Animal,
    centre: Point,
    running: bool,
    paint: tuple[Colour, Colour],
    behind: bool,
) -> None:
    """One ear, the far one or the near one."""
    coat, inner = paint
    size = animal.head
    x, y = centre[0] + (size * 0.42 if behind else -size * 0.30), centre[1] + size * 0.55
    colour = inner if behind else coat
    back = size * (0.30 if running else 0.05)
    match animal.ears:
        case "pointed":
            pen.polygon(
                (
                    (x - size * 0.42, y),
                    (x - back, y + size * 1.15),
                    (x + size * 0.40, y + size * 0.10),
                ),
                colour,
            )
            if not behind:
                pen.polygon(
                    (
                        (x - size * 0.24, y + size * 0.12),
                        (x - back * 0.9, y + size * 0.82),
                        (x + size * 0.2, y + size * 0.16),
                    ),
                    mixed(inner, (0, 0, 0), 0.25),
                )
        case "long":
            far = 0.9 if running else 0.15
            pen.limb(((x, y), (x - size * far, y + size * 1.9)), (size * 0.22, size * 0.26), colour)
        case "floppy":
            pen.blob(
                (
                    (x - size * 0.2, y + size * 0.1),
                    (x + size * 0.3, y + size * 0.1),
                    (x + size * 0.12, y - size * 0.9),
                    (x - size * 0.34 - back, y - size * 0.8),
                ),
                inner,
            )
        case _:
            pen.polygon(
                (
                    (x - size * 0.25, y),
                    (x - size * 0.35 - back, y + size * 0.75),
                    (x + size * 0.22, y + size * 0.2),
                ),
                colour,
            )


def antlers(pen: Pen, root: Point, colour: Colour) -> None:
    """Two beams with their tines."""
    x, y = root
    for side in (-1, 1):
        beam = [(x, y), (x + side * 0.06, y + 0.16), (x + side * 0.20 - 0.04, y + 0.34)]
        pen.line(beam, 0.028, colour)
        pen.line([beam[1], (beam[1][0] + side * 0.12, beam[1][1] + 0.08)], 0.024, colour)
        pen.line([(x + side * 0.12, y + 0.25), (x + side * 0.24, y + 0.24)], 0.022, colour)
