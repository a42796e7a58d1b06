"""Media that callers send along: data URIs taken apart, pictures opened with care."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from anymedia.contracts.media import MediaBytes, from_data_uri, sniffed
from anymedia.echo.refusal import invalid, need

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 100_000_000


def media(uri: str, what: str) -> MediaBytes:
    """The bytes of an input. echo is offline, so it fetches nothing."""
    if not uri.startswith("data:"):
        raise invalid(f"`{what}` should be a data URI: echo is offline and fetches nothing")
    try:
        found = from_data_uri(uri)
    except ValueError as error:
        raise invalid(f"`{what}`: {error}") from None
    if found.media_type in {"", "application/octet-stream"}:
        return found.model_copy(update={"media_type": sniffed(found.data)})
    return found


def picture(data: bytes, what: str) -> Image.Image:
    """A picture, upright, decoded, RGB or RGBA."""
    need("pictures", "PIL")
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        opened = Image.open(BytesIO(data))
        if opened.width * opened.height > MOST_PIXELS:
            raise invalid(f"`{what}` has more than {MOST_PIXELS:,} pixels")
        upright = ImageOps.exif_transpose(opened)
        transparent = "A" in upright.getbands() or "transparency" in upright.info
        return upright.convert("RGBA" if transparent else "RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        raise invalid(f"`{what}` is not a picture that can be read") from None


def flat(image: Image.Image) -> Image.Image:
    """The picture on white where it was transparent."""
    from PIL import Image

    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, (255, 255, 255))
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def shrunk(image: Image.Image, most_bytes: int, longest: int) -> bytes:
    """The picture as a JPEG that is small enough to travel in a handle."""
    from PIL import Image

    small = flat(image)
    if max(small.size) > longest:
        small = small.copy()
        small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    for quality in (88, 75, 62, 50, 38):
        out = BytesIO()
        small.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= most_bytes:
            return out.getvalue()
    return shrunk(image, most_bytes, longest * 3 // 4)


def covering(image: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of the picture, filling a size exactly."""
    from PIL import Image, ImageOps

    return ImageOps.fit(flat(image), (width, height), Image.Resampling.LANCZOS)
