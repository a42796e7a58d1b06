"""Sums over the ledger.

Each attempt counts once, by its last entry: a reservation is replaced by what is settled, and an
outcome that was unknown by what it turned out to be. What is settled, what has no known price and
what is still open are never added together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, case, func, literal, select

from anymedia.contracts.ledger import CostLine, Costs, CostsBy, Spent
from anymedia.store.ledger import NANO
from anymedia.store.schema import ledger

TAG = func.json_each(func.coalesce(ledger.c.tags, "[]")).table_valued("value", name="tag")
GROUPS: dict[CostsBy, ColumnElement[Any]] = {
    "provider": ledger.c.provider,
    "model": ledger.c.provider + "/" + ledger.c.model,
    "media": ledger.c.medium,
    "key": ledger.c.owner,
    "tag": TAG.c.value,
    "day": func.strftime("%Y-%m-%d", ledger.c.at, "unixepoch"),
}
OPEN = ledger.c.entry.in_(("reserve", "pending"))
ASKED = ledger.c.entry != "release"
"""A release says that nobody was asked, or that the provider did not take it on."""


def costs(
    connection: Connection,
    by: CostsBy,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    owner: str | None = None,
) -> Costs:
    """What attempts that were settled, or are open, between two times come to."""
    found = connection.execute(sums(by, since, until, owner)).mappings().all()
    lines = [CostLine(group=row["group"] or "", **spent(row)) for row in found]
    if by == "day":
        lines.sort(key=lambda line: line.group)
    else:
        lines.sort(key=lambda line: (-line.amount, -line.requests, line.group))
    counted = lines
    if by == "tag":  # the same request stands under each of its tags
        once = connection.execute(sums("provider", since, until, owner)).mappings()
        counted = [CostLine(group=row["group"], **spent(row)) for row in once]
    return Costs(by=by, since=since, until=until, lines=tuple(lines), total=together(counted))


def sums(
    by: CostsBy, since: datetime | None, until: datetime | None, owner: str | None
) -> Select[Any]:
    """The query: one row for each group."""
    later = ledger.alias("later")
    reserved = ledger.alias("reserved")
    decisive = ~(
        select(literal(1))
        .where(later.c.attempt_id == ledger.c.attempt_id, later.c.row > ledger.c.row)
        .exists()
    )
    bound = (
        select(reserved.c.amount)
        .where(reserved.c.attempt_id == ledger.c.attempt_id, reserved.c.entry == "reserve")
        .limit(1)
        .scalar_subquery()
    )
    known = ~OPEN & ledger.c.amount.is_not(None)
    query = select(
        GROUPS[by].label("group"),
        total(known, ledger.c.amount).label("amount"),
        count(ASKED).label("requests"),
        count(ASKED & ledger.c.outcome.not_in(("succeeded", "reserved"))).label("failed"),
        total(~OPEN, func.json_extract(ledger.c.usage, "$.input_tokens")).label("input_tokens"),
        total(~OPEN, func.json_extract(ledger.c.usage, "$.output_tokens")).label("output_tokens"),
        count(~OPEN & ledger.c.amount.is_(None)).label("unpriced"),
        count(OPEN).label("pending"),
        total(OPEN, bound).label("pending_amount"),
        count(OPEN & bound.is_(None)).label("pending_unbounded"),
    ).where(decisive)
    if by == "tag":
        query = query.select_from(ledger.outerjoin(TAG, literal(1) == 1))
    if since is not None:
        query = query.where(ledger.c.at >= since.timestamp())
    if until is not None:
        query = query.where(ledger.c.at < until.timestamp())
    if owner is not None:
        query = query.where(ledger.c.owner == owner)
    return query.group_by(GROUPS[by])


def total(condition: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[int]:
    """The sum of a value where a condition holds."""
    return func.coalesce(func.sum(case((condition, value))), 0)


def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """How many rows a condition holds for."""
    return func.coalesce(func.sum(case((condition, 1))), 0)


def spent(row: RowMapping) -> dict[str, Any]:
    """A row of the query as fields of `Spent`."""
    facts = {name: row[name] for name in Spent.model_fields}
    for name in ("amount", "pending_amount"):
        facts[name] = Decimal(row[name]) / NANO
    return facts


def together(lines: list[CostLine]) -> Spent:
    """The sum of all groups."""
    start = Spent()
    return Spent(
        **{
            name: sum((getattr(line, name) for line in lines), getattr(start, name))
            for name in Spent.model_fields
        }
    )
