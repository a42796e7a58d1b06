"""Work that a provider has taken on: asking how it stands, and asking to stop it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

from sqlalchemy import Connection as DatabaseConnection, RowMapping

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import Cancelled, GenerationError, ProviderError, UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.engine.connection import Connection
from anymedia.engine.estimating import circumstances
from anymedia.engine.legs import policy_of
from anymedia.engine.pricing import priced
from anymedia.jobs import rows
from anymedia.jobs.acceptance import answered
from anymedia.jobs.concluding import conclude, goes_on
from anymedia.jobs.desk import Desk
from anymedia.jobs.inbox.calls import patient
from anymedia.jobs.intent import effective_request, operation_of
from anymedia.jobs.outbox import events
from anymedia.jobs.pace import SOON, pause
from anymedia.jobs.settling import NOTHING, end_attempt
from anymedia.jobs.waits import Waiting
from anymedia.providers.spec import Job, Pace

POLL_TIMEOUT_SECONDS = 60.0
FORGOTTEN_AFTER = 8
"""So many clear "no such job" in a row are believed; a fresh job may be unknown for a moment."""
EMPTY_AFTER = 4
"""So many successes without a result are believed."""
LONGEST_PAUSE_SECONDS = 300.0
CANCELLED = Cancelled("stopped because somebody asked").problem()
LEAST_PROGRESS = 0.04
"""Smaller steps are not written down, so that waiting costs nothing."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a provider said about an attempt, or why it said nothing."""

    attempt_id: str
    said: JobState | GenerationError


async def asked(desk: Desk, waiting: Waiting) -> float | Heard | None:
    """Ask about a job without a look at its rows. Seconds until the next time.

    What was heard, where it is news: then the rows are needed. `None` where they are needed first.
    """
    connection, operation = desk.waits.way(waiting)
    if operation is None:
        return None
    attempt_id, handle = waiting.attempt_id, waiting.handle
    if not desk.underway.holds_slot(attempt_id):
        await desk.underway.keep_slot(connection, waiting.model, waiting.owner, attempt_id)
    try:
        state = await desk.asking.state(connection, operation, handle)
    except GenerationError as error:
        return Heard(attempt_id, error)
    if desk.waits.of(waiting.job_id) is not waiting or not isinstance(state, Queued | Running):
        return Heard(attempt_id, state)
    if isinstance(state, Running) and is_news(state.progress, waiting.progress):
        return Heard(attempt_id, state)
    wait = await next_question(
        desk, connection, operation.pace, waiting.model, attempt_id, waiting.accepted_at, state
    )
    if waiting.until == math.inf:
        return wait
    return max(0.0, min(wait, waiting.until - desk.now()))


async def poll(
    desk: Desk,
    job: RowMapping,
    attempt: RowMapping,
    *,
    heard: Heard | None = None,
    waiting: Waiting | None = None,
) -> float | None:
    """Ask once how it stands, unless that was `heard` just now. Seconds until the next step.

    `waiting` is what is remembered if it goes on.
    """
    operation = operation_of(desk, attempt, job["medium"])
    assert isinstance(operation, Job)
    assert attempt["handle"] is not None
    await desk.underway.renewed(job, attempt)
    said: JobState | GenerationError
    if heard is not None and heard.attempt_id == attempt["id"]:
        said = heard.said
    else:
        try:
            said = await desk.asking.state(
                desk.connection_of(attempt), operation, attempt["handle"]
            )
        except GenerationError as error:
            said = error
    if isinstance(said, GenerationError):
        return await unheard(desk, job, attempt, operation.pace, said)
    return await advanced(desk, job, attempt, operation.pace, said, waiting)


