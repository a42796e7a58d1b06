"""The sky: its gradient, the sun or the moon, stars, planets. It stands still."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from anymedia.echo.chance import noise
from anymedia.echo.layers import Ground
from anymedia.echo.paint import Floats, as_image, clouds, enlarged, gradient, smooth
from anymedia.echo.scene import Scene


def sky(ground: Ground, horizon: float) -> Image.Image:
    """Everything behind the clouds, over the whole frame."""
    scene, width, height = ground.scene, ground.width, ground.height
    deep = max(2, int(height * horizon))
    colours = np.repeat(gradient(scene.light.sky, deep)[:, None, :], width, axis=1)
    if scene.place == "space":
        nebula(colours, scene)
    stars(colours, ground)
    if scene.light.elevation >= 0:
        luminary(colours, ground, horizon)
    whole = np.empty((height, width, 3), np.float32)
    whole[:deep] = colours
    whole[deep:] = np.asarray(scene.light.haze, np.float32)
    painted = as_image(whole, scene.seed, "sky")
    if scene.place == "space":
        planet(painted, ground)
    return painted


def luminary(colours: Floats, ground: Ground, horizon: float) -> None:
    """The sun or the moon, with its glow."""
    scene = ground.scene
    chance = scene.chance("sun")
    x = ground.width * (
        chance.between(0.62, 0.80) if chance.number() < 0.6 else chance.between(0.2, 0.34)
    )
    y = ground.height * horizon * (1 - scene.light.elevation)
    radius = ground.unit * (0.055 if scene.light.dark else 0.062)
    rows = np.arange(colours.shape[0], dtype=np.float32)[:, None] - np.float32(y)
    columns = np.arange(colours.shape[1], dtype=np.float32)[None, :] - np.float32(x)
    distance = np.sqrt(rows**2 + columns**2)
    tint = np.asarray(scene.light.glow, np.float32)
    wide = np.exp(-distance / (ground.unit * (0.20 if scene.light.dark else 0.34)))
    strength = 0.42 if scene.light.dark else 0.72
    colours += (tint - colours) * (wide * strength)[..., None]
    disc = np.clip(radius - distance + 0.5, 0, 1)
    face = np.broadcast_to(tint, colours.shape)
    if scene.light.dark:
        patch = clouds(96, 96, scene.seed, "moon", stretch=1.0)
        seas = at_disc(patch, rows, columns, radius)
        rim = smooth(1.25 - distance / radius)
        face = tint * (0.80 + 0.20 * seas)[..., None] * (0.86 + 0.14 * rim)[..., None]
    colours += (face - colours) * disc[..., None]


def at_disc(patch: Floats, rows: Floats, columns: Floats, radius: float) -> Floats:
    """A square pattern laid over a disc."""
    side = patch.shape[0]
    down = np.clip((rows / radius + 1) / 2 * (side - 1), 0, side - 1).astype(int)
    along = np.clip((columns / radius + 1) / 2 * (side - 1), 0, side - 1).astype(int)
    return patch[down, along]


def stars(colours: Floats, ground: Ground) -> None:
    """Stars, denser and brighter high up."""
    scene = ground.scene
    many = int(520 * scene.light.stars * ground.width / max(ground.height, 1) ** 1.0 * 0.6)
    if many == 0:
        return
    rng = noise(scene.seed, scene.prompt, "stars")
    high, wide = colours.shape[:2]
    scale = max(1.0, ground.unit / 700)
    reach = 0.98 if scene.place == "space" else 0.8
    for x, y, bright in zip(
        rng.uniform(0, wide, many),
        rng.beta(1, 1.5, many) * high * reach,
        rng.beta(1.2, 4, many),
        strict=True,
    ):
        radius = scale * (0.5 + 1.5 * bright)
        left, top = max(int(x - radius - 1), 0), max(int(y - radius - 1), 0)
        box = (slice(top, int(y + radius + 2)), slice(left, int(x + radius + 2)))
        rows = np.arange(box[0].start, min(box[0].stop, high), dtype=np.float32)[:, None] - y
        columns = np.arange(box[1].start, min(box[1].stop, wide), dtype=np.float32)[None, :] - x
        spot = np.clip(radius - np.sqrt(rows**2 + columns**2) + 0.5, 0, 1) * (0.25 + 0.75 * bright)
        fade = 1 - y / high * 0.7
        colours[box] += (np.float32(255) - colours[box]) * (spot * fade)[..., None]


def nebula(colours: Floats, scene: Scene) -> None:
    """Clouds of light between the stars."""
    high, wide = colours.shape[:2]
    for number, tint in enumerate(((190, 60, 150), (50, 110, 210), (240, 150, 90))):
        patch = clouds(220, 140, scene.seed, scene.prompt, "nebula", number, stretch=1.4)
        share = enlarged(smooth((patch - 0.42) * 1.9), wide, high) * (0.50 - 0.11 * number)
        colours += (np.asarray(tint, np.float32) - colours) * share[..., None]


def planet(painted: Image.Image, ground: Ground) -> None:
    """A planet with bands, shade and a ring."""
    scene = ground.scene
    chance = scene.chance("planet")
    radius = int(ground.unit * chance.between(0.13, 0.19))
    centre = (
        int(ground.width * chance.between(0.66, 0.8)),
        int(ground.height * chance.between(0.2, 0.3)),
    )
    side = 2 * radius
    at = (np.arange(side, dtype=np.float32) - radius + 0.5) / radius
    rows, columns = at[:, None], at[None, :]
    distance = np.sqrt(rows**2 + columns**2)
    tints = chance.pick(
        (
            ((226, 170, 120), (190, 110, 90), (240, 214, 170)),
            ((110, 170, 214), (70, 110, 180), (190, 224, 236)),
            ((196, 140, 206), (130, 86, 170), (236, 196, 226)),
        )
    )
    swirl = clouds(side, side, scene.seed, "bands", stretch=9.0) - 0.5
    table = gradient((*tints, tints[1], tints[0], tints[2]), 256)
    index = np.clip((rows * 0.5 + 0.5 + swirl * 0.14) * 255, 0, 255).astype(int)
    light = np.clip(
        0.12
        + 1.1 * (-0.55 * columns - 0.45 * rows + np.sqrt(np.maximum(1 - distance**2, 0)) * 0.7),
        0.05,
        1.1,
    )
    ball = as_image(table[np.broadcast_to(index, (side, side))] * light[..., None], "planet")
    mask = Image.fromarray((np.clip((1 - distance) * radius + 0.5, 0, 1) * 255).astype(np.uint8))
    ring = rings(radius, tints[2])
    at_ring = (centre[0] - ring.width // 2, centre[1] - ring.height // 2)
    painted.paste(ring.convert("RGB"), at_ring, ring.getchannel("A"))
    painted.paste(ball, (centre[0] - radius, centre[1] - radius), mask)
    front = ring.crop((0, ring.height // 2, ring.width, ring.height))
    turned = front.getchannel("A")
    painted.paste(front.convert("RGB"), (at_ring[0], at_ring[1] + ring.height // 2), turned)


def rings(radius: int, tint: tuple[int, int, int]) -> Image.Image:
    """A planet's ring, seen from a little above."""
    wide, high = int(radius * 4.2), int(radius * 0.9)
    image = Image.new("RGBA", (wide * 2, high * 2), (*tint, 0))
    pen = ImageDraw.Draw(image)
    for inset, opacity in ((0.0, 60), (0.05, 130), (0.14, 40), (0.17, 170), (0.25, 90), (0.3, 0)):
        x, y = wide * inset, high * inset
        pen.ellipse((x, y, 2 * wide - x, 2 * high - y), fill=(*tint, opacity))
    return image.filter(ImageFilter.GaussianBlur(1.2)).resize(
        (wide, high), Image.Resampling.LANCZOS
    )
