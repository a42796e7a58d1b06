"""Pictures going in, in another format or made smaller, where a provider takes no others."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anymedia.contracts.errors import UnreadableInput
from anymedia.contracts.media import MediaBytes, extension
from anymedia.contracts.notice import Notice

if TYPE_CHECKING:
    from PIL import Image

BROKEN_PICTURE = (OSError, ValueError, SyntaxError, IndexError, TypeError, struct.error)
"""What Pillow raises over damaged files, format by format."""

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
QUALITIES = (90, 80, 70)
LEAST_SIDE = 256
"""A picture is not made smaller than this; then it is refused."""


def converted(media: MediaBytes, media_type: str, notices: list[Notice]) -> MediaBytes:
    """A picture in another format."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise UnreadableInput(
            f"{media.media_type} has to be converted to {media_type}; install `anymedia[media]`"
        ) from None
    into = FORMATS[media_type]
    try:
        with Image.open(io.BytesIO(media.data)) as picture:
            buffer = io.BytesIO()
            # Cameras note which way is up; the new file would lose the note.
            upright = ImageOps.exif_transpose(picture)
            upright.convert("RGB" if into == "JPEG" else "RGBA").save(buffer, into)
    except (
        *BROKEN_PICTURE,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,  # where warnings are errors
    ) as error:
        raise UnreadableInput(f"the picture cannot be read: {type(error).__name__}") from None
    notices.append(
        Notice(
            code="input-converted",
            message=f"a picture was converted from {media.media_type} to {media_type}",
            asked=media.media_type,
            given=media_type,
        )
    )
    stem = Path(media.filename or "image").stem
    return MediaBytes(
        data=buffer.getvalue(),
        media_type=media_type,
        filename=f"{stem}.{extension(media_type)}",
    )


def shrunk(
    media: MediaBytes, most_bytes: int, media_types: Sequence[str], notices: list[Notice]
) -> MediaBytes | None:
    """The picture in at most so many bytes, the larger the better; nothing if that cannot be."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(media.data)) as opened:
            picture = ImageOps.exif_transpose(opened)
            found = smaller(picture, most_bytes, media_types)
            before = picture.size
    except (
        *BROKEN_PICTURE,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,  # where warnings are errors
    ) as error:
        raise UnreadableInput(f"the picture cannot be read: {type(error).__name__}") from None
    if found is None:
        return None
    data, media_type, size = found
    told = f"{len(media.data):,} bytes ({before[0]}x{before[1]})"
    given = f"{len(data):,} bytes ({size[0]}x{size[1]}, {media_type})"
    notices.append(
        Notice(
            code="input-converted",
            message=f"a picture was made smaller, from {told} to {given}",
            asked=told,
            given=given,
        )
    )
    stem = Path(media.filename or "image").stem
    return MediaBytes(data=data, media_type=media_type, filename=f"{stem}.{extension(media_type)}")


def smaller(
    picture: Image.Image, most_bytes: int, media_types: Sequence[str]
) -> tuple[bytes, str, tuple[int, int]] | None:
    """The first of ever smaller files that fits: its bytes, type and size in pixels.

    What is transparent stays so; everything else becomes a JPEG where that is taken.
    """
    clear = "A" in picture.getbands() or "transparency" in picture.info
    wanted = ("image/webp", "image/png") if clear else ("image/jpeg", "image/webp", "image/png")
    media_type = next((one for one in wanted if one in media_types), None)
    if media_type is None:
        return None
    drawn = picture.convert("RGBA" if clear else "RGB")
    while min(drawn.size) >= min(LEAST_SIDE, *picture.size):
        for quality in QUALITIES:
            buffer = io.BytesIO()
            drawn.save(buffer, FORMATS[media_type], quality=quality)
            if buffer.tell() <= most_bytes:
                return buffer.getvalue(), media_type, drawn.size
            if media_type == "image/png":
                break  # which knows no qualities
        width, height = (max(1, side * 3 // 4) for side in drawn.size)
        drawn = drawn.resize((width, height))
    return None
