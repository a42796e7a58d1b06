"""One size made into another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as some

from anymedia.media.shape import Placing, placing


@pytest.mark.parametrize(
    ("size", "wanted", "placed"),
    [
        ((640, 360), {}, Placing(640, 360, 640, 360)),
        ((641, 361), {}, Placing(640, 360, 640, 360)),
        ((640, 360), {"width": 1280, "height": 720}, Placing(1280, 720, 1280, 720)),
        ((640, 360), {"width": 320}, Placing(320, 180, 320, 180)),
        ((640, 360), {"height": 720}, Placing(1280, 720, 1280, 720)),
        ((640, 360), {"resolution": "720p"}, Placing(1280, 720, 1280, 720)),
        ((360, 640), {"resolution": "720p"}, Placing(720, 1280, 720, 1280)),
        ((640, 360), {"width": 300, "height": 300}, Placing(300, 300, 300, 168)),
        ((640, 360), {"width": 300, "height": 300, "fit": "cover"}, Placing(300, 300, 534, 300)),
        ((640, 360), {"width": 300, "height": 300, "fit": "stretch"}, Placing(300, 300, 300, 300)),
        ((640, 360), {"aspect_ratio": "1:1"}, Placing(640, 640, 640, 360)),
        ((640, 360), {"aspect_ratio": "1:1", "fit": "cover"}, Placing(360, 360, 640, 360)),
        ((640, 360), {"resolution": "480p", "aspect_ratio": "9:16"}, Placing(480, 854, 480, 270)),
    ],
)
def test_a_size_is_placed_in_another(
    size: tuple[int, int], wanted: dict[str, Any], placed: Placing
) -> None:
    """Bars, cuts or distortion; sides that encoders take."""
    assert placing(*size, wanted, step=2) == placed


@given(
    size=some.tuples(some.integers(1, 9000), some.integers(1, 9000)),
    wanted=some.tuples(some.integers(16, 8192), some.integers(16, 8192)),
    fit=some.sampled_from(["contain", "cover", "stretch"]),
)
def test_nothing_stands_over_or_leaves_a_seam(
    size: tuple[int, int], wanted: tuple[int, int], fit: str
) -> None:
    """Contained is inside, covering is outside, sides are even."""
    place = placing(*size, {"width": wanted[0], "height": wanted[1], "fit": fit}, step=2)
    assert place.width % 2 == place.height % 2 == 0
    assert place.scaled_width % 2 == place.scaled_height % 2 == 0
    if fit == "contain":
        assert (place.left, place.top) >= (0, 0)
    if fit == "cover":
        assert place.left <= 0
        assert place.top <= 0
