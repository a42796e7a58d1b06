"""OpenAI as a value: what it can do, how it is reached, what its catalogue says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.model import Model
from anymedia.contracts.usage import Usage
from anymedia.engine.fitting import fit
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.openai import OPENAI
from anymedia.providers.catalog import catalogued
from anymedia.providers.dialects.openai.image_size import size
from anymedia.wire.http import get

MODELS = {model.id: model for model in catalogued("openai")}
NOW = datetime(2026, 11, 21, tzinfo=UTC)
TODAY = NOW.date()
LIVING = [model for model in MODELS.values() if model.lifecycle(TODAY) != "retired"]
M = 1_000_000


def test_it_does_everything_but_video() -> None:
    """There is no video API any more."""
    assert OPENAI.media == ("text", "image", "speech", "transcription", "embedding")


def test_the_key_may_come_with_a_scope() -> None:
    """Organisation and project are optional; the key is not."""
    secrets = {"api_key": "sk-1", "organization": "org-1", "project": "proj-1"}
    assert OPENAI.auth.authorize(get("/models"), secrets, NOW).headers == {
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
        "Authorization": "Bearer sk-1",
    }
    alone = OPENAI.auth.authorize(get("/models"), {"api_key": "sk-1"}, NOW)
    assert alone.headers == {"Authorization": "Bearer sk-1"}
    assert [(one.name, one.required) for one in OPENAI.auth.secrets] == [
        ("api_key", True),
        ("organization", False),
        ("project", False),
    ]


def test_every_model_stands_once_and_every_living_one_has_a_price() -> None:
    """Only what is gone may be without."""
    assert len(MODELS) == len(catalogued("openai"))
    assert [model.id for model in LIVING if not model.prices] == []
    assert {model.medium for model in LIVING} == set(OPENAI.media)


@pytest.mark.parametrize(
    ("name", "gone_on"),
    [
        ("sora-2", date(2026, 9, 24)),
        ("sora-2-pro", date(2026, 9, 24)),
        ("gpt-image-1", date(2026, 10, 23)),
        ("dall-e-3", date(2026, 5, 12)),
        ("gpt-image-1.5", date(2026, 12, 1)),
        ("gpt-5", date(2026, 12, 11)),
        ("tts-1", date(2027, 1, 6)),
        ("whisper-1", date(2027, 2, 26)),
    ],
)
def test_models_that_go_say_when(name: str, gone_on: date) -> None:
    """Those that are gone stay listed, so that they can be named as such."""
    assert MODELS[name].retires_on == gone_on


@pytest.mark.parametrize("medium", OPENAI.media)
def test_one_living_model_is_preferred_for_each_medium(medium: str) -> None:
    """So that nobody has to name one."""
    ranked = sorted((m for m in LIVING if m.medium == medium), key=lambda m: m.priority)
    assert ranked[0].priority < ranked[1].priority


def cost(name: str, usage: Usage, **circumstances: str) -> Decimal | None:
    """What our table says."""
    return priced(MODELS[name], usage, circumstances).amount


def test_text_is_priced_by_part_tier_and_length() -> None:
    """Cached and written tokens are part of the input; long prompts cost more as a whole."""
    usage = Usage(
        input_tokens=100_000,
        cached_input_tokens=60_000,
        cache_write_tokens=10_000,
        output_tokens=1_000,
        reasoning_tokens=400,
    )
    expected = (30_000 * 2 + 60_000 * Decimal("0.1") + 10_000 * Decimal("2.5") + 1_000 * 10) / M
    assert cost("gpt-6.1-sol", usage) == expected
    assert cost("gpt-6.1-sol", usage, service_tier="flex") == expected / 2
    assert cost("gpt-6.1-sol", usage, service_tier="priority") == expected * 2
    assert cost("gpt-6.1-sol", usage, service_tier="ultrafast") == expected * 6
    long = Usage(input_tokens=300_000, output_tokens=1_000)
    assert cost("gpt-6.1-sol", long) == Decimal(300_000 * 4 + 1_000 * 15) / M


def test_pictures_are_priced_by_the_kind_of_token() -> None:
    """Words and pictures in, pictures out."""
    usage = Usage(
        input_tokens=221, input_image_tokens=194, output_tokens=415, output_image_tokens=272
    )
    assert cost("gpt-image-1.5", usage) == Decimal(27 * 5 + 194 * 8 + 143 * 10 + 272 * 32) / M
    plain = Usage(input_tokens=14, output_tokens=196, output_image_tokens=196)
    assert cost("gpt-image-2.5-flare", plain) == Decimal(14 * 5 + 196 * 30) / M


def test_sound_is_priced_by_character_second_or_token() -> None:
    """Each model by its own unit."""
    assert cost("tts-1", Usage(characters=1000)) == Decimal("0.015")
    assert cost("gpt-transcribe", Usage(seconds=Decimal(3600))) == Decimal("0.27")
    heard = Usage(input_tokens=14, input_audio_tokens=10, output_tokens=5)
    assert cost("gpt-4o-transcribe", heard) == Decimal(4) * Decimal("2.5") / M + Decimal(110) / M
    told = Usage(input_tokens=20, input_audio_tokens=10, output_tokens=30, output_audio_tokens=25)
    expected = Decimal("2.5") * 10 + 32 * 10 + 10 * 5 + 64 * 25
    assert cost("gpt-audio-1.5", told) == expected / M


@pytest.mark.parametrize(
    "model",
    [model for model in LIVING if model.medium == "image"],
    ids=lambda model: str(model.id),
)
def test_every_preset_is_a_size_and_a_quality_that_the_api_takes(model: Model) -> None:
    """And cheaper ones come first."""
    qualities = ["low", "medium", "high", "xhigh"]
    asked = []
    for quality in model.presets:
        request = ImageRequest(model=model.id, prompt="a fox", quality=quality, aspect_ratio="3:2")
        fitted, notices = fit(request, model, TODAY)
        assert [notice for notice in notices if notice.code != "model-retiring"] == []
        assert isinstance(fitted, ImageRequest)
        pixels = size(fitted.aspect_ratio, fitted.resolution)
        assert pixels is not None
        asked.append((int(pixels.split("x")[0]), qualities.index(str(fitted.options["quality"]))))
    assert asked == sorted(asked)
    assert list(model.presets)[:3] == ["draft", "standard", "high"]


def test_exact_pixels_are_left_alone_where_any_size_goes() -> None:
    """And become the nearest of three elsewhere."""
    request = ImageRequest(prompt="a fox", resolution="1280x720")
    free, _ = fit(request, MODELS["gpt-image-2.5-flare"], TODAY)
    assert isinstance(free, ImageRequest)
    assert size(free.aspect_ratio, free.resolution) == "1280x720"
    fixed, notices = fit(request, MODELS["gpt-image-1-mini"], TODAY)
    assert isinstance(fixed, ImageRequest)
    assert size(fixed.aspect_ratio, fixed.resolution) == "1536x1024"
    assert {"aspect_ratio", "resolution"} <= {notice.option for notice in notices}


def test_facts_have_public_sources() -> None:
    """Nothing of the workshop in them."""
    for model in MODELS.values():
        assert model.source.startswith("https://"), model.id
        assert model.as_of == date(2026, 11, 21)
