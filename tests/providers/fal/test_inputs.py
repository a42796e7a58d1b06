"""Each model's input in its own words, as the catalogue describes it.

Fields: the endpoint types of npm `@fal-ai/client` 1.10.1 (read 2026-11-21).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import InvalidConfiguration, UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.model import Model
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.estimating import circumstances, expected_usage
from anymedia.engine.fitting import fit
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.fal import LANGUAGE
from anymedia.providers.adapters.fal.image_size import image_size
from anymedia.providers.catalog import catalogued
from anymedia.providers.described import Spoken, merged, place

TODAY = date(2026, 11, 21)
SHEETS = {one.id: one for one in catalogued("fal")}
PICTURE = "https://example.com/fox.png"
SECOND = "https://example.com/fox2.png"
KINDS: dict[str, type[MediaRequest[Any]]] = {
    "image": ImageRequest,
    "video": VideoRequest,
    "audio": AudioRequest,
    "speech": SpeechRequest,
}


def spoken(model: str, **asked: Any) -> Spoken:
    """What is sent when the engine has fitted the request."""
    sheet = SHEETS[model]
    words = {"text": "Hi"} if sheet.medium == "speech" else {"prompt": "a fox"}
    request = KINDS[sheet.medium].model_validate({**words, **asked})
    fitted, _ = fit(request, sheet, TODAY)
    assert isinstance(fitted, MediaRequest)
    return LANGUAGE.spoken(fitted, sheet)


CASES: tuple[tuple[str, dict[str, Any], str, dict[str, Any]], ...] = (
    (
        "fal-ai/veo3.1",
        {"duration_seconds": 8, "audio": False, "aspect_ratio": "9:16", "resolution": "1080p"},
        "fal-ai/veo3.1",
        {
            "prompt": "a fox",
            "duration": "8s",
            "generate_audio": False,
            "aspect_ratio": "9:16",
            "resolution": "1080p",
        },
    ),
    (
        "fal-ai/veo3.1/fast",
        {"first_frame": PICTURE, "last_frame": SECOND, "seed": 0},
        "fal-ai/veo3.1/fast/first-last-frame-to-video",
        {
            "prompt": "a fox",
            "seed": 0,
            "first_frame_url": PICTURE,
            "last_frame_url": SECOND,
            "resolution": "720p",
        },
    ),
    (
        "fal-ai/veo3.1",
        {"references": (PICTURE, SECOND)},
        "fal-ai/veo3.1/reference-to-video",
        {"prompt": "a fox", "image_urls": [PICTURE, SECOND], "resolution": "720p"},
    ),
    (
        "fal-ai/kling-video/v3/pro",
        {"duration_seconds": 7, "aspect_ratio": "1:1", "negative_prompt": "rain"},
        "fal-ai/kling-video/v3/pro/text-to-video",
        {"prompt": "a fox", "duration": "7", "aspect_ratio": "1:1", "negative_prompt": "rain"},
    ),
    (
        "fal-ai/kling-video/v2.5-turbo/pro",
        {"first_frame": PICTURE, "last_frame": SECOND, "duration_seconds": 10},
        "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        {"prompt": "a fox", "duration": "10", "image_url": PICTURE, "tail_image_url": SECOND},
    ),
    (
        "fal-ai/luma-dream-machine/ray-2",
        {"duration_seconds": 9, "resolution": "540p"},
        "fal-ai/luma-dream-machine/ray-2",
        {"prompt": "a fox", "duration": "9s", "resolution": "540p"},
    ),
    (
        "fal-ai/bytedance/seedance/v1/pro",
        {"duration_seconds": 2, "first_frame": PICTURE, "resolution": "480p"},
        "fal-ai/bytedance/seedance/v1/pro/image-to-video",
        {"prompt": "a fox", "duration": "2", "resolution": "480p", "image_url": PICTURE},
    ),
    (
        "xai/grok-imagine-video",
        {"duration_seconds": 6},
        "xai/grok-imagine-video/text-to-video",
        {"prompt": "a fox", "duration": 6},
    ),
    (
        "minimax/h3-max",
        {"duration_seconds": 5, "resolution": "480p"},
        "minimax/h3-max",
        {"prompt": "a fox", "duration": 5, "resolution": "480P"},
    ),
    (
        "fal-ai/minimax/hailuo-02/standard",
        {"duration_seconds": 6, "first_frame": PICTURE, "resolution": "512p"},
        "fal-ai/minimax/hailuo-02/standard/image-to-video",
        {"prompt": "a fox", "duration": "6", "image_url": PICTURE, "resolution": "512P"},
    ),
    (
        "fal-ai/nano-banana-pro",
        {"resolution": "2k", "aspect_ratio": "4:5", "format": "webp", "count": 2},
        "fal-ai/nano-banana-pro",
        {
            "prompt": "a fox",
            "resolution": "2K",
            "aspect_ratio": "4:5",
            "output_format": "webp",
            "num_images": 2,
        },
    ),
    (
        "fal-ai/flux-2-pro",
        {"images": (PICTURE, SECOND)},
        "fal-ai/flux-2-pro/edit",
        {"prompt": "a fox", "image_urls": [PICTURE, SECOND]},
    ),
    (
        "fal-ai/flux-pro/kontext",
        {"images": (MediaBytes(data=b"abc", media_type="image/png"),)},
        "fal-ai/flux-pro/kontext",
        {"prompt": "a fox", "image_url": "data:image/png;base64,YWJj"},
    ),
    (
        "fal-ai/gpt-image-1.5",
        {"aspect_ratio": "3:2", "background": "transparent"},
        "fal-ai/gpt-image-1.5",
        {"prompt": "a fox", "image_size": "1536x1024", "background": "transparent"},
    ),
    (
        "fal-ai/elevenlabs/music",
        {"duration_seconds": 12.5, "instrumental": True, "format": "mp3"},
        "fal-ai/elevenlabs/music",
        {
            "prompt": "a fox",
            "music_length_ms": 12500,
            "force_instrumental": True,
            "output_format": "mp3_44100_128",
        },
    ),
    (
        "fal-ai/elevenlabs/sound-effects/v2",
        {"kind": "effect", "duration_seconds": 2.5, "loop": True},
        "fal-ai/elevenlabs/sound-effects/v2",
        {"text": "a fox", "duration_seconds": 2.5, "loop": True},
    ),
    (
        "fal-ai/minimax/speech-02-hd",
        {"voice": "Wise_Woman", "speed": 1.5, "format": "flac"},
        "fal-ai/minimax/speech-02-hd",
        {
            "text": "Hi",
            "voice_setting": {"voice_id": "Wise_Woman", "speed": 1.5},
            "audio_setting": {"format": "flac"},
            "output_format": "url",
        },
    ),
    (
        "fal-ai/minimax/speech-2.8-hd",
        {},
        "fal-ai/minimax/speech-2.8-hd",
        {"prompt": "Hi", "output_format": "url"},
    ),
    (
        "fal-ai/elevenlabs/tts/eleven-v3",
        {"voice": "narrator", "language": "pt-BR"},
        "fal-ai/elevenlabs/tts/eleven-v3",
        {"text": "Hi", "voice": "Rachel", "language_code": "pt"},
    ),
)


@pytest.mark.parametrize(("model", "asked", "endpoint", "body"), CASES)
def test_a_request_is_spoken_in_the_models_words(
    model: str, asked: dict[str, Any], endpoint: str, body: dict[str, Any]
) -> None:
    """Endpoint by task, fields by name, values as they are spelt there."""
    said = spoken(model, **asked)
    assert (said.endpoint, said.body, said.warnings) == (endpoint, body, ())


def test_what_one_kind_of_work_does_not_take_is_said() -> None:
    """Kling's clips from a frame have that frame's shape."""
    said = spoken("fal-ai/kling-video/v3/pro", first_frame=PICTURE, aspect_ratio="9:16")
    assert [(one.code, one.option) for one in said.warnings] == [("option-dropped", "aspect_ratio")]
    assert "aspect_ratio" not in said.body


def test_a_resolution_that_the_price_depends_on_is_always_said() -> None:
    """What a model takes when nothing is said could cost more."""
    for sheet in SHEETS.values():
        if sheet.medium == "video" and any("resolution" in one.when for one in sheet.prices):
            said = spoken(sheet.id, prompt="a fox")
            assert said.body["resolution"] == sheet.limits.resolutions[0]


def test_what_is_rounded_is_said() -> None:
    """This model counts in whole seconds."""
    said = spoken("fal-ai/stable-audio-25/text-to-audio", duration_seconds=12.4)
    assert said.body["seconds_total"] == 12
    assert [(one.code, one.asked, one.given) for one in said.warnings] == [
        ("option-rounded", "12.4", "12")
    ]


def test_media_without_a_place_are_never_lost_quietly() -> None:
    """They are what the request is about."""
    sheet = SHEETS["fal-ai/flux-pro/kontext"]
    two = ImageRequest(model=sheet.id, prompt="a fox", images=(PICTURE, SECOND))
    masked = ImageRequest(model=sheet.id, prompt="a fox", images=(PICTURE,), mask=SECOND)
    for request in (two, masked):
        with pytest.raises(UnsupportedOption):
            LANGUAGE.spoken(request, sheet)


def test_models_that_no_row_describes_are_asked_in_the_usual_words() -> None:
    """Fal has a thousand models; most agree on names."""
    request = VideoRequest(
        model="fal-ai/new/thing",
        prompt="a fox",
        first_frame=PICTURE,
        duration_seconds=5,
        audio=True,
    )
    said = LANGUAGE.spoken(request, None)
    assert said.endpoint == "fal-ai/new/thing"
    assert said.body == {
        "prompt": "a fox",
        "image_url": PICTURE,
        "duration": "5",
        "generate_audio": True,
    }
    assert LANGUAGE.spoken(VideoRequest(model="a/b", prompt="a fox", fps=24), None).warnings


def test_a_wrong_description_is_the_operators_to_mend() -> None:
    """It names the model."""
    sheet = SHEETS["fal-ai/flux/dev"]
    for settings in ({"input": 3}, {"input": {"prompt": {"name": "p", "form": "odd"}}}):
        wrong: Model = sheet.model_copy(update={"settings": settings})
        with pytest.raises(InvalidConfiguration):
            LANGUAGE.spoken(ImageRequest(model=sheet.id, prompt="a fox"), wrong)


@pytest.mark.parametrize(
    ("ratio", "resolution", "size"),
    [
        ("16:9", None, "landscape_16_9"),
        ("1:1", "512", "square"),
        ("4:3", "1k", "landscape_4_3"),
        (None, "1k", "landscape_4_3"),
        ("21:9", "1k", {"width": 1024, "height": 432}),
        ("2:3", "2k", {"width": 1360, "height": 2048}),
        ("1:1", "1280x720", {"width": 1280, "height": 720}),
        ("0:9", "512", {"width": 48, "height": 512}),
    ],
)
def test_sizes_are_words_or_pixels(ratio: str | None, resolution: str | None, size: Any) -> None:
    """Words where fal has one."""
    request = ImageRequest(prompt="x", aspect_ratio=ratio, resolution=resolution)
    assert image_size(None, request) == size


def test_a_size_that_means_nothing_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(UnsupportedOption):
        image_size(None, ImageRequest(prompt="x", resolution="huge"))


def test_paths_lead_into_objects_and_lists() -> None:
    """What is on the way is made; fixed values give way to asked ones."""
    body: dict[str, Any] = {}
    place(body, ["a", "b"], 1)
    place(body, ["list", "1", "c"], 2)
    place(body, ["a", "b"], 3, overwrite=False)
    place(body, ["a", "d"], 4, overwrite=False)
    assert body == {"a": {"b": 1, "d": 4}, "list": [None, {"c": 2}]}
    assert merged(body, {"a": {"b": 9}, "e": 5})["a"] == {"b": 9, "d": 4}


@pytest.mark.parametrize("model", SHEETS.values(), ids=lambda one: str(one.id))
def test_every_row_speaks_every_task_it_names(model: Model) -> None:
    """With its media, and each preset with a price where the row has prices."""
    extra: dict[str, dict[str, Any]] = {
        "edit": {"images": (PICTURE,)},
        "variation": {"images": (PICTURE,), "prompt": "", "mode": "variation"},
        "image_to_video": {"first_frame": PICTURE},
        "first_last_frame": {"first_frame": PICTURE, "last_frame": SECOND},
        "reference_to_video": {"references": (PICTURE,)},
        "music": {"kind": "music"},
        "effect": {"kind": "effect"},
    }
    for task in model.tasks:
        said = spoken(model.id, **extra.get(task, {}))
        media = [one for one in extra.get(task, {}).values() if one and "example" in str(one)]
        assert len([one for one in said.body.values() if "example.com" in str(one)]) == len(media)
    for quality in model.presets:
        words = {"text": "Hi"} if model.medium == "speech" else {"prompt": "a fox"}
        seconds = {"duration_seconds": 8} if model.medium == "video" else {}
        asked = {**words, **seconds, **extra.get(model.tasks[0], {}), "quality": quality}
        fitted, notices = fit(KINDS[model.medium].model_validate(asked), model, TODAY)
        assert [one for one in notices if one.option != "duration_seconds"] == []
        if model.prices:
            cost = priced(model, expected_usage(fitted, model), circumstances(fitted, model))
            assert cost.amount is not None, quality
