"""What was spent, summed up: the answer to `client.costs()`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from anymedia.contracts.base import Contract

CostsBy: TypeAlias = Literal["provider", "model", "media", "key", "tag", "day"]
"""What sums are told apart by. `key` is whose request it was, `day` a day in UTC. A request with
two tags stands under both, and once in the total."""


class Spent(Contract):
    """A sum over attempts: what is known to be owed, and what is not known yet, apart."""

    amount: Decimal = Decimal(0)
    """US dollars of what is settled."""
    requests: int = 0
    """Attempts that providers were asked for, settled or not."""
    failed: int = 0
    """Those of them that brought nothing."""
    input_tokens: int = 0
    output_tokens: int = 0
    unpriced: int = 0
    """Requests that were answered and whose price nobody knows: not in `amount`."""
    pending: int = 0
    """Requests under way, or of which it is not known whether they are charged: not in `amount`."""
    pending_amount: Decimal = Decimal(0)
    """US dollars reserved for the pending ones, as far as a bound is known for them."""
    pending_unbounded: int = 0
    """Pending requests for which none is known."""


class CostLine(Spent):
    """The sum of one group."""

    group: str
    """The provider, `provider/model`, medium, key, tag (empty: without one) or day
    (`2026-11-21`)."""


class Costs(Contract):
    """What was spent in a time, by groups; the dearest first, days in order."""

    by: CostsBy
    since: datetime | None = None
    until: datetime | None = None
    lines: tuple[CostLine, ...] = ()
    total: Spent
