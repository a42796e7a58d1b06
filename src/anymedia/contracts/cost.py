"""Money: what a request costs, who said so, and whether it is final."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeAlias

from anymedia.contracts.base import Contract

CostBasis: TypeAlias = Literal["reported", "computed", "estimated", "free", "unpriced", "pending"]
"""Who says so: the provider itself, our price table over stated usage, our price table over
counted usage (or over usage of which a part is not known: then it is a lower bound, and
`explanation` says of what), a model without a price tag by design, no known price, or not known yet."""


class Cost(Contract):
    """What something costs, in US dollars, as a decimal."""

    amount: Decimal | None = None
    """`None` when it is not known (`unpriced`, `pending`): never silently zero."""
    currency: Literal["USD"] = "USD"
    basis: CostBasis
    computed: Decimal | None = None
    """What our price table says, also where the provider's own word wins."""
    explanation: str | None = None
    """How the amount came about, for people."""
    price: dict[str, Any] | None = None
    """Which price that was: `as_of`, `source`, and under `usd` what one of each unit cost."""

    @property
    def known(self) -> bool:
        """Whether there is an amount at all."""
        return self.amount is not None


def total(costs: list[Cost]) -> Cost:
    """The sum over attempts; as uncertain as its most uncertain part."""
    if not costs:
        return Cost(amount=Decimal(0), basis="computed")
    if len(costs) == 1:
        return costs[0]
    for basis in ("pending", "unpriced", "estimated", "computed", "reported", "free"):
        if any(cost.basis == basis for cost in costs):
            amounts = [cost.amount for cost in costs if cost.amount is not None]
            # A known part is a lower bound; zero would look as if it were free.
            unknown = basis in {"pending", "unpriced"} and not any(amounts)
            return Cost(amount=None if unknown else sum(amounts, Decimal(0)), basis=basis)
    raise AssertionError("every basis is listed above")
