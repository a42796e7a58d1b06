"""Pictures: real files in the size that was asked, made from the words and pictures given."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.providers.echo.driving import called, made, photo
from tests.providers.echo.probing import difference, opened, pixels

from anymedia.contracts.errors import RequestRejected
from anymedia.contracts.image import ImageRequest

PROMPT = "a fox in the snow under northern lights"


def asked(**more: Any) -> ImageRequest:
    """A small picture, unless more is said."""
    small = {"model": "picture", "prompt": PROMPT, "resolution": "256x144", "seed": 7}
    return ImageRequest.model_validate(small | more)


def one(**more: Any) -> bytes:
    """The only picture."""
    (file,) = made(asked(**more))
    return file


def hole() -> bytes:
    """A mask that lets the right half change."""
    mask = Image.new("RGBA", (160, 120), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (80, 0, 160, 120))
    out = BytesIO()
    mask.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("aspect_ratio", "resolution", "size"),
    [
        (None, "320x200", (320, 200)),
        ("1:1", "512", (512, 512)),
        ("16:9", "512", (688, 387)),
        ("9:16", "512", (387, 688)),
    ],
)
def test_the_size_is_the_one_asked(
    aspect_ratio: str | None, resolution: str, size: tuple[int, int]
) -> None:
    """In exact pixels, or as an area in an exact proportion."""
    assert opened(one(aspect_ratio=aspect_ratio, resolution=resolution)).size == size


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_every_format_is_that_format(kind: str) -> None:
    """As Pillow sees it."""
    picture = opened(one(format=kind))
    picture.load()
    assert picture.format == kind.upper()
    assert picture.size == (256, 144)


def test_the_same_prompt_and_seed_give_the_same_file() -> None:
    """Byte for byte; another seed or other words give another picture."""
    assert one() == one()
    assert difference(pixels(one()), pixels(one(seed=8))) > 2
    assert difference(pixels(one()), pixels(one(prompt="a red sun over the sea"))) > 15


def test_the_prompt_is_written_on_the_picture() -> None:
    """Light letters on a dark band at its foot, and where the words are longer, more of them."""
    short = pixels(one(resolution="640x360", prompt="a fox"))[-50:, :500]
    long = pixels(one(resolution="640x360", prompt="a fox that is called Ferdinand"))[-50:, :500]
    letters = [int((band.min(axis=2) > 150).sum()) for band in (short, long)]
    assert letters[0] > 40
    assert letters[1] > letters[0] * 2
    assert short.min() < 60


def test_several_pictures_differ() -> None:
    """Each has its own seed, and all are counted."""
    answer = called(asked(count=3))
    assert len({artifact.data for artifact in answer.artifacts}) == 3
    assert [artifact.metadata["seed"] for artifact in answer.artifacts] == [7, 8, 9]
    assert answer.usage.images == 3
    assert answer.usage.megapixels > 0


def test_an_edit_shows_the_given_picture() -> None:
    """Its four quarters are still there, in its own size."""
    edited = pixels(one(prompt="make it sunny", images=[photo()], resolution=None))
    assert edited.shape == (120, 160, 3)
    assert edited[10, 20, 0] > edited[10, 20, 1] + 40, "red at the top left"
    assert edited[10, 140, 1] > edited[10, 140, 0] + 40, "green at the top right"
    assert edited[70, 20, 2] > edited[70, 20, 0] + 40, "blue below it"
    assert difference(edited, pixels(photo())) > 1, "and it was changed"


def test_inpainting_changes_only_the_hole() -> None:
    """Outside of it, every pixel is kept."""
    changed = pixels(one(prompt="a lighthouse", images=[photo()], mask=hole(), resolution=None))
    original = pixels(photo())
    assert np.array_equal(changed[:, :80], original[:, :80])
    assert difference(changed[:, 80:], original[:, 80:]) > 20


def test_a_variation_resembles_and_differs() -> None:
    """From a picture alone, without words: in other hues, and maybe mirrored."""
    original = pixels(photo())
    varied = [
        pixels(one(prompt="", images=[photo()], resolution=None, seed=seed)) for seed in (1, 2)
    ]
    assert difference(varied[0], varied[1]) > 1
    for picture in varied:
        nearest = min(difference(picture, one) for one in (original, original[:, ::-1]))
        assert 1 < nearest < 75


def test_further_pictures_are_shown_as_prints() -> None:
    """Two references leave their mark on the first."""
    alone = pixels(one(images=[photo()], resolution=None))
    together = pixels(one(images=[photo(), photo(60, 60)], resolution=None))
    assert difference(alone, together) > 1


def test_a_transparent_background_is_transparent() -> None:
    """With something that is not."""
    alpha = np.asarray(opened(one(background="transparent")).convert("RGBA"))[..., 3]
    assert alpha.min() == 0
    assert alpha.max() == 255


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution": "huge"},
        {"aspect_ratio": "9:1", "resolution": "512"},
        {"count": 40},
        {"images": [b"no picture"]},
        {"images": [photo()], "mask": photo()},
    ],
)
def test_what_cannot_be_made_is_rejected(wrong: dict[str, Any]) -> None:
    """As the caller's to fix."""
    with pytest.raises(RequestRejected) as caught:
        called(asked(**wrong))
    assert caught.value.accepted == "no"
