"""Asked before spent: what a model makes of a request, said aloud."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given, strategies as some

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import (
    GenerationError,
    InvalidRequest,
    UnknownModel,
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.model import Limits, Model
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import Tool
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.fitting import fit
from tests.engine.workbench import hello
from tests.support.acme import MODELS, sheet

TODAY = date(2026, 11, 21)
BY_ID = {model.id: model for model in MODELS}
CLIP = BY_ID["clip-1"]


def fitted(request: Request[Any], model: Model = CLIP) -> tuple[Any, list[Notice]]:
    """The request as the model takes it."""
    return fit(request, model, TODAY)


def limited(**limits: Any) -> Model:
    """The clip model with other limits."""
    return CLIP.model_copy(update={"limits": CLIP.limits.model_copy(update=limits)})


def told(notices: list[Notice]) -> list[tuple[str, str | None, str | None, str | None]]:
    """Notices in short."""
    return [(one.code, one.option, one.asked, one.given) for one in notices]


def test_what_a_model_has_goes_out_as_it_is() -> None:
    """No warnings for nothing."""
    asked = VideoRequest(
        prompt="fog", duration_seconds=10, aspect_ratio="9:16", resolution="1080p", seed=7
    )
    request, notices = fitted(asked)
    assert notices == []
    assert request == asked.model_copy(update={"model": "clip-1"})


def test_a_duration_becomes_the_next_longer_one() -> None:
    """Nobody wants less than they asked for; beyond the longest there is the longest."""
    for asked, sent in ((3, 5), (5, 5), (6, 10), (10, 10), (99, 10)):
        request, notices = fitted(VideoRequest(prompt="fog", duration_seconds=asked))
        assert request.duration_seconds == sent
        expected = [("option-rounded", "duration_seconds", str(asked), str(sent))]
        assert told(notices) == (expected if asked != sent else [])


def test_a_duration_is_brought_between_its_bounds() -> None:
    """Where the model names bounds and not values."""
    model = limited(durations_seconds=(), min_duration_seconds=4, max_duration_seconds=12)
    for asked, sent in ((1, 4), (4, 4), (7.5, 7.5), (20, 12)):
        assert (
            fitted(VideoRequest(prompt="fog", duration_seconds=asked), model)[0].duration_seconds
            == sent
        )


def test_an_aspect_ratio_becomes_the_nearest_one() -> None:
    """By proportion, as the eye sees it."""
    for asked, sent in (("5:4", "1:1"), ("21:9", "16:9"), ("2:3", "9:16"), ("10:10", "1:1")):
        request, notices = fitted(VideoRequest(prompt="fog", aspect_ratio=asked))
        assert request.aspect_ratio == sent
        assert bool(notices) == (asked != "10:10")


@pytest.mark.parametrize("asked", ["0:9", "9:0", "0:0"])
def test_an_aspect_ratio_of_nothing_breaks_nothing(asked: str) -> None:
    """Whatever it may mean."""
    assert (
        fitted(VideoRequest(prompt="fog", aspect_ratio=asked))[0].aspect_ratio
        in CLIP.limits.aspect_ratios
    )


@pytest.mark.parametrize(
    ("asked", "given", "warned"),
    [
        ("720p", "720p", False),
        ("720P", "720p", False),
        ("480p", "720p", True),
        ("1440p", "1080p", True),
        ("4k", "1080p", True),
        ("1280x720", "720p", False),
        ("720x1280", "720p", False),
        ("800x600", "720p", True),
    ],
)
def test_a_resolution_becomes_the_next_larger_one(asked: str, given: str, warned: bool) -> None:
    """The same in another spelling is no change."""
    request, notices = fitted(VideoRequest(prompt="fog", resolution=asked))
    assert request.resolution == given
    assert ("resolution" in {one.option for one in notices}) is warned


def test_pixels_say_the_shape_too() -> None:
    """Where nothing else does, and the model has shapes."""
    assert fitted(VideoRequest(prompt="fog", resolution="720x1280"))[0].aspect_ratio == "9:16"
    kept = VideoRequest(prompt="fog", resolution="720x1280", aspect_ratio="1:1")
    assert fitted(kept)[0].aspect_ratio == "1:1"
    request, notices = fitted(
        VideoRequest(prompt="fog", resolution="1280x720"), limited(aspect_ratios=())
    )
    assert (request.aspect_ratio, notices) == (None, [])


def test_a_word_that_is_no_resolution_is_refused() -> None:
    """With what the model has."""
    with pytest.raises(InvalidRequest, match="720p, 1080p"):
        fitted(VideoRequest(prompt="fog", resolution="enormous"))


def test_sound_that_a_model_cannot_make_is_dropped_aloud() -> None:
    """And silence that it cannot keep."""
    request, notices = fitted(VideoRequest(prompt="fog", audio=True))
    assert (request.audio, told(notices)) == (None, [("option-dropped", "audio", "True", None)])
    request, notices = fitted(VideoRequest(prompt="fog", audio=False), limited(audio="always"))
    assert (request.audio, told(notices)) == (None, [("option-dropped", "audio", "False", None)])
    assert fitted(VideoRequest(prompt="fog", audio=False))[1] == []


def test_an_option_that_a_model_does_not_know_is_dropped_aloud() -> None:
    """The request goes out without it."""
    request, notices = fitted(VideoRequest(prompt="fog", negative_prompt="rain"))
    assert request.negative_prompt is None
    assert told(notices) == [("option-dropped", "negative_prompt", "rain", None)]


def test_strict_refuses_what_would_be_changed() -> None:
    """With every change in one message."""
    asked = VideoRequest(prompt="fog", negative_prompt="rain", duration_seconds=7, strict=True)
    with pytest.raises(UnsupportedOption, match=r"duration_seconds.*negative_prompt"):
        fitted(asked)
    same = VideoRequest(prompt="fog", resolution="1280x720", strict=True)
    assert fitted(same)[0].resolution == "720p"


def test_a_preset_fills_in_what_is_not_said() -> None:
    """Explicit values win."""
    request, notices = fitted(VideoRequest(prompt="fog", quality="draft", duration_seconds=10))
    assert (request.resolution, request.duration_seconds, notices) == ("720p", 10, [])


def test_a_preset_may_set_options_of_the_provider() -> None:
    """And the request's own win there, too."""
    model = CLIP.model_copy(update={"presets": {"high": {"options": {"mode": "pro", "fps": 30}}}})
    request, _ = fitted(VideoRequest(prompt="fog", quality="high", options={"fps": 24}), model)
    assert request.options == {"mode": "pro", "fps": 24}


