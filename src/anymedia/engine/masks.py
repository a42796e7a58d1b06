"""Masks: callers mark the place to change in one way, providers in three.

A mask that has transparency marks the place with it, as the best-known editors export it. One
without marks it in white, as the rest of the field does.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from anymedia.contracts.errors import UnreadableInput
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.notice import Notice
from anymedia.providers.spec import Marking

if TYPE_CHECKING:
    from PIL import Image


def marked(mask: MediaBytes, how: Marking, notices: list[Notice]) -> MediaBytes:
    """The mask with the place to change marked as a provider wants it."""
    try:
        from PIL import Image, ImageChops
    except ImportError:
        if how == "transparent":
            return mask  # which is how most masks come
        raise UnreadableInput(
            "the mask has to be converted for this provider; install `anymedia[media]`"
        ) from None
    try:
        with Image.open(io.BytesIO(mask.data)) as picture:
            seen: Marking = "transparent" if see_through(picture) else "white"
            if seen == how:
                return mask
            if seen == "transparent":
                place = ImageChops.invert(picture.convert("RGBA").getchannel("A"))
            else:
                place = picture.convert("L")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableInput(f"the mask cannot be read: {type(error).__name__}") from None
    if how == "transparent":
        drawn = Image.new("RGBA", place.size)
        drawn.putalpha(ImageChops.invert(place))
    else:
        drawn = place if how == "white" else ImageChops.invert(place)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    notices.append(
        Notice(
            code="input-converted",
            message=f"the mask was converted: the place to change is now {how}, it was {seen}",
            option="mask",
            asked=seen,
            given=how,
        )
    )
    return MediaBytes(data=buffer.getvalue(), media_type="image/png", filename="mask.png")


def see_through(picture: Image.Image) -> bool:
    """Whether any of it is transparent."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return False
    lowest, _ = picture.convert("RGBA").getchannel("A").getextrema()
    return bool(lowest < 255)  # type: ignore[operator]  # one band has one pair of numbers
