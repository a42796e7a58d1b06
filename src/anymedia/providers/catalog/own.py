"""Catalogues of users: models and prices of theirs, over ours.

The same TOML as our own files. Each `[[model]]` names its `provider` (or `[defaults]` does for all)
and its `id`. One that our catalogue lists is changed in what the file says, with `prices` and lists
replaced as a whole; any other is new, and needs `medium` and `tasks`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from anymedia.contracts.model import Model
from anymedia.contracts.usage import Usage

Ours = Callable[[str], tuple[Model, ...] | None]
"""A provider's models as listed so far; `None` if there is no such provider."""
Wrong = Callable[[str, str], None]
"""Takes a place in the file, and what is wrong there."""
SHARED = ("provider", "source", "as_of", "medium", "tasks", "features", "limits", "prices")
JOINED = ("limits", "presets", "settings", "voices")
UNITS = tuple(name for name in Usage.model_fields if name not in {"estimated", "raw"})
MOST_USD = Decimal(1000)
"""Nothing that anybody sells costs more a unit; whoever writes that meant a million of them."""
STALE_DAYS = 120
"""Prices of media change every few months."""


def described(text: str, file: str, read: date, ours: Ours, wrong: Wrong) -> list[Model]:
    """The models that a file describes or changes; every mistake is told to `wrong`."""
    try:
        book: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        wrong("", f"expected TOML: {error}")
        return []
    for name in book.keys() - {"defaults", "model"}:
        wrong(name, "there is no such table; known here: defaults, model")
    defaults, entries = book.get("defaults", {}), book.get("model", [])
    if not isinstance(defaults, dict) or not isinstance(entries, list):
        wrong("model", "expected `[defaults]` once and `[[model]]` for each model")
        return []
    for name in defaults.keys() - set(SHARED):
        wrong(f"defaults.{name}", f"cannot be shared; only {', '.join(SHARED)} can")
    found = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            wrong(f"model.{index}", "expected settings by name")
            continue
        place = f"model.{index}"
        facts = {**{name: defaults[name] for name in SHARED if name in defaults}, **entry}
        model = sheet(facts, defaults, file, read, ours, within(place, wrong))
        found.extend([model] if model else [])
    return found


def sheet(
    facts: dict[str, Any],
    defaults: Mapping[str, Any],
    file: str,
    read: date,
    ours: Ours,
    wrong: Wrong,
) -> Model | None:
    """One entry as a model, over ours if we list it."""
    missing = [name for name in ("provider", "id") if not isinstance(facts.get(name), str)]
    for name in missing:
        wrong(f".{name}", "is missing")
    if missing:
        return None
    listed = ours(facts["provider"])
    if listed is None:
        wrong(".provider", f"there is no provider `{facts['provider']}`")
        return None
    same = [one for one in listed if one.id == facts["id"]]
    same = [one for one in same if facts.get("medium", one.medium) == one.medium]
    before = same[0].model_dump(exclude_unset=True) if same else {}
    said = (
        facts
        if not same
        else {
            k: v
            for k, v in facts.items()
            if k not in defaults or v is not defaults[k] or k in {"prices", "source", "as_of"}
        }
    )
    prices = said.get("prices")
    if isinstance(prices, list):
        said = {**said, "prices": [priced(one, facts, file, read) for one in prices]}
        for index, one in enumerate(said["prices"]):
            check_price(one, within(f".prices.{index}", wrong))
    whole = {"source": file, "as_of": read, **before, **said, "catalog": file}
    for name in JOINED:
        if isinstance(before.get(name), dict) and isinstance(said.get(name), dict):
            whole[name] = {**before[name], **said[name]}
    try:
        return Model.model_validate(whole)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            at = "".join(f".{step}" for step in one["loc"])
            if not at.endswith((".usd", ".unit")):
                why = "is missing" if one["type"] == "missing" else str(one["msg"])
                wrong(at, "there is no such field" if one["type"] == "extra_forbidden" else why)
    return None


def within(place: str, wrong: Wrong) -> Wrong:
    """Tells of mistakes in one part of the file, by their place in the whole."""
    return lambda at, why: wrong(place + at, why)


def priced(price: Any, facts: Mapping[str, Any], file: str, read: date) -> Any:
    """A price that says where it comes from: this file, unless it names something better."""
    if not isinstance(price, dict):
        return price
    return {"source": facts.get("source", file), "as_of": facts.get("as_of", read), **price}


def check_price(price: Any, wrong: Wrong) -> None:
    """A unit that is counted, and an amount that can be meant."""
    if not isinstance(price, dict):
        wrong("", 'expected a price, such as { unit = "seconds", usd = 0.05 }')
        return
    if price.get("unit") not in UNITS:
        why = f"expected one of {', '.join(UNITS)}" if "unit" in price else "is missing"
        wrong(".unit", why)
    usd, per = price.get("usd"), price.get("per", 1)
    if usd is None:
        wrong(".usd", "is missing")
        return
    try:
        amount = Decimal(usd) if not isinstance(usd, bool) else Decimal("NaN")
    except (InvalidOperation, TypeError, ValueError):
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        wrong(".usd", "expected US dollars, 0 or more")
    elif isinstance(per, int) and per > 0 and amount / per > MOST_USD:
        each = str(price.get("unit")).removesuffix("s").replace("_", " ")
        wrong(
            ".usd", f"is {amount / per:f} US dollars a {each}, above {MOST_USD}; is `per` missing?"
        )


def overlaid(ours: tuple[Model, ...], theirs: tuple[Model, ...]) -> tuple[Model, ...]:
    """Our models with those of the user's in their place, and new ones behind."""
    own = {(one.id, one.medium): one for one in theirs}
    kept = [own.pop((one.id, one.medium), one) for one in ours]
    return (*kept, *own.values())


def stale(model: Model, today: date, days: int = STALE_DAYS) -> date | None:
    """The date of a model's oldest price, if that is longer ago than so many days."""
    dates = [price.as_of for price in model.prices if price.as_of]
    oldest = min(dates, default=None)
    return oldest if oldest and (today - oldest).days > days else None
