"""What a provider has taken on or made is written down before anything else."""

from __future__ import annotations

from hashlib import sha256
from typing import cast

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import OutcomeUnknown, StorageFailed
from anymedia.contracts.job import Failed, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, StoredArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.jobs import rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.intent import operation_of
from anymedia.jobs.pace import DISK_PAUSE_SECONDS, SOON, pause
from anymedia.jobs.settling import end_job, lose_sight
from anymedia.jobs.telling import noted, notices_of
from anymedia.providers.spec import Job, Submitted
from anymedia.store.transaction import known_standing

OPEN = ("sending", "outcome_unknown")
"""States in which nobody knows yet whether the provider has it."""


async def adopt(
    desk: Desk, job: RowMapping, attempt: RowMapping, submitted: Submitted
) -> float | None:
    """The provider has it. Written down before anything else, by whoever learns it.

    No lease is asked for: a handle is the truth, from whichever process it comes.
    """
    now = desk.now()
    hashed = sha256(submitted.handle.encode()).hexdigest()
    columns = {
        "handle": submitted.handle,
        "accepted_at": now,
        "polls": 0,
        "finished_at": None,
        "request_id": submitted.request_id,
        "problem": None,
        "cost": None,
        "notices": noted((*notices_of(attempt), *submitted.warnings)),
    }

    def work(c: Connection) -> tuple[RowMapping, RowMapping] | None:
        late = False
        moved = rows.moved_alone(c, attempt, hashed, before=OPEN, after="accepted", **columns)
        if moved is None:
            late, other_id = rows.beside(c, attempt, hashed)
            other = None if other_id is None else rows.attempt(c, other_id)
            if other is not None:
                mistaken(c, desk, job, attempt, other)
                return None
            if not late:
                return None  # another process has written it down
            # Its job has been tried again meanwhile, and may even be done.
            given_up = {**columns, "abandoned_at": now, "handle_hash": hashed}
            moved = rows.moved(c, attempt["id"], before=OPEN, after="abandoned", **given_up)
            if moved is None:
                return None
        goes_on = {"status": "running", "turn": 0.0, "finished_at": None, "problem": None}
        if not late and is_as_sent(c, job, attempt):
            changes = {"due_at": now, "updated_at": now, **goes_on}
            rows.set_job_at_end(c, job["id"], now, due_at=now, **goes_on)
            row = cast("RowMapping", {**job, **changes})
        else:
            row = rows.with_set(c, job["id"], now, due_at=now, **({} if late else goes_on))
        rows.note(
            c,
            job["id"],
            now,
            "attempt-accepted",
            attempt=attempt["number"],
            provider_job_id=submitted.handle if len(submitted.handle) <= 200 else None,
        )
        return row, moved

    written = await desk.keep(work, job=job["id"])
    desk.changed(job["id"])
    if written is not None and attempt["number"] == 1:
        # What was tried before has to be known too: then it is read when it is asked about.
        await desk.waits.remember(job["id"], written[0], [written[1]])
    if isinstance(submitted.state, Succeeded | Failed | Stopped):
        return SOON
    return await operation_pace(desk, attempt, job)


def is_as_sent(connection: Connection, job: RowMapping, attempt: RowMapping) -> bool:
    """Whether a job's row is known to be what we made of it when the attempt was sent.

    Everything that changes a job names its time or takes it from its worker. Where that is not
    known, reading the row costs no more than finding out.
    """
    known = known_standing(connection, job["id"])
    return known == (job["worker"], attempt["opened_at"])


async def operation_pace(desk: Desk, attempt: RowMapping, job: RowMapping) -> float:
    """When to ask for the first time."""
    operation = operation_of(desk, attempt, job["medium"])
    if not isinstance(operation, Job):
        return SOON
    return pause(
        operation.pace,
        elapsed=0.0,
        expected=await desk.expected(attempt["provider"], attempt["model"]),
        chance=desk.engine.chance(),
    )


def mistaken(
    connection: Connection, desk: Desk, job: RowMapping, attempt: RowMapping, other: RowMapping
) -> None:
    """The provider names work that is another's: nobody knows what became of this one.

    To go on with it would hand out somebody else's result, and count what was made once twice.
    """
    now = desk.now()
    told = OutcomeUnknown(
        f"`{attempt['provider']}` answered with an id that it has given to an attempt of job "
        f"`{other['job_id']}`, which is under way. Look at your account there, then run "
        f"`anymedia jobs resolve {job['id']}` with `not_accepted` or `abandoned`",
        provider=attempt["provider"],
        accepted="unknown",
    ).problem()
    if lose_sight(connection, job, attempt, now, told):
        end_job(connection, job, now, "outcome_unknown", problem=told)


async def answered(
    desk: Desk,
    job: RowMapping,
    attempt: RowMapping,
    answer: MediaAnswer,
    *,
    before: tuple[str, ...],
) -> float | None:
    """The answer is here. What came inside it goes to the store first, then it is written down."""
    inline = [one for one in answer.artifacts if isinstance(one, InlineArtifact)]
    kept = [await kept_in_time(desk, job, one, index) for index, one in enumerate(inline)]
    remote = tuple(one for one in answer.artifacts if not isinstance(one, InlineArtifact))
    said = answer.model_copy(update={"artifacts": remote})
    now = desk.now()

    def work(c: Connection) -> bool:
        if not rows.move(
            c,
            attempt["id"],
            before=before,
            after="finishing",
            polls=0,
            answer=said.model_dump_json(exclude={"status"}, exclude_none=True),
            request_id=answer.request_id or attempt["request_id"],
            accepted_at=attempt["accepted_at"] or now,
        ):
            return False
        for position, artifact in enumerate(kept):
            rows.insert_artifact(
                c,
                artifact,
                owner=job["owner"],
                now=now,
                role="output",
                job_id=job["id"],
                attempt_id=attempt["id"],
                position=position,
            )
        if attempt["abandoned_at"] is None:
            rows.set_job(c, job["id"], now, status="running", turn=0.0, due_at=now)
        rows.note(c, job["id"], now, "attempt-finishing", attempt=attempt["number"])
        return True

    await desk.keep(work)
    desk.changed(job["id"])
    return SOON


async def kept_in_time(
    desk: Desk, job: RowMapping, one: InlineArtifact, position: int
) -> StoredArtifact:
    """Keep what was paid for; while the disk is full, hold it and try again."""
    while True:
        try:
            return await desk.store.keep_bytes(
                one.data,
                media_type=one.media_type,
                stem=f"{job['medium']}-{position + 1}",
                metadata=one.metadata,
            )
        except StorageFailed as error:
            desk.engine.report(f"job {job['id']}: {error.message}; holding the result in memory")
            await desk.engine.clock.sleep(DISK_PAUSE_SECONDS)
