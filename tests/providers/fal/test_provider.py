"""fal as a value: how it is reached, what it can do, what its catalogue says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from anymedia.contracts.model import Model
from anymedia.contracts.usage import Usage
from anymedia.engine.pricing import priced
from anymedia.providers import registry
from anymedia.providers.adapters.fal import FAL
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Job, Report
from anymedia.wire.http import get

SHEETS = {one.id: one for one in catalogued("fal")}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_the_key_goes_with_the_word_key() -> None:
    """Not Bearer."""
    sent = FAL.auth.authorize(get("/x"), {"api_key": "id:secret"}, NOW)
    assert sent.headers == {"Authorization": "Key id:secret"}
    assert registry.variables("fal") == {"api_key": ("FAL_KEY", "FAL_AI_API_KEY")}
    assert registry.provider("fal") is FAL


def test_everything_goes_through_the_queue() -> None:
    """Four media, each a job that can be cancelled and whose call back finds lost ones."""
    assert FAL.media == ("image", "video", "audio", "speech")
    for operation in FAL.operations:
        assert isinstance(operation, Job)
        assert isinstance(operation.recovery, Report)
        assert operation.cancel is not None
        assert operation.read_callback is not None


@pytest.mark.parametrize(
    ("model", "usage", "circumstances", "price"),
    [
        ("fal-ai/veo3.1", {"seconds": 8}, {"resolution": "1080p", "audio": True}, "3.20"),
        ("fal-ai/veo3.1", {"seconds": 8}, {"resolution": "4k", "audio": False}, "3.20"),
        ("fal-ai/veo3.1/fast", {"seconds": 6}, {"resolution": "720p", "audio": False}, "0.60"),
        ("fal-ai/kling-video/v3/pro", {"seconds": 5}, {"audio": True}, "0.840"),
        ("fal-ai/bytedance/seedance/v1/pro", {"seconds": 5}, {"resolution": "1080p"}, "0.62"),
        ("minimax/h3", {"seconds": 5}, {"resolution": "2K"}, "0.65"),
        ("fal-ai/flux/schnell", {"images": 4, "megapixels": 4}, {}, "0.012"),
        ("fal-ai/nano-banana-pro", {"images": 1}, {"resolution": "4K"}, "0.30"),
    ],
)
def test_prices_are_those_of_the_models_pages(
    model: str, usage: dict[str, int], circumstances: dict[str, object], price: str
) -> None:
    """By second, resolution and sound, or by picture."""
    cost = priced(SHEETS[model], Usage.model_validate(usage), circumstances)
    assert cost.amount == Decimal(price)


def test_a_model_without_a_known_price_says_so() -> None:
    """It is never free."""
    cost = priced(SHEETS["fal-ai/luma-dream-machine/ray-2"], Usage(seconds=Decimal(5)), {})
    assert cost.basis == "unpriced"


@pytest.mark.parametrize("medium", ["image", "video"])
def test_one_model_is_meant_for_each_quality(medium: str) -> None:
    """So that nobody has to name one."""
    rows = sorted(
        (one for one in SHEETS.values() if one.medium == medium), key=lambda one: one.priority
    )
    first: dict[str, str] = {}
    for row in rows:
        for quality in row.presets:
            first.setdefault(quality, row.id)
    assert (
        first
        == {
            "image": {
                "draft": "fal-ai/flux/schnell",
                "standard": "fal-ai/flux/dev",
                "high": "fal-ai/flux-pro/v1.1",
                "cinematic": "fal-ai/flux-pro/v1.1-ultra",
            },
            "video": {
                "draft": "minimax/h3-max",
                "standard": "fal-ai/veo3.1/fast",
                "high": "fal-ai/kling-video/v3/pro",
                "cinematic": "fal-ai/veo3.1",
            },
        }[medium]
    )


@pytest.mark.parametrize("model", SHEETS.values(), ids=lambda one: str(one.id))
def test_facts_have_a_source_and_a_date(model: Model) -> None:
    """Every one of them."""
    assert model.source.startswith("https://")
    assert model.as_of == date(2026, 11, 21)
    assert all(price.source and price.as_of for price in model.prices)
    assert model.successor is None or model.successor in SHEETS
