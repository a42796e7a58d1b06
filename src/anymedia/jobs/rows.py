"""The rows of a job, and every way in which they change.

Each function is one piece of a transaction and takes the connection first. What changes an
attempt's state is a compare-and-set: it says from which states, and returns whether it was so.

What every step of every job runs is built once, below: building a statement takes three times as
long as running it. `of` is the id of the row that is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from platform import node
from typing import Any, cast

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    RowMapping,
    Select,
    Table,
    bindparam,
    func,
    or_,
    select,
    update,
)

from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.version import __version__
from anymedia.jobs import marks
from anymedia.store import intake
from anymedia.store.ledger import LedgerRow
from anymedia.store.present import present, present_at_the_server
from anymedia.store.schema import (
    artifacts,
    attempts,
    jobs,
    ledger,
    timeline,
    workers,
)
from anymedia.store.transaction import at_end, write_rest
from anymedia.store.upsert import unless_there_told

OF: Any = bindparam("of")
JOB = select(jobs).where(jobs.c.id == OF)
JOB_LOCKED = JOB.with_for_update()
JOB_BY_KEY = select(jobs).where(
    jobs.c.owner == bindparam("owner"), jobs.c.idempotency_key == bindparam("key")
)
NEXT_FREE = (
    select(jobs.c.id)
    .where(jobs.c.worker.is_(None), jobs.c.due_at.is_not(None), jobs.c.due_at <= bindparam("now"))
    .order_by(jobs.c.turn, jobs.c.due_at)
    .limit(1)
)
SET_JOB = update(jobs).where(jobs.c.id == OF)
SET_JOB_TOLD = SET_JOB.returning(jobs)
NEW_JOB = jobs.insert().inline()
NEW_ATTEMPT = attempts.insert().inline()
ATTEMPT = select(attempts).where(attempts.c.id == OF)
ATTEMPT_LOCKED = ATTEMPT.with_for_update()
ATTEMPTS = select(attempts).order_by(attempts.c.job_id, attempts.c.number)
ATTEMPTS_OF_ONE = ATTEMPTS.where(attempts.c.job_id == OF)
ATTEMPTS_OF = ATTEMPTS.where(attempts.c.job_id.in_(bindparam("some", expanding=True)))
SET_ATTEMPT = update(attempts).where(attempts.c.id == OF)
MOST_BEFORE = 3
"""States that one change may start from. They are named one by one: a list is spelt out anew for
every statement, which takes longer than to build all the rest of it."""
MOVE = SET_ATTEMPT.where(
    or_(*(attempts.c.state == bindparam(f"before_{place}") for place in range(MOST_BEFORE)))
)
MOVE_TOLD = MOVE.returning(attempts)
OTHER = attempts.alias("other")
OTHER_WITH = select(OTHER.c.id).where(
    OTHER.c.handle_hash == bindparam("hashed"),
    OTHER.c.provider == bindparam("from_provider"),
    OTHER.c.id != OF,
    or_(*(OTHER.c.state == bindparam(one, one) for one in ("accepted", "finishing", "abandoned"))),
    OTHER.c.finished_at.is_(None),
)
LATER = attempts.alias("later")
MOVE_ALONE = MOVE_TOLD.where(
    ~OTHER_WITH.exists(),
    attempts.c.number
    == select(func.max(LATER.c.number)).where(LATER.c.job_id == bindparam("job")).scalar_subquery(),
)
BESIDE = select(
    func.max(attempts.c.number).label("last"), OTHER_WITH.limit(1).scalar_subquery().label("other")
).where(attempts.c.job_id == bindparam("job"))
LATE_OF = select(func.count()).where(
    attempts.c.job_id == OF, attempts.c.abandoned_at.is_not(None), attempts.c.finished_at.is_(None)
)
OUTPUTS = (
    select(artifacts)
    .where(artifacts.c.role == "output")
    .order_by(artifacts.c.job_id, artifacts.c.attempt_id, artifacts.c.position)
)
OUTPUTS_OF_ONE = OUTPUTS.where(artifacts.c.job_id == OF)
OUTPUTS_OF = OUTPUTS.where(artifacts.c.job_id.in_(bindparam("some", expanding=True)))
NOTE = timeline.insert().inline()
TIMELINE_OF = select(timeline).where(timeline.c.job_id == OF).order_by(timeline.c.row)

# --- jobs -----------------------------------------------------------------------------------


def insert_job(connection: Connection, **columns: Any) -> RowMapping | None:
    """A new job's row. `None` when its idempotency key stands for one already."""
    row: RowMapping | None
    if columns.get("idempotency_key") is None:
        row = new_row(jobs, **{"turn": 0.0, **columns})
        at_end(connection, NEW_JOB, dict(row))
    else:
        insert = unless_there_told(connection, jobs, "owner", "idempotency_key")
        row = connection.execute(insert, columns).mappings().first()
    if row is None:
        return None
    place = columns["owner"], columns["created_at"], columns["id"]
    marks.put(connection, *place, marks.of_request(columns["request"]))
    return row


