"""From usage to money: which price applies, to how much of what.

Token counts nest: cached, image and audio tokens are part of the input, reasoning is part of the
output. A part with a price of its own is charged at that, and the rest at the whole's price.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter, mul, truediv
from typing import Any, NamedTuple

import msgspec

from anymedia.contracts.cost import Cost, CostBasis
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
NOTHING = Decimal(0)
MOST_SHEETS = 1_000
MOST_REPORTED = Decimal(1_000_000)
"""US dollars that no single request costs: whoever reports as much is mistaken."""


def priced(model: Model | None, usage: Usage, circumstances: Mapping[str, Any]) -> Cost:
    """What a usage costs by our price table.

    `circumstances` are the facts that prices may depend on: resolution, audio, quality and the
    like, as they were in effect.
    """
    return Tariff(model, circumstances).cost(usage.quantities(), estimated=usage.estimated)


class Reckoned(msgspec.Struct, frozen=True):
    """A cost in the making: what `Cost` has, and quickly made."""

    amount: Decimal | None
    basis: CostBasis
    explanation: str
    price: dict[str, Any] | None = None

    def cost(self) -> Cost:
        """As it is told."""
        return Cost(
            amount=self.amount,
            computed=self.amount,
            basis=self.basis,
            explanation=self.explanation,
            price=self.price,
        )


NO_PRICE = Reckoned(None, "unpriced", "no price is known for this model; set one in your catalogue")


class Line(NamedTuple):
    """One unit that is charged, among all that were stated together."""

    unit: str
    price: Price
    plain: bool
    """Whether every one of it is charged: nothing is included, and there is no minimum."""
    parts: tuple[str, ...]
    """What has a price of its own, and is not charged as the whole."""
    twice: bool
    """Whether cached picture tokens are among two of the parts."""
    words: str
    """What one of it costs, for people."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a set of units is charged."""

    lines: tuple[Line, ...]
    stated: Callable[[Mapping[str, Decimal | int]], tuple[Decimal | int, ...]]
    """What was stated of each line's unit."""
    usd: tuple[Decimal, ...]
    per: tuple[int, ...] | None
    """How many of it cost that; `None` where each costs it by itself."""
    closely: bool
    """Whether some line is not charged for all that was stated of its unit, or there is none."""
    price: dict[str, Any]
    elsewhere: tuple[str, ...]
    """Units that the provider bills in, and that have no price here."""
    basis: CostBasis
    """Where nothing else is estimated."""
    words: str
    """The explanation, with a place for how much each line is charged for."""


