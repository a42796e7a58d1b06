"""How a line that went through a batch API ends: in its row, in the ledger, in the budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.batches import rows, single
from anymedia.batches.part import At, ledger_row
from anymedia.contracts.batch import EXPIRED, BatchSettings
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import Cancelled, ProviderTimeout
from anymedia.contracts.problem import Problem
from anymedia.store import intake
from anymedia.store.ledger import Entry, LedgerRow, money

NOTHING = Cost(amount=Decimal(0), basis="computed")


async def expired(at: At, item: RowMapping) -> None:
    """Its day was over before it was got to."""
    settings = BatchSettings.model_validate_json(at.batch["settings"])
    if settings.on_expired == "fallback" and at.batch["ends"] is None:
        await again(at, item)
        return
    problem = ProviderTimeout(
        f"`{at.part['provider']}` did not get to it within the batch's window. Ask for it again, or "
        f"set `on_expired: fallback`",
        provider=at.part["provider"],
        details={EXPIRED: True},
    ).problem()
    await ended(at, item, "failed", NOTHING, problem=problem)


async def cancelled(at: At, item: RowMapping) -> None:
    """It was stopped before it was got to."""
    problem = Cancelled("stopped at the provider because somebody asked").problem()
    await ended(at, item, "cancelled", NOTHING, problem=problem)


async def again(at: At, item: RowMapping) -> None:
    """It was not asked after all: now it is a request of its own."""
    now, name = at.desk.now(), at.attempt(item)

    def work(c: Connection) -> None:
        if rows.move(
            c,
            at.batch["id"],
            item["position"],
            before=("running",),
            after="queued",
            part_id=None,
            fitted=None,
            held=None,
            due_at=None,
        ):
            intake.enter(c, [ledger_row(at, item, "release", now, **money(NOTHING))])

    await at.change(work)
    at.purse.settle(item["held"] or 0, 0)
    if at.desk.budgets is not None:
        await at.desk.budgets.release(name)


async def ended(at: At, item: RowMapping, status: str, cost: Cost, *, problem: Problem) -> None:
    """A line is over without an answer."""
    entry: Entry = "pending" if cost.basis == "pending" else "release"
    row = ledger_row(
        at,
        item,
        entry,
        at.desk.now(),
        outcome=status if entry == "pending" else "rejected",
        code=problem.code,
        maybe_billed=entry == "pending",
        **money(cost),
    )
    columns = {
        "problem": problem.model_dump_json(exclude_none=True),
        **single.money(cost),
    }
    await written(at, item, status, columns, [row], cost)


async def written(
    at: At,
    item: RowMapping,
    status: str,
    columns: dict[str, Any],
    money_rows: list[LedgerRow],
    cost: Cost,
) -> None:
    """A line's end and its row in the ledger, in one transaction; then the budgets follow."""
    now = at.desk.now()

    def work(c: Connection) -> bool:
        moved = rows.move(
            c,
            at.batch["id"],
            item["position"],
            before=("running",),
            after=status,
            finished_at=now,
            **columns,
        )
        if moved:
            intake.enter(c, money_rows)
        return moved

    if not await at.change(work):
        return
    amount = single.known(cost)
    at.purse.settle(item["held"] or 0, amount)
    if at.desk.budgets is not None:
        await at.desk.budgets.settle(at.attempt(item), amount)


async def released(at: At, state: str, *, single_again: bool) -> None:
    """A part that will not be sent: its lines go alone, or end."""
    part = at.part
    items = await at.desk.database.read(lambda c: rows.items_of_part(c, part["id"]))
    for item in items:
        if single_again:
            await again(at, item)
        else:
            await cancelled(at, item)
    now = at.desk.now()
    await at.change(lambda c: end(c, part, state, now))


def end(
    c: Connection, part: RowMapping, state: str, now: float, *, problem: str | None = None
) -> None:
    """A part is over."""
    columns = {"problem": problem} if problem is not None else {}
    rows.move_part(
        c,
        part["id"],
        before=("intent", "sending", "accepted"),
        after=state,
        finished_at=now,
        due_at=None,
        **columns,
    )
