"""Whether what was delivered is what was asked for: the bytes against the request, as it was sent.

Only what the bytes tell and the request says is compared, with the tolerance that encoders need.
A rounded option has its own warning already; here it counts as it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.preset import (
    FPS_TOLERANCE as PRESET_FPS_TOLERANCE,
    PRESETS,
    SIDE_TOLERANCE as PRESET_SIDE_TOLERANCE,
)
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
KINDS = {"image": "image/", "video": "video/", "audio": "audio/", "speech": "audio/"}
"""What the media type of each medium begins with."""
SAMPLE_RATES = ("sample_rate", "sample_rate_hz", "sample_rate_hertz", "samplingRate")
"""Options by which providers are asked for one."""
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
    request: MediaRequest[Any],
    artifacts: Sequence[StoredArtifact],
    *,
    asked: MediaRequest[Any] | None = None,
) -> tuple[Notice, ...]:
    """What differs, each once however many artifacts it is true of.

    `asked` is the request as the caller made it: a preset stands for what that leaves unsaid.
    """
    found: dict[str, Notice] = {}
    for artifact in artifacts:
        for notice in (*of_one(request, artifact), *below_preset(asked or request, artifact)):
            found.setdefault(f"{notice.code} {notice.option or notice.message}", notice)
    if len(artifacts) < request.count:
        found["count"] = differs("count", request.count, len(artifacts))
    return tuple(found.values())


def of_one(request: MediaRequest[Any], artifact: StoredArtifact) -> Iterator[Notice]:
    """What differs in one artifact."""
    yield from kind(request, artifact)
    yield from shape(request, artifact)
    yield from length(request, artifact)
    if (form := getattr(request, "format", None)) in TYPES and (
        artifact.media_type.partition(";")[0] not in TYPES[form]
    ):
        yield differs("format", form, artifact.media_type)
    fps = getattr(request, "fps", None)
    if fps is not None and artifact.fps and abs(artifact.fps - fps) > FPS_TOLERANCE:
        yield differs("fps", fps, artifact.fps)
    yield from sound(request, artifact)
    background = getattr(request, "background", None)
    if background in {"transparent", "opaque"} and artifact.transparent is not None:
        given = "transparent" if artifact.transparent else "opaque"
        if given != background:
            yield differs(
                "background", background, f"an {given} one" if given == "opaque" else given
            )
    if artifact.blank:
        what = "picture is of one colour" if request.medium == "image" else "clip shows nothing"
        yield Notice(code="delivered-blank", message=f"the {what}")


def below_preset(asked: MediaRequest[Any], artifact: StoredArtifact) -> Iterator[Notice]:
    """Whether it falls short of its preset, in what the caller did not say otherwise."""
    if asked.quality is None:
        return
    preset = PRESETS[asked.medium, asked.quality]
    width, height = artifact.width, artifact.height
    if width and height and not getattr(asked, "resolution", None):
        least = 1 - PRESET_SIDE_TOLERANCE
        if (
            min(width, height) < preset.short_side * least
            or max(width, height) < preset.long_side * least
        ):
            wanted = f"{preset.short_side}p" if preset.short_side else f"{preset.long_side} pixels"
            yield differs("quality", f"{asked.quality} ({wanted})", f"{width}x{height}")
    slow = artifact.fps is not None and artifact.fps < preset.fps - PRESET_FPS_TOLERANCE
    if slow and getattr(asked, "fps", None) is None:
        wanted = f"{asked.quality} ({preset.fps:g} frames a second)"
        yield differs("fps", wanted, artifact.fps)
    if artifact.sample_rate and artifact.sample_rate < preset.sample_rate:
        wanted = f"{asked.quality} ({preset.sample_rate:,} samples a second)"
        yield differs("sample_rate", wanted, artifact.sample_rate)


def kind(request: MediaRequest[Any], artifact: StoredArtifact) -> Iterator[Notice]:
    """Whether it is the medium at all. A container of clips may hold sound alone."""
    wanted = KINDS.get(request.medium, "")
    heard_only = artifact.has_audio and artifact.width is None
    if artifact.media_type.startswith(wanted) and not (
        request.medium == "video" and heard_only and artifact.container is not None
    ):
        return
    if wanted == "audio/" and heard_only:
        return
    if artifact.media_type == "application/octet-stream":
        return
    yield differs("medium", request.medium, "sound alone" if heard_only else artifact.media_type)


def sound(request: MediaRequest[Any], artifact: StoredArtifact) -> Iterator[Notice]:
    """Whether it can be heard, and in which resolution."""
    audio = getattr(request, "audio", None)
    audible = artifact.has_audio
    if artifact.has_audio and artifact.silent:
        audible = False  # a track without sound is as good as none
    if audio is not None and audible is not None and audible != audio:
        given = "a silent sound track" if audio and artifact.has_audio else "no sound"
        yield differs("audio", "with sound" if audio else "without", given if audio else "sound")
    if request.medium in {"audio", "speech"} and artifact.silent:
        yield Notice(code="delivered-blank", message="nothing can be heard in it")
    for name in SAMPLE_RATES:
        asked = request.options.get(name)
        if isinstance(asked, int | float) and artifact.sample_rate not in {None, int(asked)}:
            yield differs(name, f"{asked:g}", artifact.sample_rate)


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
    pixels = PIXELS.match(asked)
    if not video and not pixels:
        return  # tiers of pictures are areas, and every model has its own
    if pixels and ratio is None:
        exact = zip((width, height), map(int, pixels.groups()), strict=True)
        if any(abs(one / (other or 1) - 1) > SIDE_TOLERANCE for one, other in exact):
            yield differs("resolution", asked, size)
        return
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
