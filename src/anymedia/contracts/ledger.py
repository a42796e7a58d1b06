"""What was spent, summed up: the answer to `client.costs()`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium

CostsBy: TypeAlias = Literal["provider", "model", "media", "key", "tag", "day", "job"]
"""What sums are told apart by. `key` is whose request it was, `day` a day in `time_zone`, `job`
one request with all its attempts. A request with two tags stands under both, and once in the
total."""


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
    cached_input_tokens: int = 0
    """Those of the input that the provider had cached."""
    images: int = 0
    seconds: Decimal = Decimal(0)
    """Of media made, or of audio listened to."""
    characters: int = 0
    credits: Decimal = Decimal(0)
    """As providers counted them."""
    unpriced: int = 0
    """Requests that were answered and whose price nobody knows: not in `amount`."""
    pending: int = 0
    """Requests under way, or of which it is not known whether they are charged: not in `amount`."""
    pending_amount: Decimal = Decimal(0)
    """US dollars reserved for the pending ones, as far as a bound is known for them."""
    pending_unbounded: int = 0
    """Pending requests for which none is known."""
    reported: Decimal = Decimal(0)
    """US dollars of those requests of which the provider itself says what they cost."""
    computed: Decimal = Decimal(0)
    """What our prices say of the same requests."""
    difference: Decimal = Decimal(0)
    """`reported` less `computed`, over those for which both are known."""
    cached: int = 0
    """Requests that were answered from the cache: nobody was asked."""
    saved: Decimal = Decimal(0)
    """US dollars that those would have cost again."""


class CostLine(Spent):
    """The sum of one group."""

    group: str
    """The provider, `provider/model`, medium, key, tag (empty: without one), day (`2026-11-21`)
    or job."""


class Costs(Contract):
    """What was spent in a time, by groups; the dearest first, days in order."""

    by: CostsBy
    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"
    """Whose midnight it is when a day begins."""
    key: str | None = None
    tag: str | None = None
    provider: str | None = None
    model: str | None = None
    media: Medium | None = None
    """What the sums were narrowed to."""
    lines: tuple[CostLine, ...] = ()
    total: Spent
    warnings: tuple[str, ...] = ()
    """What makes the amounts doubtful, such as prices that nobody has checked for long."""
