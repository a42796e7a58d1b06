"""Fetching what was made, before its URL expires; then the bill."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import GenerationError, StorageFailed
from anymedia.contracts.job import Failed, Succeeded
from anymedia.contracts.media import RemoteArtifact, StoredArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.engine.delivered import differences
from anymedia.jobs import rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.guard import DISK_PAUSE_SECONDS, SOON, effective_request, operation_of
from anymedia.jobs.settling import cost_of, end_attempt, end_job
from anymedia.jobs.telling import answer_of, artifact_of, noted, notices_of
from anymedia.jobs.watching import POLL_TIMEOUT_SECONDS, failed
from anymedia.providers.spec import Job

AFTER_INLINE = 1000
"""Positions only order what a job has made; fetched results come after those in the answer."""
PAUSES_SECONDS = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


async def collect(
    desk: Desk, job: RowMapping, attempt: RowMapping, outputs: list[RowMapping]
) -> float | None:
    """Fetch one artifact that is still missing, or settle when there is none."""
    answer = answer_of(attempt)
    assert answer is not None
    kept = {row["position"] for row in outputs if row["attempt_id"] == attempt["id"]}
    for index, remote in enumerate(answer.artifacts):
        position = AFTER_INLINE + index
        if position not in kept:
            assert isinstance(remote, RemoteArtifact)
            return await fetch(desk, job, attempt, remote, position)
    stored = [artifact_of(row) for row in outputs if row["attempt_id"] == attempt["id"]]
    await settle(desk, job, attempt, answer, stored)
    return None


async def fetch(
    desk: Desk, job: RowMapping, attempt: RowMapping, remote: RemoteArtifact, position: int
) -> float | None:
    """Copy one result into the store."""
    try:
        artifact = await downloaded(desk, job, attempt, remote, position)
    except StorageFailed as error:
        desk.engine.report(f"job {job['id']}: {error.message}; the result waits at the provider")
        return DISK_PAUSE_SECONDS
    except GenerationError as error:
        return await unfetched(desk, job, attempt, error)
    now = desk.now()

    def work(c: Connection) -> None:
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
        rows.set_attempt(c, attempt["id"], polls=0, problem=None)
        rows.note(
            c, job["id"], now, "artifact-stored", artifact=artifact.id, bytes=artifact.size_bytes
        )

    try:
        await desk.change(job["id"], work)
    except BaseException:
        desk.store.remove(artifact.location)
        raise
    return SOON


async def downloaded(
    desk: Desk, job: RowMapping, attempt: RowMapping, remote: RemoteArtifact, position: int
) -> StoredArtifact:
    """The bytes, streamed to the store. The key goes along only where the adapter says so."""
    connection = desk.connection_of(attempt)
    stem = f"{job['medium']}-{position % AFTER_INLINE + 1}"
    async with connection.download(
        remote.url, desk.engine.downloads, needs_key=remote.needs_key
    ) as incoming:
        length = incoming.head.headers.get("content-length", "")
        encoded = incoming.head.headers.get("content-encoding")
        return await desk.store.keep_stream(
            incoming.chunks,
            media_type=remote.media_type or incoming.head.media_type(),
            stem=stem,
            metadata=remote.metadata,
            expected_bytes=int(length) if length.isdigit() and not encoded else None,
        )


async def unfetched(
    desk: Desk, job: RowMapping, attempt: RowMapping, error: GenerationError
) -> float | None:
    """A result that could not be fetched: again, with fresh links if the provider gives them."""
    tries = attempt["polls"]
    if tries >= len(PAUSES_SECONDS):
        problem = error.problem().model_copy(
            update={
                "message": f"the result was made and could not be fetched after {tries} tries: "
                f"{error.message}"
            }
        )
        return await failed(desk, job, attempt, Failed(problem=problem, charged=True))
    fresh = await renewed(desk, job, attempt)
    text = error.problem().model_dump_json(exclude_none=True)
    columns = {"answer": fresh} if fresh else {}

    def work(c: Connection) -> None:
        rows.set_attempt(c, attempt["id"], polls=tries + 1, problem=text, **columns)
        rows.note(
            c, job["id"], desk.now(), "artifact-unfetched", problem=error.message, again=bool(fresh)
        )

    await desk.change(job["id"], work)
    return PAUSES_SECONDS[tries]


async def renewed(desk: Desk, job: RowMapping, attempt: RowMapping) -> str | None:
    """The answer with fresh links, where asking again gives any."""
    operation = operation_of(desk, attempt, job["medium"])
    if not isinstance(operation, Job) or not attempt["handle"]:
        return None
    try:
        state = await desk.connection_of(attempt).converse(
            operation.poll(attempt["handle"]), timeout_seconds=POLL_TIMEOUT_SECONDS
        )
    except GenerationError:
        return None
    if not isinstance(state, Succeeded) or not state.artifacts:
        return None
    return state.model_dump_json(exclude={"status"}, exclude_none=True)


async def settle(
    desk: Desk,
    job: RowMapping,
    attempt: RowMapping,
    answer: MediaAnswer,
    stored: list[StoredArtifact],
) -> None:
    """Everything is here: what it costs, and the end."""
    request = effective_request(job, attempt, desk)
    usage, cost = cost_of(desk, attempt, request, answer, stored)
    differing = differences(request, stored)
    now = desk.now()

    def work(c: Connection) -> None:
        if differing:
            told = noted((*notices_of(attempt), *differing))
            rows.set_attempt(c, attempt["id"], notices=told)
        if end_attempt(
            c,
            job,
            attempt,
            now,
            before=("finishing",),
            state="succeeded",
            cost=cost,
            usage=usage,
        ):
            end_job(c, job, now, "succeeded")

    await desk.change(job["id"], work)
    await desk.underway.left(job, attempt, cost=cost, accepted=True, conformed=not differing)
