"""Prices of our own catalogue: none that is missing, absurd, or without a date."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from anymedia.providers.catalog import catalogued, models
from anymedia.providers.catalog.own import MOST_USD
from anymedia.providers.registry import BUILT_IN, provider, rows

OURS = sorted({*BUILT_IN, *rows()})


@pytest.mark.parametrize("name", OURS)
def test_every_price_can_be_meant_and_says_when_it_was_read(name: str) -> None:
    """A price per million that lost its `per` would stand out."""
    found = provider(name)
    for model in catalogued(found.catalog or found.name):
        for price in model.prices:
            assert price.usd / price.per <= MOST_USD, model.id
            assert price.as_of is not None, model.id
            assert price.source, model.id


@pytest.mark.parametrize("price", ["usd = -1", "usd = nan", 'usd = "much"', "per = 3"])
def test_what_is_no_price_is_refused_at_load(price: str) -> None:
    """Negative, no number, missing."""
    text = f'[[model]]\nid = "m"\nmedium = "text"\ntasks = ["t"]\nsource = "s"\nas_of = 2026-01-01\nprices = [{{ unit = "images", {price} }}]\n'
    with pytest.raises(ValidationError):
        models(text, "acme")
