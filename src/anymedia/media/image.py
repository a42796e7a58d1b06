"""Pictures of one format and size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymedia.media.reading import MOST_PIXELS
from anymedia.media.shape import placing

if TYPE_CHECKING:
    from PIL import Image as Pillow

FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF"}
USUAL_QUALITY = 90
PAPER = (255, 255, 255)
"""What is behind a picture in a format that cannot be seen through."""


def written(source: Path, target: Path, wanted: dict[str, Any]) -> str:
    """Write a picture as it is wanted; the name of its format."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    with Image.open(source) as opened:
        native = (opened.format or "").lower()
        form = wanted.get("format") or (native if native in FORMATS else "png")
        picture = resized(upright(opened), wanted)
    if form == "jpeg":
        picture = on_paper(picture)
    quality = {} if form == "png" else {"quality": wanted.get("quality", USUAL_QUALITY)}
    picture.save(target, FORMATS[form], **quality)
    return str(form)


def upright(opened: Pillow.Image) -> Pillow.Image:
    """The picture as it is meant to be held, in plain colours."""
    from PIL import ImageOps

    turned = ImageOps.exif_transpose(opened)
    seen_through = (
        turned.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in turned.info
    )
    picture = turned.convert("RGBA" if seen_through else "RGB")
    picture.info = {}
    return picture


def resized(picture: Pillow.Image, wanted: dict[str, Any]) -> Pillow.Image:
    """In the size that is wanted."""
    from PIL import Image

    place = placing(picture.width, picture.height, wanted)
    scaled = picture
    if (place.scaled_width, place.scaled_height) != picture.size:
        scaled = picture.resize(
            (place.scaled_width, place.scaled_height), Image.Resampling.LANCZOS, reducing_gap=3.0
        )
    if scaled.size == (place.width, place.height):
        return scaled
    framed = Image.new(picture.mode, (place.width, place.height))
    framed.paste(scaled, (place.left, place.top))
    return framed


def on_paper(picture: Pillow.Image) -> Pillow.Image:
    """Without anything that can be seen through."""
    from PIL import Image

    if picture.mode == "RGB":
        return picture
    paper = Image.new("RGB", picture.size, PAPER)
    paper.paste(picture, mask=picture.getchannel("A"))
    return paper
