"""The rows of providers' calls, and finding the attempt that a call is about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, delete, func, or_, select, update

from anymedia.store.schema import attempts, deliveries, jobs
from anymedia.store.upsert import unless_there

REMEMBERED_SECONDS = 2 * 86_400.0
"""Longer than any provider repeats a call, or a signature is good."""
UNDER_WAY = ("sending", "accepted", "abandoned", "finishing")


def heard(connection: Connection, provider: str, delivery: str) -> bool:
    """Whether a call was heard before."""
    query = select(deliveries.c.at).where(
        deliveries.c.provider == provider, deliveries.c.id == delivery
    )
    return connection.execute(query).first() is not None


def remember(connection: Connection, provider: str, delivery: str, now: float) -> None:
    """A call was heard, and what follows from it is done."""
    row = {"provider": provider, "id": delivery, "at": now}
    connection.execute(unless_there(connection, deliveries, "provider", "id"), row)


def latest(connection: Connection) -> dict[str, float]:
    """When each provider called last."""
    query = select(deliveries.c.provider, func.max(deliveries.c.at)).group_by(deliveries.c.provider)
    return {provider: float(at) for provider, at in connection.execute(query)}


def prune(connection: Connection, now: float) -> None:
    """Forget old calls."""
    connection.execute(delete(deliveries).where(deliveries.c.at < now - REMEMBERED_SECONDS))


def under_way(connection: Connection, provider: str, identifier: str) -> Sequence[RowMapping]:
    """Attempts of jobs under way at a provider whose handle holds an id."""
    escaped = identifier.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    query = (
        select(attempts)
        .join(jobs, jobs.c.id == attempts.c.job_id)
        .where(jobs.c.due_at.is_not(None), attempts.c.provider == provider)
        .where(attempts.c.state.in_(UNDER_WAY))
        .where(attempts.c.handle.like(f"%{escaped}%", escape="\\"))
    )
    return connection.execute(query).mappings().all()


def take_over(connection: Connection, job_id: str, worker: str, now: float) -> None:
    """A job waits in another process, which has not heard: whoever looks next works on it."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.due_at.is_not(None))
        .where(or_(jobs.c.worker.is_(None), jobs.c.worker != worker))
        .values(worker=None, due_at=now)
    )
