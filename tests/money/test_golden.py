"""Prices against figures that were worked out by hand from the cited pages, exactly."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.model import Model, Price
from anymedia.contracts.usage import Usage
from anymedia.engine.peak import period
from anymedia.engine.pricing import priced
from anymedia.providers.catalog import catalogued
from tests.support.acme import sheet

with (Path(__file__).parent / "golden.csv").open(encoding="utf-8") as opened:
    ROWS = list(csv.DictReader(opened, delimiter="|", quoting=csv.QUOTE_NONE))


def pairs(text: str) -> dict[str, str]:
    """`name=value` by name."""
    return dict(pair.split("=", 1) for pair in text.split())


def facts(text: str, model: Model) -> dict[str, Any]:
    """What prices depend on; `at` is when the request was sent."""
    found: dict[str, Any] = {}
    for name, value in pairs(text).items():
        if name == "at":
            peaks = model.settings["peak_utc"]
            found["period"] = period(peaks, datetime.fromisoformat(value))
        else:
            typed = value in {"true", "false"} or value.startswith("{")
            found[name] = json.loads(value) if typed else value
    return found


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row['model']} {row['facts']} {row['usage']}"
)
def test_every_price_is_what_the_page_says(row: dict[str, str]) -> None:
    """Not a fraction of a cent beside it."""
    sheets = [one for one in catalogued(row["provider"]) if row["model"] in {one.id, "*"}]
    assert sheets, row
    model = next((one for one in sheets if one.prices), sheets[0])
    cost = priced(model, Usage.model_validate(pairs(row["usage"])), facts(row["facts"], model))
    assert cost.amount == Decimal(row["usd"]), (row["sheet"], cost.explanation)


def test_the_table_is_large_and_covers_every_provider_with_prices() -> None:
    """Whoever adds a provider with prices adds rows."""
    root = Path(__file__).parents[2] / "src" / "anymedia" / "providers" / "catalog"
    selling = {
        file.stem for file in root.glob("*.toml") if any(m.prices for m in catalogued(file.stem))
    }
    assert len(ROWS) >= 150
    assert selling <= {row["provider"] for row in ROWS}


@pytest.mark.parametrize(
    ("unit", "per", "usage", "usd"),
    [
        ("credits", 1, {"credits": "60"}, "0.6"),
        ("gpu_seconds", 1, {"gpu_seconds": "7.25"}, "0.0725"),
    ],
)
def test_units_that_no_page_of_ours_sells_by(
    unit: str, per: int, usage: dict[str, str], usd: str
) -> None:
    """Credits (a cent each at Runway) and GPU seconds are priced for users' own catalogues."""
    model = sheet("m", "image", prices=(Price(unit=unit, usd=Decimal("0.01"), per=per),))
    assert priced(model, Usage.model_validate(usage), {}).amount == Decimal(usd)


def test_a_resolution_without_a_price_is_said_to_be_the_reason() -> None:
    """Not that its seconds are unknown, which they are not."""
    model = next(m for m in catalogued("fal") if m.id == "fal-ai/bytedance/seedance/v1/pro")
    cost = priced(model, Usage(seconds=Decimal(5)), {"resolution": "480p"})
    assert (cost.amount, cost.basis) == (None, "unpriced")
    assert cost.explanation == "there is a price by seconds, but none for its resolution"
