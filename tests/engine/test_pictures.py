"""Pictures that are too large become smaller, and whoever sent them is told."""

from __future__ import annotations

import io

import pytest

from anymedia.contracts.errors import UnreadableInput
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.notice import Notice
from anymedia.engine.pictures import shrunk

Image = pytest.importorskip("PIL.Image", reason="needs anymedia[media]")
ALL = ("image/png", "image/jpeg", "image/webp")


def noisy(mode: str = "RGB", side: int = 700) -> MediaBytes:
    """A picture that no format makes much smaller."""
    picture = Image.effect_noise((side, side), 90).convert(mode)
    if mode == "RGBA":
        picture.putalpha(128)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return MediaBytes(data=buffer.getvalue(), media_type="image/png", filename="noise.png")


@pytest.mark.parametrize("most", [150_000, 60_000])
def test_it_fits_and_is_as_large_as_may_be(most: int) -> None:
    """First less quality, then fewer pixels."""
    notices: list[Notice] = []
    found = shrunk(noisy(), most, ALL, notices)
    assert found is not None
    assert most / 4 < len(found.data) <= most
    assert (found.media_type, found.filename) == ("image/jpeg", "noise.jpg")
    assert Image.open(io.BytesIO(found.data)).width >= 256
    (notice,) = notices
    assert notice.code == "input-converted"
    assert "700x700" in notice.message


def test_what_is_transparent_stays_so() -> None:
    """No JPEG, which would make it black."""
    found = shrunk(noisy("RGBA"), 100_000, ALL, [])
    assert found is not None
    assert found.media_type == "image/webp"
    assert Image.open(io.BytesIO(found.data)).mode == "RGBA"


@pytest.mark.parametrize(("most", "types"), [(500, ALL), (100_000, ("image/gif",))])
def test_what_cannot_be_made_to_fit_is_left(most: int, types: tuple[str, ...]) -> None:
    """The caller is then told how large it may be."""
    notices: list[Notice] = []
    assert shrunk(noisy(), most, types, notices) is None
    assert notices == []


def test_what_is_no_picture_is_refused() -> None:
    """Whatever its name says."""
    with pytest.raises(UnreadableInput):
        shrunk(MediaBytes(data=b"no picture", media_type="image/png"), 100, ALL, [])
