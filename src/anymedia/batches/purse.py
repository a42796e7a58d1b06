"""The money of one batch: what is spent, what is held for what is under way, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import CostLimitExceeded
from anymedia.engine.spending import nano_usd
from anymedia.store.ledger import nano


@dataclass(slots=True)
class Purse:
    """All in nano-dollars. Without a limit everything fits."""

    limit: int | None
    spent: int = 0
    held: int = 0

    @classmethod
    def of(cls, max_cost: Decimal | None, spent: int, held: int) -> Purse:
        """As the rows say."""
        return cls(nano(max_cost), spent, held)

    def bound(self, cost: Cost, name: str) -> int:
        """The most that something can cost. Raises `CostLimitExceeded` where nobody knows."""
        amount = nano_usd(cost)
        if amount is None:
            if self.limit is None:
                return 0
            raise CostLimitExceeded(
                f"`{name}` has no known price, so the batch cannot be held to its `max_cost`"
            )
        return amount

    def fits(self, amount: int) -> bool:
        """Whether so much more cannot exceed the limit."""
        return self.limit is None or self.spent + self.held + amount <= self.limit

    def hold(self, amount: int) -> None:
        """It is under way."""
        self.held += amount

    def settle(self, held: int, amount: int | None) -> None:
        """It is over; what nobody knows the cost of stays held."""
        if amount is not None:
            self.held -= held
            self.spent += amount
