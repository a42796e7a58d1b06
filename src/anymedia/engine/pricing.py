"""From usage to money: which price applies, to how much of what.

Token counts nest: cached, image and audio tokens are part of the input, reasoning is part of the
output. A part with a price of its own is charged at that, and the rest at the whole's price.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from anymedia.contracts.cost import Cost
from anymedia.contracts.model import Model, Price
from anymedia.contracts.usage import Usage

PARTS: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "cached_input_tokens",
        "cache_write_tokens",
        "input_image_tokens",
        "input_audio_tokens",
    ),
    "cached_input_tokens": ("cached_image_tokens",),
    "input_image_tokens": ("cached_image_tokens",),
    "output_tokens": ("reasoning_tokens", "output_image_tokens", "output_audio_tokens"),
}


def priced(model: Model | None, usage: Usage, circumstances: Mapping[str, Any]) -> Cost:
    """What a usage costs by our price table.

    `circumstances` are the facts that prices may depend on: resolution, audio, quality and the
    like, as they were in effect.
    """
    if model is None or not model.prices:
        return Cost(
            basis="unpriced",
            explanation="no price is known for this model; set one in your catalogue",
        )
    amounts = usage.quantities()
    lines: list[tuple[str, Decimal, Price]] = []
    for unit, amount in amounts.items():
        price = applicable(model.prices, unit, circumstances, amounts)
        if price is None:
            continue
        own = {
            part: amounts[part]
            for part in PARTS.get(unit, ())
            if part in amounts
            and applicable(model.prices, part, circumstances, amounts) is not None
        }
        alone = amount - sum(own.values(), Decimal(0))
        if own.keys() >= {"cached_input_tokens", "input_image_tokens"}:
            # Cached picture tokens are part of both, so they were taken away twice.
            alone += amounts.get("cached_image_tokens", Decimal(0))
        lines.append((unit, charged(max(alone, Decimal(0)), price), price))
    if not lines:
        return Cost(basis="unpriced", explanation=unmatched(model, amounts))
    amount = sum((used * price.usd / price.per for _, used, price in lines), Decimal(0))
    free = all(price.usd == 0 for price in model.prices)
    return Cost(
        amount=amount,
        computed=amount,
        basis="free" if free else "estimated" if usage.estimated else "computed",
        explanation=" + ".join(
            f"{used.normalize():f} {unit} at {price.usd} USD"
            + (f" per {price.per:,}" if price.per != 1 else "")
            for unit, used, price in lines
        )
        + (f"; priced in {model.catalog}" if model.catalog else ""),
    )


def charged(used: Decimal, price: Price) -> Decimal:
    """How much of what was used is billed: not what is included, never less than the minimum."""
    return max(used - price.included, price.at_least, Decimal(0))


def unmatched(model: Model, amounts: Mapping[str, Decimal]) -> str:
    """Why none of a model's prices applies: another unit was told, or no condition holds."""
    wanted = sorted({price.unit for price in model.prices})
    if not amounts.keys() & set(wanted):
        return f"priced by {', '.join(wanted)}, which is not known of this answer"
    facts = sorted({name for price in model.prices for name in price.when})
    return f"there is a price by {', '.join(wanted)}, but none for its {', '.join(facts)}"


def settled(computed: Cost, reported: Decimal | None) -> Cost:
    """What the provider itself says wins; what we computed is kept beside it."""
    if reported is None:
        return computed
    return Cost(
        amount=reported,
        basis="reported",
        computed=computed.amount,
        explanation=computed.explanation,
    )


def applicable(
    prices: tuple[Price, ...],
    unit: str,
    circumstances: Mapping[str, Any],
    amounts: Mapping[str, Decimal],
) -> Price | None:
    """The price of a unit whose conditions hold; the most particular one if several do."""
    holding = [
        price
        for price in prices
        if price.unit == unit
        and all(met(wanted, circumstances.get(name)) for name, wanted in price.when.items())
        and (
            price.above_input_tokens is None
            or amounts.get("input_tokens", Decimal(0)) > price.above_input_tokens
        )
    ]
    return max(
        holding,
        key=lambda price: (price.above_input_tokens or 0, len(price.when)),
        default=None,
    )


def met(wanted: Any, actual: Any) -> bool:
    """Whether a condition holds; a list means any of these."""
    return actual in wanted if isinstance(wanted, list) else actual == wanted
