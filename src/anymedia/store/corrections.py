"""What an attempt costs, said afterwards: a row more about it, and never a row changed.

A correction stands at the time of what it corrects, so that the bill of a month is not moved into
the next one by the invoice; its explanation says where it comes from. Budgets follow as rows enter
the ledger (`anymedia.store.accounts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, func, or_, select, update

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import Conflict, NotFound
from anymedia.store.intake import enter
from anymedia.store.ledger import LedgerRow, dollars
from anymedia.store.schema import attempts, ledger
from anymedia.store.scope import CACHED, decisive

MOST_NAMED = 5
"""So many attempts are listed where a name is not one's alone."""


def about(connection: Connection, name: str) -> Sequence[RowMapping]:
    """The last rows of the attempts that a name stands for: ours, a job's, or the provider's."""
    names = (ledger.c.attempt_id, ledger.c.reference, ledger.c.job_id, ledger.c.request)
    query = select(ledger).where(or_(*(one == name for one in names)), decisive(), ~CACHED)
    return connection.execute(query.order_by(ledger.c.row)).mappings().all()


def the_one(connection: Connection, name: str, provider: str | None) -> RowMapping:
    """The attempt that a name stands for. Raises when there is none, or several."""
    found = [
        row for row in about(connection, name) if provider is None or row["provider"] == provider
    ]
    if not found:
        raise NotFound(
            f"no attempt is known as `{name}`; expected the provider's id for it, or the id of an "
            f"attempt or a job of ours (`anymedia costs --by job`)"
        )
    billed = [row for row in found if row["entry"] != "release"] or found
    if len(billed) > 1:
        listed = ", ".join(f"`{row['attempt_id']}`" for row in billed[:MOST_NAMED])
        raise Conflict(f"`{name}` stands for {len(billed)} attempts; name one of {listed}")
    if billed[0]["entry"] == "reserve":
        raise Conflict(f"`{name}` is still under way; its cost is settled when it has ended")
    return billed[0]


def correct(connection: Connection, row: RowMapping, amount: int, why: str) -> LedgerRow | None:
    """Say what an attempt costs, in whole nano-dollars. Nothing when the ledger says so already."""
    if row["amount"] == amount and row["entry"] != "pending":
        return None
    corrected = LedgerRow(
        **as_row(
            row,
            id=f"{row['attempt_id']}:correct:{rows_about(connection, row['attempt_id'])}",
            entry="correct",
            amount=amount,
            basis="reported",
            reported=amount,
            explanation=why,
            maybe_billed=False,
        )
    )
    enter(connection, [corrected])
    cost = Cost(
        amount=dollars(amount),
        basis="reported",
        computed=dollars(row["computed"]),
        explanation=why,
        price=corrected.price,
    )
    connection.execute(
        update(attempts)
        .where(attempts.c.id == row["attempt_id"])
        .values(cost=cost.model_dump_json(exclude_none=True))
    )
    return corrected


def write_off(connection: Connection, before: float, limit: int, why: str) -> int:
    """Count requests that are unknown since a time as not charged; how many there were.

    Those are the ones that are answered at once. What became of a job, somebody can find out.
    """
    query = (
        select(ledger)
        .where(
            ledger.c.entry == "pending",
            ledger.c.job_id.is_(None),
            ledger.c.at < before,
            decisive(),
        )
        .limit(limit)
    )
    rows = connection.execute(query).mappings().all()
    enter(
        connection,
        [
            LedgerRow(
                **as_row(
                    row,
                    id=f"{row['attempt_id']}:correct:1",
                    entry="correct",
                    amount=0,
                    basis="estimated",
                    explanation=why,
                )
            )
            for row in rows
        ],
    )
    return len(rows)


def rows_about(connection: Connection, attempt_id: str) -> int:
    """How many rows there are about an attempt: the number of the next one."""
    query = select(func.count()).select_from(ledger).where(ledger.c.attempt_id == attempt_id)
    return int(connection.execute(query).scalar_one())


def as_row(row: RowMapping, **changes: Any) -> dict[str, Any]:
    """The facts of a row that was read, with some changed."""
    facts: dict[str, Any] = {name: row[name] for name in LedgerRow.__struct_fields__}
    for name in ("usage", "tags", "price"):
        facts[name] = msgspec.json.decode(row[name]) if row[name] else None
    facts["usage"] = facts["usage"] or {}
    facts["tags"] = tuple(facts["tags"] or ())
    return facts | changes
