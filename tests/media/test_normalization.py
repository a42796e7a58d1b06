"""What can be asked for, and how it is said in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.configuration import Settings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.normalization import Normalization, Normalizing
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest

READ: TypeAdapter[Normalization] = TypeAdapter(Normalizing)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("mp4,1280x720,30", {"format": "mp4", "width": 1280, "height": 720, "fps": 30}),
        (
            "webm, 720p, 29.97fps, cover",
            {"format": "webm", "resolution": "720p", "fps": 29.97, "fit": "cover"},
        ),
        ("mp4,h265,9:16", {"format": "mp4", "codec": "h265", "aspect_ratio": "9:16"}),
        (
            "wav,48000hz,mono,-16lufs",
            {"format": "wav", "sample_rate": 48000, "channels": 1, "loudness_lufs": -16},
        ),
        ("WEBP,q80", {"format": "webp", "quality": 80}),
        ("jpg", {"format": "jpeg"}),
        ("as-delivered", {}),
        ("", {}),
    ],
)
def test_words_are_read(words: str, fields: dict[str, Any]) -> None:
    """The same as the fields."""
    assert READ.validate_python(words) == Normalization(**fields)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("mp5", "`mp5` is not understood"),
        ("mp4,webm", "says `format` once more"),
        ("webm,h264", "needs `format` mp4"),
        ("720p,640x360", "say the same"),
        ("640x360,16:9", "follows from"),
        ("mp4,500fps", "less than or equal to 120"),
    ],
)
def test_what_is_wrong_is_said(words: str, why: str) -> None:
    """In words that mend it."""
    with pytest.raises(ValidationError, match=why):
        READ.validate_python(words)


@pytest.mark.parametrize(
    ("kind", "fields", "words", "why"),
    [
        (VideoRequest, {"prompt": "x"}, "wav", "`normalize.format` wav is not for video"),
        (ImageRequest, {"prompt": "x"}, "30fps", "`normalize.fps` is not for image"),
        (SpeechRequest, {"text": "x"}, "640x360", "`normalize.height` is not for speech"),
        (AudioRequest, {"prompt": "x"}, "q80", "`normalize.quality` is not for audio"),
    ],
)
def test_each_medium_takes_what_can_be_done_to_it(
    kind: Any, fields: dict[str, Any], words: str, why: str
) -> None:
    """Told before anything is made."""
    with pytest.raises(ValidationError, match=why):
        kind(**fields, normalize=words)


def test_the_configuration_is_checked_too() -> None:
    """By medium."""
    assert Settings(normalize={"video": "mp4,720p"}).normalize["video"].resolution == "720p"
    with pytest.raises(ValidationError, match=r"video: `normalize.format` png"):
        Settings(normalize={"video": "png"})
