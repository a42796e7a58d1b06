"""What doubles charge by: the list prices of the catalogue, reckoned without the engine.

A double counts for itself what it has made. Were it to ask the engine what that costs, a mistake
there would stand on both sides of the bill.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model, Price


def line(model: Model, unit: str, **facts: Any) -> Price | None:
    """The list's line for a unit: of those that suit the facts, the one that asks for most."""
    suiting = [
        one
        for one in model.prices
        if one.unit == unit
        and one.above_input_tokens is None
        and all(facts.get(name) in several(wanted) for name, wanted in one.when.items())
    ]
    return max(suiting, key=lambda one: len(one.when), default=None)


def several(wanted: Any) -> list[Any]:
    """What a condition allows."""
    return wanted if isinstance(wanted, list) else [wanted]


def owed(model: Model, facts: dict[str, Any], **amounts: Decimal | int) -> Decimal | None:
    """US dollars for so much of each unit; `None` where the list has no line for any of them."""
    total, found = Decimal(0), False
    for unit, amount in amounts.items():
        one = line(model, unit, **facts)
        if one is None:
            continue
        found = True
        billed = max(Decimal(amount) - one.included, one.at_least, Decimal(0))
        total += billed * one.usd / one.per
    return total if found else None