def new_row(table: Table, **columns: Any) -> RowMapping:
    """A row as the database tells it once it is there."""
    return cast("RowMapping", {column.name: columns.get(column.name) for column in table.c})


def job(connection: Connection, job_id: str, *, locked: bool = False) -> RowMapping | None:
    """One job's row; `locked` until we are done, for who changes it by what it says."""
    return connection.execute(JOB_LOCKED if locked else JOB, {"of": job_id}).mappings().first()


def job_by_key(connection: Connection, owner: str, key: str) -> RowMapping | None:
    """The job that an idempotency key stands for."""
    return connection.execute(JOB_BY_KEY, {"owner": owner, "key": key}).mappings().first()


def set_job(connection: Connection, job_id: str, now: float, **columns: Any) -> None:
    """Change a job's row."""
    connection.execute(SET_JOB, {"of": job_id, "updated_at": now, **columns})


def set_job_at_end(connection: Connection, job_id: str, now: float, **columns: Any) -> None:
    """The same, when everything else in the transaction is done."""
    at_end(connection, SET_JOB, {"of": job_id, "updated_at": now, **columns})


def with_set(connection: Connection, job_id: str, now: float, **columns: Any) -> RowMapping:
    """Change a job's row; the whole of it, as it is now."""
    named = {"of": job_id, "updated_at": now, **columns}
    return connection.execute(SET_JOB_TOLD, named).mappings().one()


# --- who works on what ----------------------------------------------------------------------


def insert_worker(connection: Connection, worker: str, pid: int, now: float, lease: float) -> None:
    """A process begins to work."""
    time = present(connection, now)
    connection.execute(
        workers.insert().values(
            id=worker, host=node(), pid=pid, started_at=time, lease_until=time + lease
        )
    )


def beat(connection: Connection, worker: str, now: float, lease: float, load: int = 0) -> bool:
    """Renew a lease. False when it had run out: others may have taken over since."""
    time = present(connection, now)
    done = connection.execute(
        update(workers)
        .where(workers.c.id == worker, workers.c.lease_until > time)
        .values(lease_until=time + lease, load=load)
    )
    connection.execute(workers.delete().where(workers.c.lease_until < time - 86_400))
    return done.rowcount == 1


def retire(connection: Connection, worker: str) -> None:
    """A process stops; what it worked on is free at once."""
    connection.execute(update(jobs).where(jobs.c.worker == worker).values(worker=None))
    connection.execute(workers.delete().where(workers.c.id == worker))


def claim(connection: Connection, worker: str, now: float, limit: int) -> list[str]:
    """Take on jobs that have something due and that no living process works on."""
    lost = lost_workers(connection, now)
    if not lost and connection.execute(NEXT_FREE, {"now": now}).first() is None:
        return []  # as nearly always
    chosen = (
        select(jobs.c.id)
        .where(jobs.c.due_at.is_not(None), jobs.c.due_at <= now, is_free(lost))
        .order_by(jobs.c.turn, jobs.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(chosen))
        .values(worker=worker)
        .returning(jobs.c.id, jobs.c.turn, jobs.c.due_at)
    )
    return [one.id for one in sorted(taken, key=lambda one: (one.turn, one.due_at))]


