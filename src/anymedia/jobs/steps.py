"""The state machine of a job: look at its rows, do the one thing that follows, say when next.

    no attempt       choose a route, write down the intent
    intent           send it                                    (guard)
    sending          wait for the deadline, then find out       (guard)
    accepted         ask how it stands                          (watching)
    finishing        fetch the results, settle                  (collecting)
    not_sent         try again, or elsewhere
    rejected         try again or elsewhere if that may help, else fail

Any process can take a job up at any row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import GenerationError, raised
from anymedia.contracts.problem import Problem
from anymedia.engine.candidate import Candidate
from anymedia.engine.engine import new_id
from anymedia.engine.retry import PATIENCE_SECONDS, Backoff
from anymedia.jobs import requests, rows
from anymedia.jobs.choice import Wait, choose, ended_with
from anymedia.jobs.collecting import collect
from anymedia.jobs.desk import Desk
from anymedia.jobs.guard import SOON, resolve, send
from anymedia.jobs.settling import NOTHING, end_attempt, end_job, ledger_row
from anymedia.jobs.telling import noted
from anymedia.jobs.watching import cancel, poll
from anymedia.store.ledger import money


async def step(desk: Desk, job_id: str) -> float | None:
    """Do what follows. Seconds until there is something to do again; `None` when it is over."""
    desk = desk.under_lease()
    job, attempts, outputs = await desk.database.read(lambda c: looked_at(c, job_id))
    if job is None or job["due_at"] is None:
        return None
    last = attempts[-1] if attempts else None
    state = last["state"] if last is not None else None
    if job["cancel"] == "wanted" and (last is None or state != "sending"):
        return await cancelled(desk, job, last)
    if last is None:
        return await begin(desk, job, attempts)
    match state:
        case "intent":
            return await send(desk, job, last)
        case "sending":
            return await resolve(desk, job, last)
        case "accepted":
            return await poll(desk, job, last)
        case "finishing":
            return await collect(desk, job, last, outputs)
        case _:  # not_sent, rejected, or an ended attempt of a job that is tried once more
            return await begin(desk, job, attempts)


def looked_at(
    connection: Connection, job_id: str
) -> tuple[RowMapping | None, list[RowMapping], list[RowMapping]]:
    """Everything about one job."""
    return (
        rows.job(connection, job_id),
        list(rows.attempts_of(connection, [job_id])),
        list(rows.outputs_of(connection, [job_id])),
    )


async def begin(desk: Desk, job: RowMapping, attempts: list[RowMapping]) -> float | None:
    """Choose who is asked next and write the intent down, with its reservation."""
    counted = [
        one
        for one in attempts
        if one["created_at"] >= (job["retried_at"] or 0.0) and was_asked(one)
    ]
    wait = pause(desk, job, counted)
    if 0 < wait <= PATIENCE_SECONDS:
        return wait
    try:
        choice = await choose(desk, job, counted, resting=wait > 0)
    except GenerationError as error:
        return wait if wait > 0 else await give_up(desk, job, error.problem())
    if isinstance(choice, Wait):
        desk.underway.waits(job["id"])
        return choice.seconds
    desk.underway.goes(job["id"])
    now = desk.now()
    candidate = choice.candidate
    attempt = {
        **intent(job, candidate, len(attempts) + len(choice.passed) + 1, now),
        "id": choice.attempt_id,
        "quality": choice.quality,
    }
    if counted:
        attempt["reason"] = "another try"
    skipped = [
        {
            **intent(job, one, len(attempts) + position, now),
            "state": "skipped",
            "reason": error.message,
            "finished_at": now,
            "problem": error.problem().model_dump_json(exclude_none=True),
        }
        for position, (one, error) in enumerate(choice.passed, start=1)
    ]
    reservation = ledger_row(
        "reserve",
        attempt,
        job,
        now,
        outcome="reserved",
        tags=candidate.request.tags,
        **money(candidate.estimate),
    )

    def work(c: Connection) -> None:
        for one in skipped:
            rows.insert_attempt(c, **one)
        rows.insert_attempt(c, **attempt)
        rows.enter(c, reservation)
        rows.note(
            c,
            job["id"],
            now,
            "attempt-prepared",
            attempt=attempt["number"],
            provider=candidate.connection.name,
            model=candidate.model_id,
            reserved=None
            if candidate.estimate.amount is None
            else f"{candidate.estimate.amount.normalize():f}",
        )

    try:
        await desk.change(job["id"], work)
    except BaseException:
        await desk.engine.guards.limiter.release(choice.attempt_id, refund=True)
        if desk.budgets is not None:
            await desk.budgets.release(choice.attempt_id)
        raise
    return SOON


def was_asked(attempt: RowMapping) -> bool:
    """Whether an attempt was more than passing by: a circuit may open after the choice."""
    if attempt["state"] == "skipped":
        return False
    problem = ended_with(attempt) if attempt["state"] == "not_sent" else None
    return problem is None or problem.kind != "CircuitOpen"


def intent(job: RowMapping, candidate: Candidate, number: int, now: float) -> dict[str, Any]:
    """The row of an attempt that is about to be made."""
    return {
        "id": new_id("att"),
        "job_id": job["id"],
        "number": number,
        "provider": candidate.connection.name,
        "model": candidate.model_id,
        "variant": candidate.connection.variant or None,
        "state": "intent",
        "reason": "all are left alone; this one was due first"
        if candidate.probe
        else candidate.why,
        "callback_token": new_id("cb"),
        "created_at": now,
        "polls": 0,
        "notices": noted(candidate.notices),
    }


def pause(desk: Desk, job: RowMapping, counted: list[RowMapping]) -> float:
    """Seconds that are still to be waited after the last failure."""
    if not counted:
        return 0.0
    last = counted[-1]
    problem = ended_with(last)
    config = requests.from_row(job).retry or desk.settings.retry
    same = [one for one in counted if one["provider"] == last["provider"]]
    if problem is None or len(same) >= config.max_attempts:
        return 0.0
    # Chance is drawn from the attempt's id, so that every look at it waits for the same moment.
    chance = int(last["id"][-4:], 16) / 0xFFFF
    wait = Backoff(config, lambda: chance).wait(len(same), raised(problem))
    until = (last["finished_at"] or desk.now()) + (wait or 0.0)
    return max(0.0, until - desk.now())


async def give_up(desk: Desk, job: RowMapping, problem: Problem) -> float | None:
    """Nobody is left to ask."""
    now = desk.now()
    status = "outcome_unknown" if problem.kind == "OutcomeUnknown" else "failed"
    await desk.change(job["id"], lambda c: end_job(c, job, now, status, problem=problem))
    return None


async def cancelled(desk: Desk, job: RowMapping, last: RowMapping | None) -> float | None:
    """Stop, at the provider too where it has been asked already."""
    if last is not None and last["state"] == "accepted":
        return await cancel(desk, job, last)
    now = desk.now()
    if last is not None and last["state"] == "finishing":
        await desk.change(job["id"], lambda c: rows.set_job(c, job["id"], now, cancel="impossible"))
        return SOON

    def work(c: Connection) -> None:
        if last is not None:
            end_attempt(c, job, last, now, before=("intent",), state="cancelled", cost=NOTHING)
        end_job(c, job, now, "cancelled", cancel="confirmed")

    await desk.change(job["id"], work)
    if last is not None:
        await desk.underway.left(job, last, never_sent=True)
    return None
