"""What the same requests would have cost elsewhere: the answer to `client.replay()`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from anymedia.contracts.base import Contract


class Plan(Contract):
    """One way to choose, over all requests of the time."""

    name: str
    """A strategy's name, or `provider NAME first`."""
    amount: Decimal
    """US dollars: replayed where possible, and as they were for the rest."""
    difference: Decimal
    """To what was paid; below nothing is cheaper."""
    replayed: int
    """Requests that were priced anew, or would have gone where they went."""
    as_it_was: int
    """Requests that nobody else could be priced for; they count as they were."""


class Replay(Contract):
    """The bill of a time, under other ways to choose."""

    since: datetime | None = None
    until: datetime | None = None
    requests: int
    """Attempts that delivered and whose cost is known."""
    actual: Decimal
    plans: tuple[Plan, ...] = ()
    not_replayed: int = 0
    """Attempts that were left out: they failed, or nobody knows what they cost."""
    remarks: tuple[str, ...] = ()
    """What these figures cannot know."""