def recover(connection: Connection, now: float) -> int:
    """Make jobs due that are not over and that nobody would look at any more; how many."""
    lost = jobs.c.finished_at.is_(None), jobs.c.due_at.is_(None)
    return connection.execute(update(jobs).where(*lost).values(due_at=now, worker=None)).rowcount


def claim_these(
    connection: Connection, worker: str, now: float, job_ids: Sequence[str], load: int
) -> list[str]:
    """Take on those of some jobs that have something due and that no living process works on.

    `load` is how many it has had until now; the others are told how many it has.
    """
    free_now = is_free(lost_workers(connection, now))
    query = (
        select(jobs.c.id)
        .where(jobs.c.id.in_(job_ids), jobs.c.due_at.is_not(None), free_now)
        .order_by(jobs.c.id)
        .with_for_update(skip_locked=True)
    )
    taken = take(connection, worker, connection.execute(query).scalars().all())
    connection.execute(update(workers).where(workers.c.id == worker).values(load=load + len(taken)))
    return taken


def held_by(connection: Connection, worker: str, now: float) -> list[str]:
    """Jobs that are a process' own and have something due."""
    query = select(jobs.c.id).where(
        jobs.c.worker == worker, jobs.c.due_at.is_not(None), jobs.c.due_at <= now
    )
    return list(connection.execute(query).scalars())


def compare(connection: Connection, worker: str, now: float, load: int) -> list[int]:
    """Tell the others how many jobs a process has, and hear how many each of them has."""
    connection.execute(update(workers).where(workers.c.id == worker).values(load=load))
    return loads(connection, worker, now)


def loads(connection: Connection, worker: str, now: float) -> list[int]:
    """How many jobs each of the other living processes has."""
    query = select(workers.c.load).where(
        workers.c.id != worker, workers.c.lease_until > present(connection, now)
    )
    return list(connection.execute(query).scalars())


def is_free(lost: Sequence[str]) -> ColumnElement[bool]:
    """No living process works on a job."""
    nobody = jobs.c.worker.is_(None)
    return or_(nobody, jobs.c.worker.in_(lost)) if lost else nobody


def lost_workers(connection: Connection, now: float) -> Sequence[str]:
    """Who has jobs and does not live any more, which never changes again."""
    by_the_server = connection.dialect.name == "postgresql"
    named = {} if by_the_server else {"now": now}
    return connection.execute(lost_workers_by(by_the_server), named).scalars().all()


@cache
def lost_workers_by(by_the_server: bool) -> Select[Any]:
    """Goes from one holder of jobs to the next, by index: they are few, and their jobs many."""
    time = present_at_the_server() if by_the_server else bindparam("now", type_=Float)
    alive = select(workers.c.id).where(workers.c.lease_until > time)
    # The next one by name, as an index tells it at once; a minimum of many may be looked for.
    first = select(jobs.c.worker).where(jobs.c.worker.is_not(None)).order_by(jobs.c.worker).limit(1)
    holder = select(first.scalar_subquery().label("id")).cte("holder", recursive=True)
    others = jobs.alias("others")
    following = (
        select(others.c.worker)
        .where(others.c.worker > holder.c.id)
        .order_by(others.c.worker)
        .limit(1)
    )
    holder = holder.union_all(select(following.scalar_subquery()).where(holder.c.id.is_not(None)))
    return select(holder.c.id).where(holder.c.id.is_not(None), holder.c.id.not_in(alive))


def take(connection: Connection, worker: str, job_ids: Sequence[str]) -> list[str]:
    """These jobs, whose rows are locked, are a process' own now."""
    if job_ids:
        connection.execute(update(jobs).where(jobs.c.id.in_(job_ids)).values(worker=worker))
    return list(job_ids)


def free(connection: Connection, now: float, limit: int) -> list[str]:
    """Jobs that have something due and that no living process works on."""
    free_now = is_free(lost_workers(connection, now))
    query = select(jobs.c.id).where(jobs.c.due_at.is_not(None), jobs.c.due_at <= now, free_now)
    query = query.order_by(jobs.c.turn, jobs.c.due_at).limit(limit)
    return list(connection.execute(query).scalars())


