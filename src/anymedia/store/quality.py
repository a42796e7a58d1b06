"""How well models have done what was asked, and how long that takes: sums over the ledger."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, RowMapping, case, cast, func, or_, select

from anymedia.contracts.quality import QualityLine, QualityReport
from anymedia.store.costs import count, total
from anymedia.store.ledger import NANO
from anymedia.store.schema import attempts, ledger
from anymedia.store.scope import CACHED, OPEN, Scope
from anymedia.store.sql import number_in

REFUSED = "CONTENT_POLICY_VIOLATION"
TAIL = 0.9
PER_TOKENS = 1000
MODEL = (ledger.c.provider, ledger.c.model, ledger.c.medium)
SEEN_ROWS = 5000
"""The newest rows that expected times are taken from."""
SEEN_TIMES = 200
"""Of one model."""


class Times(NamedTuple):
    """How long answers took."""

    median_seconds: float
    p90_seconds: float
    seen: int


def quality(connection: Connection, scope: Scope) -> QualityReport:
    """Every model that was asked in one part of the ledger."""
    done = ledger.c.outcome == "succeeded"
    ended = ~OPEN & ~CACHED
    known = ended & ledger.c.amount.is_not(None)
    unlike = or_(
        attempts.c.notices.contains('"delivered-'), attempts.c.notices.contains('"delivered_')
    )
    query = (
        select(
            *MODEL,
            # A release is an attempt that was refused, or whose provider was not reached.
            count(ended & (ledger.c.outcome != "cancelled")).label("attempts"),
            count(ended & done).label("completed"),
            count(ended & ~done & (ledger.c.code == REFUSED)).label("refused"),
            count(
                ended
                & ~done
                & (ledger.c.outcome != "cancelled")
                & func.coalesce(ledger.c.code != REFUSED, True)
            ).label("failed"),
            count(ledger.c.entry == "pending").label("unknown"),
            count(ended & done & attempts.c.id.is_not(None)).label("checked"),
            count(ended & done & func.coalesce(unlike, False)).label("unlike"),
            total(known, ledger.c.amount).label("amount"),
            total(known & done, number_in(ledger.c.usage, "seconds")).label("seconds"),
            total(known & done, number_in(ledger.c.usage, "images")).label("images"),
            total(known & done, number_in(ledger.c.usage, "output_tokens")).label("tokens"),
        )
        .select_from(ledger.outerjoin(attempts, attempts.c.id == ledger.c.attempt_id))
        .where(*scope.conditions(), ~CACHED, ledger.c.entry != "reserve")
        .group_by(*MODEL)
    )
    rows = connection.execute(query).mappings().all()
    took = times(connection, scope)
    lines = [line(row, took.get((row["provider"], row["model"], row["medium"]))) for row in rows]
    lines.sort(key=lambda one: (-one.attempts, one.provider, one.model))
    return QualityReport(since=scope.since, until=scope.until, lines=tuple(lines))


def line(row: RowMapping, took: Times | None) -> QualityLine:
    """One model's sums as shares."""
    asked = row["attempts"]
    medium = row["medium"]

    def share(part: int) -> float | None:
        return round(part / asked, 4) if asked else None

    def each(units: Any, per: int = 1) -> Decimal | None:
        if not units:
            return None
        return (Decimal(row["amount"]) / NANO * per / Decimal(str(units))).quantize(
            Decimal("0.000001")
        )

    checked = row["checked"] if medium in {"image", "video", "audio", "speech"} else 0
    return QualityLine(
        provider=row["provider"],
        model=row["model"],
        media=medium,
        attempts=asked,
        completed=row["completed"],
        refused=row["refused"],
        failed=row["failed"],
        unknown=row["unknown"],
        completion_rate=share(row["completed"]),
        refusal_rate=share(row["refused"]),
        failure_rate=share(row["failed"]),
        checked=checked,
        conformance=round(1 - row["unlike"] / checked, 4) if checked else None,
        median_seconds=took.median_seconds if took else None,
        p90_seconds=took.p90_seconds if took else None,
        usd_per_second=each(row["seconds"]) if medium != "image" else None,
        usd_per_image=each(row["images"]) if medium == "image" else None,
        usd_per_1k_output_tokens=each(row["tokens"], PER_TOKENS) if medium == "text" else None,
    )


def times(connection: Connection, scope: Scope) -> dict[tuple[str, str, str], Times]:
    """How long answers took, by model: the value that half of them, and nine in ten, kept."""
    measured = (
        select(
            *MODEL,
            ledger.c.seconds,
            func.row_number().over(partition_by=MODEL, order_by=ledger.c.seconds).label("place"),
            func.count().over(partition_by=MODEL).label("of"),
        )
        .where(*scope.conditions(), ~OPEN, ~CACHED)
        .where(ledger.c.outcome == "succeeded", ledger.c.seconds.is_not(None))
        .subquery()
    )
    place, of = measured.c.place, measured.c.of
    # The smallest value that at least this share does not exceed, in whole numbers.
    half, tail = cast(place * 2 >= of, Integer), cast(place * 10 >= of * 9, Integer)
    query = select(
        measured.c.provider,
        measured.c.model,
        measured.c.medium,
        func.min(case((half == 1, measured.c.seconds))).label("half"),
        func.min(case((tail == 1, measured.c.seconds))).label("tail"),
        func.max(of).label("of"),
    ).group_by(measured.c.provider, measured.c.model, measured.c.medium)
    return {
        (row.provider, row.model, row.medium): Times(row.half, row.tail, row.of)
        for row in connection.execute(query)
    }


def recent_times(connection: Connection) -> dict[tuple[str, str, str], Times]:
    """How long the newest answers took, by model; of a bounded part of the ledger."""
    newest = select(func.max(ledger.c.row)).scalar_subquery()
    query = (
        select(*MODEL, ledger.c.seconds)
        .where(
            ledger.c.row > newest - SEEN_ROWS,
            ledger.c.entry == "settle",
            ledger.c.outcome == "succeeded",
            ledger.c.seconds.is_not(None),
        )
        .order_by(ledger.c.row.desc())
    )
    found: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in connection.execute(query):
        seen = found[row.provider, row.model, row.medium]
        if len(seen) < SEEN_TIMES:
            seen.append(row.seconds)
    return {
        name: Times(at_share(sorted(seen), 0.5), at_share(sorted(seen), TAIL), len(seen))
        for name, seen in found.items()
    }


def at_share(values: list[float], share: float) -> float:
    """The smallest of sorted values that at least a share of them does not exceed."""
    return values[max(0, -int(-len(values) * share // 1) - 1)]
