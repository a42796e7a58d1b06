"""Times that callers name: with an offset, and within what every clock and calendar can hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, AwareDatetime

FIRST_YEAR, LAST_YEAR = 1971, 9998
"""The years beside them begin or end elsewhere on Earth, where some calendars have no room."""


def within_calendars(said: datetime) -> datetime:
    """The same time. What lies beyond could be written down and never be read again."""
    if not FIRST_YEAR <= said.year <= LAST_YEAR:
        raise ValueError(f"expected a time between the years {FIRST_YEAR} and {LAST_YEAR}")
    return said


Moment: TypeAlias = Annotated[AwareDatetime, AfterValidator(within_calendars)]
"""A time with its offset."""
