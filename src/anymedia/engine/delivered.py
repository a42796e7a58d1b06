"""Whether what was delivered is what was asked for: the bytes against the request, as it was sent.

Only what the bytes tell and the request says is compared, with the tolerance that encoders need.
A rounded option has its own warning already; here it counts as it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.fitting import PIXELS, height_of

RATIO_TOLERANCE = 0.04
"""Sides are rounded to multiples of 8 or 16."""
SIDE_TOLERANCE = 0.05
SECONDS_TOLERANCE = 0.06
"""Of the length; half a second at least: clips end on a whole group of frames."""
LEAST_SECONDS = 0.5
FPS_TOLERANCE = 0.6
"""29.97 is 30."""
TYPES: dict[str, tuple[str, ...]] = {
    "png": ("image/png",),
    "jpeg": ("image/jpeg",),
    "webp": ("image/webp",),
    "mp3": ("audio/mpeg", "audio/mp3"),
    "wav": ("audio/wav", "audio/x-wav"),
    "flac": ("audio/flac", "audio/x-flac"),
    "opus": ("audio/ogg", "audio/opus"),
    "aac": ("audio/aac", "audio/mp4"),
}


def differences(
    request: MediaRequest[Any], artifacts: Sequence[StoredArtifact]
) -> tuple[Notice, ...]:
    """What differs, each once however many artifacts it is true of."""
    found: dict[str, Notice] = {}
    for artifact in artifacts:
        for notice in of_one(request, artifact):
            found.setdefault(notice.option or "", notice)
    if len(artifacts) < request.count:
        found["count"] = differs("count", request.count, len(artifacts))
    return tuple(found.values())


def of_one(request: MediaRequest[Any], artifact: StoredArtifact) -> Iterator[Notice]:
    """What differs in one artifact."""
    yield from shape(request, artifact)
    yield from length(request, artifact)
    if (form := getattr(request, "format", None)) in TYPES and (
        artifact.media_type.partition(";")[0] not in TYPES[form]
    ):
        yield differs("format", form, artifact.media_type)
    fps = getattr(request, "fps", None)
    if fps is not None and artifact.fps and abs(artifact.fps - fps) > FPS_TOLERANCE:
        yield differs("fps", fps, artifact.fps)
    audio = getattr(request, "audio", None)
    if audio is not None and artifact.has_audio is not None and artifact.has_audio != audio:
        yield differs(
            "audio",
            "with sound" if audio else "without sound",
            "with sound" if artifact.has_audio else "silent",
        )


def shape(request: MediaRequest[Any], artifact: StoredArtifact) -> Iterator[Notice]:
    """Its sides."""
    width, height = artifact.width, artifact.height
    if not width or not height:
        return
    size = f"{width}x{height}"
    ratio = getattr(request, "aspect_ratio", None)
    if ratio is not None:
        across, down = (int(part) for part in ratio.split(":"))
        if down and across and abs(width / height * down / across - 1) > RATIO_TOLERANCE:
            yield differs("aspect_ratio", ratio, size)
    asked = getattr(request, "resolution", None)
    if asked is None:
        return
    video = isinstance(request, VideoRequest)
    if not video and not PIXELS.match(asked):
        return  # tiers of pictures are areas, and every model has its own
    wanted = height_of(asked, video=video)
    if wanted is not None and abs(min(width, height) / wanted - 1) > SIDE_TOLERANCE:
        yield differs("resolution", asked, size)


def length(request: MediaRequest[Any], artifact: StoredArtifact) -> Iterator[Notice]:
    """How long it is."""
    asked = getattr(request, "duration_seconds", None)
    if asked is None or artifact.seconds is None:
        return
    if abs(artifact.seconds - asked) > max(LEAST_SECONDS, asked * SECONDS_TOLERANCE):
        yield differs("duration_seconds", asked, artifact.seconds)


def differs(option: str, asked: object, given: object) -> Notice:
    """One difference, for people and programs."""
    return Notice(
        code="delivered-differs",
        message=f"`{option}` was asked as {asked}; what came has {given}",
        option=option,
        asked=str(asked),
        given=str(given),
    )
