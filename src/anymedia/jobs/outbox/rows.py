"""The rows of messages to callers, and every way in which they change.

`due_at` is set while a message is to be sent. Of one job only the earliest of those is ever
taken, so that what comes later waits until it was delivered or given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, exists, func, or_, select, update

from anymedia.store.schema import callbacks

DAY = 86_400.0
DELIVERED_FOR = 30 * DAY
"""How long messages that were delivered can still be seen and sent again."""
DEAD_FOR = 90 * DAY


def last_sequence(connection: Connection, job_id: str) -> int:
    """The place of the latest message about a job; 0 when there is none."""
    query = select(func.max(callbacks.c.sequence)).where(callbacks.c.job_id == job_id)
    return int(connection.execute(query).scalar() or 0)


def started(connection: Connection, job_id: str, since: float) -> bool:
    """Whether a job was told to have begun since then."""
    query = select(callbacks.c.id).where(
        callbacks.c.job_id == job_id,
        callbacks.c.type == "job.started",
        callbacks.c.created_at >= since,
    )
    return connection.execute(query.limit(1)).first() is not None


def replaceable(connection: Connection, job_id: str) -> int | None:
    """Take back a word on progress that nobody was sent yet, if it is the latest; its place."""
    latest = (
        select(callbacks)
        .where(callbacks.c.job_id == job_id)
        .order_by(callbacks.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(latest).mappings().first()
    if row is None or row["type"] != "job.progress":
        return None
    taken_back = connection.execute(
        delete(callbacks).where(
            callbacks.c.id == row["id"],
            callbacks.c.tries == 0,
            callbacks.c.holder.is_(None),
            callbacks.c.due_at.is_not(None),
        )
    )
    return int(row["sequence"]) if taken_back.rowcount == 1 else None


def put(connection: Connection, **columns: Any) -> None:
    """Somebody is to be told."""
    connection.execute(callbacks.insert().values(tries=0, **columns))


def waiting(connection: Connection, now: float) -> dict[str, float]:
    """Who is to be told something now, and since when."""
    free = or_(callbacks.c.held_until.is_(None), callbacks.c.held_until <= now)
    query = (
        select(callbacks.c.receiver, func.min(callbacks.c.due_at))
        .where(callbacks.c.due_at.is_not(None), callbacks.c.due_at <= now, free)
        .group_by(callbacks.c.receiver)
    )
    return {receiver or "": since for receiver, since in connection.execute(query)}


def take(
    connection: Connection, receiver: str, holder: str, now: float, until: float, limit: int
) -> Sequence[RowMapping]:
    """Messages for one receiver to send now; nobody else takes them until then."""
    earlier = callbacks.alias()
    free = or_(callbacks.c.held_until.is_(None), callbacks.c.held_until <= now)
    due = and_(callbacks.c.due_at.is_not(None), callbacks.c.due_at <= now, free)
    same = callbacks.c.receiver.is_(None) if not receiver else callbacks.c.receiver == receiver
    first = ~exists().where(
        earlier.c.job_id == callbacks.c.job_id,
        earlier.c.sequence < callbacks.c.sequence,
        earlier.c.due_at.is_not(None),
    )
    chosen = (
        select(callbacks.c.id)
        .where(due, same, first)
        .order_by(callbacks.c.due_at, callbacks.c.sequence)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = connection.execute(
        update(callbacks)
        .where(callbacks.c.id.in_(chosen), due)
        .values(holder=holder, held_until=until)
        .returning(*callbacks.c)
    )
    return taken.mappings().all()


def finish(connection: Connection, message_id: str, holder: str, **columns: Any) -> bool:
    """How a try went; false where another process has taken the message over meanwhile."""
    done = connection.execute(
        update(callbacks)
        .where(callbacks.c.id == message_id, callbacks.c.holder == holder)
        .values(holder=None, held_until=None, **columns)
    )
    return done.rowcount == 1


def let_go(connection: Connection, holder: str) -> None:
    """A process stops: what it had taken is free at once."""
    connection.execute(
        update(callbacks).where(callbacks.c.holder == holder).values(holder=None, held_until=None)
    )


# --- seeing and sending again ---------------------------------------------------------------


def listed(
    connection: Connection,
    *,
    owner: str | None,
    job_id: str | None,
    status: str | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Messages, the latest first."""
    query = select(callbacks).order_by(callbacks.c.created_at.desc(), callbacks.c.sequence.desc())
    if owner is not None:
        query = query.where(callbacks.c.owner == owner)
    if job_id is not None:
        query = query.where(callbacks.c.job_id == job_id)
    if status == "pending":
        query = query.where(callbacks.c.due_at.is_not(None))
    elif status is not None:
        over = callbacks.c.delivered_at
        query = query.where(
            callbacks.c.due_at.is_(None),
            over.is_(None) if status == "dead" else over.is_not(None),
        )
    return connection.execute(query.limit(limit)).mappings().all()


def one(connection: Connection, message_id: str) -> RowMapping | None:
    """One message."""
    query = select(callbacks).where(callbacks.c.id == message_id)
    return connection.execute(query).mappings().first()


def again(connection: Connection, message_id: str, now: float) -> None:
    """Send it as if it were new, under the id that it has."""
    connection.execute(
        update(callbacks)
        .where(callbacks.c.id == message_id)
        .values(
            tries=0,
            due_at=now,
            delivered_at=None,
            problem=None,
            status=None,
            holder=None,
            held_until=None,
        )
    )


def prune(connection: Connection, now: float) -> None:
    """Forget what is long over."""
    over = callbacks.c.due_at.is_(None)
    connection.execute(
        delete(callbacks).where(over, callbacks.c.delivered_at < now - DELIVERED_FOR)
    )
    connection.execute(
        delete(callbacks).where(
            over, callbacks.c.delivered_at.is_(None), callbacks.c.created_at < now - DEAD_FOR
        )
    )
