"""Figures: who and what can appear in a scene, besides animals on four legs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from PIL import Image

from anymedia.echo.animals import ANIMALS, Tone, drawn
from anymedia.echo.pen import Pen
from anymedia.echo.scene import Colour, mixed

WINDOW = (255, 214, 130)
"""Light from inside, which no evening dims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What can appear: how it is drawn, how large, and where it belongs."""

    draw: Callable[[float, float | None, Tone], Image.Image]
    """Scale in pixels, phase of its motion (`None` rests) and light, to a picture."""
    size: float
    """Its unit, as a share of the scene's."""
    where: Literal["ground", "land", "water", "sky"]
    """`ground` goes along with the camera, `land` stays where it stands."""
    below: float = 0.06
    """How much of the picture lies below its foot, in its units."""
    strides: float = 1.7
    """Rounds of its motion a second."""


def bird(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """One bird on the wing."""
    pen = Pen(scale, 2.2, 1.6, below=0.4)
    beat = math.sin(2 * math.pi * (phase or 0.15))
    body, wing = tone((60, 64, 78)), tone((92, 98, 116))
    tip = 0.62 * beat
    pen.blob(
        (
            (0.10, 0.62),
            (-0.28, 0.70 + tip * 0.7),
            (-0.55, 0.62 + tip * 1.25),
            (-0.30, 0.58 + tip * 0.6),
            (-0.14, 0.52),
        ),
        mixed(wing, (0, 0, 0), 0.25),
    )
    pen.blob(
        (
            (0.78, 0.60),
            (0.52, 0.72),
            (0.1, 0.68),
            (-0.45, 0.56),
            (-0.88, 0.58),
            (-0.5, 0.46),
            (0.1, 0.46),
            (0.55, 0.52),
        ),
        body,
    )
    pen.polygon(((0.72, 0.64), (0.98, 0.585), (0.74, 0.55)), tone((240, 170, 70)))
    pen.blob(
        (
            (0.24, 0.62),
            (-0.02, 0.74 + tip * 0.8),
            (-0.30, 0.68 + tip * 1.5),
            (-0.16, 0.60 + tip * 0.7),
            (-0.12, 0.56),
        ),
        wing,
    )
    pen.ellipse((0.60, 0.64), 0.03, 0.03, (20, 20, 24))
    return pen.done()


def boat(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A sailing boat that rocks."""
    pen = Pen(scale, 2.0, 2.1, below=0.12)
    hull, sail, jib = tone((120, 62, 44)), tone((252, 246, 234)), tone((226, 92, 70))
    pen.limb(((0.02, 0.1), (0.02, 1.92)), (0.025, 0.018), tone((92, 66, 50)))
    pen.blob(
        ((0.07, 1.84), (0.34, 1.1), (0.74, 0.40), (0.36, 0.34), (0.07, 0.36), (0.06, 1.1)), sail
    )
    pen.blob(
        ((-0.02, 1.70), (-0.05, 1.0), (-0.03, 0.38), (-0.36, 0.36), (-0.66, 0.42), (-0.28, 1.04)),
        jib,
    )
    pen.polygon(
        ((-0.86, 0.26), (0.90, 0.30), (0.66, -0.02), (0.4, -0.1), (-0.4, -0.1), (-0.64, -0.04)),
        hull,
    )
    pen.polygon(((-0.86, 0.26), (0.90, 0.30), (0.86, 0.22), (-0.82, 0.18)), tone((245, 232, 210)))
    rocked = 3.5 * math.sin(2 * math.pi * phase) if phase is not None else 0.0
    return pen.done().rotate(rocked, Image.Resampling.BICUBIC, center=(scale, scale * 2.0))


def house(scale: float, phase: float | None, tone: Tone, *, snowy: bool = False) -> Image.Image:
    """A cabin with light in its windows and smoke above."""
    pen = Pen(scale, 2.4, 2.2)
    wall, roof = tone((150, 92, 62)), tone((92, 52, 48))
    for puff in range(5):
        rise = (puff + 2 * (phase or 0.0)) % 5
        drift = 0.07 * math.sin(rise * 1.9) + 0.05 * rise
        pen.ellipse(
            (0.46 + drift, 1.46 + rise * 0.14),
            0.05 + 0.025 * rise,
            0.045 + 0.022 * rise,
            tone((232, 232, 238)),
            int(150 - 28 * rise),
        )
    pen.polygon(((0.36, 1.0), (0.36, 1.40), (0.56, 1.40), (0.56, 0.9)), tone((110, 84, 78)))
    pen.polygon(((-0.80, 0.0), (-0.80, 0.74), (0.80, 0.74), (0.80, 0.0)), wall)
    for row in range(1, 6):
        pen.line(((-0.80, row * 0.125), (0.80, row * 0.125)), 0.012, mixed(wall, (0, 0, 0), 0.22))
    pen.polygon(
        ((-0.98, 0.70), (-0.56, 1.26), (0.56, 1.26), (0.98, 0.70)),
        tone((240, 246, 255)) if snowy else roof,
    )
    pen.polygon(
        ((-0.98, 0.70), (0.98, 0.70), (0.95, 0.64), (-0.95, 0.64)), mixed(roof, (0, 0, 0), 0.3)
    )
    pen.polygon(
        ((-0.12, 0.0), (-0.12, 0.46), (0.14, 0.46), (0.14, 0.0)), mixed(roof, (0, 0, 0), 0.2)
    )
    for x in (-0.58, 0.34):
        pen.ellipse((x + 0.11, 0.36), 0.26, 0.26, WINDOW, 46)
        pen.polygon(((x, 0.24), (x, 0.50), (x + 0.24, 0.50), (x + 0.24, 0.24)), WINDOW)
        pen.line(((x + 0.12, 0.24), (x + 0.12, 0.50)), 0.02, wall)
        pen.line(((x, 0.37), (x + 0.24, 0.37)), 0.02, wall)
    return pen.done()


def lighthouse(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A tower with a turning beam."""
    pen = Pen(scale, 5.0, 2.5)
    turn = math.cos(2 * math.pi * (phase or 0.0) / 3)
    for side in (-1, 1):
        reach = side * 2.4 * (0.35 + 0.65 * abs(turn))
        pen.polygon(
            ((0.0, 2.06), (reach, 2.30), (reach, 1.86), (0.0, 2.02)),
            WINDOW,
            54 if side * turn > 0 else 26,
        )
    pen.blob(
        ((-0.95, 0.0), (-0.5, 0.20), (0.1, 0.26), (0.6, 0.17), (1.0, 0.0), (0.0, -0.05)),
        tone((88, 92, 98)),
    )
    pen.polygon(((-0.30, 0.14), (-0.18, 1.88), (0.18, 1.88), (0.30, 0.14)), tone((246, 244, 240)))
    for stripe in (0.42, 0.98, 1.54):
        low = 0.30 - 0.12 * (stripe - 0.14) / 1.74
        high = low - 0.018
        pen.polygon(
            ((-low, stripe), (-high, stripe + 0.27), (high, stripe + 0.27), (low, stripe)),
            tone((206, 52, 50)),
        )
    pen.polygon(((-0.25, 1.88), (0.25, 1.88), (0.23, 1.94), (-0.23, 1.94)), tone((60, 62, 70)))
    pen.polygon(((-0.14, 1.94), (-0.14, 2.14), (0.14, 2.14), (0.14, 1.94)), WINDOW)
    pen.polygon(((-0.20, 2.14), (0.0, 2.36), (0.20, 2.14)), tone((186, 46, 46)))
    return pen.done()


def balloon(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A hot-air balloon with stripes."""
    pen = Pen(scale, 1.6, 2.2)
    stripes = (tone((232, 82, 66)), tone((250, 214, 120)), tone((64, 138, 178)))
    for number, wide in enumerate((0.66, 0.46, 0.24, 0.06)):
        colour = stripes[number % 3]
        pen.blob(
            (
                (0, 2.1),
                (wide * 0.8, 1.88),
                (wide, 1.44),
                (wide * 0.7, 0.98),
                (wide * 0.24, 0.62),
                (-wide * 0.24, 0.62),
                (-wide * 0.7, 0.98),
                (-wide, 1.44),
                (-wide * 0.8, 1.88),
            ),
            colour,
        )
    for side in (-1, 1):
        pen.line(((side * 0.16, 0.64), (side * 0.12, 0.32)), 0.014, tone((80, 60, 50)))
    pen.polygon(((-0.15, 0.34), (0.15, 0.34), (0.12, 0.08), (-0.12, 0.08)), tone((140, 92, 54)))
    pen.ellipse(
        (0.0, 0.58), 0.05, 0.09 + 0.02 * math.sin(6 * math.pi * (phase or 0.0)), (255, 196, 90), 220
    )
    return pen.done()


def rocket(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A rocket on its flame, leaning the way it goes."""
    pen = Pen(scale, 2.4, 2.4, below=0.2)
    flicker = 0.12 * math.sin(14 * math.pi * (phase or 0.0))
    for wide, long, colour in (
        (0.20, 0.62, (255, 130, 50)),
        (0.13, 0.44, (255, 206, 90)),
        (0.06, 0.26, (255, 250, 220)),
    ):
        pen.blob(
            (
                (-wide, 0.62),
                (wide, 0.62),
                (wide * 0.6, 0.42),
                (0.0, 0.62 - long - flicker),
                (-wide * 0.6, 0.42),
            ),
            colour,
            235,
        )
    pen.polygon(((-0.22, 0.92), (-0.46, 0.52), (-0.20, 0.62)), tone((206, 56, 56)))
    pen.polygon(((0.22, 0.92), (0.46, 0.52), (0.20, 0.62)), tone((176, 44, 48)))
    pen.blob(
        (
            (0.0, 2.06),
            (0.20, 1.74),
            (0.27, 1.28),
            (0.22, 0.78),
            (0.16, 0.60),
            (-0.16, 0.60),
            (-0.22, 0.78),
            (-0.27, 1.28),
            (-0.20, 1.74),
        ),
        (238, 240, 246),
    )
    pen.blob(
        ((0.0, 2.08), (0.14, 1.88), (0.19, 1.72), (-0.19, 1.72), (-0.14, 1.88)), tone((216, 60, 58))
    )
    pen.ellipse((0.0, 1.38), 0.14, 0.14, (70, 82, 104))
    pen.ellipse((0.0, 1.38), 0.10, 0.10, (140, 206, 236))
    return pen.done().rotate(-28, Image.Resampling.BICUBIC)


def whale(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A whale's back, fluke and spout."""
    pen = Pen(scale, 3.2, 1.8, below=0.1)
    skin = tone((62, 92, 128))
    heave = 0.05 * math.sin(2 * math.pi * (phase or 0.0))
    for puff in range(6):
        spread = 0.05 * puff
        for side in (-1, 1):
            pen.ellipse(
                (0.62 + side * spread, 0.66 + heave + puff * 0.13),
                0.05,
                0.07,
                tone((226, 240, 250)),
                190 - 22 * puff,
            )
    pen.blob(
        (
            (1.3, -0.06),
            (1.18, 0.30 + heave),
            (0.7, 0.56 + heave),
            (0.0, 0.52 + heave),
            (-0.6, 0.20 + heave),
            (-0.9, -0.06),
        ),
        skin,
    )
    pen.blob(
        ((1.22, 0.02), (1.14, 0.14 + heave), (0.7, 0.06 + heave), (0.3, -0.02), (0.8, -0.06)),
        tone((206, 220, 232)),
    )
    pen.ellipse((0.98, 0.26 + heave), 0.035, 0.035, (16, 20, 28))
    pen.blob(
        (
            (-1.12, -0.06),
            (-1.10, 0.24),
            (-1.44, 0.50 + heave),
            (-1.12, 0.44),
            (-0.98, 0.36),
            (-0.82, 0.46),
            (-0.52, 0.48 + heave),
            (-0.94, 0.22),
            (-0.96, -0.06),
        ),
        skin,
    )
    return pen.done()


def robot(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A friendly robot, walking or standing."""
    pen = Pen(scale, 1.6, 1.9)
    steel, dark, lamp = tone((196, 206, 218)), tone((96, 106, 124)), (98, 232, 226)
    stride = 0.34 * math.sin(2 * math.pi * phase) if phase is not None else 0.0
    for side in (-1, 1):
        step = stride * side
        pen.limb(
            ((side * 0.14, 0.56), (side * 0.15 + step, 0.28), (side * 0.16 + step * 1.3, 0.06)),
            (0.07, 0.06, 0.07),
            dark,
        )
        pen.polygon(
            (
                (side * 0.16 + step * 1.3 - 0.10, 0.0),
                (side * 0.16 + step * 1.3 + 0.15, 0.0),
                (side * 0.16 + step * 1.3 + 0.10, 0.09),
                (side * 0.16 + step * 1.3 - 0.10, 0.09),
            ),
            steel,
        )
        pen.limb(
            ((side * 0.40, 0.96), (side * 0.50 - step * 0.7, 0.70), (side * 0.48 - step, 0.50)),
            (0.06, 0.05, 0.06),
            dark,
        )
    pen.polygon(((-0.36, 0.52), (0.36, 0.52), (0.40, 1.06), (-0.40, 1.06)), steel)
    pen.polygon(((-0.20, 0.66), (0.20, 0.66), (0.20, 0.90), (-0.20, 0.90)), dark)
    pen.ellipse((0.0, 0.78), 0.07, 0.07, lamp)
    pen.limb(((0.0, 1.5), (0.0, 1.72)), (0.02, 0.02), dark)
    pen.ellipse((0.0, 1.74), 0.05, 0.05, (255, 120, 90))
    pen.blob(
        ((-0.32, 1.12), (0.32, 1.12), (0.36, 1.34), (0.28, 1.56), (-0.28, 1.56), (-0.36, 1.34)),
        steel,
    )
    pen.blob(
        ((-0.24, 1.22), (0.26, 1.22), (0.28, 1.34), (0.24, 1.47), (-0.22, 1.47), (-0.26, 1.34)),
        (36, 44, 60),
    )
    for x in (-0.10, 0.14):
        pen.ellipse((x, 1.345), 0.055, 0.07, lamp)
    return pen.done()


def car(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A small car; its wheels turn while it drives."""
    pen = Pen(scale, 2.6, 1.2)
    paint = tone((222, 70, 60))
    pen.polygon(((1.02, 0.42), (2.2, 0.30), (2.2, 0.04), (1.04, 0.30)), WINDOW, 70)
    pen.blob(
        ((-0.62, 0.50), (-0.46, 0.86), (-0.1, 0.94), (0.30, 0.90), (0.62, 0.54), (0.0, 0.44)),
        mixed(paint, (0, 0, 0), 0.12),
    )
    pen.blob(((-0.50, 0.54), (-0.38, 0.80), (-0.06, 0.86), (-0.06, 0.54)), tone((176, 214, 232)))
    pen.blob(((0.02, 0.54), (0.02, 0.86), (0.26, 0.82), (0.50, 0.54)), tone((176, 214, 232)))
    pen.blob(
        (
            (-1.04, 0.20),
            (-1.02, 0.48),
            (-0.6, 0.56),
            (0.56, 0.56),
            (0.98, 0.46),
            (1.06, 0.22),
            (0.9, 0.14),
            (-0.9, 0.14),
        ),
        paint,
    )
    pen.ellipse((1.0, 0.36), 0.05, 0.07, WINDOW)
    for x in (-0.58, 0.60):
        pen.ellipse((x, 0.18), 0.19, 0.19, (34, 34, 40))
        pen.ellipse((x, 0.18), 0.10, 0.10, tone((206, 210, 216)))
        for spoke in range(3):
            angle = 2 * math.pi * (spoke / 3 - (phase or 0.0) / 3)
            pen.line(
                ((x, 0.18), (x + 0.10 * math.cos(angle), 0.18 + 0.10 * math.sin(angle))),
                0.03,
                (70, 72, 80),
            )
    return pen.done()


def person(scale: float, phase: float | None, tone: Tone) -> Image.Image:
    """A wanderer with a scarf and a rucksack."""
    pen = Pen(scale, 1.6, 1.9)
    coat, trousers, skin = tone((52, 92, 132)), tone((66, 58, 72)), tone((232, 186, 152))
    stride = 0.62 * math.sin(2 * math.pi * phase) if phase is not None else 0.12
    for side, shade in ((-1, 0.3), (1, 0.0)):
        angle = stride * side
        knee = (0.34 * math.sin(angle) + 0.02, 0.80 - 0.38 * math.cos(angle))
        bend = angle - max(0.0, -angle) * 0.8
        foot = (knee[0] + 0.38 * math.sin(bend), knee[1] - 0.38 * math.cos(bend))
        colour = mixed(trousers, (0, 0, 0), shade)
        pen.limb(((0.0, 0.82), knee, foot), (0.10, 0.075, 0.05), colour)
        pen.blob(
            (
                (foot[0] - 0.06, foot[1] + 0.05),
                (foot[0] + 0.16, foot[1] + 0.02),
                (foot[0] + 0.17, foot[1] - 0.04),
                (foot[0] - 0.07, foot[1] - 0.04),
            ),
            mixed((92, 58, 44), (0, 0, 0), shade),
        )
    arm = -stride * 0.8
    pen.blob(((-0.12, 1.28), (-0.38, 1.24), (-0.42, 0.92), (-0.16, 0.86)), tone((176, 104, 60)))
    pen.blob(((-0.16, 1.30), (0.0, 1.36), (0.16, 1.28), (0.20, 0.80), (-0.18, 0.78)), coat)
    pen.limb(
        (
            (0.02, 1.24),
            (0.04 + 0.26 * math.sin(arm), 1.24 - 0.26 * math.cos(arm)),
            (0.12 + 0.46 * math.sin(arm + 0.3), 1.24 - 0.46 * math.cos(arm + 0.3)),
        ),
        (0.08, 0.065, 0.05),
        mixed(coat, (0, 0, 0), 0.18),
    )
    flutter = 0.06 * math.sin(4 * math.pi * (phase or 0.0))
    pen.blob(
        (
            (0.12, 1.36),
            (-0.16, 1.38),
            (-0.46, 1.30 + flutter),
            (-0.54, 1.20 + flutter),
            (-0.2, 1.26),
            (0.12, 1.26),
        ),
        tone((218, 62, 58)),
    )
    pen.ellipse((0.03, 1.52), 0.145, 0.16, skin)
    pen.blob(
        ((-0.14, 1.52), (-0.10, 1.70), (0.06, 1.74), (0.19, 1.62), (0.02, 1.60)), tone((62, 44, 40))
    )
    pen.ellipse((0.12, 1.54), 0.016, 0.022, (30, 24, 26))
    return pen.done()


FIGURES: dict[str, Figure] = {
    **{
        name: Figure(
            draw=partial(drawn, animal),
            size={"deer": 0.26, "horse": 0.27, "rabbit": 0.21, "cat": 0.23}.get(name, 0.25),
            where="ground",
            below=0.08,
        )
        for name, animal in ANIMALS.items()
    },
    "bird": Figure(draw=bird, size=0.075, where="sky", below=0.4, strides=2.2),
    "boat": Figure(draw=boat, size=0.16, where="water", below=0.12, strides=0.32),
    "whale": Figure(draw=whale, size=0.16, where="water", below=0.1, strides=0.4),
    "house": Figure(draw=house, size=0.20, where="land", strides=0.25),
    "lighthouse": Figure(draw=lighthouse, size=0.19, where="land", strides=0.5),
    "balloon": Figure(draw=balloon, size=0.20, where="sky", strides=0.5),
    "rocket": Figure(draw=rocket, size=0.20, where="sky", strides=0.8, below=0.2),
    "robot": Figure(draw=robot, size=0.24, where="ground", strides=1.1),
    "car": Figure(draw=car, size=0.24, where="ground", strides=1.6),
    "person": Figure(draw=person, size=0.22, where="ground", strides=1.0),
}


def sprites(
    figure: Figure, unit: float, phases: int, tone: Tone, *, moving: bool
) -> list[Image.Image]:
    """The figure in every phase of its motion; in one, if it stands."""
    scale = max(8.0, unit * figure.size)
    if not moving:
        return [figure.draw(scale, None, tone)]
    return [figure.draw(scale, number / phases, tone) for number in range(phases)]


def shown_in(light: Colour) -> Tone:
    """How a figure's colours look by a light that multiplies; never so dark as the land."""

    def tone(colour: Colour) -> Colour:
        red, green, blue = (
            min(255, int(c * (0.45 + 0.55 * s / 255))) for c, s in zip(colour, light, strict=True)
        )
        return red, green, blue

    return tone
