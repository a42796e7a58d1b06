"""Costs add up and stay as uncertain as they are; usage speaks in units that are billed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from anymedia.contracts.cost import Cost, CostBasis, total
from anymedia.contracts.usage import Usage


def cost(amount: str | None, basis: CostBasis) -> Cost:
    """A cost of so many dollars."""
    return Cost(amount=None if amount is None else Decimal(amount), basis=basis)


@pytest.mark.parametrize(
    ("parts", "amount", "basis"),
    [
        ([], "0", "computed"),
        ([cost("0.02", "reported")], "0.02", "reported"),
        ([cost("0.02", "reported"), cost("0.01", "computed")], "0.03", "computed"),
        ([cost("0.02", "computed"), cost("0.01", "estimated")], "0.03", "estimated"),
        ([cost("0", "free"), cost("0.01", "reported")], "0.01", "reported"),
        ([cost("0", "free"), cost("0", "free")], "0", "free"),
        ([cost("0.02", "reported"), cost(None, "pending")], "0.02", "pending"),
        ([cost(None, "unpriced"), cost(None, "pending")], None, "pending"),
        ([cost(None, "unpriced")], None, "unpriced"),
    ],
)
def test_a_total_is_as_uncertain_as_its_most_uncertain_part(
    parts: list[Cost], amount: str | None, basis: CostBasis
) -> None:
    """What is known of it is a lower bound."""
    assert total(parts) == cost(amount, basis)
    assert total(parts[::-1]) == cost(amount, basis)


@pytest.mark.parametrize(
    "known", [cost("0", "free"), cost("0", "computed"), cost("0.00", "reported")]
)
def test_an_unknown_cost_beside_nothing_is_not_nothing(known: Cost) -> None:
    """Zero would look as if the other were free."""
    assert total([known, cost(None, "unpriced")]).amount is None
    assert total([known, cost(None, "unpriced")]).known is False


@given(st.lists(st.decimals(0, 1000, places=6), min_size=1))
def test_cents_are_exact(amounts: list[Decimal]) -> None:
    """However many there are."""
    parts = [Cost(amount=amount, basis="computed") for amount in amounts]

    assert total(parts).amount == sum(amounts)


def test_a_price_is_no_infinity() -> None:
    """Nor is it not a number."""
    for odd in ("NaN", "Infinity", float("inf")):
        with pytest.raises(ValidationError):
            Cost.model_validate({"amount": odd, "basis": "computed"})


def test_quantities_are_what_the_provider_stated() -> None:
    """By the names that prices use; zero is stated, `None` is not."""
    usage = Usage(
        input_tokens=0, output_tokens=5, seconds=Decimal("8.5"), raw={"x": 1}, estimated=True
    )

    assert usage.quantities() == {
        "input_tokens": Decimal(0),
        "output_tokens": Decimal(5),
        "seconds": Decimal("8.5"),
    }
