"""Looks at what is attached to a message, and says in words what can be told without a model."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from anymedia.contracts.media import MediaBytes
from anymedia.echo.hearing import transcript
from anymedia.echo.inputs import flat, picture
from anymedia.echo.refusal import Refusal, invalid, need

if TYPE_CHECKING:
    from PIL import Image

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (10, 10, 12),
    "dark grey": (70, 70, 74),
    "grey": (130, 130, 134),
    "light grey": (200, 200, 204),
    "white": (250, 250, 250),
    "red": (210, 35, 40),
    "dark red": (110, 20, 25),
    "orange": (240, 140, 40),
    "brown": (120, 75, 40),
    "beige": (225, 205, 170),
    "yellow": (245, 220, 60),
    "green": (50, 150, 70),
    "dark green": (25, 75, 45),
    "light green": (150, 215, 140),
    "turquoise": (50, 180, 180),
    "light blue": (150, 205, 240),
    "blue": (40, 90, 205),
    "dark blue": (20, 35, 95),
    "purple": (120, 60, 170),
    "pink": (240, 150, 185),
}
READABLE = ("text/", "application/json", "application/xml", "application/yaml", "image/svg")


def described(kind: str, given: MediaBytes, filename: str | None = None) -> str:
    """One sentence about an attachment."""
    match kind:
        case "image":
            return image(given)
        case "audio" | "video":
            return clip(kind, given)
        case _:
            return document(given, filename)


def image(given: MediaBytes) -> str:
    """Size, shape, light and colours."""
    seen = picture(given.data, "image")
    shape = (
        "square"
        if seen.width == seen.height
        else "landscape"
        if seen.width > seen.height
        else "portrait"
    )
    colours = dominant(flat(seen))
    listed = colours[0] if len(colours) == 1 else f"{', '.join(colours[:-1])} and {colours[-1]}"
    return f"I see a {shape} picture of {seen.width} by {seen.height} pixels, mostly {listed}."


def dominant(seen: Image.Image, most: int = 3) -> list[str]:
    """The names of the colours that cover most of a picture."""
    small = seen.resize((48, 48)).quantize(8).convert("RGB")
    cover: dict[str, int] = {}
    for count, colour in small.getcolors(48 * 48) or ():
        assert isinstance(colour, tuple)
        name = named((int(colour[0]), int(colour[1]), int(colour[2])))
        cover[name] = cover.get(name, 0) + count
    largest = sorted(cover, key=lambda name: -cover[name])
    return [name for name in largest if cover[name] >= 48 * 48 // 10][:most] or largest[:1]


def named(colour: tuple[int, int, int]) -> str:
    """The nearest colour that has a name; greens count most, as eyes have it."""

    def distance(name: str) -> int:
        red, green, blue = (a - b for a, b in zip(colour, COLOURS[name], strict=True))
        return 3 * red * red + 4 * green * green + 2 * blue * blue

    return min(COLOURS, key=distance)


def clip(kind: str, given: MediaBytes) -> str:
    """What a sound or a clip is, and what echo's own speech says."""
    need("sounds and clips", "av")
    import av

    try:
        with av.open(BytesIO(given.data), "r") as container:
            seconds = float(container.duration or 0) / 1_000_000
            frames = [f"{v.width} by {v.height} pixels" for v in container.streams.video]
    except (av.FFmpegError, ValueError, OSError):
        raise invalid(f"the attached {kind} cannot be read") from None
    size = f", {frames[0]}" if frames else ""
    sentence = (
        f"There is a {'clip' if kind == 'video' else 'sound'} of {seconds:.1f} seconds{size}."
    )
    try:
        said = transcript(given.data)
    except Refusal:
        return sentence
    return f"{sentence} In it I said: “{said.text[:300]}”"


def document(given: MediaBytes, filename: str | None) -> str:
    """What a file is, and its beginning where it is text."""
    name = f" `{filename}`" if filename else ""
    if not given.media_type.startswith(READABLE):
        size = f"{len(given.data):,} bytes"
        return f"The file{name} ({given.media_type}, {size}) is not text, so echo cannot read it."
    text = given.data.decode("utf-8", "replace")
    words = len(text.split())
    beginning = " ".join(text.split())[:200]
    return f"The file{name} has {words:,} words and begins: “{beginning}”"
