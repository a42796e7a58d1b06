"""From aspect ratio and tier to pixels."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import UnsupportedOption
from anymedia.providers.dialects.openai.image_size import FRAMES, size


@pytest.mark.parametrize(
    ("aspect_ratio", "resolution", "expected"),
    [
        (None, None, None),
        # The three sizes that every model has.
        ("1:1", None, "1024x1024"),
        ("3:2", "1k", "1536x1024"),
        ("2:3", "1k", "1024x1536"),
        # Seen accepted in a recorded answer.
        ("16:9", "1K", "1536x864"),
        ("9:16", "1k", "864x1536"),
        ("16:9", "2k", "2560x1440"),
        ("16:9", "4k", "3840x2160"),
        ("9:16", "4k", "2160x3840"),
        ("1:1", "4k", "2160x2160"),
        ("4:3", "2k", "1920x1440"),
        ("21:9", "1k", "1456x624"),
        ("32:18", "1k", "1536x864"),
        (None, "2k", "1440x1440"),
        # Exact pixels win.
        ("1:1", "1920x1088", "1920x1088"),
        (None, "1536*1024", "1536x1024"),
        # No size has this ratio exactly; the nearest one does.
        ("239:100", "1k", "1536x640"),
        ("0:5", "1k", "304x1520"),
    ],
)
def test_a_ratio_and_a_tier_become_pixels(
    aspect_ratio: str | None, resolution: str | None, expected: str | None
) -> None:
    """The largest size of that shape in the tier's frame."""
    assert size(aspect_ratio, resolution) == expected


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    tier=st.sampled_from(sorted(FRAMES)),
)
def test_every_size_is_one_that_the_api_takes(width: int, height: int, tier: str) -> None:
    """Sides divisible by 16, within the frame; the shape kept, up to one step."""
    pixels = size(f"{width}:{height}", tier)
    assert pixels is not None
    wide, high = map(int, pixels.split("x"))
    long, short = FRAMES[tier]
    assert wide % 16 == high % 16 == 0
    assert 16 <= min(wide, high) <= short
    assert max(wide, high) <= long
    assert abs(wide - high * width / height) <= 16 * max(1, width / height)


def test_a_tier_that_nobody_knows_is_refused() -> None:
    """With the ones there are."""
    with pytest.raises(UnsupportedOption, match="1k, 2k, 4k"):
        size("16:9", "720p")
