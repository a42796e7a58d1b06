"""Configured limits as the numbers that are compared: whole microseconds and whole micro-dollars.

A window of `span` microseconds is kept as at most 61 cells. What comes within a sixtieth of the
window after a cell was opened joins that cell, and a cell leaves the window with the latest that
joined it. So a count is never lower than the truth, in any window however it is laid, and nothing
is counted longer than 61 sixtieths of its window: at least 98.3 % of a limit can be used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from anymedia.contracts.limit import Limits

Kind: TypeAlias = Literal[0, 1, 2]
"""What a window counts: requests, tokens or micro-dollars; an index into what is asked for."""
KINDS: tuple[Kind, ...] = (0, 1, 2)

SECOND = 1_000_000
CELLS = 60
LARGEST = 2**50
"""More than this is as much as this. It keeps sums exact where numbers are doubles."""
QUARTER = 4
"""Gaps between requests are whole quarters of a microsecond, which doubles hold exactly."""


class Window(NamedTuple):
    """What is counted over which time."""

    kind: Kind
    span: int

    @property
    def cell(self) -> int:
        """How long after the first of a cell others may join it."""
        return self.span // CELLS


WINDOWS: Mapping[str, Window] = MappingProxyType(
    {
        "per_minute": Window(0, 60 * SECOND),
        "per_hour": Window(0, 3_600 * SECOND),
        "per_day": Window(0, 86_400 * SECOND),
        "tokens_per_minute": Window(1, 60 * SECOND),
        "tokens_per_hour": Window(1, 3_600 * SECOND),
        "tokens_per_day": Window(1, 86_400 * SECOND),
        "usd_per_minute": Window(2, 60 * SECOND),
        "usd_per_hour": Window(2, 3_600 * SECOND),
        "usd_per_day": Window(2, 86_400 * SECOND),
    }
)
"""Every window that `Limits` knows, by the name it has there."""


class Bound(NamedTuple):
    """One window and how much may be in it."""

    name: str
    kind: Kind
    span: int
    cell: int
    limit: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of one rule."""

    bounds: tuple[Bound, ...] = ()
    gap: float = 0.0
    """Microseconds that a request takes from the bucket; 0 when there is no bucket."""
    slack: float = 0.0
    """How far ahead of its time a request may come: what the burst allows beyond the first."""
    concurrent: int = 0
    """Slots; 0 when they are not counted."""
    longest: int = 0
    """After this many microseconds without a request, nothing of it counts any more."""
    free: bool = True
    """Whether there is nothing to count."""
    shape: tuple[str, ...] = ()
    """What is counted, without the amounts."""
    wire: str = ""
    """The same for a script."""


UNLIMITED = Plan()


@lru_cache(maxsize=4096)
def plan_of(limits: Limits) -> Plan:
    """What has to be counted for these limits.

    The same plan for the same limits: a count that many rules share follows one, and not each in
    turn.
    """
    bounds = tuple(
        Bound(name, window.kind, window.span, window.cell, limit)
        for name, window in WINDOWS.items()
        if (limit := amount(limits, name, window.kind)) is not None
    )
    gap, slack = bucket(limits)
    concurrent = limits.concurrent or 0
    if not (bounds or gap or concurrent):
        return UNLIMITED
    named = {bound.name: bound.limit for bound in bounds}
    longest = max([int(gap + slack) + 1, *(bound.span for bound in bounds)])
    wire = {"gap": gap, "slack": slack, "concurrent": concurrent, "longest": longest}
    return Plan(
        bounds=bounds,
        gap=gap,
        slack=slack,
        concurrent=concurrent,
        longest=longest,
        free=False,
        shape=(*named, *(["per_second"] if gap else []), *(["concurrent"] if concurrent else [])),
        wire=json.dumps(wire | {"bounds": named}, separators=(",", ":")),
    )


def amount(limits: Limits, name: str, kind: Kind) -> int | None:
    """A limit as a whole number; fractions of a micro-dollar are rounded down."""
    value = getattr(limits, name)
    if value is None:
        return None
    return min(int(value * SECOND) if kind == 2 else int(value), LARGEST)


def bucket(limits: Limits) -> tuple[float, float]:
    """Gap and slack of the token bucket, the gap rounded up: the rate is never exceeded."""
    if limits.per_second is None:
        return 0.0, 0.0
    gap = math.ceil(min(SECOND / limits.per_second, LARGEST) * QUARTER) / QUARTER
    burst = limits.burst or max(1, int(limits.per_second))
    return gap, min((min(burst, LARGEST) - 1) * gap, float(LARGEST))


def tighter(one: Limits, other: Limits) -> Limits:
    """Limits that keep both: of each amount the lower."""
    lowest: dict[str, object] = {}
    for name in Limits.model_fields:
        said = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        if said:
            lowest[name] = min(said)
    return Limits.model_validate(lowest)
