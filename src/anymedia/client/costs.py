"""The bill: what journals hold is taken into the ledger, then summed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeAlias, get_args

from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.ledger import Costs, CostsBy
from anymedia.store.costs import costs
from anymedia.store.database import Database
from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER

Moment: TypeAlias = datetime | date | timedelta | str
"""A time, a day (its beginning in UTC), how long ago, or any of these as text."""

AGO = re.compile(r"^(\d{1,6})\s*([mhdw])$")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


async def summed(
    database: Database,
    data_dir: Path,
    by: CostsBy,
    since: Moment | None,
    until: Moment | None,
    now: datetime,
    owner: str | None = None,
) -> Costs:
    """What was spent by this data directory's processes, up to the last row that was written."""
    if by not in get_args(CostsBy):
        raise InvalidRequest(
            f"costs cannot be summed by `{by}`; expected {', '.join(get_args(CostsBy))}"
        )
    first = None if since is None else moment(since, now)
    last = None if until is None else moment(until, now)
    await take_in(database, data_dir / FOLDER)
    return await database.read(lambda c: costs(c, by, since=first, until=last, owner=owner))


def moment(value: Moment, now: datetime) -> datetime:
    """A time however it was said. `InvalidRequest` when it is none."""
    match value:
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case date():
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        case timedelta():
            return earlier(now, value)
    if ago := AGO.match(value.strip()):
        return earlier(now, timedelta(**{UNITS[ago[2]]: int(ago[1])}))
    try:
        said = datetime.fromisoformat(value.strip())
    except ValueError:
        raise InvalidRequest(
            f"`{value}` is no time; expected how long ago (`7d`, `24h`, `30m`, `2w`), a day "
            f"(`2026-11-01`) or a time (`2026-11-01T12:00:00+00:00`)"
        ) from None
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def earlier(now: datetime, ago: timedelta) -> datetime:
    """So long before now; the beginning of time where that is further than dates go."""
    try:
        return now - ago
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)
