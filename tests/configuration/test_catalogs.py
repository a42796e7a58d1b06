"""Models and prices of the user's own, in a file."""

from __future__ import annotations

import logging
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.transport import ScriptedTransport

from anymedia.configuration import load
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.usage import Usage
from anymedia.engine.pricing import priced
from anymedia.engine.providers import Providers

OURS = """
[[model]]
provider = "runway"
id = "gen4.5"
retires_on = 2027-02-01
successor = "gen5"
prices = [{ unit = "seconds", usd = 0.09, as_of = 2026-11-01 }]
[model.presets.draft]
resolution = "720p"

[[model]]
provider = "runway"
id = "gen5"
medium = "video"
tasks = ["text_to_video"]
source = "our contract of May"
as_of = 2026-05-01
prices = [{ unit = "seconds", usd = 0.2 }]
"""


def settings(tmp_path: Path, text: str, *more: str) -> Settings:
    """A configuration that names a file with this text, and then others."""
    names = []
    for index, content in enumerate((text, *more)):
        (tmp_path / f"prices{index}.toml").write_text(content)
        names.append(f"prices{index}.toml")
    (tmp_path / "anymedia.yaml").write_text(f"catalog: [{', '.join(names)}]\n")
    return load(environment={"HOME": str(tmp_path)}, directory=tmp_path)


def providers(tmp_path: Path, text: str, *more: str) -> Providers:
    """The providers of that configuration."""
    return Providers(
        settings(tmp_path, text, *more), network=ScriptedTransport(), clock=FakeClock()
    )


def test_a_file_changes_what_it_says_and_leaves_the_rest(tmp_path: Path) -> None:
    """The price, a preset and the end are theirs; tasks and limits stay ours."""
    before = Providers(Settings(), network=ScriptedTransport(), clock=FakeClock()).model(
        "runway", "gen4.5"
    )
    model = providers(tmp_path, OURS).model("runway", "gen4.5")
    assert model is not None
    assert before is not None
    assert [price.usd for price in model.prices] == [Decimal("0.09")]
    assert (model.retires_on, model.successor) == (date(2027, 2, 1), "gen5")
    assert model.presets["draft"] == {"resolution": "720p"}
    assert (model.limits, model.tasks) == (before.limits, before.tasks)


def test_a_file_adds_models(tmp_path: Path) -> None:
    """One that we do not list is a model like any other."""
    found = providers(tmp_path, OURS)
    model = found.model("runway", "gen5")
    assert model is not None
    assert "gen5" in found.models_for("runway", "video")
    assert priced(model, Usage(seconds=Decimal(5)), {}).amount == Decimal("1.0")


def test_where_a_price_comes_from_stays_visible(tmp_path: Path) -> None:
    """The file is named on the sheet, in the price, and where a cost is explained."""
    model = providers(tmp_path, OURS).model("runway", "gen4.5")
    file = str(tmp_path / "prices0.toml")
    assert model is not None
    assert model.catalog == file
    assert (model.prices[0].source, model.prices[0].as_of) == (file, date(2026, 11, 1))
    explanation = priced(model, Usage(seconds=Decimal(2)), {}).explanation
    assert explanation == f"2 seconds at 0.09 USD; priced in {file}"


def test_later_files_win(tmp_path: Path) -> None:
    """The second changes what the first added."""
    later = '[[model]]\nprovider = "runway"\nid = "gen5"\nprices = [{unit = "seconds", usd = 0.3}]'
    model = providers(tmp_path, OURS, later).model("runway", "gen5")
    assert model is not None
    assert model.prices[0].usd == Decimal("0.3")
    assert model.tasks == ("text_to_video",)


def test_every_mistake_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    """Missing, negative, absurd and misspelt, in one error."""
    wrong = """
[[model]]
provider = "runway"
id = "gen4.5"
prices = [
  { unit = "seconds" },
  { unit = "seconds", usd = -1 },
  { unit = "seconds", usd = 5000 },
  { unit = "furlongs", usd = 1 },
  { usd = 1 },
]
[[model]]
provider = "nobody"
id = "x"
[[model]]
id = "y"
[[model]]
provider = "runway"
id = "brand-new"
colour = "red"
"""
    with pytest.raises(InvalidConfiguration) as caught:
        settings(tmp_path, wrong)
    told = [
        one["expected"].removeprefix(f"{tmp_path / 'prices0.toml'}: ")
        for one in caught.value.details["mistakes"]
    ]
    assert {one["path"] for one in caught.value.details["mistakes"]} == {"catalog.0"}
    assert told[:3] == [
        "model.0.prices.0.usd: is missing",
        "model.0.prices.1.usd: expected US dollars, 0 or more",
        "model.0.prices.2.usd: is 5000 US dollars a second, above 1000; is `per` missing?",
    ]
    assert told[3].startswith("model.0.prices.3.unit: expected one of input_tokens, ")
    assert told[4:] == [
        "model.0.prices.4.unit: is missing",
        "model.1.provider: there is no provider `nobody`",
        "model.2.provider: is missing",
        "model.3.medium: is missing",
        "model.3.tasks: is missing",
        "model.3.colour: there is no such field",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[model]\n", "expected TOML"),
        ("[[modell]]\nid = 'x'\n", "modell: there is no such table; known here: defaults, model"),
        ("defaults = 3\n", "model: expected `[defaults]` once"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """With the reason, and not with a traceback."""
    with pytest.raises(InvalidConfiguration, match=why.replace("[", r"\[").replace("]", r"\]")):
        settings(tmp_path, text)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """Its whole path is told, as it may be meant to lie elsewhere."""
    with pytest.raises(InvalidConfiguration, match=r"gone\.toml: cannot be read: No such file"):
        load({"catalog": ["gone.toml"]}, environment={"HOME": "/"}, directory=tmp_path)


def test_prices_that_nobody_has_looked_up_for_months_are_told_and_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A notice: they may still hold."""
    text = OURS.replace("as_of = 2026-11-01", "as_of = 2024-03-01")
    text = text.replace("as_of = 2026-05-01", "as_of = 2026-11-01")
    with caplog.at_level(logging.WARNING, "anymedia"):
        model = providers(tmp_path, text).model("runway", "gen4.5")
    assert model is not None
    assert model.prices[0].usd == Decimal("0.09")
    assert "the prices of `runway/gen4.5` are of 2024-03-01" in caplog.text
    assert "gen5" not in caplog.text


def test_a_server_of_your_own_gets_prices(tmp_path: Path) -> None:
    """A name that only the configuration knows is a provider too."""
    (tmp_path / "mine.toml").write_text(
        '[[model]]\nprovider = "mine"\nid = "llama"\nmedium = "text"\ntasks = ["chat"]\n'
        'prices = [{unit = "gpu_seconds", usd = 0.0002}]\n'
    )
    mine = {"dialect": "openai", "base_url": "http://127.0.0.1:8000/v1"}
    found = load(
        {"catalog": ["mine.toml"], "providers": {"mine": mine}},
        environment={"HOME": str(tmp_path)},
        directory=tmp_path,
    )
    assert [one.id for one in found.sheets("mine")] == ["llama"]
