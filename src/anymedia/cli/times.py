"""Moments as people type them: `+10m`, `2026-12-24T18:00`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from anymedia.contracts.errors import InvalidRequest

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FROM_NOW = re.compile(r"\+(\d+(?:\.\d+)?)([smhd])")


def moment(words: str, now: datetime) -> datetime:
    """A moment from now, or a date and time; of this machine's time zone unless it says another."""
    if (found := FROM_NOW.fullmatch(words.strip())) is not None:
        return now + timedelta(seconds=float(found[1]) * UNITS[found[2]])
    try:
        return datetime.fromisoformat(words.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"`--at {words}` is no moment; expected `+90s`, `+10m`, `+2h`, `+1d`, or a time such "
            f"as `{now:%Y-%m-%dT%H:%M}`"
        ) from None
