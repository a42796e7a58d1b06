"""What every step of a job needs at hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, RowMapping

from anymedia.budgets.budget import Budgets
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import StorageFailed
from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.engine.connection import Connection as ProviderConnection
from anymedia.engine.engine import Engine
from anymedia.jobs import rows
from anymedia.jobs.asking import Asking
from anymedia.jobs.inbox.calls import Calls
from anymedia.jobs.pace import KEPT, Expected
from anymedia.jobs.pauses import Pauses
from anymedia.jobs.underway import UnderWay
from anymedia.jobs.waits import Waits
from anymedia.media.studio import Studio
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import Database
from anymedia.store.transaction import standing

T = TypeVar("T")
Attempt: TypeAlias = RowMapping | dict[str, Any]
"""An attempt's row, or what is about to be one."""
KEEP_PAUSE_SECONDS = 1.0
KEEP_TRIES = 300
"""Five minutes: so long may a database take to come back."""


class LostLease(Exception):
    """Another process works on the job now; this one must not touch it."""


class Outdated(Exception):
    """A job was changed since it was seen: what follows has to be looked at again."""


@dataclass(slots=True)
class Desk:
    """The engine, the database and the artifact store, and on whose behalf a step acts."""

    engine: Engine
    database: Database
    store: ArtifactStore
    worker: Callable[[], str]
    """The id under which this process holds its lease at the moment."""
    changed: Callable[[str], None]
    """Tells who waits for a job in this process that something happened to it."""
    underway: UnderWay
    studio: Studio
    pauses: Pauses
    asking: Asking
    waits: Waits
    budgets: Budgets | None = None
    key_terms: Callable[[], Awaitable[None]] | None = None
    """Looks up what keys may ask for of their own, unless that was just now."""
    callback_base_url: str | None = None
    calls: Calls = field(default_factory=Calls)
    """Which providers report by themselves."""

    def under_lease(self) -> Desk:
        """The same desk for one step, under the lease that this process has now.

        A process that loses its lease gets another and may claim the same job again, while an
        earlier step of it still acts on what it saw back then: that one must find itself locked
        out.
        """
        worker = self.worker()
        return replace(self, worker=lambda: worker)

    @property
    def settings(self) -> Settings:
        """As they are at the moment."""
        return self.engine.settings

    def now(self) -> float:
        """Seconds since 1970, as all go by who share the database."""
        return self.database.time(self.engine.clock.time())

    async def keep(self, work: Callable[[Connection], T], *, job: str | None = None) -> T:
        """Write down what would be lost otherwise; while the database is away, try again.

        `job` as `Database.write` has it.
        """
        for _ in range(KEEP_TRIES):
            try:
                return await self.database.write(work, job=job)
            except StorageFailed as error:
                self.engine.report(f"{error.message}; holding what a provider said in memory")
                await self.engine.clock.sleep(KEEP_PAUSE_SECONDS)
        return await self.database.write(work, job=job)

    async def change(
        self,
        job_id: str,
        work: Callable[[Connection], T],
        *,
        seen: RowMapping | None = None,
        together: bool = False,
    ) -> T:
        """Change a job's rows, unless another process has taken it over.

        `seen` is its row where nothing may have changed since: `Outdated` where something has.
        `together` says that nothing ends in it that a budget counts: then it shares a transaction.
        """
        worker = self.worker()

        def guarded(connection: Connection) -> T:
            found = standing(connection, job_id)
            if found is None or found.worker != worker:
                raise LostLease(job_id)
            if seen is not None and seen["updated_at"] != found.updated_at:
                raise Outdated(job_id)
            return work(connection)

        outcome = await self.database.write(guarded, job=job_id if together else None)
        self.changed(job_id)
        return outcome

    def connection_of(self, attempt: Attempt) -> ProviderConnection:
        """The provider that an attempt went to."""
        return self.engine.providers.get(attempt["provider"], attempt["variant"])

    def model_of(self, attempt: Attempt, medium: Medium) -> Model | None:
        """The model that an attempt asked for."""
        return self.engine.providers.model(attempt["provider"], attempt["model"], medium)

    async def expected(self, provider: str, model: str) -> Expected | None:
        """How long such work takes, as far as that was seen here or by others before."""
        durations = self.underway.durations
        if not durations.knows(provider, model):
            seen = await self.database.read(lambda c: rows.seconds_taken(c, provider, model, KEPT))
            durations.recall(provider, model, seen)
        return durations.expected(provider, model)

    def callback_secret(self, attempt: RowMapping) -> str | None:
        """What the provider may sign its reports with, where that is configured."""
        said = self.connection_of(attempt).configured.webhook_secret
        return None if said is None else said.get_secret_value()

    def expects_call(self, connection: ProviderConnection, attempt_id: str) -> bool:
        """Whether a provider that calls reliably will probably report about an attempt."""
        if self.callback_base_url is None or not connection.provider.webhook.reliable:
            return False
        return self.calls.expected(connection.name, attempt_id, self.now())

    def callback_url(self, attempt: Attempt) -> str | None:
        """Where the provider may report about an attempt."""
        if self.callback_base_url is None:
            return None
        return (
            f"{self.callback_base_url.rstrip('/')}/webhooks/{attempt['provider']}"
            f"/{attempt['callback_token']}"
        )
