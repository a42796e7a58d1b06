"""The state machine of a job: look at its rows, do the one thing that follows, say when next.

    no attempt       choose a route, write down the intent
    intent           send it                                    (guard)
    sending          wait for the deadline, then find out       (guard)
    accepted         ask how it stands                          (watching)
    finishing        fetch the results, settle                  (collecting)
    not_sent         try again, or elsewhere
    rejected         try again or elsewhere if that may help, else fail
    failed           elsewhere, where that is wanted            (concluding)
    abandoned        it took too long: the next one, or none; its end is watched (late)

Any process can take a job up at any row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import GenerationError, ProviderTimeout, StorageFailed, raised
from anymedia.contracts.job import FINAL
from anymedia.contracts.problem import Problem
from anymedia.engine.candidate import Candidate
from anymedia.engine.engine import new_id
from anymedia.engine.legs import policy_of
from anymedia.engine.retry import PATIENCE_SECONDS, Backoff
from anymedia.jobs import requests, rows
from anymedia.jobs.choice import Wait, choose, ended_with
from anymedia.jobs.collecting import collect
from anymedia.jobs.concluding import abandon, under_way_late
from anymedia.jobs.desk import Desk
from anymedia.jobs.guard import SOON, resolve, send
from anymedia.jobs.late import keep_watching, watch
from anymedia.jobs.settling import NOTHING, end_attempt, end_job, ledger_row
from anymedia.jobs.telling import noted
from anymedia.jobs.watching import Heard, asked, cancel, poll
from anymedia.store.ledger import money

SUBMITTING = frozenset({"intent", "sending"})


async def step(desk: Desk, job_id: str) -> float | None:
    """Do what follows. Seconds until there is something to do again; `None` when it is over."""
    heard: Heard | None = None
    waiting = desk.waits.of(job_id)
    if waiting is not None:
        found = await asked(desk, waiting)
        if isinstance(found, float):
            return found
        heard = found
    desk.waits.forget(job_id)
    desk = desk.under_lease()
    job, attempts, outputs = await desk.database.read(lambda c: looked_at(c, job_id))
    if job is None or job["due_at"] is None or job["worker"] != desk.worker():
        return None
    late = under_way_late(attempts)
    if job["status"] in FINAL:
        return await keep_watching(desk, job, late, outputs)
    pause = await watch(desk, job, late, outputs) if late else None
    wait = await follow(desk, job, attempts, outputs, heard)
    submitted = bool(attempts) and attempts[-1]["state"] in SUBMITTING
    if wait is not None and wait > 0 and submitted and not desk.waits.knows(job_id):
        # If it was taken on, others may change it before anybody asks how it stands.
        await desk.waits.recall([job_id])
    if wait is None or pause is None:
        return wait
    return min(wait, pause)


async def follow(
    desk: Desk,
    job: RowMapping,
    attempts: list[RowMapping],
    outputs: list[RowMapping],
    heard: Heard | None,
) -> float | None:
    """What follows for an open job from its last attempt, apart from those it abandoned.

    `heard` is what its provider has said just now, if it was asked already.
    """
    last = attempts[-1] if attempts else None
    state = last["state"] if last is not None else None
    if last is not None and last["abandoned_at"] is not None:
        state = "abandoned"
    if state == "sending":
        assert last is not None
        return await resolve(desk, job, last)
    if job["cancel"] == "wanted":
        return await cancelled(desk, job, last)
    now = desk.now()
    if state != "finishing":
        brought = next((one for one in attempts if has_brought(job, one)), None)
        if brought is not None:
            return await succeeded(desk, job, last)
        if job["deadline"] is not None and job["deadline"] <= now:
            return await out_of_time(desk, job, last)
    if job["not_before"] is not None and job["not_before"] > now:
        # Nobody need hold it until then.
        at = job["not_before"]
        await desk.change(
            job["id"], lambda c: rows.set_job(c, job["id"], now, due_at=at, worker=None)
        )
        return None
    wait: float | None
    match state:
        case "intent":
            assert last is not None
            wait = await send(desk, job, last)
        case "accepted":
            assert last is not None
            wait = await accepted(desk, job, attempts, last, heard)
        case "finishing":
            assert last is not None
            return await collect(desk, job, last, outputs)
        case _:  # none yet, or one that has ended while its job goes on
            begun = await begin(desk, job, attempts)
            if isinstance(begun, RowMapping):
                attempts.append(begun)
                begun = await send(desk, job, begun)
            wait = begun
    if wait is not None and job["deadline"] is not None:
        left: float = max(0.0, job["deadline"] - now)
        return min(wait, left)
    return wait


def has_brought(job: RowMapping, attempt: RowMapping) -> bool:
    """Whether a try that counts has succeeded, though its job had given it up."""
    return bool(
        attempt["state"] == "succeeded" and attempt["created_at"] >= (job["retried_at"] or 0.0)
    )


async def accepted(
    desk: Desk,
    job: RowMapping,
    attempts: list[RowMapping],
    last: RowMapping,
    heard: Heard | None,
) -> float | None:
    """Its provider is at it: ask how it stands, or another provider if that takes too long."""
    policy = policy_of(desk.settings, job["medium"])
    most = policy.abandon_after_seconds
    taken: float = desk.now() - (last["accepted_at"] or last["created_at"])
    if most is not None and taken >= most and job["cancel"] is None:
        slow = ProviderTimeout(
            f"`{last['provider']}` had it for {taken:.0f} s, longer than "
            f"`abandon_after_seconds` allows",
            provider=last["provider"],
            accepted="yes",
        )
        begun = await begin(desk, job, attempts, leaving=(last, slow.problem()))
        if begun is not None:
            return SOON if isinstance(begun, RowMapping) else begun
    wait = await poll(desk, job, last, heard=heard, waiting=desk.waits.seen(job, attempts))
    if wait is not None and most is not None and taken < most:
        return min(wait, most - taken)
    return wait


def looked_at(
    connection: Connection, job_id: str
) -> tuple[RowMapping | None, list[RowMapping], list[RowMapping]]:
    """Everything about one job; what it has made where some of that is being fetched."""
    job = rows.job(connection, job_id)
    attempts = list(rows.attempts_of(connection, [job_id]))
    fetching = any(one["state"] == "finishing" for one in attempts)
    return job, attempts, list(rows.outputs_of(connection, [job_id])) if fetching else []


async def begin(
    desk: Desk,
    job: RowMapping,
    attempts: list[RowMapping],
    *,
    leaving: tuple[RowMapping, Problem] | None = None,
) -> RowMapping | float | None:
    """Choose who is asked next and write the intent down, with its reservation.

    The new attempt's row, or seconds until there may be somebody to ask.
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

    def work(c: Connection) -> RowMapping | None:
        if leaving is not None and not abandon(c, job, leaving[0], now, leaving[1]):
            return None
        for one in skipped:
            rows.insert_attempt(c, job, **one)
        row = rows.insert_attempt(c, job, **attempt)
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
        return row

    written: RowMapping | None = None
    try:
        written = await desk.change(job["id"], work, together=leaving is None)
    finally:
        desk.underway.goes(job["id"], went=written is not None)
        if written is None:
            await desk.engine.guards.limiter.release(choice.attempt_id, refund=True)
            if desk.budgets is not None:
                await desk.budgets.release(choice.attempt_id)
    return SOON if written is None else written


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


