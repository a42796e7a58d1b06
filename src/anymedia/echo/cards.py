"""Pieces of pictures: prints with a white border, figures cut out."""

from __future__ import annotations

from PIL import Image, ImageDraw

from anymedia.echo.figures import FIGURES, shown_in
from anymedia.echo.inputs import flat
from anymedia.echo.scene import Scene
from anymedia.echo.stage import Stage


def printed(given: Image.Image, side: int, turn: float) -> Image.Image:
    """A picture as a print that lies a little askew, RGBA."""
    small = flat(given).copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    edge = max(2, side // 22)
    sheet = Image.new(
        "RGBA", (small.width + 2 * edge, small.height + 3 * edge), (250, 250, 248, 255)
    )
    sheet.paste(small, (edge, edge))
    return sheet.rotate(turn, Image.Resampling.BICUBIC, expand=True)


def cut_out(scene: Scene, width: int, height: int) -> Image.Image:
    """The first figure of a scene on nothing; without one, the scene as a round badge. RGBA."""
    sheet = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    side = min(width, height)
    if scene.figures:
        figure = FIGURES[scene.figures[0]]
        stamp = figure.draw(side * 0.6, None, shown_in((255, 255, 255)))
        stamp = stamp.crop(stamp.getbbox())
        stamp.thumbnail((int(width * 0.86), int(height * 0.86)), Image.Resampling.LANCZOS)
    else:
        round_ = Image.new("L", (side * 2, side * 2), 0)
        ImageDraw.Draw(round_).ellipse(
            (side * 0.08, side * 0.08, side * 1.92, side * 1.92), fill=255
        )
        stamp = Stage(scene, side, side, moving=False).frame().convert("RGBA")
        stamp.putalpha(round_.resize((side, side), Image.Resampling.BOX))
    sheet.paste(stamp, ((width - stamp.width) // 2, (height - stamp.height) // 2))
    return sheet
