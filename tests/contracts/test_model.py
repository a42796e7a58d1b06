"""A model's lifecycle, at its borders."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from anymedia.contracts.model import Lifecycle, Model

TODAY = date(2026, 11, 21)


def model(retires_on: date | None) -> Model:
    """A model that goes on a day, or never."""
    return Model(
        id="fox-1",
        provider="acme",
        medium="image",
        tasks=("text_to_image",),
        retires_on=retires_on,
        source="https://acme.example/models",
        as_of=TODAY,
    )


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (None, "live"),
        (365, "live"),
        (31, "live"),
        (30, "retiring"),
        (1, "retiring"),
        (0, "retired"),
        (-1, "retired"),
        (-365, "retired"),
    ],
)
def test_a_model_warns_for_thirty_days_and_is_gone_on_its_day(
    days: int | None, expected: Lifecycle
) -> None:
    """From the first day of warning to the day itself."""
    retires_on = None if days is None else TODAY + timedelta(days=days)

    assert model(retires_on).lifecycle(TODAY) == expected


def test_the_warning_can_come_earlier_or_not_at_all() -> None:
    """The day itself stays the same."""
    assert model(TODAY + timedelta(days=60)).lifecycle(TODAY, warn_days=60) == "retiring"
    assert model(TODAY + timedelta(days=1)).lifecycle(TODAY, warn_days=0) == "live"
    assert model(TODAY).lifecycle(TODAY, warn_days=0) == "retired"
