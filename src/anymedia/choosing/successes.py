"""Requests that went well, to be learnt from together."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias

Success: TypeAlias = tuple[float, float, float, Decimal | None]
"""When a request ended, its seconds to the first event and to the end, and what it cost."""


class Successes(NamedTuple):
    """In the order in which they ended, one figure of each in a column."""

    at: Sequence[float] = ()
    seconds: Sequence[float] = ()
    """To the first event where answers are streamed; all above 0."""
    whole_seconds: Sequence[float] = ()
    usd: Sequence[Decimal | None] = ()
    paid: Sequence[float] = ()
    """Those of `usd` that are known."""

    @classmethod
    def of(cls, successes: Sequence[Success]) -> Successes:
        """The same in columns."""
        if not successes:
            return cls()
        at, seconds, whole, usd = zip(*successes, strict=True)
        paid = map(float, (one for one in usd if one is not None) if None in usd else usd)
        return cls(at, seconds, whole, usd, tuple(paid))
