"""What the presets mean: one definition each, whoever makes it.

Floors, and not exact sizes: providers have sizes of their own, and a preset may be exceeded. What
was asked for besides (ratio, length) has to be kept too, or the result says what differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from anymedia.contracts.media import Medium, Quality, StoredArtifact
from anymedia.contracts.notice import Notice

SIDE_TOLERANCE = 0.05
"""Sides are multiples of 8 or 16: 704 is 720."""
RATIO_TOLERANCE = 0.04
SECONDS_TOLERANCE = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """The least that a preset stands for."""

    short_side: int = 0
    """Pixels of a clip's shorter side."""
    fps: float = 0
    long_side: int = 0
    """Pixels of a picture's longer side: tiers of pictures (1K, 2K, 4K) go by it."""
    sample_rate: int = 0


MEANINGS: Mapping[tuple[Medium, Quality], Meaning] = {
    ("video", "draft"): Meaning(short_side=360, fps=16),
    ("video", "standard"): Meaning(short_side=720, fps=16),
    ("video", "high"): Meaning(short_side=1080, fps=16),
    ("video", "cinematic"): Meaning(short_side=1080, fps=16),
    ("image", "draft"): Meaning(long_side=512),
    ("image", "standard"): Meaning(long_side=1024),
    ("image", "high"): Meaning(long_side=1024),
    ("image", "cinematic"): Meaning(long_side=2048),
    ("audio", "draft"): Meaning(sample_rate=16_000),
    ("audio", "standard"): Meaning(sample_rate=22_050),
    ("audio", "high"): Meaning(sample_rate=44_100),
    ("audio", "cinematic"): Meaning(sample_rate=44_100),
    ("speech", "draft"): Meaning(sample_rate=16_000),
    ("speech", "standard"): Meaning(sample_rate=22_050),
    ("speech", "high"): Meaning(sample_rate=22_050),
    ("speech", "cinematic"): Meaning(sample_rate=22_050),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What stands in the request beside the preset."""

    ratio: str | None = None
    seconds: float | None = None


def falls_short(
    medium: Medium,
    quality: Quality,
    asked: Asked,
    artifact: StoredArtifact,
    notices: tuple[Notice, ...],
) -> Iterator[str]:
    """What about something delivered is not as the preset, or the request, says."""
    meaning = MEANINGS[medium, quality]
    told = {notice.option for notice in notices}
    width, height = artifact.width or 0, artifact.height or 0
    size = f"{width}x{height}"
    if min(width, height) < meaning.short_side * (1 - SIDE_TOLERANCE):
        yield f"{size} is below {meaning.short_side}p"
    if max(width, height) < meaning.long_side * (1 - SIDE_TOLERANCE):
        yield f"{size} has no side of {meaning.long_side}"
    if meaning.fps and (artifact.fps or 0) < meaning.fps - 0.1:
        yield f"{artifact.fps} frames a second are below {meaning.fps}"
    if (artifact.sample_rate or 0) < meaning.sample_rate:
        yield f"{artifact.sample_rate} samples a second are below {meaning.sample_rate}"
    if asked.ratio is not None and "aspect_ratio" not in told:
        across, down = (int(part) for part in asked.ratio.split(":"))
        if not height or abs(width / height * down / across - 1) > RATIO_TOLERANCE:
            yield f"{size} is not {asked.ratio}, and no notice says so"
    if asked.seconds is not None and "duration_seconds" not in told:
        off = abs((artifact.seconds or 0) - asked.seconds)
        if off > max(0.5, asked.seconds * SECONDS_TOLERANCE):
            yield f"{artifact.seconds} s are not {asked.seconds:g} s, and no notice says so"
