"""The caption: the prompt in a band at the foot of a picture, so that nobody takes echo for more."""

from __future__ import annotations

import unicodedata

from PIL import Image, ImageDraw, ImageFont

from anymedia.echo.paint import as_mask, gradient, smooth
from anymedia.echo.scene import Colour

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
SIGNATURE = "echo"
MOST_LINES = 3
MOST_CHARACTERS = 400
WIDER_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "Arial.ttf")
"""Fonts of the system that know more scripts than Pillow's own; used where the prompt needs it."""


def caption(text: str, width: int, height: int) -> Image.Image | None:
    """The band for a picture of that size, as RGBA, to be put at its foot."""
    words = plain(text)
    size = max(10, round(min(height / 24, width / 26) * (1 if len(words) < 60 else 0.84)))
    font, shown = legible(words, size)
    lines = wrapped(shown, font, width - 3 * size)
    if not lines:
        return None
    step = round(size * 1.32)
    high = min(height, step * len(lines) + round(size * 2.3))
    band = shaded(width, high)
    pen = ImageDraw.Draw(band)
    y = high - step * len(lines) - round(size * 0.62)
    for line in lines:
        pen.text((round(size * 1.1) + 1, y + 1), line, font=font, fill=(0, 0, 0, 150))
        pen.text((round(size * 1.1), y), line, font=font, fill=(255, 255, 255, 246))
        y += step
    small = ImageFont.load_default(max(8, round(size * 0.56)))
    mark = pen.textlength(SIGNATURE, font=small)
    pen.text(
        (width - mark - size * 0.9, high - size * 1.28),
        SIGNATURE,
        font=small,
        fill=(255, 255, 255, 150),
    )
    return band


def shaded(width: int, high: int) -> Image.Image:
    """Dark at the foot, nothing at the top."""
    colour: Colour = (8, 10, 18)
    fade = smooth(gradient(((0, 0, 0), (255, 0, 0)), high)[:, :1] / 255 * 1.25) * 0.72
    band = Image.new("RGBA", (width, high), (*colour, 0))
    band.putalpha(as_mask(fade).resize((width, high)))
    return band


def plain(text: str) -> str:
    """One line, without what cannot be drawn."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[:4000])
    line = " ".join(kept.split())
    return line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS].rstrip() + "…"


def legible(text: str, size: int) -> tuple[Font, str]:
    """A font that knows the text's letters; those that none knows are left out."""
    own = ImageFont.load_default(size)
    best = (own, known(own, text))
    for name in WIDER_FONTS:
        if best[1] == text:
            break
        try:
            font = ImageFont.truetype(name, round(size * 0.94))
        except OSError:
            continue
        shown = known(font, text)
        if len(shown) > len(best[1]):
            best = (font, shown)
    return best[0], " ".join(best[1].split())


def known(font: Font, text: str) -> str:
    """The characters of a text that a font has a shape for."""
    missing = outline(font, "\U0010fffd")
    return "".join(c for c in text if c == " " or c.isascii() or outline(font, c) != missing)


def outline(font: Font, character: str) -> bytes:
    """What a character looks like."""
    return bytes(font.getmask(character))


def wrapped(text: str, font: Font, room: float) -> list[str]:
    """The text in lines that fit; the last one ends in dots where there is more."""
    lines: list[str] = []
    rest = text.split()
    while rest and len(lines) < MOST_LINES:
        line = fitting(rest[0], font, room)
        if len(line) < len(rest[0]):  # a word longer than a line
            rest[0] = rest[0][len(line) :]
        else:
            rest.pop(0)
            while rest and font.getlength(f"{line} {rest[0]}") <= room:
                line += f" {rest.pop(0)}"
        lines.append(line)
    if rest and lines:
        line = lines[-1]
        while len(line) > 1 and font.getlength(line + "…") > room:
            line = line[:-1]
        lines[-1] = line.rstrip() + "…"
    return lines


def fitting(word: str, font: Font, room: float) -> str:
    """As much of a word as fits; at least one character."""
    if font.getlength(word) <= room:
        return word
    length = 1
    while length < len(word) and font.getlength(word[: length + 1]) <= room:
        length += 1
    return word[:length]


def put(picture: Image.Image, band: Image.Image | None, share: float = 1.0) -> None:
    """Lay the band over the foot of a picture, wholly or as it appears.

    What is under it is blurred, so that a caption can lie over an older one.
    """
    if band is None or share <= 0:
        return
    veil = band.getchannel("A")
    box = (0, picture.height - band.height, band.width, picture.height)
    under = picture.crop(box)
    coarse = under.resize(
        (max(1, band.width // 24), max(1, band.height // 24)), Image.Resampling.BOX
    )
    blurred = coarse.resize(band.size, Image.Resampling.BICUBIC)
    picture.paste(blurred, box, veil.point(lambda value: min(255, int(value * share * 1.5))))
    picture.paste(band.convert("RGB"), box, veil.point(lambda value: int(value * share)))
