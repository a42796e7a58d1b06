"""What became of a submission that nobody answered: whoever finds it past its deadline asks."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import GenerationError, OutcomeUnknown
from anymedia.contracts.problem import Problem
from anymedia.engine.legs import policy_of
from anymedia.engine.retry import retries_unknown
from anymedia.jobs import rows
from anymedia.jobs.acceptance import adopt
from anymedia.jobs.desk import Desk
from anymedia.jobs.guard import MOST_REPEATS, Ready, opened, sent
from anymedia.jobs.intent import brief_of, effective_request, operation_of
from anymedia.jobs.pace import SOON
from anymedia.jobs.settling import NOTHING, end_attempt, end_job, lose_sight
from anymedia.providers.spec import Call, Job, Lookup, Nothing, Repeat, Report

LOOKUP_PAUSES_SECONDS = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)


async def resolve(desk: Desk, job: RowMapping, attempt: RowMapping) -> float | None:
    """An attempt that was sent without an answer: wait for its deadline, then find out."""
    now = desk.now()
    left = (attempt["send_deadline"] or now) - now
    if left > 0:
        return left
    operation = operation_of(desk, attempt, job["medium"])
    match operation.recovery:
        case Repeat():
            return await repeated(desk, job, attempt, operation)
        case Lookup() as lookup:
            return await looked_up(desk, job, attempt, lookup)
        case Report() if desk.callback_url(attempt) is None:
            return await unknown(desk, job, attempt)  # it was told nowhere to report to
        case Report(wait_seconds=patience):
            until = (attempt["opened_at"] or now) + patience
            return min(until - now, 5.0) if until > now else await unknown(desk, job, attempt)
        case Nothing():
            return await unknown(desk, job, attempt)


async def repeated(
    desk: Desk, job: RowMapping, attempt: RowMapping, operation: Call | Job
) -> float | None:
    """The same submission again, which the provider recognises by its key."""
    if attempt["polls"] >= MOST_REPEATS:
        return await unknown(desk, job, attempt)
    request, _ = await desk.engine.inputs.prepared(
        effective_request(job, attempt, desk), desk.connection_of(attempt)
    )
    count = attempt["polls"] + 1
    await desk.change(job["id"], lambda c: rows.set_attempt(c, attempt["id"], polls=count))
    what = Ready(operation, request, None)
    opened_at = await opened(desk, job, attempt, what, before=("sending",))
    if opened_at is None:
        return SOON
    return await sent(desk, job, attempt, what, opened_at, repeats=True)


async def looked_up(
    desk: Desk, job: RowMapping, attempt: RowMapping, lookup: Lookup
) -> float | None:
    """Ask the provider whether it has a job with our marker."""
    opened_at = datetime.fromtimestamp(attempt["opened_at"], UTC)
    tries = attempt["polls"]
    try:
        found = await desk.connection_of(attempt).converse(
            lookup.find(brief_of(desk, job, attempt), opened_at), timeout_seconds=60.0
        )
    except GenerationError as error:
        if tries >= len(LOOKUP_PAUSES_SECONDS):
            return await unknown(desk, job, attempt, error.problem())
        await desk.change(job["id"], lambda c: rows.set_attempt(c, attempt["id"], polls=tries + 1))
        return LOOKUP_PAUSES_SECONDS[tries]
    if found is not None:
        return await adopt(desk, job, attempt, found)
    if not lookup.proves_absence:
        return await unknown(desk, job, attempt)
    now = desk.now()
    await desk.change(
        job["id"],
        lambda c: end_attempt(
            c, job, attempt, now, before=("sending",), state="not_sent", cost=NOTHING
        ),
    )
    await desk.underway.left(job, attempt, never_sent=True)
    return SOON


async def unknown(
    desk: Desk, job: RowMapping, attempt: RowMapping, problem: Problem | None = None
) -> float | None:
    """Nobody can say. It is neither repeated nor refunded; a person decides."""
    now = desk.now()
    match operation_of(desk, attempt, job["medium"]).recovery:
        case Repeat():
            why = "neither did it when it was asked again under the same key"
        case Lookup():
            why = "it could not be found there"
        case Report():
            why = "it has not reported"
        case Nothing():
            why = "it offers no way to find out"
    told = OutcomeUnknown(
        f"`{attempt['provider']}` was asked and did not answer, and {why}. "
        f"It may have made and charged it. Look at your account there, then run "
        f"`anymedia jobs resolve {job['id']}` with `accepted --handle ITS-ID`, `not_accepted` or "
        f"`abandoned`",
        provider=attempt["provider"],
        accepted="unknown",
        details={"cause": problem.message} if problem else {},
    ).problem()

    again = retries_unknown(policy_of(desk.settings, job["medium"]), job["medium"])

    def work(c: Connection) -> bool:
        if not lose_sight(c, job, attempt, now, told):
            return False
        if again:
            rows.set_job(c, job["id"], now, status="queued", due_at=now)
        else:
            end_job(c, job, now, "outcome_unknown", problem=told)
        return True

    if not await desk.change(job["id"], work):
        return SOON  # its provider has called meanwhile: it goes on
    await desk.underway.left(job, attempt, problem=told)
    return SOON if again else None
