"""From rows to what callers see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, RowMapping

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.cost import Cost, total
from anymedia.contracts.job import FINAL, Job, TimelineEntry
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.jobs import rows


def told(connection: Connection, jobs: Iterable[RowMapping], *, full: bool = False) -> list[Job]:
    """Jobs with their attempts and artifacts, and with `full` also what happened to each."""
    jobs = list(jobs)
    ids = [job["id"] for job in jobs]
    attempts = grouped(rows.attempts_of(connection, ids))
    outputs = grouped(rows.outputs_of(connection, ids))
    return [
        as_job(
            job,
            attempts.get(job["id"], []),
            outputs.get(job["id"], []),
            rows.timeline_of(connection, job["id"]) if full else (),
        )
        for job in jobs
    ]


def fresh(job: RowMapping) -> Job:
    """A job that is just being taken on: there is nothing of it but its row and one event."""
    accepted = TimelineEntry(
        at=moment(job["created_at"]), event="job-accepted", details={"medium": job["medium"]}
    )
    return as_job(job, [], [], ()).model_copy(update={"timeline": (accepted,)})


def grouped(found: Iterable[RowMapping]) -> dict[str, list[RowMapping]]:
    """Rows by the job that they belong to."""
    groups: dict[str, list[RowMapping]] = {}
    for row in found:
        groups.setdefault(row["job_id"], []).append(row)
    return groups


def as_job(
    job: RowMapping,
    attempts: list[RowMapping],
    outputs: list[RowMapping],
    events: Iterable[RowMapping],
) -> Job:
    """One job, whole."""
    request = msgspec.json.decode(job["request"])
    last = deciding(job, attempts)
    late = last is not None and last["abandoned_at"] is not None and job["status"] != "succeeded"
    result = None if late else last
    tries = [as_attempt(row, beside(row, result, outputs)) for row in attempts]
    answer = answer_of(last)
    costs = [one.cost for one in tries if one.cost is not None]
    return Job(
        id=job["id"],
        medium=job["medium"],
        status=job["status"],
        progress=job["progress"],
        created_at=moment(job["created_at"]),
        updated_at=moment(job["updated_at"]),
        finished_at=maybe_moment(job["finished_at"]),
        provider=last["provider"] if last else None,
        model=(answer.model if answer and answer.model else last["model"]) if last else None,
        request=request,
        metadata=request.get("metadata", {}),
        tags=tuple(request.get("tags", ())),
        attempts=tuple(tries),
        artifacts=made_by(result, outputs) if result is not None else (),
        # Who ended before anything was asked for owes nothing.
        cost=total(costs) if costs or job["status"] in FINAL else Cost(basis="pending"),
        usage=Usage.model_validate_json(last["usage"]) if last and last["usage"] else Usage(),
        warnings=notices_of(last) + (answer.warnings if answer else ()),
        problem=problem_of(job),
        cancel="requested" if job["cancel"] == "wanted" else job["cancel"],
        not_before=maybe_moment(job["not_before"]),
        deadline=maybe_moment(job["deadline"]),
        request_id=last["request_id"] if last else None,
        provider_metadata=answer.metadata if answer else {},
        timeline=tuple(as_entry(event) for event in events),
    )


def deciding(job: RowMapping, attempts: list[RowMapping]) -> RowMapping | None:
    """The attempt that a job's outcome comes from: the first to succeed, else the last."""
    brought = [
        one
        for one in attempts
        if one["state"] == "succeeded" and one["created_at"] >= (job["retried_at"] or 0.0)
    ]
    if job["status"] == "succeeded" and brought:
        return min(brought, key=lambda one: one["finished_at"])
    return attempts[-1] if attempts else None


def beside(
    attempt: RowMapping, result: RowMapping | None, outputs: list[RowMapping]
) -> tuple[StoredArtifact, ...]:
    """What an abandoned attempt has made that is not its job's result."""
    if attempt["abandoned_at"] is None or attempt is result:
        return ()
    return made_by(attempt, outputs)


def made_by(attempt: RowMapping, outputs: list[RowMapping]) -> tuple[StoredArtifact, ...]:
    """What an attempt has made."""
    return tuple(artifact_of(row) for row in outputs if row["attempt_id"] == attempt["id"])


def as_attempt(row: RowMapping, late_artifacts: tuple[StoredArtifact, ...] = ()) -> Attempt:
    """One try, and what it brought too late."""
    return Attempt(
        number=row["number"],
        provider=row["provider"],
        model=row["model"],
        state=row["state"],
        started_at=moment(row["created_at"]),
        finished_at=maybe_moment(row["finished_at"]),
        provider_job_id=row["handle"] if row["handle"] and len(row["handle"]) <= 200 else None,
        problem=problem_of(row),
        cost=Cost.model_validate_json(row["cost"]) if row["cost"] else None,
        reason=row["reason"],
        abandoned_at=maybe_moment(row["abandoned_at"]),
        late_artifacts=late_artifacts,
    )


def as_entry(row: RowMapping) -> TimelineEntry:
    """One thing that happened."""
    return TimelineEntry(
        at=moment(row["at"]),
        event=row["event"],
        details=cast("dict[str, Any]", msgspec.json.decode(row["details"]))
        if row["details"]
        else {},
    )


def answer_of(row: RowMapping | None) -> MediaAnswer | None:
    """What the provider said at the end."""
    return MediaAnswer.model_validate_json(row["answer"]) if row and row["answer"] else None


def artifact_of(row: RowMapping) -> StoredArtifact:
    """Something kept, or removed since."""
    artifact = StoredArtifact.model_validate_json(row["facts"])
    if row["purged_at"] is None:
        return artifact
    removed = {"removed_at": moment(row["purged_at"]), "removed_why": row["purged_why"]}
    return artifact.model_copy(update=removed)


def problem_of(row: RowMapping) -> Problem | None:
    """What went wrong."""
    return Problem.model_validate_json(row["problem"]) if row["problem"] else None


def notices_of(row: RowMapping | None) -> tuple[Notice, ...]:
    """What was changed on the way."""
    if row is None or not row["notices"]:
        return ()
    return tuple(Notice.model_validate(one) for one in msgspec.json.decode(row["notices"]))


def noted(notices: Iterable[Notice]) -> str | None:
    """Notices as a column."""
    dumped = [one.model_dump(mode="json", exclude_none=True) for one in notices]
    return msgspec.json.encode(dumped).decode() if dumped else None


def moment(seconds: float) -> datetime:
    """A time of day."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe_moment(seconds: float | None) -> datetime | None:
    """A time of day, if there was one."""
    return None if seconds is None else moment(seconds)
