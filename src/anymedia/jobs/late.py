"""Abandoned attempts: stopped where that can be, else asked about at leisure until they end.

While their job is open they are looked at beside it. When it has ended, its row says when somebody
should look next, and no process holds it in between.
"""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.problem import Problem
from anymedia.contracts.usage import Usage
from anymedia.jobs import rows
from anymedia.jobs.collecting import collect
from anymedia.jobs.desk import Desk
from anymedia.jobs.intent import operation_of
from anymedia.jobs.settling import end_attempt
from anymedia.jobs.watching import POLL_TIMEOUT_SECONDS, poll, stopped
from anymedia.providers.spec import Job

WATCHED_SECONDS = 24 * 3600.0
LEAST_SECONDS = 5.0
MOST_SECONDS = 300.0
"""Also often enough to keep the slot that the provider counts."""
SLOWER = 1.5


async def watch(
    desk: Desk, job: RowMapping, late: list[RowMapping], outputs: list[RowMapping]
) -> float:
    """Look at those whose time has come. Seconds until the next."""
    for attempt in late:
        if desk.underway.rests(attempt["id"]) <= 0:
            wait = await looked_at(desk, job, attempt, outputs)
            desk.underway.look_again(attempt["id"], wait or 0.0)
    return min(desk.underway.rests(attempt["id"]) for attempt in late)


async def keep_watching(
    desk: Desk, job: RowMapping, late: list[RowMapping], outputs: list[RowMapping]
) -> float | None:
    """The same for a job that has ended; it is let go of until the next look."""
    waits = [await looked_at(desk, job, attempt, outputs) for attempt in late]
    left = [wait for wait in waits if wait is not None]
    if left and min(left) <= 0:
        return 0.0
    now = desk.now()

    def work(c: Connection) -> None:
        due_at = now + min(left, default=0.0) if rows.late_of(c, job["id"]) else None
        rows.set_job(c, job["id"], now, due_at=due_at, worker=None)

    await desk.change(job["id"], work)
    return None


async def looked_at(
    desk: Desk, job: RowMapping, attempt: RowMapping, outputs: list[RowMapping]
) -> float | None:
    """One step of an abandoned attempt. Seconds until the next, `None` when it has ended."""
    now = desk.now()
    if attempt["state"] == "finishing":
        return await collect(desk, job, attempt, outputs)
    if now - attempt["abandoned_at"] > WATCHED_SECONDS:
        await given_up(desk, job, attempt)
        return None
    if attempt["polls"] == 0 and await stopping(desk, job, attempt):
        return None
    wait: float | None = await poll(desk, job, attempt)
    if wait is None or wait <= 0:
        return wait
    age: float = max(now - attempt["abandoned_at"], LEAST_SECONDS)
    return min(max(wait, age * (SLOWER - 1)), MOST_SECONDS)


async def stopping(desk: Desk, job: RowMapping, attempt: RowMapping) -> bool:
    """Ask the provider once to stop. Whether it has."""
    operation = operation_of(desk, attempt, job["medium"])
    outcome = "impossible"
    if isinstance(operation, Job) and operation.cancel is not None:
        try:
            outcome = await desk.connection_of(attempt).converse(
                operation.cancel(attempt["handle"]), timeout_seconds=POLL_TIMEOUT_SECONDS
            )
        except GenerationError as error:
            if error.retryable:
                return False
    if outcome == "confirmed":
        await stopped(desk, job, attempt, Usage(), charged=None)
        return True
    await desk.change(job["id"], lambda c: rows.set_attempt(c, attempt["id"], polls=1))
    return False


async def given_up(desk: Desk, job: RowMapping, attempt: RowMapping) -> None:
    """Nothing was heard for a day: what it costs stays open."""
    now = desk.now()
    problem = Problem(
        code="OUTCOME_UNKNOWN",
        kind="OutcomeUnknown",
        message=f"`{attempt['provider']}` has not ended it within "
        f"{WATCHED_SECONDS / 3600:g} hours after it was abandoned; look at your account there",
        provider=attempt["provider"],
        accepted="yes",
    )

    def work(c: Connection) -> None:
        end_attempt(
            c,
            job,
            attempt,
            now,
            before=("abandoned",),
            state="abandoned",
            cost=Cost(basis="pending"),
            problem=problem,
        )

    await desk.change(job["id"], work)
    await desk.underway.left(job, attempt, problem=problem)
