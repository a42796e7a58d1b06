"""The rows of a job, and every way in which they change.

Each function is one piece of a transaction and takes the connection first. What changes an
attempt's state is a compare-and-set: it says from which states, and returns whether it was so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, not_, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from anymedia.contracts.media import StoredArtifact
from anymedia.store import intake
from anymedia.store.ledger import LedgerRow
from anymedia.store.schema import artifacts, attempts, callbacks, jobs, timeline, workers

# --- jobs -----------------------------------------------------------------------------------


def insert_job(connection: Connection, **columns: Any) -> None:
    """A new job."""
    connection.execute(jobs.insert().values(**columns))


def job(connection: Connection, job_id: str) -> RowMapping | None:
    """One job's row."""
    return connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().first()


def job_by_key(connection: Connection, owner: str, key: str) -> RowMapping | None:
    """The job that an idempotency key stands for."""
    query = select(jobs).where(jobs.c.owner == owner, jobs.c.idempotency_key == key)
    return connection.execute(query).mappings().first()


def listed(
    connection: Connection,
    *,
    owner: str | None,
    limit: int,
    status: str | None,
    medium: str | None,
) -> Sequence[RowMapping]:
    """Jobs, the newest first."""
    query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
    if owner is not None:
        query = query.where(jobs.c.owner == owner)
    if status is not None:
        query = query.where(jobs.c.status == status)
    if medium is not None:
        query = query.where(jobs.c.medium == medium)
    return connection.execute(query).mappings().all()


def set_job(connection: Connection, job_id: str, now: float, **columns: Any) -> None:
    """Change a job's row."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(updated_at=now, **columns))


# --- who works on what ----------------------------------------------------------------------


def insert_worker(connection: Connection, worker: str, pid: int, now: float, lease: float) -> None:
    """A process begins to work."""
    connection.execute(
        workers.insert().values(id=worker, pid=pid, started_at=now, lease_until=now + lease)
    )


def beat(connection: Connection, worker: str, now: float, lease: float) -> bool:
    """Renew a lease. False when it had run out: others may have taken over since."""
    done = connection.execute(
        update(workers)
        .where(workers.c.id == worker, workers.c.lease_until > now)
        .values(lease_until=now + lease)
    )
    connection.execute(workers.delete().where(workers.c.lease_until < now - 86_400))
    return done.rowcount == 1


def retire(connection: Connection, worker: str) -> None:
    """A process stops; what it worked on is free at once."""
    connection.execute(update(jobs).where(jobs.c.worker == worker).values(worker=None))
    connection.execute(workers.delete().where(workers.c.id == worker))


def claim(connection: Connection, worker: str, now: float, limit: int) -> list[str]:
    """Take on jobs that have something due and that no living process works on."""
    alive = select(workers.c.id).where(workers.c.lease_until > now)
    free = or_(jobs.c.worker.is_(None), jobs.c.worker.not_in(alive))
    due = (
        select(jobs.c.id)
        .where(and_(jobs.c.due_at.is_not(None), jobs.c.due_at <= now, free))
        .order_by(jobs.c.due_at)
        .limit(limit)
    )
    taken = connection.execute(
        update(jobs).where(jobs.c.id.in_(due)).values(worker=worker).returning(jobs.c.id)
    )
    return list(taken.scalars())


def owned(connection: Connection, job_id: str, worker: str) -> bool:
    """Whether this process still is the one that works on the job."""
    found = connection.execute(select(jobs.c.worker).where(jobs.c.id == job_id)).scalar()
    return found == worker


def pending(connection: Connection) -> int:
    """How many jobs are not over."""
    query = select(func.count()).select_from(jobs).where(jobs.c.due_at.is_not(None))
    return int(connection.execute(query).scalar_one())


# --- attempts -------------------------------------------------------------------------------


def insert_attempt(connection: Connection, **columns: Any) -> None:
    """A new try, with nothing sent yet."""
    connection.execute(attempts.insert().values(**columns))


def attempts_of(connection: Connection, job_ids: Iterable[str]) -> Sequence[RowMapping]:
    """All tries of some jobs, in order."""
    query = (
        select(attempts)
        .where(attempts.c.job_id.in_(list(job_ids)))
        .order_by(attempts.c.job_id, attempts.c.number)
    )
    return connection.execute(query).mappings().all()


def attempt(connection: Connection, attempt_id: str) -> RowMapping | None:
    """One try."""
    query = select(attempts).where(attempts.c.id == attempt_id)
    return connection.execute(query).mappings().first()


def attempt_by_token(connection: Connection, token: str) -> RowMapping | None:
    """The attempt that a provider's callback is about."""
    query = select(attempts).where(attempts.c.callback_token == token)
    return connection.execute(query).mappings().first()


