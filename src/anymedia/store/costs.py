"""Sums over the ledger.

Each attempt counts once, by its last entry: a reservation is replaced by what is settled, and an
outcome that was unknown by what it turned out to be. What is settled, what has no known price and
what is still open are never added together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, case, func, select

from anymedia.contracts.ledger import CostLine, Costs, CostsBy, Spent
from anymedia.contracts.media import Medium
from anymedia.store.ledger import NANO
from anymedia.store.schema import ledger
from anymedia.store.scope import CACHED, OPEN, Scope
from anymedia.store.sql import number_in, whole_parts

ALL = Scope()
DAY_SECONDS = 86_400
QUARTER_SECONDS = 900
"""All the world's midnights are at whole quarters of an hour."""
GROUPS: dict[CostsBy, ColumnElement[Any]] = {
    "provider": ledger.c.provider,
    "model": ledger.c.provider + "/" + ledger.c.model,
    "media": ledger.c.medium,
    "key": ledger.c.owner,
    "tag": ledger.c.tags,
    "job": func.coalesce(ledger.c.job_id, ledger.c.request, ledger.c.attempt_id),
}
MONEY = ("amount", "pending_amount", "reported", "computed", "difference", "saved")
COUNTED = ("input_tokens", "output_tokens", "cached_input_tokens", "images", "characters")
MEASURED = ("seconds", "credits")
ASKED = (ledger.c.entry != "release") & ~CACHED
"""A release says that nobody was asked, or that the provider did not take it on."""


def costs(
    connection: Connection,
    by: CostsBy,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    owner: str | None = None,
    scope: Scope | None = None,
    time_zone: str = "UTC",
) -> Costs:
    """What attempts that were settled, or are open, in one part of the ledger come to."""
    scope = scope or Scope(since=since, until=until, owner=owner)
    found = connection.execute(sums(by, scope, time_zone)).mappings().all()
    rows = [(row["group"], Spent(**spent(row))) for row in found]
    lines = [
        CostLine(group=group, **dict(whole))
        for group, whole in together(named(rows, by, time_zone)).items()
    ]
    if by == "day":
        lines.sort(key=lambda line: line.group)
    else:
        lines.sort(key=lambda line: (-line.amount, -line.requests, line.group))
    return Costs(
        by=by,
        since=scope.since,
        until=scope.until,
        time_zone=time_zone,
        key=scope.owner,
        tag=scope.tag,
        provider=scope.provider,
        model=scope.model,
        media=cast("Medium | None", scope.media),
        lines=tuple(lines),
        total=added(one for _, one in rows),
    )


def sums(by: CostsBy, scope: Scope, time_zone: str) -> Select[Any]:
    """The query: one row for each group, or for each part of one."""
    reserved = ledger.alias("reserved")
    bound = func.coalesce(
        select(reserved.c.amount)
        .where(reserved.c.attempt_id == ledger.c.attempt_id, reserved.c.entry == "reserve")
        .limit(1)
        .scalar_subquery(),
        ledger.c.bound,
    )
    known = ~OPEN & ~CACHED & ledger.c.amount.is_not(None)
    both = known & ledger.c.reported.is_not(None) & ledger.c.computed.is_not(None)
    group = GROUPS.get(by, whole_parts(ledger.c.at, part_of_day(time_zone)))
    return (
        select(
            group.label("group"),
            total(known, ledger.c.amount).label("amount"),
            count(ASKED).label("requests"),
            count(ASKED & ledger.c.outcome.not_in(("succeeded", "reserved"))).label("failed"),
            *(
                total(~OPEN, number_in(ledger.c.usage, name)).label(name)
                for name in (*COUNTED, *MEASURED)
            ),
            count(~OPEN & ledger.c.amount.is_(None)).label("unpriced"),
            count(OPEN).label("pending"),
            total(OPEN, bound).label("pending_amount"),
            count(OPEN & bound.is_(None)).label("pending_unbounded"),
            total(known, ledger.c.reported).label("reported"),
            total(both, ledger.c.computed).label("computed"),
            total(both, ledger.c.reported - ledger.c.computed).label("difference"),
            count(CACHED).label("cached"),
            total(CACHED, ledger.c.computed).label("saved"),
        )
        .where(*scope.conditions())
        .group_by(group)
    )


def part_of_day(time_zone: str) -> int:
    """The longest pieces of time that a day of this zone is made of."""
    return DAY_SECONDS if time_zone == "UTC" else QUARTER_SECONDS


def total(condition: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[int]:
    """The sum of a value where a condition holds."""
    return func.coalesce(func.sum(case((condition, value))), 0)


def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """How many rows a condition holds for."""
    return func.coalesce(func.sum(case((condition, 1))), 0)


def spent(row: RowMapping) -> dict[str, Any]:
    """A row of the query as fields of `Spent`."""
    facts = {name: row[name] for name in Spent.model_fields}
    for name in MONEY:
        facts[name] = (Decimal(row[name]) / NANO).normalize() + 0
    for name in MEASURED:
        facts[name] = Decimal(str(round(float(row[name]), 6))).normalize() + 0
    for name in COUNTED:
        facts[name] = int(row[name])
    return facts


def named(
    rows: Iterable[tuple[Any, Spent]], by: CostsBy, time_zone: str
) -> Iterable[tuple[str, Spent]]:
    """The names of the groups that parts belong to; one of several tags belongs to several."""
    zone: tzinfo = ZoneInfo(time_zone)
    for group, one in rows:
        if by == "day":
            start = datetime.fromtimestamp(group * part_of_day(time_zone), zone)
            yield start.date().isoformat(), one
        elif by == "tag":
            tags: list[str] = msgspec.json.decode(group) if group else []
            for tag in tags or [""]:
                yield tag, one
        else:
            yield group or "", one


def together(parts: Iterable[tuple[str, Spent]]) -> dict[str, Spent]:
    """The parts of each group, added up."""
    groups: dict[str, list[Spent]] = {}
    for group, one in parts:
        groups.setdefault(group, []).append(one)
    return {group: added(ones) for group, ones in groups.items()}


def added(parts: Iterable[Spent]) -> Spent:
    """The sum of all."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    start = Spent()
    return Spent(
        **{
            name: sum((getattr(one, name) for one in parts), getattr(start, name))
            for name in Spent.model_fields
        }
    )