async def cancelled(desk: Desk, job: RowMapping, last: RowMapping | None) -> float | None:
    """Stop, at the provider too where it has been asked already."""
    desk.underway.goes(job["id"], went=False)
    state = last["state"] if last is not None and last["abandoned_at"] is None else None
    if last is not None and state == "accepted":
        return await cancel(desk, job, last)
    now = desk.now()
    if state == "finishing":
        await desk.change(job["id"], lambda c: rows.set_job(c, job["id"], now, cancel="impossible"))
        return SOON
    return await ended(desk, job, last, "cancelled", cancel="confirmed")


async def out_of_time(desk: Desk, job: RowMapping, last: RowMapping | None) -> float | None:
    """The time of all attempts together is over. What is under way is watched to its end."""
    desk.underway.goes(job["id"], went=False)
    began = job["retried_at"] or job["not_before"] or job["created_at"]
    problem = ProviderTimeout(
        f"job `{job['id']}` was not done within its {job['deadline'] - began:g} s. What a provider "
        f"makes of it all the same is kept: `anymedia jobs show {job['id']}`",
        provider=last["provider"] if last is not None else None,
        accepted="yes" if last is not None and last["accepted_at"] is not None else "no",
        retryable=False,
    ).problem()
    return await ended(desk, job, last, "failed", problem=problem)


async def succeeded(desk: Desk, job: RowMapping, last: RowMapping | None) -> float | None:
    """What it had given up has brought its result. What was begun instead is given up now."""
    desk.underway.goes(job["id"], went=False)
    problem = ProviderTimeout(
        "an earlier attempt has brought the result meanwhile", retryable=False, accepted="yes"
    ).problem()
    return await ended(desk, job, last, "succeeded", leaving=problem)


async def ended(
    desk: Desk,
    job: RowMapping,
    last: RowMapping | None,
    status: str,
    *,
    problem: Problem | None = None,
    cancel: str | None = None,
    leaving: Problem | None = None,
) -> float | None:
    """The job is over. An attempt that was only meant is dropped, one under way abandoned."""
    now = desk.now()
    meant = last is not None and last["state"] == "intent"

    def work(c: Connection) -> None:
        if last is not None and meant:
            end_attempt(c, job, last, now, before=("intent",), state="cancelled", cost=NOTHING)
        elif last is not None and last["state"] == "accepted":
            left = leaving or problem
            assert left is not None
            abandon(c, job, last, now, left)
        end_job(c, job, now, status, problem=problem, cancel=cancel)

    await desk.change(job["id"], work)
    if last is not None and meant:
        await desk.underway.left(job, last, never_sent=True)
    return None
