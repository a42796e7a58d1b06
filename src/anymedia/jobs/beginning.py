"""The beginning of an attempt: who is asked next, written down with what it may cost.

Where nothing has to be uploaded first, it is written down in the same transaction that it is being
sent: between the two there is nothing to do. Otherwise the intent is written down, and the next
step sends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import GenerationError, StorageFailed, raised
from anymedia.contracts.problem import Problem
from anymedia.engine.candidate import Candidate
from anymedia.engine.identity import new_id, new_secret
from anymedia.engine.retry import PATIENCE_SECONDS, Backoff
from anymedia.jobs import requests, rows
from anymedia.jobs.choice import Choice, Wait, choose, ended_with
from anymedia.jobs.concluding import abandon, under_way_late
from anymedia.jobs.desk import Desk, Outdated
from anymedia.jobs.guard import Ready, in_time, is_sending, ready
from anymedia.jobs.pace import SOON
from anymedia.jobs.settling import end_job, ledger_row
from anymedia.jobs.telling import noted
from anymedia.store.ledger import money

Leaving: TypeAlias = tuple[RowMapping, Problem]
"""An attempt that takes too long, and what is said of it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that is written down. Where it says what is ready, it is to be sent now."""

    attempt: RowMapping
    ready: Ready | None
    at: float


async def begin(
    desk: Desk, job: RowMapping, attempts: list[RowMapping], *, leaving: Leaving | None = None
) -> Begun | float | None:
    """Choose who is asked next and write it down, with its reservation.

    Seconds until there may be somebody to ask, where there is nobody now.
    `leaving` is an attempt that takes too long, which is abandoned for the next one: nothing
    happens, and `None` is returned, when there is nobody else to ask now.
    """
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
    except StorageFailed:
        raise  # nobody was asked, and nobody has refused: it is looked at again
    except GenerationError as error:
        if leaving is not None:
            return None
        if wait > 0:
            return wait
        # What was abandoned may yet bring something; while there is hope, the job goes on.
        pauses = [desk.underway.rests(one["id"]) for one in under_way_late(attempts)]
        return min(pauses) if pauses else await give_up(desk, job, error.problem())
    if isinstance(choice, Wait):
        if leaving is not None:
            return None
        seconds = desk.underway.waits(job, choice.keys, choice.seconds, desk.worker())
        return seconds if choice.most_seconds is None else min(seconds, choice.most_seconds)
    now = desk.now()
    attempt = {
        **intent(job, choice.candidate, len(attempts) + len(choice.passed) + 1, now),
        "id": choice.attempt_id,
        "quality": choice.quality,
    }
    if counted:
        attempt["reason"] = "another try"
    begun: Begun | None = None
    try:
        begun = await written(desk, job, choice, attempt, len(attempts), leaving)
    except Outdated:
        pass  # the next look sees what it has become
    finally:
        went = begun is not None
        desk.underway.goes(job["id"], went=went)
        if not went:
            await desk.engine.guards.limiter.release(choice.attempt_id, refund=True)
            if desk.budgets is not None:
                await desk.budgets.release(choice.attempt_id)
    return SOON if begun is None else begun


async def written(
    desk: Desk,
    job: RowMapping,
    choice: Choice,
    attempt: dict[str, Any],
    earlier: int,
    leaving: Leaving | None,
) -> Begun | None:
    """An attempt as it is written down, and sent where nothing keeps us from it.

    `None` where nothing was written, as what takes too long is not under way any more.
    """
    candidate, now = choice.candidate, attempt["created_at"]
    estimate = candidate.estimate
    skipped = [
        {
            **intent(job, one, earlier + position, now),
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
        **money(estimate),
    )
    at_once = ready(desk, job, attempt) if leaving is None else None
    if at_once is not None:
        attempt |= {"state": "sending", **at_once.opening(now)}

    def work(c: Connection) -> RowMapping | None:
        if leaving is not None and not abandon(c, job, leaving[0], now, leaving[1]):
            return None
        for one in skipped:
            rows.insert_attempt(c, job, **one)
        row = rows.insert_attempt(c, job, **attempt)
        rows.reserve(c, reservation)
        rows.note(
            c,
            job["id"],
            now,
            "attempt-prepared",
            attempt=attempt["number"],
            provider=candidate.connection.name,
            model=candidate.model_id,
            reserved=None if estimate.amount is None else f"{estimate.amount.normalize():f}",
        )
        if at_once is not None:
            is_sending(c, job, row, now)
        return row

    began = desk.engine.clock.monotonic()
    row: RowMapping | None = None
    try:
        row = await desk.change(job["id"], work, seen=job, together=leaving is None)
    finally:
        if at_once is not None and row is None:
            at_once.given_up(desk)
    if row is None:
        return None
    if at_once is not None and not in_time(desk, began):
        at_once.given_up(desk)
        at_once = None
    return Begun(row, at_once, now)


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
        "callback_token": new_secret("cb"),
        "created_at": now,
        "polls": 0,
        "notices": noted(candidate.notices),
    }


def pause(desk: Desk, job: RowMapping, counted: list[RowMapping]) -> float:
    """Seconds that are still to be waited after the last failure."""
    if not counted:
        return 0.0
    last = counted[-1]
    if last["accepted_at"] is not None:
        return 0.0  # it is not asked again
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
    desk.underway.goes(job["id"], went=False)
    await desk.change(job["id"], lambda c: end_job(c, job, now, status, problem=problem))
    return None