async def advanced(
    desk: Desk,
    job: RowMapping,
    attempt: RowMapping,
    pace: Pace,
    state: JobState,
    waiting: Waiting | None = None,
) -> float | None:
    """What follows from where it stands."""
    match state:
        case Queued() | Running():
            return await going_on(desk, job, attempt, pace, state, waiting)
        case Succeeded() if not state.artifacts:
            return await empty(desk, job, attempt, pace)
        case Succeeded():
            return await answered(
                desk,
                job,
                attempt,
                MediaAnswer.model_validate(state.model_dump(exclude={"status"})),
                before=("accepted", "abandoned"),
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
    state: Queued | Running,
    waiting: Waiting | None,
) -> float:
    """Still at it. Written down only when there is news, which waiters and bars live on."""
    progress = state.progress if isinstance(state, Running) else None
    waited_for = attempt["abandoned_at"] is None
    news = waited_for and is_news(progress, job["progress"] or 0.0)
    heard_again = waited_for and attempt["problem"] is not None
    if news or heard_again:
        now = desk.now()

        def work(c: DatabaseConnection) -> None:
            if heard_again:
                rows.set_attempt(c, attempt["id"], problem=None)
            if news:
                rows.set_job(c, job["id"], now, progress=progress)
                events.announce(c, job, now, "job.progress")

        await desk.change(job["id"], work)
    if waiting is not None:
        if news and progress is not None:
            waiting.progress = progress
        desk.waits.keep(waiting)
    return await next_question(
        desk,
        desk.connection_of(attempt),
        pace,
        attempt["model"],
        attempt["id"],
        attempt["accepted_at"] or attempt["created_at"],
        state,
    )


def is_news(progress: float | None, known: float) -> bool:
    """Whether a step is large enough to be written down."""
    return progress is not None and progress - known >= LEAST_PROGRESS


async def next_question(
    desk: Desk,
    connection: Connection,
    pace: Pace,
    model: str,
    attempt_id: str,
    since: float,
    state: Queued | Running,
) -> float:
    """Seconds until it is worth asking again about work that goes on `since` then."""
    if desk.expects_call(connection, attempt_id):
        return patient(pace)
    if state.poll_after_seconds is not None:
        return max(state.poll_after_seconds, 0.2)
    return pause(
        pace,
        elapsed=desk.now() - since,
        expected=await desk.expected(connection.name, model),
        chance=desk.engine.chance(),
    )


async def empty(desk: Desk, job: RowMapping, attempt: RowMapping, pace: Pace) -> float | None:
    """Success without a result: it may take the provider a moment to put it there."""
    nothing = UnreadableResponse(
        f"`{attempt['provider']}` reports success without a result", accepted="yes"
    )
    if times_unheard(attempt) + 1 >= EMPTY_AFTER:
        return await failed(desk, job, attempt, Failed(problem=nothing.problem()))
    return await unheard(desk, job, attempt, pace, nothing)


def times_unheard(attempt: RowMapping) -> int:
    """How many questions in a row were not answered, or not with something that makes sense."""
    if not attempt["problem"]:
        return 0
    return int(Problem.model_validate_json(attempt["problem"]).details.get("times", 0))


async def unheard(
    desk: Desk, job: RowMapping, attempt: RowMapping, pace: Pace, error: GenerationError
) -> float | None:
    """The question failed, which says nothing about the work: ask again, more slowly."""
    times = 1 + times_unheard(attempt)
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

    policy = policy_of(desk.settings, job["medium"])

    def work(c: DatabaseConnection) -> bool:
        if not end_attempt(
            c,
            job,
            attempt,
            now,
            before=("accepted", "finishing", "abandoned"),
            state="failed",
            cost=cost,
            usage=state.usage,
            problem=problem,
        ):
            return False
        if goes_on(c, job, attempt, policy, problem, cost):
            rows.set_job(c, job["id"], now, due_at=now, progress=None)
            return True
        conclude(c, job, attempt, now, "failed", problem=problem)
        return False

    again = await desk.change(job["id"], work)
    await desk.underway.left(job, attempt, cost=cost, problem=problem, accepted=True)
    return SOON if again else None


async def stopped(
    desk: Desk, job: RowMapping, attempt: RowMapping, usage: Usage, *, charged: bool | None
) -> float | None:
    """It was cancelled at the provider."""
    now = desk.now()
    cost = failure_cost(desk, job, attempt, usage, charged=charged)

    def work(c: DatabaseConnection) -> bool:
        if not end_attempt(
            c,
            job,
            attempt,
            now,
            before=("accepted", "abandoned"),
            state="cancelled",
            cost=cost,
            usage=usage,
        ):
            return False
        conclude(c, job, attempt, now, "cancelled", cancel="confirmed")
        return True

    if not await desk.change(job["id"], work):
        return SOON  # its provider has called meanwhile, with the result
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

    def work(c: DatabaseConnection) -> None:
        rows.set_job(c, job["id"], now, cancel=outcome)
        rows.note(c, job["id"], now, f"cancel-{outcome}", attempt=attempt["number"])

    await desk.change(job["id"], work)
    return SOON
