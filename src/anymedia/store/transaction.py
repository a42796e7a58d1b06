"""What a transaction does once for all the work in it: locks, and changes that nobody looks at in it.

Several pieces of work share a transaction (`anymedia.store.together`). What each of them would ask
the database for by itself is asked once: whose their jobs are, in one statement that locks them all
in the order of their ids; and rows that nothing in the transaction reads, such as what happened, are
written at its end, all of a table in one round trip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Insert, String, Update, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from anymedia.store.schema import jobs

T = TypeVar("T")
PLACE = "anymedia_transaction"
"""Where a connection holds it."""
STANDING = select(jobs.c.worker, jobs.c.updated_at).where(jobs.c.id == bindparam("of"))
STANDING_LOCKED = STANDING.with_for_update()
SOME: Any = bindparam("some", type_=ARRAY(String))
STANDINGS_LOCKED = (
    select(jobs.c.id, jobs.c.worker, jobs.c.updated_at)
    .where(jobs.c.id == any_(SOME))
    .order_by(jobs.c.id)
    .with_for_update()
)


class Standing(NamedTuple):
    """A job as far as others can have changed it."""

    worker: str | None
    updated_at: float


@dataclass(slots=True)
class Transaction:
    """What is known of a transaction while it lasts."""

    later: dict[tuple[Insert | Update, tuple[str, ...]], list[dict[str, Any]]] = field(
        default_factory=dict
    )
    """Rows by statement and the columns they name."""
    done: set[str] = field(default_factory=set)
    standings: dict[str, Standing] = field(default_factory=dict)


def carried_out(
    connection: Connection, work: Callable[[Connection], T], job_ids: Sequence[str] = ()
) -> T:
    """What the work returns, with everything written that it left for the end.

    Jobs that it changes are locked first, if there are several and others may write meanwhile. One
    that two pieces of work change is left out: the second must see what the first has done.
    """
    alone = [name for name, times in Counter(job_ids).items() if times == 1]
    one = connection.info[PLACE] = Transaction()
    try:
        if len(alone) > 1 and connection.dialect.name == "postgresql":
            for row in connection.execute(STANDINGS_LOCKED, {"some": alone}):
                one.standings[row.id] = Standing(row.worker, row.updated_at)
        outcome = work(connection)
        write_rest(connection)
    finally:
        connection.info.pop(PLACE, None)
    return outcome


def at_end(connection: Connection, change: Insert | Update, row: dict[str, Any]) -> None:
    """Add or change a row at the end of the transaction; now, where nobody would see to that.

    What was left first is done first.
    """
    one: Transaction | None = connection.info.get(PLACE)
    if one is None:
        connection.execute(change, row)
    else:
        one.later.setdefault((change, tuple(row)), []).append(row)


def write_rest(connection: Connection) -> None:
    """Do what was left for the end: before it, for who reads such rows in the transaction."""
    one: Transaction | None = connection.info.get(PLACE)
    if one is None:
        return
    later, one.later = one.later, {}
    for (change, _), rows in later.items():
        connection.execute(change, rows)


def first(connection: Connection, what: str) -> bool:
    """Whether this is the first time that the transaction does it; what is done lasts to its end."""
    one: Transaction | None = connection.info.get(PLACE)
    if one is None:
        return True
    if what in one.done:
        return False
    one.done.add(what)
    return True


def standing(connection: Connection, job_id: str) -> Standing | None:
    """How a job stands, which is so until we are done. `None` when it is not there."""
    known = known_standing(connection, job_id)
    if known is not None:
        return known
    row = connection.execute(STANDING_LOCKED, {"of": job_id}).first()
    return None if row is None else Standing(*row)


def known_standing(connection: Connection, job_id: str) -> Standing | None:
    """The same where the transaction has asked already."""
    one: Transaction | None = connection.info.get(PLACE)
    return None if one is None else one.standings.get(job_id)
