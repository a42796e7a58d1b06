"""Work that a provider has taken on: asking how it stands, and asking to stop it."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import Cancelled, GenerationError, ProviderError, UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.engine.estimating import circumstances
from anymedia.engine.pricing import priced
from anymedia.jobs import rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.guard import SOON, answered, effective_request, operation_of
from anymedia.jobs.settling import NOTHING, end_attempt, end_job
from anymedia.providers.spec import Job, Pace

POLL_TIMEOUT_SECONDS = 60.0
FORGOTTEN_AFTER = 8
"""So many clear "no such job" in a row are believed; a fresh job may be unknown for a moment."""
LONGEST_PAUSE_SECONDS = 300.0
CANCELLED = Cancelled("stopped because somebody asked").problem()
LEAST_PROGRESS = 0.04
"""Smaller steps are not written down, so that waiting costs nothing."""


async def poll(desk: Desk, job: RowMapping, attempt: RowMapping) -> float | None:
    """Ask once how it stands. Seconds until the next step."""
    operation = operation_of(desk, attempt, job["medium"])
    assert isinstance(operation, Job)
    assert attempt["handle"] is not None
    await desk.underway.renewed(job, attempt)
    try:
        state = await desk.connection_of(attempt).converse(
            operation.poll(attempt["handle"]), timeout_seconds=POLL_TIMEOUT_SECONDS
        )
    except GenerationError as error:
        return await unheard(desk, job, attempt, operation.pace, error)
    return await advanced(desk, job, attempt, operation.pace, state)


async def advanced(
    desk: Desk, job: RowMapping, attempt: RowMapping, pace: Pace, state: JobState
) -> float | None:
    """What follows from where it stands."""
    match state:
        case Queued() | Running():
            progress = state.progress if isinstance(state, Running) else None
            return await going_on(desk, job, attempt, pace, progress, state.poll_after_seconds)
        case Succeeded():
            if not state.artifacts:
                nothing = UnreadableResponse(
                    f"`{attempt['provider']}` reports success without a result", accepted="yes"
                ).problem()
                return await failed(desk, job, attempt, Failed(problem=nothing))
            return await answered(
                desk,
                job,
                attempt,
                MediaAnswer.model_validate(state.model_dump(exclude={"status"})),
                before=("accepted",),
            )
        case Failed():
            return await failed(desk, job, attempt, state)
        case Stopped():
            return await stopped(desk, job, attempt, state.usage, charged=state.charged)
        case _:
            assert_never(state)


async def going_on(
    desk: Desk,
    job: RowMapping,
    attempt: RowMapping,
    pace: Pace,
    progress: float | None,
    hint_seconds: float | None,
) -> float:
    """Still at it. Written down only when there is news, which waiters and bars live on."""
    polls = attempt["polls"] + 1
    news = progress is not None and progress - (job["progress"] or 0.0) >= LEAST_PROGRESS
    if news or attempt["problem"] is not None or polls in {1, 2, 4, 8} or polls % 16 == 0:
        now = desk.now()

        def work(c: Connection) -> None:
            rows.set_attempt(c, attempt["id"], polls=polls, problem=None)
            if news:
                rows.set_job(c, job["id"], now, progress=progress)

        await desk.change(job["id"], work)
    if hint_seconds is not None:
        return max(hint_seconds, 0.2)
    grown: float = pace.first_seconds * pace.factor ** min(attempt["polls"], 30)
    return min(grown, pace.longest_seconds)


async def unheard(
    desk: Desk, job: RowMapping, attempt: RowMapping, pace: Pace, error: GenerationError
) -> float | None:
    """The question failed, which says nothing about the work: ask again, more slowly."""
    previous = Problem.model_validate_json(attempt["problem"]) if attempt["problem"] else None
    times = 1 + (previous.details.get("times", 0) if previous else 0)
    gone = isinstance(error, ProviderError) and error.http_status in {404, 410}
    if gone and times >= FORGOTTEN_AFTER:
        problem = error.problem().model_copy(
            update={"message": f"`{attempt['provider']}` no longer knows this job"}
        )
        return await failed(desk, job, attempt, Failed(problem=problem))
    problem = error.problem()
    problem = problem.model_copy(update={"details": {**problem.details, "times": times}})
    text = problem.model_dump_json(exclude_none=True)
    await desk.change(job["id"], lambda c: rows.set_attempt(c, attempt["id"], problem=text))
    if error.retry_after is not None:
        return min(error.retry_after, LONGEST_PAUSE_SECONDS)
    return min(pace.first_seconds * 2.0**times, LONGEST_PAUSE_SECONDS)


async def failed(desk: Desk, job: RowMapping, attempt: RowMapping, state: Failed) -> float | None:
    """The provider gave up; charged as the provider charges failures."""
    now = desk.now()
    problem = state.problem.model_copy(update={"provider": attempt["provider"], "accepted": "yes"})
    cost = failure_cost(desk, job, attempt, state.usage, charged=state.charged)

    def work(c: Connection) -> None:
        if end_attempt(
            c,
            job,
            attempt,
            now,
            before=("accepted", "finishing"),
            state="failed",
            cost=cost,
            usage=state.usage,
            problem=problem,
        ):
            end_job(c, job, now, "failed", problem=problem)

    await desk.change(job["id"], work)
    await desk.underway.left(job, attempt, cost=cost, problem=problem, accepted=True)
    return None


async def stopped(
    desk: Desk, job: RowMapping, attempt: RowMapping, usage: Usage, *, charged: bool | None
) -> float | None:
    """It was cancelled at the provider."""
    now = desk.now()
    cost = failure_cost(desk, job, attempt, usage, charged=charged)

    def work(c: Connection) -> None:
        if end_attempt(
            c,
            job,
            attempt,
            now,
            before=("accepted",),
            state="cancelled",
            cost=cost,
            usage=usage,
        ):
            end_job(c, job, now, "cancelled", cancel="confirmed")

    await desk.change(job["id"], work)
    await desk.underway.left(job, attempt, cost=cost, problem=CANCELLED)
    return None


def failure_cost(
    desk: Desk, job: RowMapping, attempt: RowMapping, usage: Usage, *, charged: bool | None
) -> Cost:
    """What work without a result costs: as the provider says, and `pending` if it does not."""
    if charged is False:
        return NOTHING
    request = effective_request(job, attempt, desk)
    model = desk.model_of(attempt, request.medium)
    cost = priced(model, usage, circumstances(request, model))
    if cost.basis == "free" or cost.known:
        return cost
    if charged is None:
        return Cost(basis="pending", explanation="the provider does not say what it charges")
    return Cost(basis="pending", explanation="charged though failed; the amount is not known yet")


async def cancel(desk: Desk, job: RowMapping, attempt: RowMapping) -> float | None:
    """Ask the provider to stop."""
    operation = operation_of(desk, attempt, job["medium"])
    outcome = "impossible"
    if isinstance(operation, Job) and operation.cancel is not None and attempt["handle"]:
        try:
            outcome = await desk.connection_of(attempt).converse(
                operation.cancel(attempt["handle"]), timeout_seconds=POLL_TIMEOUT_SECONDS
            )
        except GenerationError as error:
            if error.retryable:
                return operation.pace.first_seconds
    if outcome == "confirmed":
        return await stopped(desk, job, attempt, Usage(), charged=None)
    now = desk.now()

    def work(c: Connection) -> None:
        rows.set_job(c, job["id"], now, cancel=outcome)
        rows.note(c, job["id"], now, f"cancel-{outcome}", attempt=attempt["number"])

    await desk.change(job["id"], work)
    return SOON
