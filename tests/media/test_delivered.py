"""What decoding shows, against what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.delivered import differences
from tests.engine.test_delivered import artifact

IMAGE: dict[str, Any] = {"media_type": "image/png", "width": 100, "height": 100}
CLIP: dict[str, Any] = {"media_type": "video/mp4", "width": 1280, "height": 720, "has_audio": True}
SOUND: dict[str, Any] = {"media_type": "audio/wav", "has_audio": True, "container": "wav"}


@pytest.mark.parametrize(
    ("request_", "facts", "told"),
    [
        (
            ImageRequest(prompt="x", background="transparent"),
            IMAGE | {"transparent": False},
            "background",
        ),
        (ImageRequest(prompt="x", background="transparent"), IMAGE | {"transparent": True}, None),
        (ImageRequest(prompt="x", background="transparent"), IMAGE, None),
        (
            ImageRequest(prompt="x", background="opaque"),
            IMAGE | {"transparent": True},
            "background",
        ),
        (ImageRequest(prompt="x", background="auto"), IMAGE | {"transparent": True}, None),
        (ImageRequest(prompt="x", resolution="200x100"), IMAGE, "resolution"),
        (ImageRequest(prompt="x"), IMAGE | {"blank": True}, "delivered-blank"),
        (ImageRequest(prompt="x"), {"media_type": "video/mp4"}, "medium"),
        (VideoRequest(prompt="x", resolution="1280x720"), CLIP, None),
        (VideoRequest(prompt="x", resolution="720x720"), CLIP, "resolution"),
        (VideoRequest(prompt="x", audio=True), CLIP | {"silent": True}, "audio"),
        (VideoRequest(prompt="x", audio=True), CLIP | {"silent": False}, None),
        (VideoRequest(prompt="x", audio=False), CLIP | {"silent": True}, None),
        (VideoRequest(prompt="x", audio=False), CLIP | {"silent": False}, "audio"),
        (VideoRequest(prompt="x"), CLIP | {"blank": True}, "delivered-blank"),
        (VideoRequest(prompt="x"), {"media_type": "image/png", "width": 9, "height": 9}, "medium"),
        (VideoRequest(prompt="x"), {"media_type": "application/octet-stream"}, None),
        (AudioRequest(prompt="x"), SOUND | {"silent": True}, "delivered-blank"),
        (
            AudioRequest(prompt="x"),
            {"media_type": "video/mp4", "has_audio": True, "container": "mp4"},
            None,
        ),
        (
            SpeechRequest(text="x", options={"sample_rate": 48_000}),
            SOUND | {"sample_rate": 24_000},
            "sample_rate",
        ),
        (
            SpeechRequest(text="x", options={"sample_rate": 24_000}),
            SOUND | {"sample_rate": 24_000},
            None,
        ),
    ],
)
def test_what_was_found_is_compared(
    request_: MediaRequest[Any], facts: dict[str, Any], told: str | None
) -> None:
    """One warning for what differs, none for what is not known."""
    found = differences(request_, [artifact(**facts)])
    assert [one.option or one.code for one in found] == ([told] if told else [])


def test_two_different_troubles_are_both_told_once() -> None:
    """However many artifacts have them."""
    facts = SOUND | {"silent": True, "seconds": 1.0}
    found = differences(AudioRequest(prompt="x", duration_seconds=9), [artifact(**facts)] * 2)
    assert sorted(one.code for one in found) == ["delivered-blank", "delivered-differs"]