def move(
    connection: Connection, attempt_id: str, *, before: tuple[str, ...], after: str, **columns: Any
) -> bool:
    """Compare-and-set an attempt's state. False when it was not in `before` any more."""
    done = connection.execute(
        update(attempts)
        .where(attempts.c.id == attempt_id, attempts.c.state.in_(before))
        .values(state=after, **columns)
    )
    return done.rowcount == 1


def set_attempt(connection: Connection, attempt_id: str, **columns: Any) -> None:
    """Change what an attempt knows, but not its state."""
    connection.execute(update(attempts).where(attempts.c.id == attempt_id).values(**columns))


# --- artifacts ------------------------------------------------------------------------------


def insert_artifact(
    connection: Connection,
    artifact: StoredArtifact,
    *,
    owner: str,
    now: float,
    role: str,
    job_id: str | None = None,
    attempt_id: str | None = None,
    position: int = 0,
) -> None:
    """Something is kept."""
    connection.execute(
        artifacts.insert().values(
            id=artifact.id,
            job_id=job_id,
            attempt_id=attempt_id,
            position=position,
            role=role,
            owner=owner,
            created_at=now,
            facts=artifact.model_dump_json(exclude_none=True),
        )
    )


def artifact(connection: Connection, artifact_id: str) -> RowMapping | None:
    """One artifact's row."""
    query = select(artifacts).where(artifacts.c.id == artifact_id)
    return connection.execute(query).mappings().first()


def outputs_of(connection: Connection, job_ids: Iterable[str]) -> Sequence[RowMapping]:
    """What some jobs have made, in order."""
    query = (
        select(artifacts)
        .where(artifacts.c.job_id.in_(list(job_ids)), artifacts.c.role == "output")
        .order_by(artifacts.c.job_id, artifacts.c.attempt_id, artifacts.c.position)
    )
    return connection.execute(query).mappings().all()


def maker_of(connection: Connection, artifact_ids: Sequence[str], *, medium: str) -> str | None:
    """The provider that made the first of some artifacts that is of a medium, if we know it."""
    query = (
        select(attempts.c.provider)
        .join(artifacts, artifacts.c.attempt_id == attempts.c.id)
        .join(jobs, jobs.c.id == attempts.c.job_id)
        .where(artifacts.c.id.in_(list(artifact_ids)), jobs.c.medium == medium)
        .where(artifacts.c.role == "output")
        .limit(1)
    )
    return connection.execute(query).scalar()


# --- money ----------------------------------------------------------------------------------


def enter(connection: Connection, row: LedgerRow) -> None:
    """Add a row to the ledger; one that is there already stays as it is."""
    intake.enter(connection, [row])


# --- what happened --------------------------------------------------------------------------


def note(connection: Connection, job_id: str, now: float, event: str, **details: Any) -> None:
    """Write down what happened to a job."""
    told = {name: value for name, value in details.items() if value is not None}
    connection.execute(
        timeline.insert().values(
            job_id=job_id,
            at=now,
            event=event,
            details=msgspec.json.encode(told).decode() if told else None,
        )
    )


def timeline_of(connection: Connection, job_id: str) -> Sequence[RowMapping]:
    """What happened to a job, in order."""
    query = select(timeline).where(timeline.c.job_id == job_id).order_by(timeline.c.row)
    return connection.execute(query).mappings().all()


# --- telling others -------------------------------------------------------------------------


def insert_callback(
    connection: Connection, callback_id: str, job_id: str, url: str, body: str, now: float
) -> None:
    """Somebody wants to be told. The same message is kept once."""
    connection.execute(
        upsert(callbacks)
        .values(id=callback_id, job_id=job_id, url=url, body=body, tries=0, due_at=now)
        .on_conflict_do_nothing(["id"])
    )


def take_callbacks(connection: Connection, now: float, hold: float, limit: int) -> list[RowMapping]:
    """Messages to deliver now; nobody else takes them for a while."""
    query = (
        select(callbacks)
        .where(callbacks.c.due_at.is_not(None), not_(callbacks.c.due_at > now))
        .limit(limit)
    )
    rows = list(connection.execute(query).mappings())
    for row in rows:
        connection.execute(
            update(callbacks).where(callbacks.c.id == row["id"]).values(due_at=now + hold)
        )
    return rows


def set_callback(connection: Connection, callback_id: str, **columns: Any) -> None:
    """How a delivery went."""
    connection.execute(update(callbacks).where(callbacks.c.id == callback_id).values(**columns))
