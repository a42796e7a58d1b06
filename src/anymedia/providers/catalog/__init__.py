"""The catalogue: what is known about every model, as data with a source and a date.

One TOML file per provider. `[defaults]` is what its models share, `[[model]]` is one model; the
fields are those of `contracts.model.Model`. `[batch]` says what its batch API charges, as a `factor`
of the prices.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from anymedia.contracts.model import Model

SHARED = ("source", "as_of", "medium", "tasks", "features", "limits", "settings", "prices")


def models(text: str, provider: str) -> tuple[Model, ...]:
    """The models that a catalogue text describes. `ValueError` names what is wrong in it."""
    book: dict[str, Any] = tomllib.loads(text)
    defaults = book.get("defaults", {})
    found = []
    for entry in book.get("model", ()):
        facts = {**{key: defaults[key] for key in SHARED if key in defaults}, **entry}
        if "limits" in defaults and "limits" in entry:
            facts["limits"] = {**defaults["limits"], **entry["limits"]}
        for price in facts.get("prices", ()):
            price.setdefault("source", facts.get("source"))
            price.setdefault("as_of", facts.get("as_of"))
        found.append(Model.model_validate({"provider": provider, **facts}))
    return tuple(found)


@cache
def catalogued(name: str) -> tuple[Model, ...]:
    """The models of one of our own catalogue files; none if there is no such file."""
    file = resources.files(__name__) / f"{name}.toml"
    return models(file.read_text("utf-8"), name) if file.is_file() else ()


@cache
def batch_factor(name: str) -> Decimal | None:
    """Which share of the prices a provider's batch API charges; `None` where that is not known."""
    file = resources.files(__name__) / f"{name}.toml"
    book = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    said = book.get("batch", {}).get("factor")
    return None if said is None else Decimal(str(said))
