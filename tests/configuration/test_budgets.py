"""Budgets in the file: what they say, and what contradicts itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from anymedia.configuration import load
from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import InvalidConfiguration


def loaded(directory: Path, text: str) -> Settings:
    """The settings of a file with this text."""
    (directory / "anymedia.yaml").write_text(text)
    return load(environment={}, directory=directory)


def test_budgets_are_read_as_they_are_written(tmp_path: Path) -> None:
    """The example of the guide, and one with everything."""
    settings = loaded(
        tmp_path,
        """\
budgets:
  - {scope: key, period: day, limit_usd: 50, on_reached: refuse}
  - scope: medium
    name: video
    limit_usd: "99.90"
    on_reached: degrade
    degrade_to: draft
    alert_at: [0.5, 0.8, 1.0]
    allow_unpriced: true
    time_zone: Europe/Berlin
  - {scope: key, name: ann, period: day, limit_usd: 200}
  - {scope: model, name: openai/gpt-5.2, period: total, limit_usd: 10, on_reached: switch}
""",
    )
    assert settings.budgets[0] == BudgetSettings(scope="key", period="day", limit_usd=Decimal(50))
    video = settings.budgets[1]
    assert (video.period, video.limit_usd, video.degrade_to) == ("month", Decimal("99.90"), "draft")
    assert (video.alert_at, video.time_zone) == ((0.5, 0.8, 1.0), "Europe/Berlin")


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ("scope: keys, limit_usd: 1", "budgets.0.scope (anymedia.yaml:1): expected `key`"),
        ("scope: key", "budgets.0.limit_usd (anymedia.yaml:1): is missing"),
        ("scope: key, limit_usd: -1", "expected at least 0"),
        ("scope: key, limit_usd: .nan", "budgets.0.limit_usd (anymedia.yaml:1)"),
        ("scope: key, limit_usd: much", "expected an amount in US dollars"),
        ("scope: key, limit_usd: 1, period: week", "budgets.0.period (anymedia.yaml:1): expected"),
        ("scope: key, limit_usd: 1, alert_at: [0]", "expected more than 0"),
        ("scope: key, limit_usd: 1, limit: 3", "there is no such setting"),
        (
            "scope: key, limit_usd: 1, on_reached: degrade",
            "budgets.0.degrade_to (anymedia.yaml:1): is missing: the preset",
        ),
        (
            "scope: key, limit_usd: 1, degrade_to: draft",
            "budgets.0.degrade_to (anymedia.yaml:1): needs `on_reached: degrade`",
        ),
        (
            "scope: medium, name: text, limit_usd: 1, on_reached: degrade, degrade_to: draft",
            "budgets.0.on_reached (anymedia.yaml:1): text has no presets",
        ),
        (
            "scope: all, limit_usd: 1, on_reached: switch",
            "budgets.0.on_reached (anymedia.yaml:1): every provider falls under this budget",
        ),
        ("scope: all, name: us, limit_usd: 1", "budgets.0.name (anymedia.yaml:1): everything"),
        ("scope: medium, name: vidio, limit_usd: 1", "no medium `vidio`; did you mean `video`"),
        ("scope: provider, name: opnai, limit_usd: 1", "no provider `opnai`; did you mean `openai"),
        ("scope: model, name: gpt, limit_usd: 1", "budgets.0.name (anymedia.yaml:1): expected `pr"),
        ("scope: model, name: opnai/gpt, limit_usd: 1", "there is no provider `opnai`; did you"),
        (
            "scope: key, limit_usd: 1, time_zone: Europe/Berln",
            "budgets.0.time_zone (anymedia.yaml:1): there is no time zone `Europe/Berln`; did you",
        ),
        (
            "scope: key, limit_usd: 1, time_zone: ../../etc/passwd",
            "are called such as: Europe/Berlin",
        ),
        ("scope: key, limit_usd: 1, time_zone: ''", "there is no time zone"),
        (
            "scope: tag, name: a, limit_usd: 1}, {scope: tag, name: a, limit_usd: 2",
            "budgets.1 (anymedia.yaml:1): budgets.0 is already for this scope, name and period",
        ),
    ],
)
def test_a_budget_that_cannot_be_meant_is_told_where_it_stands(
    tmp_path: Path, budget: str, told: str
) -> None:
    """With what is expected instead."""
    with pytest.raises(InvalidConfiguration) as caught:
        loaded(tmp_path, f"budgets: [{{{budget}}}]")
    assert told in caught.value.message


@pytest.mark.parametrize("budgets", ["3", "[3]", "{scope: key}", "null"])
def test_what_is_no_list_of_budgets_is_one_mistake(tmp_path: Path, budgets: str) -> None:
    """And nothing worse."""
    if budgets == "null":
        assert loaded(tmp_path, f"budgets: {budgets}").budgets == ()
        return
    with pytest.raises(InvalidConfiguration, match="budgets"):
        loaded(tmp_path, f"budgets: {budgets}")
