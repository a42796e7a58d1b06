"""Views: which layers each kind of place is made of, from the farthest to the nearest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from anymedia.echo.layers import (
    Ground,
    Layer,
    cloud_bank,
    hill,
    mist,
    mountains,
    ribbons,
    skyline,
    stand,
)
from anymedia.echo.scene import Scene

Part: TypeAlias = Callable[[Ground], Layer]


def range_(name: str, level: float, rise: float, near: float) -> Part:
    """Mountains."""
    return partial(mountains, name=name, level=level, rise=rise, near=near)


def land(name: str, level: float, rise: float, near: float, *, dunes: bool = False) -> Part:
    """Hills or dunes."""
    return partial(hill, name=name, level=level, rise=rise, near=near, dunes=dunes)


def trees(name: str, level: float, tall: float, near: float, kind: str, crowd: float) -> Part:
    """A row of trees."""
    return partial(stand, name=name, level=level, tall=tall, near=near, kind=kind, crowd=crowd)


def houses(name: str, level: float, tall: float, near: float) -> Part:
    """A row of buildings."""
    return partial(skyline, name=name, level=level, tall=tall, near=near)


def veil(level: float, thick: float, strength: float, speed: float) -> Part:
    """A strip of mist."""
    return partial(mist, level=level, thick=thick, strength=strength, speed=speed)


HORIZONS = {"sea": 0.58}
HORIZON = 0.77
"""Where the sky ends, as a share of the height, unless the place says otherwise."""

VIEWS: dict[str, tuple[Part, ...]] = {
    "mountains": (
        range_("far", 0.66, 0.40, 0.15),
        range_("mid", 0.72, 0.26, 0.45),
        trees("wood", 0.74, 0.10, 0.66, "pine", 1.0),
        veil(0.75, 0.10, 0.55, 0.03),
        land("near", 0.80, 0.035, 1.0),
    ),
    "forest": (
        range_("far", 0.62, 0.24, 0.15),
        trees("wood1", 0.66, 0.16, 0.30, "pine", 1.1),
        veil(0.66, 0.10, 0.5, 0.02),
        trees("wood2", 0.71, 0.26, 0.58, "pine", 0.9),
        veil(0.74, 0.12, 0.6, 0.04),
        trees("wood3", 0.78, 0.40, 0.86, "pine", 0.45),
        land("near", 0.81, 0.03, 1.0),
    ),
    "hills": (
        range_("far", 0.62, 0.16, 0.12),
        land("h1", 0.64, 0.07, 0.30),
        trees("copse", 0.685, 0.07, 0.5, "round", 0.35),
        land("h2", 0.715, 0.05, 0.62),
        trees("grove", 0.76, 0.14, 0.8, "round", 0.10),
        land("near", 0.81, 0.035, 1.0),
    ),
    "desert": (
        range_("far", 0.64, 0.14, 0.12),
        land("d1", 0.66, 0.06, 0.30, dunes=True),
        land("d2", 0.72, 0.09, 0.58, dunes=True),
        land("near", 0.82, 0.05, 1.0, dunes=True),
    ),
    "city": (
        houses("far", 0.76, 0.46, 0.18),
        houses("mid", 0.78, 0.36, 0.52),
        veil(0.76, 0.12, 0.5, 0.02),
        houses("near houses", 0.805, 0.24, 0.92),
        land("near", 0.82, 0.004, 1.0),
    ),
    "space": (
        land("s1", 0.70, 0.05, 0.3, dunes=True),
        land("s2", 0.75, 0.05, 0.62, dunes=True),
        land("near", 0.82, 0.03, 1.0),
    ),
    "sea": (
        range_("far", HORIZONS["sea"], 0.15, 0.12),
        range_("isle", HORIZONS["sea"] + 0.004, 0.07, 0.42),
    ),
}
PASSING = trees("fore", 1.05, 0.62, 1.55, "pine", 0.07)
"""Trees that go by close to the camera."""
FOG = (veil(0.76, 0.30, 0.85, 0.05), veil(0.92, 0.25, 0.7, 0.09))


def horizon(scene: Scene) -> float:
    """Where the sky ends, as a share of the height."""
    return HORIZONS.get(scene.place, HORIZON)


def behind(ground: Ground) -> list[Layer]:
    """What lies behind the figures, from far to near."""
    scene = ground.scene
    found: list[Layer] = []
    if scene.light_name == "aurora":
        found.append(ribbons(ground))
    if scene.place != "space":
        amount, low = scene.light.cloudiness, horizon(scene)
        found.append(cloud_bank(ground, "high", low * 0.72, amount * 0.8, 0.006))
        found.append(cloud_bank(ground, "low", low * 0.98, amount, 0.011))
    return unhidden(found + [part(ground) for part in VIEWS[scene.place]], ground.height)


def unhidden(layers: list[Layer], height: int) -> list[Layer]:
    """The layers without what nearer ones hide anyway."""
    found: list[Layer] = []
    for layer in reversed(layers):
        found.insert(0, layer.down_to(height))
        covered = layer.covers_from()
        if layer.top + layer.shape.height >= height:
            height = min(height, covered)
    return found


def before(ground: Ground, *, moving: bool) -> list[Layer]:
    """What passes before the figures. In a still, trees there would only be in the way."""
    scene = ground.scene
    passing = [PASSING(ground)] if moving and scene.place in {"mountains", "forest"} else []
    fog = [part(ground) for part in FOG] if "fog" in scene.weather else []
    return passing + fog
