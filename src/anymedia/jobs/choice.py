"""Who is asked next for a job: the first candidate that may be tried, is not left alone, and has room.

A job waits for room rather than fail: that is what it is a job for. It gives up at once where the
route says `refuse`, and after `queue_seconds` where it says `queue`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection as Database, RowMapping

from anymedia.contracts.errors import (
    BudgetReached,
    CircuitOpen,
    GenerationError,
    LimitReached,
    NoRouteSucceeded,
    raised,
)
from anymedia.contracts.media import Quality
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.route import RoutePolicy
from anymedia.engine.candidate import Asker, Candidate
from anymedia.engine.engine import new_id
from anymedia.engine.guards import limit_reached
from anymedia.engine.inputs import artifact_ids
from anymedia.engine.legs import policy_of
from anymedia.engine.retry import answers_for, may_go_elsewhere
from anymedia.engine.spending import reserved
from anymedia.jobs import requests, rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.underway import LEASE_SECONDS
from anymedia.limits.claim import Full

LOOK_AGAIN_SECONDS = 1.0
"""For room that nobody can say the time of, such as a slot that another job holds."""
LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is asked, under which attempt's id, and who was passed over on the way."""

    attempt_id: str
    candidate: Candidate
    quality: Quality | None = None
    """The preset, where there was no room for the one asked for."""
    passed: list[tuple[Candidate, GenerationError]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody has room; how long until it is worth another look."""

    seconds: float


async def choose(
    desk: Desk, job: RowMapping, counted: list[RowMapping], *, resting: bool = False
) -> Choice | Wait:
    """The next one to ask; its room is taken. Raises why there is none.

    `resting` says that who was asked last wants to be left in peace for a while yet.
    """
    request = requests.from_row(job)
    policy = policy_of(desk.settings, job["medium"])
    if counted:
        problem = ended_with(counted[-1])
        error = raised(problem) if problem else None
        if (
            error is not None
            and (resting or not error.retryable)
            and not may_go_elsewhere(error, policy, job["medium"])
        ):
            raise error
    rested = counted[-1] if resting else None
    passed: list[tuple[Candidate, GenerationError]] = []
    found = await first_with_room(desk, job, request, counted, policy, passed, rested)
    if found is not None:
        return found
    full = [error for _, error in passed if isinstance(error, LimitReached)]
    lower = lower_preset(request, policy, passed)
    if lower is not None:
        modest = request.model_copy(update={"quality": lower})
        found = await first_with_room(desk, job, modest, counted, policy, passed, rested)
        if found is not None:
            return degraded(found, request.quality, lower)
    if full:
        return patience(desk, job, counted, policy, full)
    return await probed(desk, job, counted, passed)


def lower_preset(
    request: MediaRequest[Any],
    policy: RoutePolicy,
    passed: list[tuple[Candidate, GenerationError]],
) -> Quality | None:
    """The preset to try when there was no room, or too little money, for the one asked for."""
    for _, error in passed:
        given: Quality | None = None
        if isinstance(error, LimitReached):
            given = policy.degrade_to
        elif isinstance(error, BudgetReached):
            given = error.details.get("degrade_to")
        if given is not None and request.quality not in {None, given}:
            return given
    return None


async def first_with_room(
    desk: Desk,
    job: RowMapping,
    request: MediaRequest[Any],
    counted: list[RowMapping],
    policy: RoutePolicy,
    passed: list[tuple[Candidate, GenerationError]],
    resting: RowMapping | None,
) -> Choice | None:
    """The first candidate that may be asked, with its room taken."""
    guards = desk.engine.guards
    asker = await asker_of(desk, job, request)
    today = desk.engine.clock.now().date()
    fitting, _ = desk.engine.router.chosen(request, today, asker=asker)
    most = (request.retry or desk.settings.retry).max_attempts
    for candidate in again_first(fitting, counted):
        if not may_try(candidate, counted, policy, most):
            continue
        if resting is not None and is_same(candidate, resting):
            continue
        closed = guards.left_alone(candidate)
        if closed is not None:
            passed.append((candidate, closed))
            continue
        attempt_id = new_id("att")
        try:
            warnings = await room_for(desk, candidate, asker, attempt_id, request.tags)
        except (LimitReached, BudgetReached) as error:
            passed.append((candidate, error))
            if isinstance(error, LimitReached) and policy.on_full == "queue":
                break
            if not may_go_elsewhere(error, policy, job["medium"]):
                raise
        else:
            warned = replace(candidate, notices=(*candidate.notices, *warnings))
            return Choice(attempt_id, warned, passed=passed)
    return None


async def room_for(
    desk: Desk, candidate: Candidate, asker: Asker, attempt_id: str, tags: tuple[str, ...]
) -> tuple[Notice, ...]:
    """Take the room of one attempt, its slot for as long as the job lives, and reserve its money.

    Warnings of budgets that only warn. Raises `LimitReached` or `BudgetReached`; then nothing
    was taken.
    """
    guards = desk.engine.guards
    claim = guards.quotas.claim(candidate, asker.caller, attempt_id)
    answer = await guards.limiter.take(claim, lease_seconds=LEASE_SECONDS)
    if isinstance(answer, Full):
        raise limit_reached(candidate.connection.name, answer)
    if desk.budgets is None:
        return ()
    try:
        return tuple(await reserved(desk.budgets, candidate, attempt_id, asker.caller, tags))
    except BaseException:
        await guards.limiter.release(attempt_id, refund=True)
        raise


async def probed(
    desk: Desk,
    job: RowMapping,
    counted: list[RowMapping],
    passed: list[tuple[Candidate, GenerationError]],
) -> Choice:
    """When all are left alone, the one whose time is up soonest. Raises when that helps no more."""
    closed = {
        candidate.label: candidate for candidate, error in passed if isinstance(error, CircuitOpen)
    }
    soonest = desk.engine.guards.soonest(closed.values()) if not counted else None
    if soonest is None:
        raise exhausted(counted, [error for _, error in passed])
    attempt_id = new_id("att")
    asker, tags = Asker(caller=job["owner"]), requests.from_row(job).tags
    warnings = await room_for(desk, soonest, asker, attempt_id, tags)
    soonest = replace(soonest, notices=(*soonest.notices, *warnings))
    return Choice(attempt_id, replace(soonest, probe=True), passed=passed)


def patience(
    desk: Desk,
    job: RowMapping,
    counted: list[RowMapping],
    policy: RoutePolicy,
    full: list[LimitReached],
) -> Wait:
    """How long until there may be room. Raises `LimitReached` where waiting is over or no use."""
    if not any(error.retryable for error in full):
        raise full[0]
    since = counted[-1]["finished_at"] if counted else None
    waited = desk.now() - (since or job["retried_at"] or job["created_at"])
    if policy.on_full == "queue" and waited >= policy.queue_seconds:
        raise full[0]
    waits = [error.retry_after or LOOK_AGAIN_SECONDS for error in full if error.retryable]
    spread = 0.5 + desk.engine.chance()  # who waits for the same slot should not come together
    return Wait(min(max(min(waits), 0.05), LONGEST_WAIT_SECONDS) * spread)


def degraded(found: Choice, asked: Quality | None, given: Quality) -> Choice:
    """The choice of a lower preset, which says so."""
    notice = Notice(
        code="degraded",
        message=f"`{given}` instead of `{asked}`: there is no room or no money for that at the moment",
    )
    candidate = replace(found.candidate, notices=(*found.candidate.notices, notice))
    return replace(found, candidate=candidate, quality=given)


async def asker_of(desk: Desk, job: RowMapping, request: MediaRequest[Any]) -> Asker:
    """Whose job it is, and where the material was made that it goes on with."""
    policy = policy_of(desk.settings, job["medium"])
    await desk.engine.guards.recall(request, Asker(caller=job["owner"]), policy)
    ids = artifact_ids(request)
    if not ids:
        return Asker(caller=job["owner"])

    def work(c: Database) -> str | None:
        return rows.maker_of(c, ids, medium=job["medium"])

    return Asker(caller=job["owner"], home=await desk.database.read(work))


def again_first(fitting: list[Candidate], counted: list[RowMapping]) -> Iterable[Candidate]:
    """The candidates in order, but who was just asked and may be asked again comes first."""
    if not counted:
        return fitting
    last = counted[-1]
    same = [one for one in fitting if is_same(one, last)]
    return (*same, *(one for one in fitting if not is_same(one, last)))


def may_try(
    candidate: Candidate, counted: list[RowMapping], policy: RoutePolicy, most: int
) -> bool:
    """Whether a candidate is worth it, after what the others have answered."""
    tries = [one for one in counted if is_same(candidate, one)]
    if tries:
        problem = ended_with(tries[-1])
        return len(tries) < most and (problem is None or problem.retryable)
    names = {f"{one['provider']}/{one['model']}" for one in counted}
    if (
        policy.max_attempts is not None
        and candidate.name not in names
        and len(names) >= policy.max_attempts
    ):
        return False
    return not any(has_answered(one, candidate) for one in counted)


def has_answered(attempt: RowMapping, candidate: Candidate) -> bool:
    """Whether what an attempt was answered holds for this candidate too."""
    problem = ended_with(attempt)
    if problem is None or attempt["provider"] != candidate.connection.name:
        return False
    credential = (attempt["variant"] or "").partition("@")[0]
    return answers_for(
        raised(problem),
        same_model=attempt["model"] == candidate.model_id,
        same_credential=credential == candidate.connection.credential,
    )


def is_same(candidate: Candidate, attempt: RowMapping) -> bool:
    """Whether an attempt was at this very candidate."""
    return bool(
        attempt["provider"] == candidate.connection.name
        and attempt["model"] == candidate.model_id
        and (attempt["variant"] or "") == candidate.connection.variant
    )


def exhausted(counted: list[RowMapping], passed: Iterable[GenerationError]) -> GenerationError:
    """Everybody has been tried, or could not be."""
    problems = [problem for one in counted if (problem := ended_with(one)) is not None]
    failures = tuple(raised(problem) for problem in problems) or tuple(passed)
    if len({(one["provider"], one["model"]) for one in counted}) == 1 and failures:
        return failures[-1]
    if not counted and len(failures) == 1:
        return failures[0]
    listed = "\n".join(
        f"  - {one['provider']}/{one['model']}: {problem.message}"
        for one in counted
        if (problem := ended_with(one)) is not None
    ) or "\n".join(f"  - {failure.message}" for failure in failures)
    what = f"all {len(counted)} attempts failed" if counted else "nobody could be asked"
    return NoRouteSucceeded(f"{what}:\n{listed}", failures=failures)


def ended_with(attempt: RowMapping) -> Problem | None:
    """Why an attempt ended."""
    return Problem.model_validate_json(attempt["problem"]) if attempt["problem"] else None
