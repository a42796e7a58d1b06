"""The state machine of a job: look at its rows, do the one thing that follows, say when next.

    no attempt       choose a route, write it down, send it     (beginning, guard)
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

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import ProviderTimeout
from anymedia.contracts.job import FINAL
from anymedia.contracts.problem import Problem
from anymedia.engine.legs import policy_of
from anymedia.jobs import rows
from anymedia.jobs.beginning import Begun, begin
from anymedia.jobs.collecting import collect
from anymedia.jobs.concluding import abandon, under_way_late
from anymedia.jobs.desk import Desk
from anymedia.jobs.guard import send, sent
from anymedia.jobs.late import keep_watching, watch
from anymedia.jobs.pace import SOON
from anymedia.jobs.recovery import resolve
from anymedia.jobs.settling import NOTHING, end_attempt, end_job
from anymedia.jobs.watching import Heard, asked, cancel, poll

SUBMITTING = frozenset({"intent", "sending"})
NONE_YET: list[RowMapping] = []


async def step(desk: Desk, job_id: str) -> float | None:
    """Do what follows. Seconds until there is something to do again; `None` when it is over."""
    heard: Heard | None = None
    waiting = desk.waits.of(job_id)
    if waiting is not None:
        found = await asked(desk, waiting)
        if isinstance(found, float):
            return found
        heard = found
    fresh = desk.waits.fresh(job_id)
    desk.waits.forget(job_id)
    desk = desk.under_lease()
    job, attempts, outputs = (
        (fresh, NONE_YET.copy(), NONE_YET)
        if fresh is not None
        else await desk.database.read(lambda c: looked_at(c, job_id))
    )
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
            wait = await asked_next(desk, job, attempts)
    if wait is not None and job["deadline"] is not None:
        left: float = max(0.0, job["deadline"] - now)
        return min(wait, left)
    return wait


async def asked_next(desk: Desk, job: RowMapping, attempts: list[RowMapping]) -> float | None:
    """Begin another attempt, and send it."""
    begun = await begin(desk, job, attempts)
    if not isinstance(begun, Begun):
        return begun
    attempts.append(begun.attempt)
    if begun.ready is not None:
        return await sent(desk, job, begun.attempt, begun.ready, begun.at)
    return SOON if begun.attempt["state"] == "sending" else await send(desk, job, begun.attempt)


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
            return SOON if isinstance(begun, Begun) else begun
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