class Tariff:
    """A model's prices in given circumstances. What it found for a set of units it remembers."""

    def __init__(self, model: Model | None, circumstances: Mapping[str, Any]) -> None:
        self._model = model
        self._circumstances = circumstances
        self._prices = model.prices if model is not None else ()
        self._steps = sorted(
            {one.above_input_tokens for one in self._prices if one.above_input_tokens is not None}
        )
        self._free = all(price.usd == 0 for price in self._prices)
        catalog = model.catalog if model is not None else None
        self._priced_in = f"; priced in {catalog}" if catalog else ""
        self._sheets: dict[tuple[Any, ...], Sheet] = {}

    def cost(self, amounts: Mapping[str, Decimal], *, estimated: bool) -> Cost:
        """What these amounts cost."""
        return self.reckoned(amounts, estimated=estimated).cost()

    def reckoned(self, amounts: Mapping[str, Decimal | int], *, estimated: bool) -> Reckoned:
        """The same, for whoever asks thousands of times a second."""
        sheet, used, amount = self._charged(amounts)
        if not sheet.lines:
            return self._unpriced(amounts)
        numbers = used if type(sum(used)) is int else map(plainly, used)
        explanation = sheet.words % tuple(numbers)
        if sheet.elsewhere:
            explanation += unpriced_units(amounts, sheet.elsewhere) + self._priced_in
        return Reckoned(
            amount,
            "estimated" if estimated and not self._free else sheet.basis,
            explanation,
            sheet.price,
        )

    def amount(self, amounts: Mapping[str, Decimal | int]) -> Decimal | None:
        """The dollars alone; `None` where there is no price."""
        sheet, _, amount = self._charged(amounts)
        return amount if sheet.lines else None

    def _charged(
        self, amounts: Mapping[str, Decimal | int]
    ) -> tuple[Sheet, Sequence[Decimal | int], Decimal]:
        """Which prices apply where these units are stated, to how much of each, and what it is."""
        key: tuple[Any, ...] = tuple(amounts)
        if self._steps:
            key = (bisect_left(self._steps, amounts.get("input_tokens", 0)), *key)
        sheet = self._sheets.get(key)
        if sheet is None:
            sheet = self._kept(key, amounts)
        stated = sheet.stated
        used: Sequence[Decimal | int] = stated(amounts)
        if sheet.closely or min(used) < 0:  # some do say that
            used = [used_of(line, amounts) for line in sheet.lines]
        parts: Iterable[Decimal] = map(mul, used, sheet.usd)
        if sheet.per is not None:
            parts = map(truediv, parts, sheet.per)
        return sheet, used, sum(parts, NOTHING)

    def _unpriced(self, amounts: Mapping[str, Decimal | int]) -> Reckoned:
        if self._model is None or not self._prices:
            return NO_PRICE
        return Reckoned(None, "unpriced", unmatched(self._model, amounts))

    def _kept(self, key: tuple[Any, ...], amounts: Mapping[str, Decimal | int]) -> Sheet:
        if len(self._sheets) >= MOST_SHEETS:
            self._sheets.clear()
        exact = {unit: Decimal(amount) for unit, amount in amounts.items()}
        sheet = self._sheets[key] = self._made(exact)
        return sheet

    def _made(self, amounts: Mapping[str, Decimal]) -> Sheet:
        prices, circumstances = self._prices, self._circumstances
        lines: list[Line] = []
        for unit in amounts:
            price = applicable(prices, unit, circumstances, amounts)
            if price is None:
                continue
            parts = tuple(
                part
                for part in PARTS.get(unit, ())
                if part in amounts and applicable(prices, part, circumstances, amounts) is not None
            )
            each = f" per {price.per:,}" if price.per != 1 else ""
            lines.append(
                Line(
                    unit,
                    price,
                    plain=not price.included and not price.at_least,
                    parts=parts,
                    twice={"cached_input_tokens", "input_image_tokens"} <= set(parts),
                    words=f" {unit} at {price.usd} USD{each}",
                )
            )
        missing = () if self._free else unknown_units(prices, circumstances, amounts)
        named = {one.unit for one in lines}
        elsewhere = tuple(unit for unit in SOLD_BY if unit in amounts and unit not in named)
        per = tuple(line.price.per for line in lines)
        return Sheet(
            tuple(lines),
            stated=taking(tuple(line.unit for line in lines)),
            usd=tuple(line.price.usd for line in lines),
            per=per if any(one != 1 for one in per) else None,
            closely=not lines or any(line.parts or not line.plain for line in lines),
            price=told(lines),
            elsewhere=elsewhere,
            basis="free" if self._free else "estimated" if missing else "computed",
            words=self._words(lines, missing, after="" if elsewhere else self._priced_in),
        )

    def _words(self, lines: list[Line], missing: tuple[str, ...], *, after: str) -> str:
        """The explanation, with places for the numbers."""
        known = " + ".join("%s" + line.words.replace("%", "%%") for line in lines)
        if missing:
            after = f"; at least, as its {', '.join(missing)} are not known{after}"
        return known + after.replace("%", "%%")


def taking(units: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Takes the amounts of these units out of others."""
    if len(units) > 1:
        return itemgetter(*units)
    return lambda amounts: tuple(amounts[unit] for unit in units)


def plainly(number: Decimal | int) -> str:
    """A number for people, without an exponent."""
    return str(number) if isinstance(number, int) else f"{number.normalize():f}"


def used_of(line: Line, amounts: Mapping[str, Decimal | int]) -> Decimal | int:
    """How much of a unit is charged at its own price."""
    alone = amounts[line.unit]
    for part in line.parts:
        alone -= amounts[part]
    if line.twice:
        # Cached picture tokens are part of both, so they were taken away twice.
        alone += amounts.get("cached_image_tokens", 0)
    alone = max(alone, 0)
    return alone if line.plain else charged(Decimal(alone), line.price)


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


def unpriced_units(amounts: Mapping[str, Decimal | int], units: tuple[str, ...]) -> str:
    """A word on what the provider counts and bills in, where we price something else."""
    return "".join(
        f"; the provider counted {Decimal(amounts[unit]).normalize():f} {unit}, which have no price here"
        for unit in units
        if amounts[unit]
    )


def told(lines: list[Line]) -> dict[str, Any]:
    """Which price it was, in short: where it was read and when, and what one of each unit cost.

    Credits are one of the units: then the usage says how many, and this at which rate.
    """
    if not lines:
        return {}
    first = lines[0].price
    record: dict[str, Any] = {
        "usd": {
            unit: f"{price.usd}/{price.per}" if price.per != 1 else str(price.usd)
            for unit, price, *_ in lines
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


def unmatched(model: Model, amounts: Mapping[str, Decimal | int]) -> str:
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
