"""The rows of a batch, and every way in which they change.

Each function is one piece of a transaction and takes the connection first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, case, delete, func, or_, select, update

from anymedia.contracts.batch import EXPIRED
from anymedia.store.schema import (
    batch_items as items,
    batch_parts as parts,
    batch_workers as workers,
    batches,
)

READING = "reading"
"""Its lines are still coming in: nobody sees it, and nothing is begun."""
LOST_SECONDS = 3600.0
"""A batch whose lines have not come for so long was given up."""

# --- batches --------------------------------------------------------------------------------


def insert(connection: Connection, **columns: Any) -> None:
    """A new one."""
    connection.execute(batches.insert().values(**columns))


def batch(connection: Connection, batch_id: str) -> RowMapping | None:
    """One batch's row."""
    query = select(batches).where(batches.c.id == batch_id)
    return connection.execute(query).mappings().first()


def by_key(connection: Connection, owner: str, key: str) -> RowMapping | None:
    """The batch that an idempotency key stands for."""
    query = select(batches).where(batches.c.owner == owner, batches.c.idempotency_key == key)
    return connection.execute(query).mappings().first()


def listed(
    connection: Connection,
    owner: str,
    limit: int,
    *,
    after: RowMapping | None = None,
    before: RowMapping | None = None,
    dialect: str | None = None,
) -> Sequence[RowMapping]:
    """Somebody's batches, the newest first: from the newest on, or those next to one of them.

    `dialect` is a name in their metadata; whoever asks makes sure that it stands where it should.
    """
    query = select(batches).where(batches.c.owner == owner, batches.c.status != READING)
    if dialect is not None:
        query = query.where(batches.c.settings.contains(f'"{dialect}":{{', autoescape=True))
    at, name = batches.c.created_at, batches.c.id
    if before is not None:
        newer = or_(
            at > before["created_at"], and_(at == before["created_at"], name < before["id"])
        )
        query = query.where(newer).order_by(at, name.desc()).limit(limit)
        return connection.execute(query).mappings().all()[::-1]
    if after is not None:
        older = or_(at < after["created_at"], and_(at == after["created_at"], name > after["id"]))
        query = query.where(older)
    query = query.order_by(at.desc(), name).limit(limit)
    return connection.execute(query).mappings().all()


def change(connection: Connection, batch_id: str, now: float, **columns: Any) -> None:
    """Change a batch's row."""
    connection.execute(
        update(batches).where(batches.c.id == batch_id).values(updated_at=now, **columns)
    )


def forget(connection: Connection, batch_id: str) -> None:
    """Nothing of a batch stays but its rows in the ledger, if it came to any."""
    forget_items(connection, batch_id)
    connection.execute(delete(parts).where(parts.c.batch_id == batch_id))
    connection.execute(delete(batches).where(batches.c.id == batch_id))


def forget_items(connection: Connection, batch_id: str) -> None:
    """A batch's lines."""
    connection.execute(delete(items).where(items.c.batch_id == batch_id))


def forget_answers(connection: Connection, batch_id: str, statuses: Iterable[str]) -> None:
    """What became of lines that stand like this; that they stand so, and their cost, stay."""
    connection.execute(
        update(items)
        .where(items.c.batch_id == batch_id, items.c.status.in_(list(statuses)))
        .values(result=None, problem=None)
    )


def holds_answers(connection: Connection, batch_id: str, statuses: Iterable[str]) -> bool:
    """Whether there is any."""
    query = select(items.c.position).where(
        items.c.batch_id == batch_id,
        items.c.status.in_(list(statuses)),
        or_(items.c.result.is_not(None), items.c.problem.is_not(None)),
    )
    return connection.execute(query.limit(1)).first() is not None


def expired(connection: Connection, batch_id: str) -> int:
    """How many lines failed because a provider's batch did not get to them."""
    query = select(func.count()).where(
        items.c.batch_id == batch_id,
        items.c.status == "failed",
        items.c.problem.contains(f'"{EXPIRED}":true'),
    )
    return int(connection.execute(query).scalar_one())


def forget_lost(connection: Connection, now: float) -> None:
    """Those whose lines stopped coming: the process that read them is gone."""
    query = select(batches.c.id).where(
        batches.c.status == READING, batches.c.updated_at < now - LOST_SECONDS
    )
    for batch_id in connection.execute(query).scalars().all():
        forget(connection, batch_id)


# --- who carries which ----------------------------------------------------------------------


