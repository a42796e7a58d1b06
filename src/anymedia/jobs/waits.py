"""Jobs whose provider is at it, as this process remembers them between two questions.

Ten thousand waiting jobs are a thousand questions a second, and hardly ever is there news. So what
a question needs is kept, and a job's rows are read again only when something has happened. What is
remembered is believed for as long as

- it belongs to this process, under the lease that it was read under;
- nobody has said here that the job changed (`forget`), nor does its row: whoever changes a job that
  is another's sets its `due_at`, which is looked at every second (`changed`);
- the settings are the same, and its time is not over (`until`).

Nothing is ever written down from memory. News makes a step read the rows, which are the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import StorageFailed
from anymedia.contracts.job import FINAL
from anymedia.contracts.media import Medium
from anymedia.engine.connection import Connection as ProviderConnection
from anymedia.engine.engine import Engine
from anymedia.engine.legs import policy_of
from anymedia.jobs.underway import UnderWay
from anymedia.providers.spec import Call, Job
from anymedia.store.database import Database
from anymedia.store.schema import attempts, jobs

READ_AT_ONCE = 500
LATE_SECONDS = 30.0
"""A change is dated before it is committed: so far back is looked every `FAR_SECONDS`."""
FAR_SECONDS = 10.0
NEAR_SECONDS = 3.0
"""So far before the last look every look goes: hardly a commit takes longer."""
MOST_FRESH = 1_000
"""Their rows are held whole."""
ATTEMPT_COLUMNS = (
    *(attempts.c.id, attempts.c.job_id, attempts.c.provider, attempts.c.model, attempts.c.variant),
    *(attempts.c.state, attempts.c.handle, attempts.c.created_at, attempts.c.accepted_at),
    *(attempts.c.finished_at, attempts.c.abandoned_at, attempts.c.problem),
)

SOME: Any = bindparam("some", expanding=True)
JOBS = select(jobs).where(jobs.c.id.in_(SOME))
TRIES = (
    select(*ATTEMPT_COLUMNS)
    .where(attempts.c.job_id.in_(SOME))
    .order_by(attempts.c.job_id, attempts.c.number)
)


@dataclass(slots=True, eq=False)
class Waiting:
    """What asking about a job takes."""

    job_id: str
    attempt_id: str
    worker: str
    """Under which lease its rows were read."""
    due_at: float
    owner: str
    medium: Medium
    provider: str
    model: str
    variant: str | None
    handle: str
    accepted_at: float
    progress: float
    until: float
    """When there is something to do beside asking."""


class Waits:
    """All that wait for their providers and that this process asks about."""

    def __init__(
        self, engine: Engine, database: Database, underway: UnderWay, worker: Callable[[], str]
    ) -> None:
        self._engine = engine
        self._database = database
        self._underway = underway
        self._worker = worker
        self._known: dict[str, Waiting] = {}
        self._fresh: dict[str, RowMapping] = {}
        """Jobs that nothing was done for yet, as they were when they became ours."""
        self._settings: Settings = engine.settings
        self._ways: dict[tuple[str, str | None, Medium], tuple[ProviderConnection, Job | None]] = {}
        self._generation = -1
        self._looked = self._looked_far = -math.inf
        """Up to when changes by others were read last, and so of the last look far back."""

    def of(self, job_id: str) -> Waiting | None:
        """What is remembered of a job, if it can be believed."""
        if self._settings is not self._engine.settings:
            self._settings = self._engine.settings
            self._known.clear()
        one = self._known.get(job_id)
        if one is None or one.worker != self._worker():
            return None
        return one if one.until == math.inf or self._now() < one.until else None

    def knows(self, job_id: str) -> bool:
        """Whether a job is remembered, believed or not."""
        return job_id in self._known

    def begin(self, job: RowMapping) -> None:
        """Remember a job that has just become ours and that nobody has been asked for."""
        if len(self._fresh) < MOST_FRESH:
            self._fresh[job["id"]] = job

    def fresh(self, job_id: str) -> RowMapping | None:
        """The row of such a job, once.

        It may have changed since: what is done for it has to find out (`Desk.change`).
        """
        row = self._fresh.pop(job_id, None)
        return row if row is not None and row["worker"] == self._worker() else None

    def keep(self, one: Waiting) -> None:
        """Remember it until something happens."""
        self._known[one.job_id] = one

    def forget(self, job_id: str) -> None:
        """Something has happened to a job, or it is not ours any more."""
        self._known.pop(job_id, None)
        self._fresh.pop(job_id, None)

    def clear(self) -> None:
        """Nothing is ours any more."""
        self._known.clear()
        self._fresh.clear()

    def way(self, one: Waiting) -> tuple[ProviderConnection, Job | None]:
        """Whom to ask and how; nothing where its provider keeps no jobs any more."""
        providers = self._engine.providers
        if self._generation != providers.generation:
            self._generation = providers.generation
            self._ways.clear()
        key = (one.provider, one.variant, one.medium)
        found = self._ways.get(key)
        if found is None:
            connection = providers.get(one.provider, one.variant)
            operation = connection.provider.operation(one.medium, Call, Job)
            found = connection, operation if isinstance(operation, Job) else None
            self._ways[key] = found
        return found

    def seen(self, job: RowMapping, tries: Sequence[RowMapping]) -> Waiting | None:
        """What its rows say of a job, where all that follows from them is asking again."""
        last = tries[-1] if tries else None
        if last is None or last["state"] != "accepted" or not last["handle"]:
            return None
        now, worker = self._now(), self._worker()
        if job["status"] in FINAL or job["cancel"] is not None or job["worker"] != worker:
            return None
        if job["due_at"] is None or (job["not_before"] or 0.0) > now:
            return None
        if last["problem"] is not None:
            return None
        if any(one["state"] == "succeeded" or is_late(one) for one in tries):
            return None
        since = last["accepted_at"] or last["created_at"]
        most = policy_of(self._engine.settings, job["medium"]).abandon_after_seconds
        ends = math.inf if job["deadline"] is None else job["deadline"]
        return Waiting(
            job_id=job["id"],
            attempt_id=last["id"],
            worker=worker,
            due_at=job["due_at"],
            owner=intern(job["owner"]),
            medium=job["medium"],
            provider=intern(last["provider"]),
            model=intern(last["model"]),
            variant=intern(last["variant"]) if last["variant"] else None,
            handle=last["handle"],
            accepted_at=since,
            progress=job["progress"] or 0.0,
            until=ends if most is None else min(ends, since + most),
        )

    # --- the dispatcher's side ------------------------------------------------------------

    async def recall(self, job_ids: Sequence[str]) -> None:
        """Read many jobs at once that have just become ours; those that wait are remembered."""
        for start in range(0, len(job_ids), READ_AT_ONCE):
            await self._recall(job_ids[start : start + READ_AT_ONCE])

    async def _recall(self, job_ids: Sequence[str]) -> None:
        names = {job_id: job_id for job_id in job_ids}  # one text in memory, not two
        try:
            found = await self._database.read(lambda c: those_of(c, job_ids))
        except StorageFailed:
            return  # each is read by itself
        for job, tries in found:
            if tries:
                await self.remember(names[job["id"]], job, tries)
            else:
                self.begin(job)

    async def remember(self, job_id: str, job: RowMapping, tries: Sequence[RowMapping]) -> None:
        """Keep what its rows say just now, where it waits."""
        one = self.seen(job, tries)
        if one is not None and one.until > self._now():
            one.job_id = job_id
            await self._underway.renewed(job, tries[-1])
            self._known[job_id] = one

    async def changed(self) -> list[str]:
        """Jobs that others have changed, or have taken, since they were read here."""
        if not self._known:
            return []
        now = self._now()
        far = abs(now - self._looked_far) >= FAR_SECONDS
        since = now - LATE_SECONDS if far else min(now, self._looked) - NEAR_SECONDS
        found = await self._database.read(lambda c: lately_due(c, since, now))
        self._looked, self._looked_far = now, now if far else self._looked_far
        changed = []
        for job_id, due_at, worker in found:
            one = self._known.get(job_id)
            if one is not None and (one.due_at != due_at or one.worker != worker):
                changed.append(job_id)
        return changed

    def _now(self) -> float:
        return self._database.time(self._engine.clock.time())


def is_late(attempt: RowMapping) -> bool:
    """Whether it was given up and is under way all the same."""
    return attempt["abandoned_at"] is not None and attempt["finished_at"] is None


def those_of(
    connection: Connection, job_ids: Sequence[str]
) -> list[tuple[RowMapping, list[RowMapping]]]:
    """Some jobs with their tries, in order; only what is needed to know whether they wait."""
    named = {"some": list(job_ids)}
    found = connection.execute(JOBS, named).mappings().all()
    tries: dict[str, list[RowMapping]] = {}
    for one in connection.execute(TRIES, named).mappings():
        tries.setdefault(one["job_id"], []).append(one)
    return [(job, tries.get(job["id"], [])) for job in found]


def lately_due(
    connection: Connection, since: float, now: float
) -> Sequence[tuple[str, float | None, str | None]]:
    """Jobs that there was something to do about of late, and who has them."""
    query = select(jobs.c.id, jobs.c.due_at, jobs.c.worker).where(jobs.c.due_at.between(since, now))
    return connection.execute(query).all()