def test_a_preset_that_a_model_cannot_meet_is_refused() -> None:
    """It says which it has."""
    with pytest.raises(UnsupportedOption, match=r"no preset `cinematic` \(it has draft, high\)"):
        fitted(VideoRequest(prompt="fog", quality="cinematic"))


def test_work_that_a_model_cannot_do_is_refused() -> None:
    """Not cut down to what it can."""
    with pytest.raises(UnsupportedOption, match="cannot do first last frame"):
        fitted(VideoRequest(prompt="fog", first_frame=b"a", last_frame=b"b"))
    with pytest.raises(UnsupportedOption, match="does not take tools"):
        fitted(hello(tools=(Tool(name="look"),)), BY_ID["words-1"])
    with pytest.raises(UnsupportedOption, match="does not take structured output"):
        fitted(hello(output={"type": "schema", "json_schema": {}}), BY_ID["words-1"])
    part = {"type": "file", "file": b"%PDF-"}
    with pytest.raises(UnsupportedOption, match="does not take file input"):
        fitted(
            hello(prompt=None, messages=({"role": "user", "content": (part,)},)), BY_ID["words-1"]
        )
    with pytest.raises(UnsupportedOption, match="telling speakers apart"):
        fitted(TranscriptionRequest(audio=b"x", speakers=True), BY_ID["ear-1"])
    with pytest.raises(UnsupportedOption, match="cannot do translation"):
        fitted(TranscriptionRequest(audio=b"x", translate=True), BY_ID["ear-1"])
    with pytest.raises(UnsupportedOption, match="cannot do effect"):
        fitted(AudioRequest(prompt="boom", kind="effect"), BY_ID["tune-1"])


