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
from anymedia.contracts.notice import Notice
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
WHOLES = {part: whole for whole, parts in PARTS.items() for part in parts}
SOLD_BY = ("credits", "gpu_seconds")
"""Units that only a provider can count, and counts because it bills them."""
MOST_REPORTED = Decimal(1_000_000)
"""US dollars that no single request costs: whoever reports as much is mistaken."""


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
    missing = () if free else unknown_units(model.prices, circumstances, amounts)
    sure = not (usage.estimated or missing)
    return Cost(
        amount=amount,
        computed=amount,
        basis="free" if free else "computed" if sure else "estimated",
        explanation=" + ".join(
            f"{used.normalize():f} {unit} at {price.usd} USD"
            + (f" per {price.per:,}" if price.per != 1 else "")
            for unit, used, price in lines
        )
        + (f"; at least, as its {', '.join(missing)} are not known" if missing else "")
        + unpriced_units(amounts, lines)
        + (f"; priced in {model.catalog}" if model.catalog else ""),
        price=told(lines),
    )


def unknown_units(
    prices: tuple[Price, ...], circumstances: Mapping[str, Any], amounts: Mapping[str, Decimal]
) -> tuple[str, ...]:
    """Units that cost something and of which nobody knows how many there were.

    A part of something known is none of them: unsaid, it is charged as the rest.
    """
    found = []
    for unit in dict.fromkeys(price.unit for price in prices):
        if unit in amounts or WHOLES.get(unit) in amounts or unit == "requests":
            continue  # of a request itself there is never a doubt
        price = applicable(prices, unit, circumstances, amounts)
        if price is not None and price.usd > 0:
            found.append(unit)
    return tuple(one for one in found if WHOLES.get(one) not in found)


def unpriced_units(amounts: Mapping[str, Decimal], lines: list[tuple[str, Decimal, Price]]) -> str:
    """A word on what the provider counts and bills in, where we price something else."""
    priced_by = {unit for unit, _, _ in lines}
    other = [unit for unit in SOLD_BY if amounts.get(unit) and unit not in priced_by]
    return "".join(
        f"; the provider counted {amounts[unit].normalize():f} {unit}, which have no price here"
        for unit in other
    )


def told(lines: list[tuple[str, Decimal, Price]]) -> dict[str, Any]:
    """Which price it was, in short: where it was read and when, and what one of each unit cost.

    Credits are one of the units: then the usage says how many, and this at which rate.
    """
    first = lines[0][2]
    record: dict[str, Any] = {
        "usd": {
            unit: f"{price.usd}/{price.per}" if price.per != 1 else str(price.usd)
            for unit, _, price in lines
        }
    }
    if first.as_of is not None:
        record["as_of"] = first.as_of.isoformat()
    if first.source is not None:
        record["source"] = first.source
    return record


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
    """What the provider itself says wins, if it can be; what we computed is kept beside it."""
    if reported is None or disbelieved(reported):
        return computed
    return Cost(
        amount=reported,
        basis="reported",
        computed=computed.amount,
        explanation=computed.explanation,
        price=computed.price,
    )


def disbelieved(reported: Decimal | None) -> tuple[Notice, ...]:
    """A word on a reported cost that cannot be, and does not count."""
    if reported is None or (reported.is_finite() and 0 <= reported < MOST_REPORTED):
        return ()
    return (
        Notice(
            code="provider-note",
            message=f"the provider reports a cost of {reported} US dollars, which cannot be; "
            f"what the price table says counts",
        ),
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
