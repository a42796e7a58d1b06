"""Grades: what a prompt makes of a picture that is already there."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from anymedia.echo.figures import FIGURES, shown_in, sprites
from anymedia.echo.layers import Ground
from anymedia.echo.paint import as_image, gradient
from anymedia.echo.scene import Scene
from anymedia.echo.weather import swarms

STRENGTH = 0.52
"""How far a picture goes towards the light that the prompt asks for."""


def grey(picture: Image.Image) -> Image.Image:
    """Black and white, with a little more contrast."""
    return ImageEnhance.Contrast(ImageOps.grayscale(picture)).enhance(1.15).convert("RGB")


def sepia(picture: Image.Image) -> Image.Image:
    """Old paper."""
    return ImageOps.colorize(
        ImageOps.grayscale(picture), (34, 20, 12), (255, 238, 206), mid=(150, 108, 72)
    )


def painted(picture: Image.Image) -> Image.Image:
    """Broad strokes: few colours, soft edges."""
    brush = max(3, min(picture.size) // 160 | 1)
    smoothed = picture.filter(ImageFilter.ModeFilter(brush)).filter(ImageFilter.SMOOTH_MORE)
    return ImageEnhance.Color(ImageOps.posterize(smoothed, 5)).enhance(1.35)


def sketched(picture: Image.Image) -> Image.Image:
    """Pencil on paper."""
    lines = ImageOps.grayscale(picture)
    soft = ImageOps.invert(lines).filter(ImageFilter.GaussianBlur(max(2, min(picture.size) / 120)))
    a, b = np.asarray(lines, np.float32), np.asarray(soft, np.float32)
    dodged = np.clip(a * 256 / np.maximum(256 - b, 1), 0, 255)
    return Image.fromarray(dodged.astype(np.uint8)).convert("RGB")


STYLES: tuple[tuple[str, Callable[[Image.Image], Image.Image]], ...] = (
    (r"black.and.white|monochrome|gr[ae]y ?scale|noir", grey),
    (r"sepia|vintage|old photo|antique|retro", sepia),
    (r"sketch|pencil|drawing|line art", sketched),
    (r"paint|watercolou?r|oil|cartoon|anime|comic|poster", painted),
    (r"\bblur|out of focus|bokeh", lambda p: p.filter(ImageFilter.GaussianBlur(min(p.size) / 60))),
    (r"bright(?:er|en)|lighter", lambda p: ImageEnhance.Brightness(p).enhance(1.4)),
    (r"\bdark(?:er|en)", lambda p: ImageEnhance.Brightness(p).enhance(0.55)),
    (r"invert|negative", ImageOps.invert),
    (r"flip|mirror", ImageOps.mirror),
    (r"vivid|colou?rful|saturat", lambda p: ImageEnhance.Color(p).enhance(1.9)),
)


def graded(picture: Image.Image, scene: Scene) -> Image.Image:
    """The picture as the prompt wants it: in a style if it names one, else in the scene's light."""
    changed = picture
    for words, style in STYLES:
        if re.search(words, scene.prompt.lower()[:20_000]):
            changed = style(changed)
    if changed is picture:
        changed = in_light(picture, scene)
    return with_figures(changed, scene)


def in_light(picture: Image.Image, scene: Scene) -> Image.Image:
    """Shadows in the light's darkest colour, highlights in its glow."""
    grey_levels = np.asarray(ImageOps.grayscale(picture))
    dark = tuple(c // 3 for c in scene.light.sky[0])
    stops = ((dark[0], dark[1], dark[2]), scene.light.sky[1], scene.light.sky[2], scene.light.glow)
    toned = gradient(stops, 256)[grey_levels]
    given = np.asarray(picture, np.float32)
    if scene.light.dark:
        given = given * np.asarray(scene.light.shade, np.float32) * 1.2
    return as_image((given + (toned - given) * np.float32(STRENGTH)).astype(np.float32), scene.seed)


def with_figures(picture: Image.Image, scene: Scene) -> Image.Image:
    """Whoever the prompt names, put into the picture, and its weather in front of them."""
    whole = picture.copy()
    ground = Ground(scene=scene, width=whole.width, height=whole.height, span=1)
    tone = shown_in(scene.lit((255, 255, 255)))
    for number, name in enumerate(scene.figures[:2]):
        figure = FIGURES[name]
        stamp = sprites(figure, ground.unit, 1, tone, moving=False)[0]
        x = int(whole.width * (0.34 + 0.36 * number) - stamp.width / 2)
        low = 0.34 if figure.where == "sky" else 0.90
        whole.paste(stamp, (x, int(whole.height * low - stamp.height)), stamp)
    for swarm in swarms(ground):
        swarm.put(whole, 0.0)
    return whole


def varied(picture: Image.Image, scene: Scene) -> Image.Image:
    """Another picture like it: other hues, another cut, sometimes mirrored."""
    chance = scene.chance("variation")
    hue, saturation, value = picture.convert("HSV").split()
    turn = chance.pick((-1, 1)) * chance.whole(14, 46)
    turned = Image.merge("HSV", (hue.point(lambda h: (h + turn) % 256), saturation, value)).convert(
        "RGB"
    )
    cut = chance.between(0.06, 0.14)
    left, top = chance.between(0, cut), chance.between(0, cut)
    box = (
        left * picture.width,
        top * picture.height,
        (1 - cut + left) * picture.width,
        (1 - cut + top) * picture.height,
    )
    shown = turned.resize(picture.size, Image.Resampling.LANCZOS, box=box)
    return ImageOps.mirror(shown) if chance.number() < 0.5 else shown