def test_a_prompt_that_is_too_long_is_refused() -> None:
    """Cutting it would change what is asked."""
    with pytest.raises(InvalidRequest, match="has 201 characters; `acme/clip-1` takes at most 200"):
        fitted(VideoRequest(prompt="x" * 201))


def test_more_at_once_than_a_model_makes_is_refused() -> None:
    """One, where nothing is said."""
    with pytest.raises(UnsupportedOption, match="makes at most 1 at once, not 2"):
        fitted(VideoRequest(prompt="fog", count=2))
    assert fitted(VideoRequest(prompt="fog", count=2), limited(max_count=4))[0].count == 2


def test_voices_have_our_names_and_the_providers() -> None:
    """What is near is offered."""
    model = BY_ID["voice-1"]
    assert fitted(SpeechRequest(text="hi", voice="narrator"), model)[0].voice == "anna"
    assert fitted(SpeechRequest(text="hi", voice="bert"), model)[0].voice == "bert"
    with pytest.raises(UnsupportedOption, match="did you mean bert"):
        fitted(SpeechRequest(text="hi", voice="brt"), model)
    cloned = model.model_copy(update={"features": ("custom_voices",)})
    assert fitted(SpeechRequest(text="hi", voice="v_123"), cloned)[0].voice == "v_123"


def test_a_format_that_a_model_does_not_write_becomes_one_that_it_does() -> None:
    """The first of its list, said aloud."""
    model = sheet(
        "brush-2", "image", tasks=("text_to_image",), limits=Limits(formats=("png", "jpeg"))
    )
    request, notices = fitted(ImageRequest(prompt="a fox", format="webp"), model)
    assert (request.format, told(notices)) == ("png", [("option-rounded", "format", "webp", "png")])


def test_a_model_that_goes_soon_is_used_with_a_warning() -> None:
    """The successor is named; one that is gone is refused."""
    going = CLIP.model_copy(update={"retires_on": date(2026, 12, 1), "successor": "clip-2"})
    _, (notice,) = fitted(VideoRequest(prompt="fog"), going)
    assert (notice.code, "use `clip-2`" in notice.message) == ("model-retiring", True)
    gone = CLIP.model_copy(update={"retires_on": TODAY})
    with pytest.raises(UnknownModel, match="was retired on 2026-11-21"):
        fitted(VideoRequest(prompt="fog"), gone)
    later = CLIP.model_copy(update={"retires_on": date(2027, 6, 1)})
    assert fitted(VideoRequest(prompt="fog"), later)[1] == []


@given(
    duration=some.none() | some.floats(0.5, 500),
    ratio=some.none() | some.from_regex(r"\A[0-9]{1,4}:[0-9]{1,4}\Z"),
    resolution=some.none()
    | some.sampled_from(["240p", "720p", "1k", "2k", "4k", "8k"])
    | some.from_regex(r"\A[0-9]{1,5}x[0-9]{1,5}\Z"),
    audio=some.none() | some.booleans(),
)
def test_what_goes_out_is_always_something_the_model_has(
    duration: float | None, ratio: str | None, resolution: str | None, audio: bool | None
) -> None:
    """Or it is refused with words of ours; fitting what fits changes nothing."""
    asked = VideoRequest(
        prompt="fog",
        duration_seconds=duration,
        aspect_ratio=ratio,
        resolution=resolution,
        audio=audio,
    )
    try:
        request, notices = fitted(asked)
    except GenerationError:
        return
    limits = CLIP.limits
    assert request.duration_seconds in (None, *limits.durations_seconds)
    assert request.aspect_ratio in (None, *limits.aspect_ratios)
    assert request.resolution in (None, *limits.resolutions)
    assert all(one.option for one in notices)
    again, silence = fitted(request)
    assert (again, silence) == (request, [])
    assert request.duration_seconds is None or math.isfinite(request.duration_seconds)
