"""What the presets mean: one definition each, whoever makes it.

Floors, and not exact sizes: providers have sizes of their own, and a preset may be exceeded. How a
model is asked to meet one is data in its catalogue; a model without an entry for a preset is no
candidate for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium, Quality

SIDE_TOLERANCE = 0.05
"""Sides are multiples of 8 or 16: 704 is 720."""
FPS_TOLERANCE = 0.1


class Preset(Contract):
    """The least that a preset stands for; what is 0 is not part of it."""

    short_side: int = 0
    """Pixels of a clip's shorter side."""
    long_side: int = 0
    """Pixels of a picture's longer side: tiers of pictures (1K, 2K, 4K) go by it."""
    fps: float = 0
    sample_rate: int = 0
    """Samples a second."""


PRESETS: Mapping[tuple[Medium, Quality], Preset] = {
    ("video", "draft"): Preset(short_side=360, fps=16),
    ("video", "standard"): Preset(short_side=720, fps=16),
    ("video", "high"): Preset(short_side=1080, fps=16),
    ("video", "cinematic"): Preset(short_side=1080, fps=16),
    ("image", "draft"): Preset(long_side=512),
    ("image", "standard"): Preset(long_side=1024),
    ("image", "high"): Preset(long_side=1024),
    ("image", "cinematic"): Preset(long_side=2048),
    ("audio", "draft"): Preset(sample_rate=16_000),
    ("audio", "standard"): Preset(sample_rate=22_050),
    ("audio", "high"): Preset(sample_rate=44_100),
    ("audio", "cinematic"): Preset(sample_rate=44_100),
    ("speech", "draft"): Preset(sample_rate=16_000),
    ("speech", "standard"): Preset(sample_rate=22_050),
    ("speech", "high"): Preset(sample_rate=22_050),
    ("speech", "cinematic"): Preset(sample_rate=22_050),
}
