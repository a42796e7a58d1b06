"""Who is asked next for a job: the first candidate that may be tried, is not left alone, and has room.

A job waits for room rather than fail: that is what it is a job for. It gives up at once where the
route says `refuse`, and after `queue_seconds` where it says `queue`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection as Database, RowMapping

from anymedia.budgets.budget import NANO
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import (
    BudgetReached,
    CircuitOpen,
    CostLimitExceeded,
    GenerationError,
    LimitReached,
    NoRouteSucceeded,
    UnknownModel,
    UnsupportedOption,
    raised,
)
from anymedia.contracts.media import Quality
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.route import RoutePolicy
from anymedia.engine.candidate import Asker, Candidate
from anymedia.engine.guards import limit_reached
from anymedia.engine.identity import new_id
from anymedia.engine.inputs import artifact_ids
from anymedia.engine.legs import policy_of
from anymedia.engine.retry import answers_for, may_go_elsewhere
from anymedia.engine.spending import reserved
from anymedia.jobs import requests, rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.pauses import key_of
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
    """Nobody has room; what for, and how long until it is worth another look."""

    keys: tuple[str, ...]
    seconds: float
    most_seconds: float | None = None
    """When waiting is over, where it does not last for ever."""


@dataclass(slots=True)
class Search:
    """The search for who is asked next."""

    desk: Desk
    job: RowMapping
    counted: list[RowMapping]
    policy: RoutePolicy
    resting: RowMapping | None
    """The attempt whose provider wants to be left in peace for a while yet."""
    passed: list[tuple[Candidate, GenerationError]] = field(default_factory=list)
    keys: dict[str, None] = field(default_factory=dict)
    """The limits, and the pauses, that had no room."""
    paused: bool = False

    def pass_over(self, candidate: Candidate, error: GenerationError) -> None:
        """A candidate that cannot be asked now."""
        self.passed.append((candidate, error))


async def choose(
    desk: Desk, job: RowMapping, counted: list[RowMapping], *, resting: bool = False
) -> Choice | Wait:
    """The next one to ask; its room is taken. Raises why there is none.

    `resting` says that who was asked last wants to be left in peace for a while yet.
    """
    request = requests.from_row(job)
    policy = policy_of(desk.settings, job["medium"])
    # Whether work that was taken on and failed is bought elsewhere was decided when it failed.
    if counted and counted[-1]["accepted_at"] is None:
        problem = ended_with(counted[-1])
        error = raised(problem) if problem else None
        if (
            error is not None
            and (resting or not error.retryable)
            and not may_go_elsewhere(error, policy, job["medium"])
        ):
            raise error
    search = Search(desk, job, counted, policy, counted[-1] if resting else None)
    await desk.pauses.look()
    try:
        request = await with_what_is_left(desk, request, counted)
        found = await first_with_room(search, request)
        if found is not None:
            return found
        lower = lower_preset(request, policy, search.passed)
        if lower is not None:
            modest = request.model_copy(update={"quality": lower})
            found = await first_with_room(search, modest)
            if found is not None:
                return degraded(found, request.quality, lower)
    except (CostLimitExceeded, NoRouteSucceeded, UnknownModel, UnsupportedOption) as error:
        if not counted:
            raise
        # What was possible at first is not any more; why the others failed says more.
        raise exhausted(counted, [*(one for _, one in search.passed), error]) from None
    full = [error for _, error in search.passed if isinstance(error, LimitReached)]
    if full:
        return patience(search, full)
    return await probed(search)


async def with_what_is_left(
    desk: Desk, request: MediaRequest[Any], counted: list[RowMapping]
) -> MediaRequest[Any]:
    """The request with what earlier attempts have left of its `max_cost`.

    Of an attempt whose cost is not known, what was reserved for it counts.
    """
    if request.max_cost is None or not counted:
        return request
    ids = [one["id"] for one in counted]
    held = await desk.database.read(lambda c: rows.reserved_for(c, ids))
    left = request.max_cost
    for one in counted:
        cost = Cost.model_validate_json(one["cost"]) if one["cost"] else None
        if cost is not None and cost.amount is not None:
            left -= cost.amount
        else:
            left -= Decimal(held.get(one["id"], 0)) / NANO
    return request.model_copy(update={"max_cost": max(left, Decimal(0))})


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


async def first_with_room(search: Search, request: MediaRequest[Any]) -> Choice | None:
    """The first candidate that may be asked, with its room taken."""
    desk, job, policy = search.desk, search.job, search.policy
    guards = desk.engine.guards
    if desk.key_terms is not None:
        await desk.key_terms()
    asker = await asker_of(desk, job, request)
    today = desk.engine.clock.now().date()
    fitting, _ = desk.engine.router.chosen(request, today, asker=asker)
    most = (request.retry or desk.settings.retry).max_attempts
    for candidate in again_first(fitting, search.counted):
        if not may_try(candidate, search.counted, policy, most):
            continue
        if search.resting is not None and is_same(candidate, search.resting):
            continue
        closed = guards.left_alone(candidate)
        if closed is not None:
            search.pass_over(candidate, closed)
            continue
        attempt_id = new_id("att")
        try:
            warnings = await room_for(search, candidate, asker, attempt_id, request.tags)
        except (LimitReached, BudgetReached) as error:
            search.pass_over(candidate, error)
            if isinstance(error, LimitReached) and policy.on_full == "queue":
                break
            if not may_go_elsewhere(error, policy, job["medium"]):
                raise
        else:
            warned = replace(candidate, notices=(*candidate.notices, *warnings))
            return Choice(attempt_id, warned, passed=search.passed)
    return None


async def room_for(
    search: Search, candidate: Candidate, asker: Asker, attempt_id: str, tags: tuple[str, ...]
) -> tuple[Notice, ...]:
    """Take the room of one attempt, its slot for as long as the job lives, and reserve its money.

    Warnings of budgets that only warn. Raises `LimitReached` or `BudgetReached`; then nothing
    was taken.
    """
    desk = search.desk
    guards, name = desk.engine.guards, candidate.connection.name
    pause = key_of(name, search.job["medium"])
    if desk.pauses.holds(name, search.job["medium"]):
        search.keys[pause] = None
        search.paused = True
        raise LimitReached(f"`{name}` is paused and gets no new jobs", provider=name)
    claim = guards.quotas.claim(candidate, asker.caller, attempt_id)
    keys = [pause, *(rule.key for rule in claim.rules)]
    ahead = desk.underway.lines.ahead(search.job["id"], keys)
    if ahead is not None:
        search.keys[ahead] = None
        raise LimitReached(f"others wait for `{ahead}` and go first", provider=name)
    answer = await guards.limiter.take(claim, lease_seconds=LEASE_SECONDS)
    if isinstance(answer, Full):
        search.keys[answer.key if answer.key in keys else keys[-1]] = None
        raise limit_reached(name, answer)
    if desk.budgets is None:
        return ()
    try:
        return tuple(await reserved(desk.budgets, candidate, attempt_id, asker.caller, tags))
    except BaseException:
        await guards.limiter.release(attempt_id, refund=True)
        raise


async def probed(search: Search) -> Choice:
    """When all are left alone, the one whose time is up soonest. Raises when that helps no more."""
    desk, job, counted = search.desk, search.job, search.counted
    closed = {
        candidate.label: candidate
        for candidate, error in search.passed
        if isinstance(error, CircuitOpen)
    }
    soonest = desk.engine.guards.soonest(closed.values()) if not counted else None
    if soonest is None:
        raise exhausted(counted, [error for _, error in search.passed])
    attempt_id = new_id("att")
    asker, tags = Asker(caller=job["owner"]), requests.from_row(job).tags
    warnings = await room_for(search, soonest, asker, attempt_id, tags)
    soonest = replace(soonest, notices=(*soonest.notices, *warnings))
    return Choice(attempt_id, replace(soonest, probe=True), passed=search.passed)


def patience(search: Search, full: list[LimitReached]) -> Wait:
    """How long until there may be room. Raises `LimitReached` where waiting is over or no use."""
    if not any(error.retryable for error in full):
        raise full[0]
    job, counted, policy = search.job, search.counted, search.policy
    since = counted[-1]["finished_at"] if counted else None
    since = since or job["retried_at"] or job["not_before"] or job["created_at"]
    most: float | None = None
    # Who paused a provider means to go on with it: that is worth any wait.
    if policy.on_full == "queue" and not search.paused:
        most = policy.queue_seconds - (search.desk.now() - since)
        if most <= 0:
            raise full[0]
    waits = [error.retry_after or LOOK_AGAIN_SECONDS for error in full if error.retryable]
    return Wait(tuple(search.keys), min(max(min(waits), 0.05), LONGEST_WAIT_SECONDS), most)


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
    if any(one["accepted_at"] is not None for one in tries):
        return False  # it had its time, and what it takes may have to be paid
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
    passed = tuple(passed)
    failures = tuple(raised(problem) for problem in problems) or passed
    if len({(one["provider"], one["model"]) for one in counted}) == 1 and failures:
        return failures[-1]
    if not counted and len(failures) == 1:
        return failures[0]
    listed = "\n".join(
        f"  - {one['provider']}/{one['model']}: {problem.message}"
        for one in counted
        if (problem := ended_with(one)) is not None
    )
    listed = "\n".join(
        [*([listed] if listed else []), *(f"  - {error.message}" for error in passed)]
    )
    what = f"all {len(counted)} attempts failed" if counted else "nobody could be asked"
    return NoRouteSucceeded(f"{what}:\n{listed}", failures=failures)


def ended_with(attempt: RowMapping) -> Problem | None:
    """Why an attempt ended."""
    return Problem.model_validate_json(attempt["problem"]) if attempt["problem"] else None
