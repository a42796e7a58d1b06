"""Small pictures of what is kept: a thumbnail, a clip's first picture that shows something, a wave.

At most 512 pixels a side, as WebP.
"""

from __future__ import annotations

import array
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymedia.media.examining import is_cover, lightness, shows
from anymedia.media.image import upright
from anymedia.media.reading import MOST_PIXELS, opened

if TYPE_CHECKING:
    from PIL import Image as Pillow

LONGEST_SIDE = 512
QUALITY = 82
MOST_FRAMES = 240
"""That are passed over in search of one that shows something."""
WAVE_SIZE = (512, 128)
WAVE_RATE = 8000
BLOCK = 80
"""Samples that one peak is taken of: a hundredth of a second."""
WAVE_SECONDS = 1800
INK = (86, 141, 229, 255)
STEPS = 2
"""The wave is drawn larger and made smaller, which smoothes it."""


def preview(source: Path, target: Path, media_type: str) -> dict[str, Any]:
    """Write the preview of a file; its media type."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    picture = thumbnail(source) if media_type.startswith("image/") else of_moving(source)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    picture.save(target, "WEBP", quality=QUALITY)
    return {"media_type": "image/webp"}


def thumbnail(source: Path) -> Pillow.Image:
    """Of a picture."""
    from PIL import Image

    with Image.open(source) as opened_picture:
        opened_picture.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
        return upright(opened_picture)


def of_moving(source: Path) -> Pillow.Image:
    """Of a clip, else of a sound."""
    with opened(source) as container:
        if any(not is_cover(one) for one in container.streams.video):
            return poster(container)
    return wave(source)


def poster(container: Any) -> Pillow.Image:
    """A clip's first picture that is not black or of one colour; the first one where all are."""
    stream = next(one for one in container.streams.video if not is_cover(one))
    first: Any = None
    for frame in itertools.islice(container.decode(stream), MOST_FRAMES):
        low, high = lightness(frame)
        first = first or frame
        if shows(low, high):
            first = frame
            break
    if first is None:
        raise ValueError("no picture of the clip can be decoded")
    aspect = stream.sample_aspect_ratio or 1
    width, height = max(1, round(first.width * aspect)), first.height
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    small = first.reformat(width=size[0], height=size[1], format="rgb24")
    picture: Pillow.Image = small.to_image()
    turned = int(getattr(first, "rotation", 0)) % 360
    return picture.rotate(turned, expand=True) if turned else picture


def wave(source: Path) -> Pillow.Image:
    """The shape of a sound, as loud as it gets in each column."""
    from PIL import Image, ImageDraw

    width, height = WAVE_SIZE[0] * STEPS, WAVE_SIZE[1] * STEPS
    columns = spread(peaks(source), width)
    most = max(*columns, 1)
    picture = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(picture)
    for position, loud in enumerate(columns):
        reach = max(STEPS / 2, loud / most * (height / 2 - STEPS))
        pen.line(
            (position, round(height / 2 - reach), position, round(height / 2 + reach)), fill=INK
        )
    return picture.resize(WAVE_SIZE, Image.Resampling.BOX)


def peaks(source: Path) -> list[int]:
    """The loudest sample of each hundredth of a second."""
    import av

    found: list[int] = []
    rest = array.array("h")
    with opened(source) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="mono", rate=WAVE_RATE)
        for frame in itertools.chain(container.decode(stream), [None]):
            for piece in resampler.resample(frame):
                rest.frombytes(bytes(piece.planes[0])[: piece.samples * 2])
            whole = len(rest) // BLOCK * BLOCK
            for at in range(0, whole, BLOCK):
                block = rest[at : at + BLOCK]
                found.append(max(*block, -min(block)))
            rest = rest[whole:]
            if len(found) * BLOCK > WAVE_SECONDS * WAVE_RATE:
                break
    return found


def spread(values: list[int], columns: int) -> list[int]:
    """As many values as there are columns, each the largest of its share."""
    if not values:
        return [0] * columns
    bounds = [round(column * len(values) / columns) for column in range(columns + 1)]
    return [
        max(values[start : max(end, start + 1)], default=values[-1])
        for start, end in itertools.pairwise(bounds)
    ]
