"""However a caller marks the place to change, each provider gets it in its own way."""

from __future__ import annotations

import io
from typing import get_args

import pytest

from anymedia.contracts.errors import UnreadableInput
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.notice import Notice
from anymedia.engine.masks import marked
from anymedia.providers.spec import Marking

Image = pytest.importorskip("PIL.Image", reason="needs anymedia[media]")
SIZE = (8, 4)
PLACE = (1, 1, 4, 3)
"""The place to change: left, top, right, bottom."""


def mask(how: str) -> MediaBytes:
    """A mask that marks the place in one way."""
    if how == "transparent":
        picture = Image.new("RGBA", SIZE, (0, 0, 0, 255))
        picture.paste((0, 0, 0, 0), PLACE)
    else:
        picture = Image.new("L", SIZE, 0)
        picture.paste(255, PLACE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return MediaBytes(data=buffer.getvalue(), media_type="image/png")


def place(found: MediaBytes, how: str) -> set[tuple[int, int]]:
    """The pixels that a mask says may change."""
    picture = Image.open(io.BytesIO(found.data))
    band = picture.getchannel("A") if how == "transparent" else picture.convert("L")
    wanted = 255 if how == "white" else 0
    return {
        (x, y) for x in range(SIZE[0]) for y in range(SIZE[1]) if band.getpixel((x, y)) == wanted
    }


@pytest.mark.parametrize("given", ["transparent", "white"])
@pytest.mark.parametrize("wanted", get_args(Marking))
def test_the_same_place_is_marked_whatever_the_way(given: str, wanted: Marking) -> None:
    """And whoever got another file than they sent is told."""
    notices: list[Notice] = []
    found = marked(mask(given), wanted, notices)
    left, top, right, bottom = PLACE
    assert place(found, wanted) == {(x, y) for x in range(left, right) for y in range(top, bottom)}
    assert [notice.option for notice in notices] == ([] if given == wanted else ["mask"])


def test_a_mask_that_is_no_picture_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(UnreadableInput, match="mask"):
        marked(MediaBytes(data=b"not a picture", media_type="image/png"), "white", [])
