"""Prices by the hour: which period a time belongs to.

`settings.peak_utc` of a model says when the dear one holds, such as `["mon-fri 01:00-04:00"]`.
Public holidays are not known here; on them the dear price is computed where the cheap one holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

SPAN = re.compile(r"^([a-z]{3})-([a-z]{3}) (\d{2}):(\d{2})-(\d{2}):(\d{2})$")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def period(peaks: Iterable[str], at: datetime) -> str:
    """`peak` or `off-peak`."""
    moment = at.astimezone(UTC)
    minute = moment.hour * 60 + moment.minute
    return "peak" if any(holds(peak, moment.weekday(), minute) for peak in peaks) else "off-peak"


def holds(peak: str, weekday: int, minute: int) -> bool:
    """Whether a span covers a minute of a weekday. `ValueError` for what is no span."""
    found = SPAN.match(peak)
    if found is None:
        raise ValueError(f"`{peak}` is no span such as `mon-fri 01:00-04:00`")
    first, last, *times = found.groups()
    begins, ends = (int(hour) * 60 + int(of) for hour, of in (times[:2], times[2:]))
    return DAYS.index(first) <= weekday <= DAYS.index(last) and begins <= minute < ends