def insert_worker(connection: Connection, worker: str, host: str, pid: int, until: float) -> None:
    """A process begins to carry batches."""
    connection.execute(workers.insert().values(id=worker, host=host, pid=pid, lease_until=until))


def workers_on(connection: Connection, host: str) -> Sequence[RowMapping]:
    """The processes of a machine."""
    return connection.execute(select(workers).where(workers.c.host == host)).mappings().all()


def beat(connection: Connection, worker: str, now: float, lease: float) -> bool:
    """Renew a lease. False when it had run out: others may have taken over since."""
    done = connection.execute(
        update(workers)
        .where(workers.c.id == worker, workers.c.lease_until > now)
        .values(lease_until=now + lease)
    )
    connection.execute(workers.delete().where(workers.c.lease_until < now - 86_400))
    return done.rowcount == 1


def claim(connection: Connection, worker: str, now: float, limit: int) -> list[str]:
    """Take on batches with something due that no living process carries."""
    alive = select(workers.c.id).where(workers.c.lease_until > now)
    free = or_(batches.c.worker.is_(None), batches.c.worker.not_in(alive))
    due = (
        select(batches.c.id)
        .where(and_(batches.c.due_at.is_not(None), batches.c.due_at <= now, free))
        .order_by(batches.c.due_at)
        .limit(limit)
    )
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    taken = connection.execute(
        update(batches).where(batches.c.id.in_(due)).values(worker=worker).returning(batches.c.id)
    )
    return list(taken.scalars())


def owned(connection: Connection, batch_id: str, worker: str) -> bool:
    """Whether this process is still the one that carries it."""
    query = select(batches.c.worker).where(batches.c.id == batch_id)
    return connection.execute(query).scalar() == worker


def let_go(connection: Connection, batch_id: str, worker: str) -> None:
    """This process carries it no more."""
    connection.execute(
        update(batches)
        .where(batches.c.id == batch_id, batches.c.worker == worker)
        .values(worker=None)
    )


def retire(connection: Connection, worker: str) -> None:
    """A process stops; what it carried is free at once."""
    connection.execute(update(batches).where(batches.c.worker == worker).values(worker=None))
    connection.execute(workers.delete().where(workers.c.id == worker))


def pending(connection: Connection) -> int:
    """How many batches are not over."""
    query = select(func.count()).select_from(batches).where(batches.c.due_at.is_not(None))
    return int(connection.execute(query).scalar_one())


# --- lines ----------------------------------------------------------------------------------


