"""What came, against what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as some

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.delivered import differences
from tests.jobs.test_course import CLIP, Bench, done, ended, taken


def artifact(media_type: str = "video/mp4", **facts: Any) -> StoredArtifact:
    """Something that came."""
    return StoredArtifact(
        id="art_1",
        media_type=media_type,
        size_bytes=1,
        sha256="0" * 64,
        filename="a",
        location="a",
        **facts,
    )


def clip(**fields: Any) -> VideoRequest:
    """A clip wanted."""
    return VideoRequest(prompt="a fox", **fields)


@pytest.mark.parametrize(
    ("request_", "facts", "differing"),
    [
        (clip(resolution="720p"), {"width": 1280, "height": 720}, []),
        (clip(resolution="720p"), {"width": 1280, "height": 704}, []),
        (clip(resolution="1080p"), {"width": 1280, "height": 720}, ["resolution"]),
        (clip(resolution="1280x720"), {"width": 640, "height": 360}, ["resolution"]),
        (clip(aspect_ratio="16:9"), {"width": 1280, "height": 720}, []),
        (clip(aspect_ratio="16:9"), {"width": 848, "height": 480}, []),
        (clip(aspect_ratio="16:9"), {"width": 720, "height": 1280}, ["aspect_ratio"]),
        (clip(duration_seconds=5), {"seconds": 5.04}, []),
        (clip(duration_seconds=5), {"seconds": 4.0}, ["duration_seconds"]),
        (clip(duration_seconds=60), {"seconds": 57.0}, []),
        (clip(fps=30), {"fps": 29.97}, []),
        (clip(fps=30), {"fps": 24.0}, ["fps"]),
        (clip(audio=True), {"has_audio": False}, ["audio"]),
        (clip(audio=False), {"has_audio": True}, ["audio"]),
        (clip(audio=True), {"has_audio": None}, []),
        (clip(duration_seconds=5, fps=30, audio=True), {}, []),
        (clip(quality="standard"), {"width": 1280, "height": 704, "fps": 24.0}, []),
        (clip(quality="standard"), {"width": 848, "height": 480, "fps": 24.0}, ["quality"]),
        (clip(quality="standard"), {"width": 1280, "height": 720, "fps": 12.0}, ["fps"]),
        (clip(quality="high", resolution="720p"), {"width": 1280, "height": 720}, []),
        (clip(quality="cinematic"), {}, []),
        (
            clip(duration_seconds=5, resolution="1080p"),
            {"seconds": 1.0, "width": 64, "height": 64},
            ["resolution", "duration_seconds"],
        ),
    ],
)
def test_a_clip_is_compared_by_what_its_bytes_tell(
    request_: VideoRequest, facts: dict[str, Any], differing: list[str]
) -> None:
    """With the tolerance that encoders need; what is not known is not held against it."""
    found = differences(request_, [artifact(**facts)])
    assert [one.option for one in found] == differing
    assert {one.code for one in found} <= {"delivered-differs"}


@pytest.mark.parametrize(
    ("request_", "media_type", "facts", "differing"),
    [
        (ImageRequest(prompt="x", format="png"), "image/png", {}, []),
        (ImageRequest(prompt="x", format="png"), "image/jpeg", {}, ["format"]),
        (ImageRequest(prompt="x", resolution="2k"), "image/png", {"width": 9, "height": 9}, []),
        (
            ImageRequest(prompt="x", resolution="512x512"),
            "image/png",
            {"width": 1024, "height": 1024},
            ["resolution"],
        ),
        (AudioRequest(prompt="x", duration_seconds=30), "audio/wav", {"seconds": 30.2}, []),
        (
            AudioRequest(prompt="x", duration_seconds=30),
            "audio/wav",
            {"seconds": 20.0},
            ["duration_seconds"],
        ),
        (AudioRequest(prompt="x", format="mp3"), "audio/wav", {}, ["format"]),
        (AudioRequest(prompt="x", format="wav"), "audio/x-wav; codecs=1", {}, []),
    ],
)
def test_pictures_and_sound_are_compared_too(
    request_: MediaRequest[Any], media_type: str, facts: dict[str, Any], differing: list[str]
) -> None:
    """Form, length, sides where they were given in pixels."""
    found = differences(request_, [artifact(media_type, **facts)])
    assert [one.option for one in found] == differing


def test_too_few_is_a_difference_and_each_is_said_once() -> None:
    """However many artifacts it is true of."""
    request = clip(count=3, duration_seconds=5)
    found = differences(request, [artifact(seconds=1.0), artifact(seconds=1.0)])
    assert [(one.option, one.asked, one.given) for one in found] == [
        ("duration_seconds", "5.0", "1.0"),
        ("count", "3", "2"),
    ]


@given(
    width=some.integers(0, 10**6),
    height=some.integers(0, 10**6),
    seconds=some.floats(0, 1e9),
    ratio=some.tuples(some.integers(0, 9999), some.integers(0, 9999)),
)
def test_whatever_the_bytes_say_is_compared(
    width: int, height: int, seconds: float, ratio: tuple[int, int]
) -> None:
    """Zeros and absurdities are no crash."""
    request = clip(aspect_ratio=f"{ratio[0]}:{ratio[1]}", resolution="720p", duration_seconds=5)
    differences(request, [artifact(width=width, height=height, seconds=seconds)])


def test_a_job_warns_of_what_differs(tmp_path: Path) -> None:
    """Five seconds were asked for, and one came: on the result and on the job."""
    bench = Bench(tmp_path, taken(), done(), CLIP)
    result, job = ended(bench)
    (warning,) = [one for one in result.warnings if one.option == "duration_seconds"]
    assert (warning.code, warning.given) == ("delivered-differs", "1.0")
    assert warning in job.warnings
