"""What processes have been lent to spend from by themselves: pieces of transactions.

A row says how much a process has been lent of an account since it began, and how much of it it
has used as far as it has reported. The difference is in the account's `lent`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from anymedia.budgets.allowance import Ask, Report, part
from anymedia.budgets.budget import Budget, Reached, verdict, warned
from anymedia.budgets.tally import place
from anymedia.store import accounts
from anymedia.store.schema import budget_allowances as allowances


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of asking for more."""

    reached: Reached | None
    amounts: tuple[int, ...]
    over: tuple[Budget, ...]
    committed: tuple[int, ...]
    """Of every account, without what the process itself has been lent and not used."""


def drawn(connection: Connection, holder: str, asks: Sequence[Ask], nano_usd: int | None) -> Drawn:
    """Lend what an attempt needs of every account and something more, or nothing."""
    budgets = [ask.budget for ask in asks]
    accounts.opened(connection, budgets)
    keys = [budget.key for budget in budgets]
    rows = of_holder(connection, holder, keys)
    own = []
    for ask in asks:
        key = ask.budget.key
        granted = (
            told(connection, rows[key], ask.used) if key in rows else begun(connection, holder, ask)
        )
        own.append(granted)
    found = accounts.fetched(connection, keys)
    rooms = [granted - ask.used for granted, ask in zip(own, asks, strict=True)]
    committed = tuple(found[key].committed - room for key, room in zip(keys, rooms, strict=True))
    reached = verdict(budgets, committed, nano_usd)
    if reached is not None:
        return Drawn(reached, (), (), committed)
    for index, (ask, amount) in enumerate(zip(asks, committed, strict=True)):
        if ask.budget.blocks and rooms[index] > ask.budget.limit - amount:
            # The limit was lowered since: what was lent is not all there any more.
            row = of_holder(connection, holder, [ask.budget.key])[ask.budget.key]
            own[index] = told(connection, row, ask.used, keep=max(ask.budget.limit - amount, 0))
            rooms[index] = own[index] - ask.used
    amounts = []
    for ask, granted, room, amount in zip(asks, own, rooms, committed, strict=True):
        more = portion(ask.budget, amount + room, (nano_usd or 0) - room)
        if more > 0:
            connection.execute(
                update(allowances)
                .where(allowances.c.holder == holder, allowances.c.account == ask.budget.key)
                .values(granted=granted + more)
            )
            accounts.changed(connection, ask.budget.key, lent=more)
        amounts.append(granted + max(more, 0))
    return Drawn(None, tuple(amounts), warned(budgets, committed, nano_usd), committed)


def portion(budget: Budget, committed: int, need: int) -> int:
    """How much more is lent to who needs so much more."""
    left = budget.limit - committed
    if budget.blocks:
        return min(max(need, part(budget.limit, left)), left) if need > 0 else 0
    return max(need, part(budget.limit, budget.limit)) if need > 0 else 0


def begun(connection: Connection, holder: str, ask: Ask) -> int:
    """The process has nothing of this account yet, or has given it back."""
    connection.execute(
        insert(allowances).values(
            holder=holder,
            account=ask.budget.key,
            slot=ask.slot,
            granted=ask.used,
            used=ask.used,
        )
    )
    return ask.used


def told(connection: Connection, row: RowMapping, used: int, keep: int | None = None) -> int:
    """Enter what was used, and take back what is not kept. What is lent from now on."""
    granted = row["granted"] if keep is None else min(row["granted"], used + keep)
    granted = max(
        granted, used
    )  # what was settled for more than was reserved is spent all the same
    lent = (granted - used) - (row["granted"] - row["used"])
    if lent or used != row["used"]:
        accounts.changed(connection, row["account"], spent=used - row["used"], lent=lent)
        connection.execute(
            update(allowances)
            .where(allowances.c.holder == row["holder"], allowances.c.account == row["account"])
            .values(granted=granted, used=used)
        )
    return int(granted)


def reported(connection: Connection, holder: str, reports: Mapping[str, Report]) -> dict[str, int]:
    """Enter what a process has used. What it has been lent from now on."""
    accounts.fetched(connection, list(reports))
    granted = {}
    for key, row in of_holder(connection, holder, list(reports)).items():
        report = reports[key]
        granted[key] = told(connection, row, report.used, report.keep)
        if report.close:
            ended(connection, holder, key)
    return granted


def buried(connection: Connection, holder: str, numbers: Sequence[int] | None) -> None:
    """A process has died: what it used by its tally is spent; all of it, where that is lost."""
    of_it = select(allowances).where(allowances.c.holder == holder)
    accounts.fetched(
        connection,
        connection.execute(of_it.with_only_columns(allowances.c.account)).scalars().all(),
    )
    rows = connection.execute(of_it.order_by(allowances.c.account).with_for_update())
    for row in rows.mappings().all():
        known = numbers is not None and row["slot"] < len(numbers)
        used = numbers[row["slot"]] if numbers is not None and known else row["granted"]
        told(connection, row, used, keep=0)
        ended(connection, holder, row["account"])


def lost(connection: Connection, directory: Path) -> list[str]:
    """Processes of this machine whose tallies are gone.

    One is made before its rows and removed after them. Those of other machines lie elsewhere.
    """
    query = select(allowances.c.holder).distinct()
    if connection.dialect.name != "sqlite":
        if not directory.is_dir():
            return []
        query = query.where(allowances.c.holder.startswith(f"{place(directory)}-"))
    holders = connection.execute(query).scalars().all()
    return [holder for holder in holders if not (directory / holder).exists()]


def of_holder(connection: Connection, holder: str, keys: Sequence[str]) -> dict[str, RowMapping]:
    """A process' rows, as they stand until we are done. Their accounts are locked before them."""
    query = select(allowances).where(allowances.c.holder == holder, allowances.c.account.in_(keys))
    rows = connection.execute(query.order_by(allowances.c.account).with_for_update()).mappings()
    return {row["account"]: row for row in rows}


def ended(connection: Connection, holder: str, key: str) -> None:
    """A process needs an account no more."""
    connection.execute(
        delete(allowances).where(allowances.c.holder == holder, allowances.c.account == key)
    )
