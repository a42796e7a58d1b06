"""How much may be spent: by a caller, under a tag, at a provider, on a medium, with a model."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Quality

BudgetScope: TypeAlias = Literal["key", "tag", "provider", "medium", "model", "all"]
"""What is added up. `key` is whose request it is; `all` is everything together."""

BudgetPeriod: TypeAlias = Literal["day", "month", "total"]
"""Calendar days and months; `total` never starts anew."""

OnReached: TypeAlias = Literal["refuse", "switch", "degrade", "warn"]
"""What happens to a request for which too little is left: it is refused; another provider is
asked; a cheaper preset is taken; or it goes through with a warning."""

Share: TypeAlias = Annotated[float, Field(gt=0, le=100)]


class BudgetTerms(Contract):
    """How much, how often, and what then."""

    period: BudgetPeriod = "month"
    limit_usd: Decimal = Field(ge=0, le=1_000_000_000)
    on_reached: OnReached = "refuse"
    degrade_to: Quality | None = None
    """The preset that is taken with `on_reached: degrade`."""
    alert_at: tuple[Share, ...] = ()
    """Shares of the limit, such as 0.8, that are told once in each period."""
    allow_unpriced: bool = False
    """Whether models whose price nobody knows may be asked. They count as nothing until it is
    known what they cost."""
    time_zone: str = "UTC"
    """Whose midnight it is when a day or month begins, such as `Europe/Berlin`."""


class BudgetSettings(BudgetTerms):
    """One budget. What is reserved for requests under way counts as spent."""

    scope: BudgetScope
    name: str | None = Field(default=None, min_length=1, max_length=300)
    """Which one: a key, a tag, a provider, a medium, `provider/model`. Without it each has as
    much; one with a name stands in for one without that has the same scope and period."""


class BudgetStanding(Contract):
    """How a budget stands in its present period. US dollars."""

    scope: BudgetScope
    name: str
    """Whose it is; empty with `scope: all`."""
    period: BudgetPeriod
    limit: Decimal
    spent: Decimal
    reserved: Decimal
    """For what is under way, or of which it is not known yet what it costs."""
    left: Decimal
    """Below nothing when more was spent than anybody expected."""
    on_reached: OnReached
    starts_at: datetime | None = None
    resets_at: datetime | None = None
    """Never, with `period: total`."""


class BudgetAlert(Contract):
    """Told once in each period: a share of a budget is gone, or it was in the way of a request."""

    kind: Literal["budget-threshold", "budget-reached"]
    scope: BudgetScope
    name: str
    period: BudgetPeriod
    share: float | None = None
    """The mark that was passed; `None` with `budget-reached`."""
    committed: Decimal
    """US dollars spent and reserved."""
    limit: Decimal
    resets_at: datetime | None = None
    at: datetime
