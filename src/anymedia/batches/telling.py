"""Batches and their lines, as callers see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from anymedia.batches import rows
from anymedia.contracts.batch import (
    OVER,
    Batch,
    BatchCounts,
    BatchItem,
    BatchPart,
    BatchSettings,
    LineMistake,
)
from anymedia.contracts.cost import Cost, CostBasis
from anymedia.contracts.problem import Problem
from anymedia.contracts.usage import Usage
from anymedia.store.ledger import dollars

SURENESS: tuple[CostBasis, ...] = (
    *("pending", "unpriced", "estimated", "computed", "reported", "free"),
)
FINAL_PARTS = frozenset({"done", "not_sent", "rejected", "outcome_unknown", "cancelled"})


def told(connection: Connection, row: RowMapping, now: float) -> Batch:
    """A batch with its counts."""
    standing = rows.standing(connection, row["id"])
    numbers: dict[str, int] = {one["status"]: one["lines"] for one in standing}
    counts = BatchCounts(total=sum(numbers.values()), **numbers)
    parts = rows.parts_of(connection, row["id"])
    amount = sum(int(one["amount"] or 0) for one in standing)
    return Batch(
        id=row["id"],
        status=row["status"],
        settings=BatchSettings.model_validate_json(row["settings"]),
        counts=counts,
        progress=counts.ended / counts.total if counts.total else 1.0,
        eta_seconds=eta(row, counts, parts, now),
        cost=summed(amount, rows.bases(connection, row["id"])),
        pending=sum(int(one["pending"] or 0) for one in standing),
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        finished_at=None if row["finished_at"] is None else moment(row["finished_at"]),
        problem=problem_of(row),
        mistakes=tuple(
            LineMistake.model_validate(one) for one in msgspec.json.decode(row["mistakes"] or "[]")
        ),
        parts=tuple(
            BatchPart(
                provider=one["provider"],
                model=one["model"],
                state=one["state"],
                requests=one["requests"],
                handle=one["handle"],
                problem=problem_of(one),
            )
            for one in parts
        ),
    )


def eta(row: RowMapping, counts: BatchCounts, parts: Any, now: float) -> float | None:
    """How long the rest takes at the pace so far; what a provider does in its own time, nobody knows."""
    if row["status"] in OVER:
        return None
    if any(one["state"] not in FINAL_PARTS for one in parts):
        return None
    done = counts.ended - counts.invalid
    if not done or row["started_at"] is None:
        return None
    spent: float = now - row["started_at"]
    return round((counts.total - counts.ended) * spent / done, 1)


def summed(amount: int, bases: set[str]) -> Cost:
    """A sum, as uncertain as its most uncertain part."""
    basis = next((one for one in SURENESS if one in bases), None)
    if basis is None:
        return Cost(amount=dollars(0), basis="computed")
    unknown = basis in {"pending", "unpriced"} and not amount
    return Cost(amount=None if unknown else dollars(amount), basis=basis)


def item_of(row: RowMapping) -> BatchItem:
    """A line."""
    cost = None
    if row["basis"] is not None:
        cost = Cost(amount=dollars(row["amount"]), basis=row["basis"])
    return BatchItem(
        custom_id=row["custom_id"],
        line=row["line"],
        status=row["status"],
        media_type=row["medium"],
        provider=row["provider"],
        model=row["model"],
        result=msgspec.json.decode(row["result"]) if row["result"] else None,
        error=problem_of(row),
        usage=Usage.model_validate_json(row["usage"]) if row["usage"] else None,
        cost=cost,
        job_id=row["job_id"],
    )


def problem_of(row: RowMapping) -> Problem | None:
    """What went wrong, if anything did."""
    return Problem.model_validate_json(row["problem"]) if row["problem"] else None


def moment(at: float) -> datetime:
    """A time out of a row."""
    return datetime.fromtimestamp(at, UTC)
