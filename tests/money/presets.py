"""Whether something delivered is what its preset means, and what was asked for besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anymedia.contracts.media import Medium, Quality, StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.preset import PRESETS, SIDE_TOLERANCE

RATIO_TOLERANCE = 0.04
SECONDS_TOLERANCE = 0.06


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
    meaning = PRESETS[medium, quality]
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
