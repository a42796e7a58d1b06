"""The rows of budgets, and every way in which they change.

An account's `spent` is a sum over the ledger, kept up as rows enter it: who ends an attempt there
has ended its reservation here, in the same transaction. So nothing can come between. An account
that is not there yet is founded on the ledger: what its subject has spent in its period, and what
is reserved.

    committed = spent + held + lent      never above the limit when something is reserved or lent

Where several write at the same time, who looks at accounts in order to change them locks them
first, in the order of their keys; and while an account is being founded nobody enters anything
into the ledger (`anymedia.store.turns`), or it would be counted by neither.

`held` is reserved by attempts, one row each in `budget_holds`. `lent` is what processes have been
given to spend from by themselves (`anymedia.budgets.allowance`) and have not reported as used.
Each function is one piece of a transaction and takes the connection first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    exists,
    func,
    literal,
    select,
    tuple_,
    update,
)

from anymedia.budgets.budget import Budget, Founded, Spender
from anymedia.store import turns
from anymedia.store.ledger import LedgerRow
from anymedia.store.schema import budget_accounts as accounts, budget_holds as holds, ledger
from anymedia.store.scope import tagged
from anymedia.store.upsert import upsert

SCOPES = ("key", "tag", "provider", "medium", "model", "all")
ANY = select(accounts.c.key).limit(1)
ANY_HELD = select(holds.c.attempt_id).limit(1)
MOVING = frozenset({"settle", "release", "correct"})
"""Entries of the ledger that accounts follow."""


@dataclass(slots=True)
class Account:
    """One row."""

    key: str
    spent: int
    held: int
    lent: int

    @property
    def committed(self) -> int:
        """What nobody else may reserve."""
        return self.spent + self.held + self.lent


# --- accounts -------------------------------------------------------------------------------


def opened(connection: Connection, budgets: Sequence[Budget]) -> list[Account]:
    """The accounts of budgets, in their order; founded where there was none."""
    keys = [budget.key for budget in budgets]
    there = connection.execute(select(accounts.c.key).where(accounts.c.key.in_(keys)))
    if len(set(keys)) > len(there.scalars().all()):
        turns.founding(connection)
    found = fetched(connection, keys)
    for budget in budgets:
        if budget.key not in found:
            found[budget.key] = begun(connection, budget)
    return [found[key] for key in keys]


def fetched(connection: Connection, keys: Sequence[str]) -> dict[str, Account]:
    """Those that are there, as they stand until we are done."""
    query = select(accounts.c.key, accounts.c.spent, accounts.c.held, accounts.c.lent)
    rows = connection.execute(
        query.where(accounts.c.key.in_(keys)).order_by(accounts.c.key).with_for_update()
    )
    return {row.key: Account(row.key, row.spent, row.held, row.lent) for row in rows}


def begun(connection: Connection, budget: Budget) -> Account:
    """A new account, with what the ledger knows."""
    founded = founding(connection, budget)
    held = 0
    for attempt_id, amount in founded.open.items():
        # One that was reserved before this budget was configured counts in it from now on.
        held += amount
        connection.execute(
            upsert(connection, holds)
            .values(attempt_id=attempt_id, account=budget.key, amount=amount, at=budget.starts)
            .on_conflict_do_nothing()
        )
    connection.execute(
        accounts.insert().values(
            key=budget.key,
            scope=budget.settings.scope,
            subject=budget.subject,
            period=budget.settings.period,
            starts=budget.starts,
            ends=budget.ends,
            spent=founded.spent,
            held=held,
        )
    )
    return Account(budget.key, founded.spent, held, 0)


def changed(
    connection: Connection, key: str, *, spent: int = 0, held: int = 0, lent: int = 0
) -> None:
    """Add to an account, or take away."""
    connection.execute(
        update(accounts)
        .where(accounts.c.key == key)
        .values(
            spent=accounts.c.spent + spent,
            held=accounts.c.held + held,
            lent=accounts.c.lent + lent,
            news=True,
        )
    )


def pruned(connection: Connection, before: float) -> None:
    """Forget accounts that ended before a time."""
    old = select(accounts.c.key).where(accounts.c.ends < before)
    connection.execute(delete(holds).where(holds.c.account.in_(old)))
    connection.execute(delete(accounts).where(accounts.c.ends < before))


def subject_of(row: RowMapping) -> tuple[str, str, str]:
    """Whose account it is."""
    return row["scope"], row["subject"], row["period"]


# --- marks ----------------------------------------------------------------------------------


def passed(connection: Connection, budget: Budget, marks: Iterable[str]) -> list[str]:
    """Those marks of an account that nobody was told of; they count as told from now on."""
    query = select(accounts.c.told).where(accounts.c.key == budget.key).with_for_update()
    told = json.loads(connection.execute(query).scalar() or "[]")
    new = [mark for mark in marks if mark not in told]
    if new:
        connection.execute(
            update(accounts)
            .where(accounts.c.key == budget.key)
            .values(told=json.dumps([*told, *new]))
        )
    return new


def with_news(connection: Connection, now: float, limit: int) -> Sequence[RowMapping]:
    """Accounts of the present in which something has changed since the last look."""
    query = (
        select(accounts)
        .where(accounts.c.news, accounts.c.ends > now)
        .order_by(accounts.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(query).mappings().all()
    keys = [row["key"] for row in rows]
    connection.execute(update(accounts).where(accounts.c.key.in_(keys)).values(news=False))
    return rows


# --- reservations ---------------------------------------------------------------------------


def held(connection: Connection, attempt_id: str) -> Sequence[RowMapping]:
    """What an attempt has reserved."""
    return (
        connection.execute(select(holds).where(holds.c.attempt_id == attempt_id)).mappings().all()
    )


def hold(
    connection: Connection, attempt_id: str, keys: Sequence[str], amount: int, now: float
) -> None:
    """Reserve in all of these accounts."""
    connection.execute(
        holds.insert(),
        [{"attempt_id": attempt_id, "account": key, "amount": amount, "at": now} for key in keys],
    )
    connection.execute(
        update(accounts)
        .where(accounts.c.key.in_(keys))
        .values(held=accounts.c.held + amount, news=True)
    )


def end(connection: Connection, attempt_id: str, amount: int | None) -> list[str]:
    """What was reserved is spent: this much, or as much. In which accounts."""
    keys = [row["account"] for row in held(connection, attempt_id)]
    if not keys:
        return []
    fetched(connection, keys)
    # Whoever deletes them has ended them: another may have come first.
    ended = delete(holds).where(holds.c.attempt_id == attempt_id)
    rows = connection.execute(ended.returning(holds.c.account, holds.c.amount)).all()
    for key, reserved in rows:
        changed(connection, key, held=-reserved, spent=reserved if amount is None else amount)
    return [key for key, _ in rows]


def entered(connection: Connection, rows: Sequence[LedgerRow]) -> None:
    """Rows have entered the ledger, perhaps not for the first time: budgets follow."""
    if all(row.entry not in MOVING for row in rows) or connection.execute(ANY).first() is None:
        return
    ends = {row.attempt_id: row for row in rows if row.entry in {"settle", "release"}}
    # Where processes spend what they were lent, thousands end and none is held here.
    if ends and (len(ends) == 1 or connection.execute(ANY_HELD).first() is not None):
        open_ones = select(holds.c.attempt_id, holds.c.account).where(holds.c.attempt_id.in_(ends))
        found = connection.execute(open_ones).all()
        fetched(connection, list({key for _, key in found}))
        for attempt_id in sorted({attempt_id for attempt_id, _ in found}):
            row = ends[attempt_id]
            end(connection, attempt_id, 0 if row.entry == "release" else row.amount)
    for row in rows:
        if row.entry == "correct":
            rectified(connection, row)


def rectified(connection: Connection, row: LedgerRow) -> None:
    """An attempt costs something else than was said: the difference, where it belongs."""
    if held(connection, row.id):
        return  # known already
    for key in end(connection, row.attempt_id, row.amount):  # it was open until now
        noted(connection, row.id, key, row.at)
    others = (ledger.c.attempt_id == row.attempt_id) & (ledger.c.id != row.id)
    first = connection.execute(select(func.min(ledger.c.at)).where(others)).scalar()
    before = connection.execute(
        # What nobody knew was counted at its bound by those who were lent it.
        select(func.coalesce(ledger.c.amount, ledger.c.bound))
        .where(others)
        .order_by(ledger.c.row.desc())
        .limit(1)
    ).scalar()
    spender = Spender(row.owner, row.tags, row.provider, row.model, row.medium)
    difference = (row.amount or 0) - (before or 0)
    correct(connection, row.id, spender, difference, row.at if first is None else first)


def correct(
    connection: Connection, entry_id: str, spender: Spender, amount: int, at: float
) -> None:
    """Add a difference to every account that it belongs to, once. Those to come have it anyway."""
    subjects = [(scope, one) for scope in SCOPES for one in spender.subjects(scope)]
    there = select(accounts.c.key).where(
        accounts.c.starts <= at,
        accounts.c.ends > at,
        tuple_(accounts.c.scope, accounts.c.subject).in_(subjects),
    )
    keys = connection.execute(there).scalars().all()
    for key in fetched(connection, keys):
        if noted(connection, entry_id, key, at):
            changed(connection, key, spent=amount)


def noted(connection: Connection, entry_id: str, key: str, at: float) -> bool:
    """Mark a correction as made, by a reservation of nothing; false when it was."""
    new = connection.execute(
        upsert(connection, holds)
        .values(attempt_id=entry_id, account=key, amount=0, at=at)
        .on_conflict_do_nothing()
    )
    return new.rowcount == 1


def dangling(connection: Connection, before: float) -> None:
    """Release what was reserved for attempts that were never written down: their process died."""
    unknown = ~exists().where(ledger.c.attempt_id == holds.c.attempt_id)
    rows = connection.execute(
        select(holds.c.attempt_id)
        .where(holds.c.at < before, holds.c.amount > 0, unknown)
        .distinct()
    ).scalars()
    for attempt_id in rows.all():
        end(connection, attempt_id, 0)


# --- what the ledger knows ------------------------------------------------------------------


def founding(connection: Connection, budget: Budget) -> Founded:
    """What one subject has spent in a period, and what is reserved for it.

    An attempt belongs to the period of its first row and counts by its last.
    """
    earlier, last, first = ledger.alias("earlier"), ledger.alias("last"), ledger.alias("first")
    of_period = (
        select(ledger.c.attempt_id)
        .where(
            ledger.c.at >= budget.starts,
            ledger.c.at < budget.ends,
            of_subject(budget),
            ~exists().where(
                earlier.c.attempt_id == ledger.c.attempt_id, earlier.c.at < budget.starts
            ),
        )
        .distinct()
        .subquery()
    )
    latest = select(func.max(ledger.c.row)).where(ledger.c.attempt_id == of_period.c.attempt_id)
    decisive = and_(
        last.c.attempt_id == of_period.c.attempt_id, last.c.row == latest.scalar_subquery()
    )
    is_open = last.c.entry.in_(("reserve", "pending"))
    joined = of_period.join(last, decisive)
    spent = connection.execute(
        select(func.coalesce(func.sum(last.c.amount), 0))
        .select_from(joined)
        .where(~is_open, last.c.entry != "release")
    ).scalar_one()
    bound = (
        select(first.c.amount)
        .where(first.c.attempt_id == of_period.c.attempt_id, first.c.entry == "reserve")
        .limit(1)
        .scalar_subquery()
    )
    at_most = func.coalesce(bound, last.c.bound).label("bound")
    rows = connection.execute(
        select(of_period.c.attempt_id, at_most).select_from(joined).where(is_open)
    )
    return Founded(int(spent), {row.attempt_id: row.bound or 0 for row in rows})


def of_subject(budget: Budget) -> ColumnElement[bool]:
    """Which rows of the ledger are about a subject."""
    subject = budget.subject
    columns: dict[str, ColumnElement[Any]] = {
        "key": ledger.c.owner,
        "provider": ledger.c.provider,
        "medium": ledger.c.medium,
        "model": ledger.c.provider + "/" + ledger.c.model,
    }
    scope = budget.settings.scope
    if scope == "all":
        return literal(value=True)
    if scope == "tag":
        return tagged(subject)
    return columns[scope] == subject


def settled(connection: Connection, attempt_ids: Sequence[str]) -> dict[str, int | None]:
    """What became of attempts that are over; `None` where nobody knows what they cost."""
    latest = (
        select(func.max(ledger.c.row))
        .where(ledger.c.attempt_id.in_(attempt_ids))
        .group_by(ledger.c.attempt_id)
    )
    rows = connection.execute(
        select(ledger.c.attempt_id, ledger.c.entry, ledger.c.amount).where(
            ledger.c.row.in_(latest), ledger.c.entry.not_in(("reserve", "pending"))
        )
    )
    return {row.attempt_id: 0 if row.entry == "release" else row.amount for row in rows}
