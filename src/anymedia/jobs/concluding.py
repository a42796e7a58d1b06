"""What the end of an attempt means for its job, and leaving an attempt that takes too long.

An abandoned attempt stays under way: its provider works on it, counts it, may charge for it. So its
slot is kept and it is asked about until it ends. What it brings belongs to the job: as its result if
it has none and is still open, else beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import ContentRefused, RequestRejected, StorageFailed, raised
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.route import LateFallback, RoutePolicy
from anymedia.jobs import requests, rows
from anymedia.jobs.settling import end_job

STILL_OPEN = Cost(basis="pending", explanation="it is not known yet what became of it")


def under_way_late(attempts: Iterable[RowMapping]) -> list[RowMapping]:
    """Abandoned attempts whose end is not known yet."""
    return [
        one for one in attempts if one["abandoned_at"] is not None and one["finished_at"] is None
    ]


def abandon(
    connection: Connection, job: RowMapping, attempt: RowMapping, now: float, problem: Problem
) -> bool:
    """Wait no longer for an attempt. False when it has ended meanwhile."""
    moved = rows.move(
        connection,
        attempt["id"],
        before=("accepted",),
        after="abandoned",
        abandoned_at=now,
        polls=0,
        cost=STILL_OPEN.model_dump_json(exclude_none=True),
        problem=problem.model_dump_json(exclude_none=True),
    )
    if moved:
        rows.note(
            connection,
            job["id"],
            now,
            "attempt-abandoned",
            attempt=attempt["number"],
            problem=problem.message,
        )
    return moved


def conclude(
    connection: Connection,
    job: RowMapping,
    attempt: RowMapping,
    now: float,
    status: str,
    *,
    problem: Problem | None = None,
    cancel: str | None = None,
) -> None:
    """An attempt has ended, and with it its job, unless that goes on or has ended without it."""
    if attempt["abandoned_at"] is None:
        end_job(connection, job, now, status, problem=problem, cancel=cancel)


def goes_on(
    connection: Connection,
    job: RowMapping,
    attempt: RowMapping,
    policy: RoutePolicy,
    problem: Problem,
    cost: Cost,
) -> bool:
    """Whether another provider is asked after an attempt under way has failed."""
    current = rows.job(connection, job["id"])
    if attempt["abandoned_at"] is not None or current is None or current["cancel"] is not None:
        return False
    return may_follow(requests.from_row(job), policy, problem, cost)


def may_follow(
    request: MediaRequest[Any], policy: RoutePolicy, problem: Problem, cost: Cost
) -> bool:
    """Whether this failure allows another purchase: what the caller says, else the route."""
    said: LateFallback = policy.late_fallback
    if request.fallback is not None:
        said = "always" if request.fallback else "never"
    error = raised(problem)
    if said == "never" or isinstance(error, RequestRejected | StorageFailed):
        return False  # elsewhere, the request is as wrong and our disk as full
    if isinstance(error, ContentRefused):
        return "content_refused" in policy.fallback_on
    return said == "always" or cost.amount == 0
