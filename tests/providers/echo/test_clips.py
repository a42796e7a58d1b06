"""Clips: real H.264 with AAC, as long and large as asked, from words, frames and other clips."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from tests.providers.echo.driving import photo, polled, rendered, submitted
from tests.providers.echo.probing import clip, difference, loudness, pixels

from anymedia.contracts.errors import RequestRejected
from anymedia.contracts.job import Succeeded
from anymedia.contracts.video import VideoRequest

SMALL: dict[str, Any] = {
    "model": "clip",
    "prompt": "a boat on the sea at dusk",
    "resolution": "160x96",
    "duration_seconds": 1,
    "fps": 12,
    "seed": 7,
}


def asked(**more: Any) -> VideoRequest:
    """A small clip, unless more is said."""
    return VideoRequest.model_validate(SMALL | more)


def one(**more: Any) -> bytes:
    """The only clip."""
    (file,) = rendered(asked(**more))
    return file


@cache
def boat() -> bytes:
    """The plain small clip, rendered once."""
    return one()


def test_a_clip_is_what_was_asked() -> None:
    """Codecs, size, length and frame rate, as everyone's decoder sees them."""
    made = clip(boat())
    assert (made.video_codec, made.audio_codec) == ("h264", "aac")
    assert made.size == (160, 96)
    assert made.fps == 12
    assert made.seconds == pytest.approx(1, abs=0.1)


def test_a_clip_without_wishes_is_four_seconds_of_720p() -> None:
    """Ordered only: 24 frames a second, with sound."""
    plain = VideoRequest(model="clip", prompt="a boat")
    receipt = submitted(plain)
    state = polled(plain, receipt.handle, after=60)
    assert isinstance(state, Succeeded)
    assert state.usage is not None
    assert state.usage.seconds == 4


def test_pictures_move_and_sound_is_heard() -> None:
    """The last frame is not the first, and the sound is no silence."""
    made = clip(boat())
    assert difference(made.frames[0], made.frames[-1]) > 1
    assert loudness(made.sound, made.rate).max() > 0.02
    assert len(made.sound) / made.rate == pytest.approx(1, abs=0.15)


def test_sound_can_be_left_out() -> None:
    """`audio=False` gives a file without a sound stream."""
    assert clip(one(audio=False)).audio_codec is None


def test_the_same_prompt_and_seed_give_the_same_clip() -> None:
    """Byte for byte; other words give other pictures."""
    assert one() == boat()
    other = clip(one(prompt="fireflies in a forest at night", audio=False))
    assert difference(other.frames[0], clip(boat()).frames[0]) > 10


def test_a_clip_begins_on_the_given_frame() -> None:
    """The photo itself; then it moves."""
    made = clip(one(first_frame=photo(160, 96)))
    assert difference(made.frames[0], pixels(photo(160, 96))) < 12
    assert difference(made.frames[0], made.frames[-1]) > 3


def test_a_clip_ends_on_the_last_frame() -> None:
    """From one photo to another."""
    ending = clip(boat()).frames[0].astype(np.uint8)
    made = clip(one(first_frame=photo(160, 96), last_frame=as_png(ending), audio=False))
    assert difference(made.frames[0], pixels(photo(160, 96))) < 12
    assert difference(made.frames[-1], ending.astype(float)) < 12


def as_png(frame: Any) -> bytes:
    """A frame as a file."""
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.fromarray(frame).save(out, "PNG")
    return out.getvalue()


def test_references_are_seen() -> None:
    """As prints over the scene, which they are not the whole of."""
    made, plain = clip(one(references=[photo()], audio=False)), clip(boat())
    apart = difference(made.frames[0], plain.frames[0])
    assert apart > 3
    assert difference(made.frames[0], pixels(photo(160, 96))) > apart


def test_a_clip_can_be_changed_and_gone_on_from() -> None:
    """An edit keeps size and length; an extension begins where the clip ended."""
    edited = clip(
        one(video=boat(), prompt="at night", resolution=None, duration_seconds=None, audio=False)
    )
    assert edited.size == (160, 96)
    assert edited.seconds == pytest.approx(1, abs=0.15)
    assert difference(edited.frames[0], clip(boat()).frames[0]) < 80
    extended = clip(one(video=boat(), mode="extend", resolution=None, audio=False))
    assert difference(extended.frames[0], clip(boat()).frames[-1]) < 12


def test_several_clips_are_several_files() -> None:
    """Each with its own seed, and all of their seconds counted."""
    request = asked(count=2, audio=False)
    state = polled(request, submitted(request).handle, after=60)
    assert isinstance(state, Succeeded)
    assert [artifact.metadata["seed"] for artifact in state.artifacts] == [7, 8]
    assert state.usage is not None
    assert state.usage.seconds == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration_seconds": 400},
        {"fps": 200},
        {"resolution": "tiny"},
        {"count": 9},
        {"video": b"no clip"},
        {"first_frame": b"no picture"},
    ],
)
def test_what_cannot_be_made_is_rejected(wrong: dict[str, Any]) -> None:
    """At once, before a job begins."""
    with pytest.raises(RequestRejected) as caught:
        submitted(asked(**wrong))
    assert caught.value.accepted == "no"
