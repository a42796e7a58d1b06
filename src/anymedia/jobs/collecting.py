"""Fetching what was made, before its URL expires; looking at it, making it alike; then the bill."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import GenerationError, StorageFailed
from anymedia.contracts.job import Failed, Succeeded
from anymedia.contracts.media import RemoteArtifact, StoredArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.engine.delivered import differences
from anymedia.engine.pricing import disbelieved
from anymedia.jobs import requests, rows
from anymedia.jobs.concluding import conclude
from anymedia.jobs.desk import Desk
from anymedia.jobs.intent import effective_request, operation_of
from anymedia.jobs.looking import findings_of, look, media_only, mislabelled
from anymedia.jobs.normalizing import normalize, to_normalize
from anymedia.jobs.pace import DISK_PAUSE_SECONDS, SOON
from anymedia.jobs.settling import cost_of, end_attempt
from anymedia.jobs.telling import answer_of, artifact_of, noted, notices_of
from anymedia.jobs.watching import POLL_TIMEOUT_SECONDS, failed
from anymedia.providers.spec import Job
from anymedia.store.artifacts.part import TOO_LARGE

AFTER_INLINE = 1000
"""Positions only order what a job has made; fetched results come after those in the answer."""
DOCUMENT_TRIES = 3
OURS = frozenset({"not-normalized", "delivered-unchecked"})
"""Warnings that are not about what the provider delivered."""
PAUSES_SECONDS = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


async def collect(
    desk: Desk, job: RowMapping, attempt: RowMapping, outputs: list[RowMapping]
) -> float | None:
    """Do one thing that is left to do: fetch, look at or normalise one artifact, or settle."""
    answer = answer_of(attempt)
    assert answer is not None
    mine = [row for row in outputs if row["attempt_id"] == attempt["id"]]
    kept = {row["position"] for row in mine}
    for index, remote in enumerate(answer.artifacts):
        position = AFTER_INLINE + index
        if position not in kept:
            assert isinstance(remote, RemoteArtifact)
            return await fetch(desk, job, attempt, remote, position)
    for row in mine:
        if row["findings"] is None:
            return await look(desk, job, attempt, row)
    # What comes late, for a job that has gone on elsewhere, must not keep that waiting.
    for row in mine if attempt["abandoned_at"] is None else ():
        if (wanted := to_normalize(job, row)) is not None:
            return await normalize(desk, job, row, wanted)
    await settle(desk, job, attempt, answer, await as_delivered(desk, mine))
    return None


async def as_delivered(desk: Desk, outputs: list[RowMapping]) -> list[RowMapping]:
    """The same artifacts as the provider delivered them, which is what it is paid for."""
    sources = [row["source_id"] for row in outputs if row["source_id"] is not None]
    if not sources:
        return outputs
    found = await desk.database.read(lambda c: rows.artifacts_of(c, sources))
    originals = {row["id"]: row for row in found}
    return [originals.get(row["source_id"], row) for row in outputs]


async def fetch(
    desk: Desk, job: RowMapping, attempt: RowMapping, remote: RemoteArtifact, position: int
) -> float | None:
    """Copy one result into the store."""
    try:
        artifact, declared = await downloaded(desk, job, attempt, remote, position)
    except StorageFailed as error:
        desk.engine.report(f"job {job['id']}: {error.message}; the result waits at the provider")
        return DISK_PAUSE_SECONDS
    except GenerationError as error:
        return await unfetched(desk, job, attempt, error)
    now = desk.now()
    told: dict[str, str | None] = {}
    if (other := mislabelled(declared, artifact)) is not None:
        told["notices"] = noted((*notices_of(attempt), other))

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
        rows.set_attempt(c, attempt["id"], polls=0, problem=None, **told)
        rows.note(
            c, job["id"], now, "artifact-stored", artifact=artifact.id, bytes=artifact.size_bytes
        )

    try:
        await desk.change(job["id"], work)
    except BaseException:
        await desk.store.forget(artifact.location)
        raise
    return SOON


async def downloaded(
    desk: Desk, job: RowMapping, attempt: RowMapping, remote: RemoteArtifact, position: int
) -> tuple[StoredArtifact, str | None]:
    """The bytes, streamed to the store, and what they are said to be.

    The key goes along only where the adapter says so.
    """
    connection = desk.connection_of(attempt)
    stem = f"{job['medium']}-{position % AFTER_INLINE + 1}"
    async with connection.download(
        remote.url, desk.engine.downloads, needs_key=remote.needs_key
    ) as incoming:
        length = incoming.head.headers.get("content-length", "")
        encoded = incoming.head.headers.get("content-encoding")
        declared = remote.media_type or incoming.head.media_type()
        artifact = await desk.store.keep_stream(
            media_only(incoming.chunks, job["medium"]),
            media_type=declared,
            stem=stem,
            metadata=remote.metadata,
            expected_bytes=int(length) if length.isdigit() and not encoded else None,
        )
        return artifact, declared


async def unfetched(
    desk: Desk, job: RowMapping, attempt: RowMapping, error: GenerationError
) -> float | None:
    """A result that could not be fetched: again, with fresh links if the provider gives them."""
    tries = attempt["polls"]
    hopeless = TOO_LARGE in error.details  # it would be as large the next time
    # A page in place of a clip is an expired link, or else all there is.
    most = DOCUMENT_TRIES if "instead" in error.details else len(PAUSES_SECONDS)
    if tries >= most or hopeless:
        counted = "" if hopeless else f" after {tries} tries"
        problem = error.problem().model_copy(
            update={
                "message": f"the result was made and could not be fetched{counted}: {error.message}"
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
    delivered: list[RowMapping],
) -> None:
    """Everything is here: what it costs, and the end."""
    request = effective_request(job, attempt, desk)
    stored = [artifact_of(row) for row in delivered]
    usage, cost = cost_of(desk, attempt, request, answer, stored)
    odd = disbelieved(answer.reported_cost)
    found = [notice for row in delivered for notice in findings_of(row)]
    asked = requests.from_row(job).model_copy(update={"quality": request.quality})
    differing = (*differences(request, stored, asked=asked), *dict.fromkeys(found))
    conformed = all(one.code in OURS for one in differing)
    now = desk.now()

    def work(c: Connection) -> None:
        if differing or odd:
            told = noted((*notices_of(attempt), *differing, *odd))
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
            conclude(c, job, attempt, now, "succeeded")

    await desk.change(job["id"], work)
    await desk.underway.left(job, attempt, cost=cost, accepted=True, conformed=conformed)