def pending(connection: Connection, now: float) -> int:
    """How many jobs are not over, apart from those that begin later."""
    begins = func.coalesce(jobs.c.not_before, 0.0)
    query = (
        select(func.count())
        .select_from(jobs)
        .where(jobs.c.due_at.is_not(None), jobs.c.finished_at.is_(None), begins <= now)
    )
    return int(connection.execute(query).scalar_one())


# --- attempts -------------------------------------------------------------------------------


def insert_attempt(connection: Connection, job: RowMapping, **columns: Any) -> RowMapping:
    """A new try at a job."""
    row = new_row(attempts, **columns)
    at_end(connection, NEW_ATTEMPT, dict(row))
    marks.put_attempt(connection, job, columns)
    return row


def attempts_of(connection: Connection, job_ids: Sequence[str]) -> Sequence[RowMapping]:
    """All tries of some jobs, in order."""
    return of_some(connection, ATTEMPTS_OF_ONE, ATTEMPTS_OF, job_ids)


def of_some(
    connection: Connection, one: Select[Any], several: Select[Any], job_ids: Sequence[str]
) -> Sequence[RowMapping]:
    """The rows of some jobs: nearly always it is one, which has a statement that is cheaper."""
    if len(job_ids) == 1:
        return connection.execute(one, {"of": job_ids[0]}).mappings().all()
    return connection.execute(several, {"some": list(job_ids)}).mappings().all()


def attempt(connection: Connection, attempt_id: str, *, locked: bool = False) -> RowMapping | None:
    """One try; `locked` until we are done, for who changes it by what it says."""
    query = ATTEMPT_LOCKED if locked else ATTEMPT
    return connection.execute(query, {"of": attempt_id}).mappings().first()


def attempt_by_token(connection: Connection, token: str) -> RowMapping | None:
    """The attempt that a provider's callback is about."""
    query = select(attempts).where(attempts.c.callback_token == token)
    return connection.execute(query).mappings().first()


def either(before: tuple[str, ...]) -> dict[str, str]:
    """The states that a change may start from, as its statement asks for them."""
    assert 0 < len(before) <= MOST_BEFORE
    return {f"before_{place}": before[min(place, len(before) - 1)] for place in range(MOST_BEFORE)}


def move(
    connection: Connection, attempt_id: str, *, before: tuple[str, ...], after: str, **columns: Any
) -> bool:
    """Compare-and-set an attempt's state. False when it was not in `before` any more."""
    named = {"of": attempt_id, "state": after, **either(before)}
    return connection.execute(MOVE, {**named, **columns}).rowcount == 1


def moved(
    connection: Connection, attempt_id: str, *, before: tuple[str, ...], after: str, **columns: Any
) -> RowMapping | None:
    """The same; the whole row as it is now, `None` when it was not in `before` any more."""
    named = {"of": attempt_id, "state": after, **either(before)}
    return connection.execute(MOVE_TOLD, {**named, **columns}).mappings().first()


def moved_alone(
    connection: Connection,
    attempt_row: RowMapping,
    handle_hash: str,
    *,
    before: tuple[str, ...],
    after: str,
    **columns: Any,
) -> RowMapping | None:
    """The same, only where nothing stands beside the try: see `beside`."""
    named = {
        "of": attempt_row["id"],
        "job": attempt_row["job_id"],
        "hashed": handle_hash,
        "from_provider": attempt_row["provider"],
        "state": after,
        **either(before),
        "handle_hash": handle_hash,
    }
    return connection.execute(MOVE_ALONE, {**named, **columns}).mappings().first()


def set_attempt(connection: Connection, attempt_id: str, **columns: Any) -> None:
    """Change what an attempt knows, but not its state."""
    connection.execute(SET_ATTEMPT, {"of": attempt_id, **columns})


def late_of(connection: Connection, job_id: str) -> int:
    """How many abandoned tries of a job are still under way."""
    return int(connection.execute(LATE_OF, {"of": job_id}).scalar_one())


def beside(
    connection: Connection, attempt_row: RowMapping, handle_hash: str
) -> tuple[bool, str | None]:
    """What stands beside a try.

    Whether its job has gone on with another, and which try under way its provider calls by the
    same handle.
    """
    named = {
        "of": attempt_row["id"],
        "job": attempt_row["job_id"],
        "from_provider": attempt_row["provider"],
        "hashed": handle_hash,
    }
    last, other = connection.execute(BESIDE, named).one()
    return int(last) > int(attempt_row["number"]), other


