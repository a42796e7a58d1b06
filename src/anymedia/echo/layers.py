"""Layers: strips of land, forest, houses or cloud, wider than the frame, that join themselves.

Each is drawn once. A frame shows a window of it, and windows of nearer layers move faster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from anymedia.echo.chance import Chance
from anymedia.echo.paint import (
    Floats,
    as_image,
    as_mask,
    clouds,
    enlarged,
    gradient,
    ragged,
    smooth,
    wave,
)
from anymedia.echo.scene import Colour, Scene, mixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A strip: its colours, its shape, where it begins and how fast it goes by."""

    colour: Image.Image | Colour
    shape: Image.Image
    top: int
    speed: float
    """Frame widths a second."""
    ridge: Floats | None = None
    """The height of its upper edge in the frame, for what stands on it."""

    def put(self, frame: Image.Image, moved: float) -> None:
        """Paste the window that is `moved` pixels along."""
        whole, high = self.shape.size
        start = int(moved) % whole
        at = 0
        while at < frame.width:
            piece = min(whole - start, frame.width - at)
            box = (start, 0, start + piece, high)
            colour = self.colour.crop(box) if isinstance(self.colour, Image.Image) else self.colour
            frame.paste(colour, (at, self.top, at + piece, self.top + high), self.shape.crop(box))
            at += piece
            start = 0

    def covers_from(self) -> int:
        """The row of the frame from which on nothing behind it is seen."""
        opaque = np.asarray(self.shape).min(axis=1) == 255
        clear = np.flatnonzero(~opaque)
        return self.top + (int(clear[-1]) + 1 if len(clear) else 0)

    def down_to(self, row: int) -> Layer:
        """The same without what lies below a row of the frame."""
        high = max(1, min(self.shape.height, row - self.top))
        box = (0, 0, self.shape.width, high)
        colour = self.colour.crop(box) if isinstance(self.colour, Image.Image) else self.colour
        return replace(self, colour=colour, shape=self.shape.crop(box))

    def height_at(self, x: float) -> float:
        """How far down its upper edge is."""
        assert self.ridge is not None
        return float(self.ridge[int(x) % len(self.ridge)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The measures that all layers of a picture share."""

    scene: Scene
    width: int
    """Of the frame."""
    height: int
    span: int
    """How many frame widths a strip is long."""

    @property
    def strip(self) -> int:
        """Pixels from one end of a strip to the other."""
        return self.width * self.span

    @property
    def unit(self) -> float:
        """What sizes are measured in: the frame's height, less in tall frames."""
        return float(min(self.height, self.width * 0.8))


def band(
    ground: Ground, ridge: Floats, top: int, bottom: int, stops: tuple[Colour, ...], depth: float
) -> tuple[Floats, Floats]:
    """Colours and opacity of a strip below a ridge; `stops` run from the ridge down."""
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    below = rows - ridge[None, :]
    shape = np.clip(below + 0.5, 0, 1)
    table = gradient(stops, 256)
    index = np.clip(below * np.float32(255 / depth), 0, 255).astype(np.uint8)
    return table[index], shape


def finished(
    ground: Ground, colours: Floats, shape: Floats, top: int, speed: float, ridge: Floats
) -> Layer:
    """A layer from its arrays."""
    return Layer(
        colour=as_image(colours, ground.scene.seed, top),
        shape=as_mask(shape),
        top=top,
        speed=speed,
        ridge=ridge,
    )


def mountains(ground: Ground, name: str, level: float, rise: float, near: float) -> Layer:
    """A range with light from one side, and snow on what is high."""
    scene, unit = ground.scene, ground.unit
    keys = (scene.seed, scene.prompt, name)
    line = ragged(ground.strip, 4 * ground.span, 7, 0.52, *keys)
    peaks = 1 - np.abs(ragged(ground.strip, 3 * ground.span, 6, 0.5, "peaks", *keys)) * 2
    height = 0.30 * line + 0.70 * peaks
    height = ((height - height.min()) / (height.max() - height.min())) ** 1.5
    ridge = (ground.height * level - height * unit * rise).astype(np.float32)
    bottom = int(min(ground.height, ground.height * level + unit * 0.16))
    top = max(0, int(ridge.min()) - 2)
    base = mixed(scene.far, scene.lit(scene.ground()[1]), near * 0.75)
    foot = mixed(base, scene.light.haze, 0.55)
    colours, shape = band(ground, ridge, top, bottom, (base, base, foot), unit * (rise + 0.1))
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    below = np.maximum(rows - ridge[None, :], 0)
    blotch = enlarged(clouds(256, 64, "rock", *keys, stretch=1.0), ground.strip, bottom - top) - 0.5
    slope = np.gradient(ridge)
    kernel = np.hanning(max(3, int(unit * 0.03) | 1))
    slope = np.convolve(np.concatenate((slope, slope, slope)), kernel / kernel.sum(), "same")
    slope = slope[ground.strip : 2 * ground.strip].astype(np.float32)
    shift = ((blotch - 0.1) * below * 0.5).astype(int)
    columns = (np.arange(ground.strip)[None, :] + shift) % ground.strip
    lit = np.tanh(slope[columns] * 2.2) * np.exp(-below / (unit * rise * 0.8))
    strength = 0.16 if scene.light.dark else 0.30
    colours *= (1 + strength * lit)[..., None]
    snowy = 0.75 if scene.season == "winter" else 0.34
    if scene.place in {"mountains", "forest"} or scene.season == "winter":
        high = ground.height * level - unit * rise * (1 - snowy)
        share = smooth((high - rows + blotch * unit * 0.22) / (unit * 0.03)) * (
            0.82 - 0.3 * (1 - near)
        )
        white = np.asarray(scene.lit((240, 246, 255)), np.float32) * (0.90 + 0.16 * lit)[..., None]
        colours += (mixed_toward(white, scene.light.haze, 0.25) - colours) * share[..., None]
    return finished(ground, colours, shape, top, 0.008 + 0.02 * near, ridge)


def mixed_toward(colours: Floats, haze: Colour, share: float) -> Floats:
    """Colours part of the way to another."""
    result: Floats = colours + (np.asarray(haze, np.float32) - colours) * np.float32(share)
    return result


def hill(
    ground: Ground, name: str, level: float, rise: float, near: float, *, dunes: bool = False
) -> Layer:
    """Rolling land; dunes have a sharp crest and a shaded side."""
    scene, unit = ground.scene, ground.unit
    keys = (scene.seed, scene.prompt, name)
    line = ragged(ground.strip, 2 * ground.span, 3, 0.35, *keys)
    if dunes:
        line = 1 - 2 * np.abs(ragged(ground.strip, 2 * ground.span, 2, 0.3, "crest", *keys))
    ridge = (ground.height * level - line * unit * rise).astype(np.float32)
    top = max(0, int(ridge.min()) - 2)
    body = mixed(scene.far, scene.near, near)
    crest = mixed(body, scene.light.glow, 0.10 if scene.light.dark else 0.26)
    deep = mixed(body, (0, 0, 0), 0.28 * near)
    colours, shape = band(ground, ridge, top, ground.height, (crest, body, deep), unit * 0.34)
    if dunes:
        slope = np.gradient(ridge)
        rows = np.arange(top, ground.height, dtype=np.float32)[:, None]
        below = np.maximum(rows - ridge[None, :], 0)
        # The edge between light and shade runs down aslant, as wind leaves it.
        columns = (np.arange(ground.strip)[None, :] - (below * 1.7).astype(int)) % ground.strip
        lit = np.tanh(slope[columns] * 5) * np.exp(-below / (unit * 0.12))
        colours *= (1 + 0.20 * lit)[..., None]
    mottled = enlarged(
        clouds(320, 96, "mottle", *keys, stretch=0.7), ground.strip, colours.shape[0]
    )
    colours *= (0.95 + 0.10 * mottled)[..., None]
    return finished(ground, colours, shape, top, speed_of(near), ridge)


def speed_of(near: float) -> float:
    """How fast a layer goes by, the nearer the faster."""
    return 0.015 + 0.065 * near**2


def stand(
    ground: Ground, name: str, level: float, tall: float, near: float, kind: str, crowd: float
) -> Layer:
    """Trees in a row, as a silhouette that fades towards its feet."""
    scene, unit = ground.scene, ground.unit
    keys = (scene.seed, scene.prompt, name)
    ridge = (
        ground.height * level - wave(ground.strip, 3 * ground.span, *keys) * unit * 0.025
    ).astype(np.float32)
    size = unit * tall
    top = max(0, int(ridge.min() - size * 1.25))
    shape = Image.new("L", (ground.strip, ground.height - top), 0)
    chance = scene.chance(name)
    stencils = [tree(int(size * chance.between(0.7, 1.2)), kind, scene, name, n) for n in range(7)]
    for _ in range(int(ground.strip / (size * 0.42) * crowd)):
        stencil = chance.pick(stencils)
        x = chance.whole(0, ground.strip - 1)
        y = int(ridge[x] - top - stencil.height * 0.96)
        for at in (x - stencil.width // 2, x - stencil.width // 2 - ground.strip):
            shape.paste(255, (at, y), stencil)
            shape.paste(255, (at + ground.strip, y), stencil)
    body = mixed(scene.far, scene.lit(foliage(scene)), min(near, 1.0))
    body = mixed(body, (0, 0, 0), max(0.0, near - 1.0))
    foot = mixed(body, scene.light.haze, 0.5 * max(0.0, 1 - near) + 0.06)
    tops = np.full(ground.strip, ridge.mean() - size, np.float32)
    colours, _ = band(ground, tops, top, ground.height, (body, body, foot), size * 1.3)
    filled = np.clip(
        np.arange(top, ground.height, dtype=np.float32)[:, None] - ridge[None, :] + 0.5, 0, 1
    )
    outline = np.maximum(np.asarray(shape, np.float32) / 255, filled)
    if scene.season == "winter" and kind == "pine":
        colours = frosted(colours, outline, scene, near, size)
    return finished(ground, colours, outline, top, speed_of(near), ridge)


def frosted(colours: Floats, outline: Floats, scene: Scene, near: float, size: float) -> Floats:
    """Snow on whatever lies open to the sky."""
    drop = max(2, int(size * 0.05))
    above = np.zeros_like(outline)
    above[drop:] = outline[:-drop]
    open_sky = np.clip(outline - above, 0, 1)
    white = np.asarray(
        mixed(scene.lit((244, 248, 255)), scene.light.haze, 0.3 * (1 - near)), np.float32
    )
    result: Floats = colours + (white - colours) * (open_sky * 0.75)[..., None]
    return result


def foliage(scene: Scene) -> Colour:
    """Leaves and needles in daylight."""
    match scene.season:
        case "autumn":
            return (156, 84, 36)
        case "spring":
            return (206, 128, 158)
        case "winter":
            return (52, 84, 92)
        case _:
            return (30, 78, 58)


def tree(height: int, kind: str, scene: Scene, *keys: object) -> Image.Image:
    """One tree's outline, as an opacity."""
    chance = scene.chance("tree", *keys)
    fine = 3
    tall = max(height, 6) * fine
    wide = int(tall * (0.46 if kind == "pine" else 0.8))
    image = Image.new("L", (wide, tall), 0)
    pen = ImageDraw.Draw(image)
    middle = wide / 2
    pen.rectangle((middle - wide * 0.035, tall * 0.6, middle + wide * 0.035, tall), fill=255)
    if kind == "pine":
        tiers = 6
        for tier in range(tiers):
            upper = tall * (tier / tiers) * 0.86
            lower = tall * ((tier + 1.75) / tiers) * 0.80 + tall * 0.02
            half = wide * 0.5 * ((tier + 1.2) / (tiers + 0.2)) * chance.between(0.84, 1.0)
            pen.polygon(
                (
                    (middle, upper),
                    (middle + half, lower),
                    (middle + half * 0.4, lower - tall * 0.02),
                    (middle, lower + tall * 0.012),
                    (middle - half * 0.4, lower - tall * 0.02),
                    (middle - half, lower),
                ),
                fill=255,
            )
    else:
        for _ in range(16):
            radius = wide * chance.between(0.15, 0.25)
            x = middle + wide * chance.between(-0.27, 0.27)
            y = tall * chance.between(0.2, 0.56)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return image.resize((wide // fine, tall // fine), Image.Resampling.BOX)


def skyline(ground: Ground, name: str, level: float, tall: float, near: float) -> Layer:
    """Buildings with windows, some of them lit."""
    scene, unit = ground.scene, ground.unit
    chance = scene.chance(name)
    bottom = int(ground.height * level)
    top = max(0, int(bottom - unit * tall * 1.35))
    body = mixed(scene.far, scene.near, near)
    foot = mixed(body, scene.light.haze, 0.45 * (1 - near) + 0.1)
    tops = np.full(ground.strip, bottom - unit * tall, np.float32)
    colours, _ = band(ground, tops, top, ground.height, (body, body, foot), unit * tall * 1.1)
    paint = as_image(colours, scene.seed, name)
    shape = Image.new("L", paint.size, 0)
    pen, mask = ImageDraw.Draw(paint), ImageDraw.Draw(shape)
    mask.rectangle((0, bottom - top, ground.strip, ground.height), fill=255)
    lamp = (255, 214, 140) if scene.light.dark else mixed(scene.light.sky[1], (255, 255, 255), 0.3)
    share = 0.5 if scene.light.dark else 0.30 if scene.light_name in {"sunset", "storm"} else 0.16
    x = 0
    while x < ground.strip:
        width = int(unit * chance.between(0.06, 0.13) * (0.7 + 0.5 * near))
        width = min(width, ground.strip - x)
        height = int(unit * tall * chance.between(0.4, 1.0) ** 1.3)
        roof = bottom - top - height
        mask.rectangle((x, roof, x + width - 1, bottom - top), fill=255)
        side = mixed(body, (0, 0, 0), 0.14)
        pen.rectangle((x + width * 3 // 4, roof, x + width - 1, bottom - top), fill=side)
        crown(mask, chance, x, roof, width)
        windows(pen, chance, (x, roof, width, bottom - top), unit, near, share, (lamp, body))
        x += width + (chance.whole(0, int(unit * 0.03)) if near < 0.9 else 0)
    return Layer(colour=paint, shape=shape, top=top, speed=speed_of(near), ridge=tops * 0 + bottom)


def crown(mask: ImageDraw.ImageDraw, chance: Chance, x: int, roof: int, width: int) -> None:
    """What stands on a roof: a step, a mast, a slope, or nothing."""
    pick = chance.number()
    middle = x + width // 2
    if pick < 0.2:
        mask.rectangle((x + width // 4, roof - width // 4, x + width * 3 // 4, roof), fill=255)
    elif pick < 0.34:
        mask.line((middle, roof, middle, roof - width // 2), fill=255, width=max(1, width // 20))
    elif pick < 0.46:
        edge = x + width - 1
        mask.polygon(((x, roof), (edge, roof), (edge, roof - width // 3)), fill=255)


def windows(
    pen: ImageDraw.ImageDraw,
    chance: Chance,
    wall: tuple[int, int, int, int],
    unit: float,
    near: float,
    share: float,
    colours: tuple[Colour, Colour],
) -> None:
    """Rows of windows on a wall; a share of them is lit."""
    left, roof, width, foot = wall
    lamp, body = colours
    pitch = max(4, int(unit * (0.012 + 0.012 * near)))
    pane = max(1, int(pitch * 0.5))
    for y in range(roof + pitch, foot - pane, int(pitch * 1.5)):
        for x in range(left + pitch // 2, left + width - pane - pitch // 3, pitch):
            lit = chance.number() < share
            glow = mixed(body, lamp, chance.between(0.35, 0.6) + 0.4 * near)
            colour = glow if lit else mixed(body, (0, 0, 0), 0.16)
            pen.rectangle((x, y, x + pane - 1, y + pane), fill=colour)


def cloud_bank(ground: Ground, name: str, low: float, amount: float, speed: float) -> Layer:
    """Clouds, brighter above than below; `low` is where they end, as a share of the height."""
    scene = ground.scene
    bottom = int(ground.height * low)
    columns = max(64, int(150 * ground.strip / bottom))
    fine = clouds(columns, 150, scene.seed, scene.prompt, name, stretch=2.4)
    rows = np.linspace(0, 1, 150, dtype=np.float32)[:, None]
    envelope = smooth(rows * 4) * smooth((1 - rows) * 2.2)
    thick = smooth((fine - (1.02 - 0.62 * amount)) / 0.34) * envelope
    light = smooth((fine - np.roll(fine, -7, axis=0)) * 3.2 + 0.45)
    opacity = enlarged(
        (thick * (0.88 if amount > 0.8 else 0.80)).astype(np.float32), ground.strip, bottom
    )
    lit = enlarged(light, ground.strip, bottom)[..., None]
    bright = np.asarray(mixed(scene.light.cloud, (255, 255, 255), 0.22), np.float32)
    dull = np.asarray(mixed(scene.light.cloud, scene.light.sky[1], 0.5), np.float32)
    colours = (dull + (bright - dull) * lit).astype(np.float32)
    return Layer(colour=as_image(colours, name), shape=as_mask(opacity), top=0, speed=speed)


def ribbons(ground: Ground) -> Layer:
    """Northern lights: curtains that hang in folds."""
    scene = ground.scene
    wide, high = 320 * ground.span, 180
    rows = np.linspace(0, 1, high, dtype=np.float32)[:, None]
    glow = np.zeros((high, wide), np.float32)
    hue = np.zeros((high, wide), np.float32)
    for number in range(3):
        keys = (scene.seed, scene.prompt, "ribbon", number)
        foot = 0.74 + 0.20 * ragged(wide, 3 * ground.span, 3, 0.5, *keys) - 0.10 * number
        rays = 0.62 + 0.38 * ragged(wide, 30 * ground.span, 3, 0.6, "rays", *keys)
        up = foot[None, :] - rows
        curtain = smooth(up * 26 + 0.5) * np.exp(-np.maximum(up, 0) * 3.4) * rays[None, :]
        glow = np.maximum(glow, curtain * (1 - 0.2 * number))
        hue = np.maximum(hue, np.clip(up * 2.2, 0, 1) * (curtain > 0.05))
    low, tip = np.asarray((92, 255, 176), np.float32), np.asarray((150, 92, 226), np.float32)
    height = int(ground.height * 0.66)
    shape = enlarged(np.clip(glow * 1.05, 0, 1), ground.strip, height)
    share = enlarged(hue, ground.strip, height)[..., None]
    colours = (low + (tip - low) * share).astype(np.float32)
    return Layer(colour=as_image(colours, "aurora"), shape=as_mask(shape), top=0, speed=0.012)


def mist(ground: Ground, level: float, thick: float, strength: float, speed: float) -> Layer:
    """A veil that lies in front of what is farther away."""
    scene = ground.scene
    top = int(ground.height * (level - thick))
    height = max(2, int(ground.height * thick * 1.6))
    columns = max(64, int(64 * ground.strip / height))
    veil = clouds(columns, 64, scene.seed, scene.prompt, "mist", level, stretch=3.5)
    rows = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    envelope = smooth(rows * 2.6) * smooth((1 - rows) * 2.2)
    opacity = enlarged(
        np.clip((0.35 + 0.65 * veil) * envelope * strength, 0, 1), ground.strip, height
    )
    return Layer(
        colour=mixed(scene.light.haze, (255, 255, 255), 0.18),
        shape=as_mask(opacity),
        top=top,
        speed=speed,
    )
