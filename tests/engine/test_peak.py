"""Prices by the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from anymedia.contracts.model import Price
from anymedia.contracts.text import TextRequest
from anymedia.engine.peak import period
from tests.engine.workbench import Workbench
from tests.support.acme import ACME, sheet
from tests.support.transport import answer

PEAKS = ["mon-fri 01:00-04:00", "mon-fri 06:00-10:00"]
FRIDAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (0.9, "off-peak"),
        (1, "peak"),
        (3.99, "peak"),
        (4, "off-peak"),
        (6, "peak"),
        (10, "off-peak"),
        (24 + 2, "off-peak"),  # a Saturday
        (72 + 2, "peak"),  # the Monday after
    ],
)
def test_the_period_is_that_of_the_hour_in_utc(hours: float, expected: str) -> None:
    """Beginnings count, ends do not."""
    at = FRIDAY + timedelta(hours=hours)
    assert period(PEAKS, at) == expected
    assert period(PEAKS, at.astimezone(timezone(timedelta(hours=8)))) == expected


def test_a_span_that_is_none_is_refused() -> None:
    """A typing mistake in the catalogue must not make everything cheap."""
    with pytest.raises(ValueError, match="mon-fri"):
        period(["weekdays"], FRIDAY)


@pytest.mark.parametrize(("hours", "amount"), [(0, "0.000003"), (36 + 1, "0.000006")])
def test_what_is_charged_is_the_price_of_the_hour(hours: float, amount: str) -> None:
    """On a Saturday at noon the cheap one, on the Monday after at one the dear one."""
    model = sheet(
        "words-9",
        "text",
        prices=(
            Price(unit="output_tokens", usd=Decimal(2), per=1_000_000),
            Price(unit="output_tokens", usd=Decimal(1), per=1_000_000, when={"period": "off-peak"}),
        ),
        settings={"peak_utc": PEAKS},
    )
    bench = Workbench(
        answer({"text": "hello", "tokens_in": 2, "tokens_out": 3}),
        providers=(replace(ACME, models=(model,)),),
    )
    bench.clock.advance(hours * 3600)
    result = bench.run(TextRequest(prompt="hi", model="words-9"))
    assert result.cost.amount == Decimal(amount)
