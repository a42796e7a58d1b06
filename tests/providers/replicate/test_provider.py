"""Replicate as a value: how it is reached, what it can do, each model's input in its own words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.model import Model
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.estimating import estimated
from anymedia.engine.fitting import fit
from anymedia.providers import registry
from anymedia.providers.adapters.replicate import LANGUAGE, REPLICATE
from anymedia.providers.catalog import catalogued
from anymedia.providers.described import Spoken
from anymedia.providers.spec import Job, Lookup
from anymedia.wire.http import get

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TODAY = NOW.date()
SHEETS = {one.id: one for one in catalogued("replicate")}
ONE, TWO = "https://example.com/1.png", "https://example.com/2.png"
KINDS: dict[str, type[MediaRequest[Any]]] = {
    "image": ImageRequest,
    "video": VideoRequest,
    "speech": SpeechRequest,
}
EXTRA: dict[str, dict[str, Any]] = {
    "edit": {"images": (ONE,)},
    "image_to_video": {"first_frame": ONE},
    "first_last_frame": {"first_frame": ONE, "last_frame": TWO},
    "reference_to_video": {"references": (ONE, TWO)},
}


def fitted(model: Model, **asked: Any) -> MediaRequest[Any]:
    """The request as the engine makes it fit; nothing may have to change."""
    words = {"text": "Hi"} if model.medium == "speech" else {"prompt": "a fox"}
    request, notices = fit(KINDS[model.medium].model_validate({**words, **asked}), model, TODAY)
    assert notices == []
    assert isinstance(request, MediaRequest)
    return request


def spoken(model: str, **asked: Any) -> Spoken:
    """What is sent."""
    return LANGUAGE.spoken(fitted(SHEETS[model], **asked), SHEETS[model])


def test_the_token_is_a_bearer() -> None:
    """The old form is not used."""
    sent = REPLICATE.auth.authorize(get("/account"), {"api_key": "r8_x"}, NOW)
    assert sent.headers == {"Authorization": "Bearer r8_x"}
    assert registry.variables("replicate") == {"api_key": ("REPLICATE_API_TOKEN",)}
    assert registry.provider("replicate") is REPLICATE


def test_everything_is_a_prediction() -> None:
    """Jobs that can be cancelled, waited for and looked up."""
    assert REPLICATE.media == ("image", "video", "speech")
    for operation in REPLICATE.operations:
        assert isinstance(operation, Job)
        assert isinstance(operation.recovery, Lookup)
        assert operation.timeout_seconds > 60
        assert operation.cancel is not None


@pytest.mark.parametrize(
    ("model", "asked", "body"),
    [
        (
            "black-forest-labs/flux-schnell",
            {"count": 3, "aspect_ratio": "16:9", "format": "jpeg", "seed": 1, "resolution": "1k"},
            {"num_outputs": 3, "aspect_ratio": "16:9", "output_format": "jpg", "seed": 1},
        ),
        (
            "black-forest-labs/flux-2-pro",
            {"images": (ONE, TWO), "format": "png"},
            {"input_image": ONE, "input_image_2": TWO, "output_format": "png"},
        ),
        ("black-forest-labs/flux-kontext-pro", {"images": (ONE,)}, {"input_image": ONE}),
        (
            "ideogram-ai/ideogram-v2-turbo",
            {"style": "Anime", "negative_prompt": "rain"},
            {"style_type": "Anime", "negative_prompt": "rain"},
        ),
        (
            "google/veo-3.1",
            {"duration_seconds": 8, "audio": False, "resolution": "720p", "first_frame": ONE},
            {"duration": 8, "generate_audio": False, "resolution": "720p", "image": ONE},
        ),
        ("google/veo-3.1", {"references": (ONE, TWO)}, {"reference_images": [ONE, TWO]}),
        (
            "prunaai/p-video",
            {"quality": "draft", "duration_seconds": 5},
            {"resolution": "720p", "duration": 5},
        ),
    ],
)
def test_a_request_is_spoken_in_the_models_words(
    model: str, asked: dict[str, Any], body: dict[str, Any]
) -> None:
    """Fields by name, values as they are spelt there."""
    said = spoken(model, **asked)
    assert (said.endpoint, said.body) == (model, {"prompt": "a fox", **body})
    assert said.warnings == ()


def test_a_community_model_is_run_by_its_version() -> None:
    """Only official models have an address of their own."""
    said = spoken("jaaari/kokoro-82m", voice="narrator", speed=1.5)
    assert said.endpoint.startswith("jaaari/kokoro-82m:")
    assert said.body == {"text": "Hi", "voice": "af_bella", "speed": 1.5}


def test_models_that_no_row_describes_are_asked_in_the_usual_words() -> None:
    """What those do not know is dropped aloud."""
    request = VideoRequest(
        model="acme/clip", prompt="a fox", first_frame=ONE, duration_seconds=5, fps=24, audio=True
    )
    said = LANGUAGE.spoken(request, None)
    assert said.body == {"prompt": "a fox", "image": ONE, "duration": 5, "fps": 24}
    assert [one.option for one in said.warnings] == ["audio"]


@pytest.mark.parametrize(
    ("model", "asked", "price"),
    [
        ("black-forest-labs/flux-schnell", {"quality": "draft", "count": 4}, "0.012"),
        ("black-forest-labs/flux-dev", {"quality": "standard"}, "0.025"),
        ("black-forest-labs/flux-1.1-pro", {"quality": "high"}, "0.04"),
        ("black-forest-labs/flux-1.1-pro-ultra", {"quality": "cinematic"}, "0.06"),
        ("prunaai/p-video", {"quality": "draft", "duration_seconds": 5}, "0.025"),
        ("prunaai/p-video", {"quality": "standard", "duration_seconds": 5}, "0.10"),
        ("prunaai/p-video", {"resolution": "1080p", "duration_seconds": 5}, "0.20"),
    ],
)
def test_prices_are_the_list_prices(model: str, asked: dict[str, Any], price: str) -> None:
    """By picture, or by second, resolution and draft."""
    assert estimated(fitted(SHEETS[model], **asked), SHEETS[model]).amount == Decimal(price)


def test_a_model_without_a_known_price_says_so() -> None:
    """It is never free."""
    sheet = SHEETS["google/veo-3.1"]
    assert estimated(fitted(sheet, duration_seconds=8), sheet).basis == "unpriced"


@pytest.mark.parametrize("model", SHEETS.values(), ids=lambda one: str(one.id))
def test_every_row_speaks_every_task_it_names(model: Model) -> None:
    """With all its media; each fact has a source and a date."""
    for task in model.tasks:
        extra = EXTRA.get(task, {})
        said = LANGUAGE.spoken(fitted(model, **extra), model)
        text = str(said.body)
        assert text.count("example.com") == str(extra).count("example.com")
    for quality in model.presets:
        fitted(model, quality=quality, **EXTRA.get(model.tasks[0], {}))
    assert model.source.startswith("https://")
    assert model.as_of == date(2026, 11, 21)