def insert_items(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Some lines."""
    if rows:
        connection.execute(items.insert(), list(rows))


def standing(connection: Connection, batch_id: str) -> Sequence[RowMapping]:
    """Lines by how they stand: how many, what they cost, how many of them cost nobody knows what."""
    unknown = func.sum(case((items.c.basis == "pending", 1), else_=0))
    query = (
        select(
            items.c.status,
            func.count().label("lines"),
            func.sum(items.c.amount).label("amount"),
            unknown.label("pending"),
        )
        .where(items.c.batch_id == batch_id)
        .group_by(items.c.status)
    )
    return connection.execute(query).mappings().all()


def bases(connection: Connection, batch_id: str) -> set[str]:
    """How sure the costs of its lines are."""
    query = select(items.c.basis).where(items.c.batch_id == batch_id, items.c.basis.is_not(None))
    return set(connection.execute(query.distinct()).scalars())


def page(
    connection: Connection, batch_id: str, after: int, limit: int, statuses: Iterable[str] | None
) -> Sequence[RowMapping]:
    """The next lines after a position, in order; only those that stand like this, if so wished."""
    query = select(items).where(items.c.batch_id == batch_id, items.c.position > after)
    if statuses is not None:
        query = query.where(items.c.status.in_(list(statuses)))
    return connection.execute(query.order_by(items.c.position).limit(limit)).mappings().all()


def with_status(
    connection: Connection, batch_id: str, status: str, limit: int, *, after: int = -1
) -> Sequence[RowMapping]:
    """Some lines that stand like this, in order."""
    query = (
        select(items)
        .where(
            items.c.batch_id == batch_id,
            items.c.status == status,
            items.c.position > after,
            items.c.part_id.is_(None),
        )
        .order_by(items.c.position)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def ready(connection: Connection, batch_id: str, now: float, limit: int) -> Sequence[RowMapping]:
    """Lines to begin now, in order."""
    query = (
        select(items)
        .where(
            items.c.batch_id == batch_id,
            items.c.status == "queued",
            items.c.part_id.is_(None),
            or_(items.c.due_at.is_(None), items.c.due_at <= now),
        )
        .order_by(items.c.position)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def move(
    connection: Connection,
    batch_id: str,
    position: int,
    *,
    before: tuple[str, ...],
    after: str,
    **columns: Any,
) -> bool:
    """Compare-and-set how a line stands. False when it was not in `before` any more."""
    done = connection.execute(
        update(items)
        .where(
            items.c.batch_id == batch_id,
            items.c.position == position,
            items.c.status.in_(before),
        )
        .values(status=after, **columns)
    )
    return done.rowcount == 1


def set_item(connection: Connection, batch_id: str, position: int, **columns: Any) -> None:
    """Change what is known of a line, but not how it stands."""
    connection.execute(
        update(items)
        .where(items.c.batch_id == batch_id, items.c.position == position)
        .values(**columns)
    )


def cancel_queued(connection: Connection, batch_id: str, now: float, problem: str) -> int:
    """What has not begun is not begun any more; how many lines that was."""
    done = connection.execute(
        update(items)
        .where(
            items.c.batch_id == batch_id,
            items.c.status == "queued",
            items.c.part_id.is_(None),
        )
        .values(status="cancelled", problem=problem, finished_at=now)
    )
    return max(done.rowcount, 0)


def money(connection: Connection, batch_id: str) -> tuple[int, int]:
    """Nano-dollars: what is spent, and what may be, of lines that are under way or uncertain."""
    spent = connection.execute(
        select(func.coalesce(func.sum(items.c.amount), 0)).where(items.c.batch_id == batch_id)
    ).scalar_one()
    open_ones = or_(items.c.status == "running", items.c.basis == "pending")
    held = connection.execute(
        select(func.coalesce(func.sum(items.c.held), 0)).where(
            items.c.batch_id == batch_id, open_ones
        )
    ).scalar_one()
    return int(spent), int(held)


def count(connection: Connection, batch_id: str, *statuses: str) -> int:
    """How many lines stand like this."""
    query = select(func.count()).where(items.c.batch_id == batch_id, items.c.status.in_(statuses))
    return int(connection.execute(query).scalar_one())


def end_if_over(
    connection: Connection, batch_id: str, now: float, status: str, final: frozenset[str]
) -> bool:
    """A batch is over when all its lines and parts are; whether it is."""
    if count(connection, batch_id, "queued", "running"):
        return False
    if any(one["state"] not in final for one in parts_of(connection, batch_id)):
        return False
    change(connection, batch_id, now, status=status, finished_at=now, due_at=None, worker=None)
    return True


# --- parts ----------------------------------------------------------------------------------


def insert_part(connection: Connection, **columns: Any) -> None:
    """A part for a provider's batch API."""
    connection.execute(parts.insert().values(**columns))


def parts_of(connection: Connection, batch_id: str) -> Sequence[RowMapping]:
    """All parts of a batch, in order."""
    query = (
        select(parts).where(parts.c.batch_id == batch_id).order_by(parts.c.created_at, parts.c.id)
    )
    return connection.execute(query).mappings().all()


def part(connection: Connection, part_id: str) -> RowMapping | None:
    """One part."""
    return connection.execute(select(parts).where(parts.c.id == part_id)).mappings().first()


def move_part(
    connection: Connection, part_id: str, *, before: tuple[str, ...], after: str, **columns: Any
) -> bool:
    """Compare-and-set a part's state."""
    done = connection.execute(
        update(parts)
        .where(parts.c.id == part_id, parts.c.state.in_(before))
        .values(state=after, **columns)
    )
    return done.rowcount == 1


def set_part(connection: Connection, part_id: str, **columns: Any) -> None:
    """Change what is known of a part, but not its state."""
    connection.execute(update(parts).where(parts.c.id == part_id).values(**columns))


def items_of_part(
    connection: Connection, part_id: str, *, after: int = -1, limit: int | None = None
) -> Sequence[RowMapping]:
    """A part's lines that have no end yet, in order."""
    query = (
        select(items)
        .where(items.c.part_id == part_id, items.c.status == "running", items.c.position > after)
        .order_by(items.c.position)
    )
    if limit is not None:
        query = query.limit(limit)
    return connection.execute(query).mappings().all()


def item(connection: Connection, batch_id: str, position: int) -> RowMapping | None:
    """One line."""
    query = select(items).where(items.c.batch_id == batch_id, items.c.position == position)
    return connection.execute(query).mappings().first()
