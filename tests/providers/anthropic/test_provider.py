"""Anthropic as a value: how it is reached, what its catalogue says, what its list of models says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from anymedia.contracts.usage import Usage
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.anthropic import ANTHROPIC
from anymedia.providers.catalog import catalogued
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse, get

MODELS = {model.id: model for model in catalogued("anthropic")}
NOW = datetime(2026, 11, 21, tzinfo=UTC)
M = 1_000_000


def cost(name: str, usage: Usage, **options: Any) -> Decimal | None:
    """What our table says."""
    return priced(MODELS[name], usage, options).amount


def test_a_key_goes_in_its_own_header_and_wins_over_a_token() -> None:
    """A token is for those who have no key."""
    authorize = ANTHROPIC.auth.authorize
    both = {"api_key": "k", "auth_token": "t"}
    assert authorize(get("/"), both, NOW).headers == {"x-api-key": "k"}
    assert authorize(get("/"), {"auth_token": "t"}, NOW).headers == {"Authorization": "Bearer t"}
    key, token = ANTHROPIC.auth.secrets
    assert key.missing_from({})
    assert not key.missing_from({"auth_token": "t"})
    assert not token.required


def test_every_model_stands_once_and_only_one_has_no_public_price() -> None:
    """It is flagged as unpriced, and not taken for free."""
    assert len(MODELS) == len(catalogued("anthropic"))
    assert [name for name, one in MODELS.items() if not one.prices] == ["claude-mythos-5-2"]
    assert all(
        one.settings["thinking"] in {"adaptive", "always", "budget"} for one in MODELS.values()
    )


def test_the_price_follows_cache_speed_place_and_length() -> None:
    """Per million tokens."""
    whole = Usage(input_tokens=3 * M, cached_input_tokens=M, cache_write_tokens=M, output_tokens=M)
    assert cost("claude-opus-5", whole) == Decimal("36.75")
    hour = {"type": "ephemeral", "ttl": "1h"}
    assert cost("claude-opus-5", whole, cache_control=hour) == Decimal("40.5")
    assert cost("claude-opus-5", whole, speed="fast") == Decimal("73.5")
    assert cost("claude-opus-5", whole, inference_geo="us") == Decimal("40.425")
    short = Usage(input_tokens=100_000, output_tokens=0)
    assert cost("claude-haiku-5-5", short) == Decimal("0.01")
    assert cost("claude-haiku-5-5", Usage(input_tokens=200_000)) == Decimal("0.1")


def test_the_check_reads_every_page_of_models() -> None:
    """What is only listed as retired is left out; odd entries do not matter."""
    assert ANTHROPIC.check is not None
    sent, account = replay(
        ANTHROPIC.check(),
        HttpResponse(
            200,
            b'{"data": [{"id": "b", "lifecycle": "active"}, null, {"id": "x", "lifecycle": '
            b'"retired"}], "has_more": true, "last_id": "b"}',
        ),
        HttpResponse(200, b'{"data": [{"id": "a"}], "has_more": false}'),
        explain=ANTHROPIC.explain,
    )
    assert account.models == ("a", "b")
    assert [one.query["after_id"] for one in sent] == [None, "b"]
    assert {one.headers["anthropic-version"] for one in sent} == {"2026-10-21"}
