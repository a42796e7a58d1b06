"""What carrying a batch needs at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from anymedia.batches import rows
from anymedia.budgets.budget import Budgets
from anymedia.contracts.envelope.asking import REQUESTS
from anymedia.contracts.media import Medium
from anymedia.contracts.request import Request
from anymedia.engine.engine import Engine
from anymedia.jobs.service import Jobs
from anymedia.store.database import Database

T = TypeVar("T")


class LostLease(Exception):
    """Another process carries the batch now; this one must not touch it."""


@dataclass(slots=True)
class Desk:
    """The engine, the database and the jobs, and on whose behalf a batch is carried."""

    engine: Engine
    database: Database
    jobs: Jobs
    worker: str
    """The id under which this process holds its lease."""
    changed: Callable[[str], None]
    """Tells who waits for a batch in this process that something happened to it."""
    budgets: Budgets | None = None

    def now(self) -> float:
        """Seconds since 1970, as all who share the database count them."""
        return self.database.time(self.engine.clock.time())

    async def change(self, batch_id: str, work: Callable[[Connection], T]) -> T:
        """Change a batch's rows, unless another process has taken it over."""

        def guarded(connection: Connection) -> T:
            if not rows.owned(connection, batch_id, self.worker):
                raise LostLease(batch_id)
            return work(connection)

        outcome = await self.database.write(guarded)
        self.changed(batch_id)
        return outcome


def request_of(medium: Medium, text: str) -> Request[Any]:
    """A request out of its row."""
    return REQUESTS[medium].model_validate_json(text)


def as_text(request: Request[Any]) -> str:
    """A request as its row keeps it. Defaults stay in: they hold the tags that tell parts apart."""
    return request.model_dump_json(exclude_none=True)
