"""Days and months as people have them: from midnight to midnight in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from anymedia.contracts.budget import BudgetPeriod

FOREVER = 253_402_300_800.0
"""The year 10000, which is when `total` ends."""


class Span(NamedTuple):
    """One period: from `starts`, until just before `ends`, in seconds since 1970."""

    name: str
    starts: float
    ends: float


def span_of(period: BudgetPeriod, at: float, time_zone: str) -> Span:
    """The period that a moment lies in."""
    if period == "total":
        return Span("", 0.0, FOREVER)
    zone = ZoneInfo(time_zone)
    day = datetime.fromtimestamp(at, UTC).astimezone(zone)
    begin = day.replace(hour=0, minute=0, second=0, microsecond=0, fold=0, tzinfo=None)
    if period == "day":
        following = begin + timedelta(days=1)
        return Span(f"{begin:%Y-%m-%d}", moment(begin, zone), moment(following, zone))
    begin = begin.replace(day=1)
    following = (begin + timedelta(days=32)).replace(day=1)
    return Span(f"{begin:%Y-%m}", moment(begin, zone), moment(following, zone))


def moment(midnight: datetime, zone: ZoneInfo) -> float:
    """When a local midnight is. Where clocks skip it, the day begins when they have.

    Where they are set back over it there are two: the day begins with the first.
    """
    return midnight.replace(tzinfo=zone).timestamp()