def seconds_taken(connection: Connection, provider: str, model: str, limit: int) -> list[float]:
    """How long the latest successes of a model took from acceptance, the oldest first."""
    query = (
        select(attempts.c.finished_at - attempts.c.accepted_at)
        .where(
            attempts.c.provider == provider,
            attempts.c.model == model,
            attempts.c.state == "succeeded",
            attempts.c.accepted_at.is_not(None),
        )
        .order_by(attempts.c.finished_at.desc())
        .limit(limit)
    )
    return list(connection.execute(query).scalars())[::-1]


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
    source_id: str | None = None,
    findings: str | None = None,
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
            source_id=source_id,
            findings=findings,
            version=__version__,
        )
    )


def set_artifact(connection: Connection, artifact_id: str, **columns: Any) -> None:
    """Change what is known of something kept."""
    connection.execute(update(artifacts).where(artifacts.c.id == artifact_id).values(**columns))


def artifacts_of(connection: Connection, artifact_ids: Sequence[str]) -> Sequence[RowMapping]:
    """Some artifacts' rows, in no order."""
    query = select(artifacts).where(artifacts.c.id.in_(list(artifact_ids)))
    return connection.execute(query).mappings().all()


def preview_of(connection: Connection, artifact_id: str) -> RowMapping | None:
    """The small picture of something kept, once it has been made."""
    query = (
        select(artifacts)
        .where(artifacts.c.source_id == artifact_id, artifacts.c.role == "preview")
        .where(artifacts.c.purged_at.is_(None))
        .order_by(artifacts.c.id)
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def artifact(connection: Connection, artifact_id: str) -> RowMapping | None:
    """One artifact's row."""
    query = select(artifacts).where(artifacts.c.id == artifact_id)
    return connection.execute(query).mappings().first()


def outputs_of(connection: Connection, job_ids: Sequence[str]) -> Sequence[RowMapping]:
    """What some jobs have made, in order."""
    return of_some(connection, OUTPUTS_OF_ONE, OUTPUTS_OF, job_ids)


def maker_of(connection: Connection, artifact_ids: Sequence[str], *, medium: str) -> str | None:
    """The provider that made the first of some artifacts that is of a medium, if we know it."""
    query = (
        select(attempts.c.provider)
        .join(artifacts, artifacts.c.attempt_id == attempts.c.id)
        .join(jobs, jobs.c.id == attempts.c.job_id)
        .where(artifacts.c.id.in_(list(artifact_ids)), jobs.c.medium == medium)
        .where(artifacts.c.role.in_(("output", "original")))
        .limit(1)
    )
    return connection.execute(query).scalar()


# --- money ----------------------------------------------------------------------------------


def reserved_for(connection: Connection, attempt_ids: Sequence[str]) -> dict[str, int]:
    """What was reserved for some tries, in nano-dollars; those without a price are not there."""
    query = select(ledger.c.attempt_id, ledger.c.amount).where(
        ledger.c.attempt_id.in_(list(attempt_ids)),
        ledger.c.entry == "reserve",
        ledger.c.amount.is_not(None),
    )
    return {row.attempt_id: row.amount for row in connection.execute(query)}


def reserve(connection: Connection, row: LedgerRow) -> None:
    """Add what a try may cost to the ledger."""
    intake.reserve(connection, row)


def enter(connection: Connection, row: LedgerRow) -> None:
    """Add a row to the ledger; one that is there already stays as it is."""
    intake.enter(connection, [row])


# --- what happened --------------------------------------------------------------------------


def note(connection: Connection, job_id: str, now: float, event: str, **details: Any) -> None:
    """Write down what happened to a job."""
    told = {name: value for name, value in details.items() if value is not None}
    text = msgspec.json.encode(told).decode() if told else None
    at_end(connection, NOTE, {"job_id": job_id, "at": now, "event": event, "details": text})


def timeline_of(connection: Connection, job_id: str) -> Sequence[RowMapping]:
    """What happened to a job, in order."""
    write_rest(connection)
    return connection.execute(TIMELINE_OF, {"of": job_id}).mappings().all()
