"""Batches as callers use them: hand in, look, wait, fetch the results, cancel."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, RowMapping

from anymedia.batches import rows, telling
from anymedia.batches.carrying import unbegun
from anymedia.batches.desk import Desk
from anymedia.batches.files import Files
from anymedia.batches.intake import Check, Intake
from anymedia.batches.lines import Build, Reader, Source, usual
from anymedia.batches.telling import FINAL_PARTS
from anymedia.batches.worker import LEASE_SECONDS, Worker
from anymedia.budgets.budget import Budgets
from anymedia.contracts.batch import ENDED, OVER, Batch, BatchItem, BatchSettings
from anymedia.contracts.errors import Conflict, NotFound, ProviderTimeout
from anymedia.contracts.media import Medium
from anymedia.engine.engine import Engine
from anymedia.jobs.service import Jobs
from anymedia.store.database import Database

OnProgress: TypeAlias = Callable[[Batch], None]
LOOK_SECONDS = 0.5
PAGE = 100


@dataclass(slots=True)
class Here:
    """What this process does for batches, whoever owns them."""

    working: asyncio.Task[None] | None = None


class Batches:
    """The batches of one installation. Any process may use them at the same time."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        jobs: Jobs,
        *,
        build: Build,
        budgets: Budgets | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._engine = engine
        self._database = database
        self._jobs = jobs
        self._build = build
        self._budgets = budgets
        self._news: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._here = Here()
        self._worker = Worker(
            database,
            engine.clock,
            engine.report,
            self._desk,
            lease_seconds=lease_seconds,
        )
        self.owner = jobs.owner

    def of(self, owner: str) -> Batches:
        """The same batches, seen by another owner, who sees none but their own."""
        if owner == self.owner:
            return self
        view = copy.copy(self)  # all that it holds is shared, but the name and the jobs
        view.owner = owner
        view._jobs = self._jobs.of(owner)  # noqa: SLF001  it is one of us
        return view

    def spend_from(self, budgets: Budgets) -> None:
        """Budgets that were set up since these batches were opened."""
        self._budgets = budgets

    def _desk(self, worker: str) -> Desk:
        return Desk(
            engine=self._engine,
            database=self._database,
            jobs=self._jobs,
            worker=worker,
            changed=self._changed,
            budgets=self._budgets,
        )

    # --- handing in -----------------------------------------------------------------------

    async def create(
        self,
        source: Source,
        settings: BatchSettings | None = None,
        *,
        medium: Medium | None = None,
        check: Check | None = None,
        reader: Reader | None = None,
        keeps_mistakes: bool = False,
    ) -> Batch:
        """Take a batch on. When this returns, it survives anything.

        `medium` is what lines ask for that do not say; a `reader` understands lines in another
        form. `InvalidRequest` lists lines that are no requests, and nothing is begun then; with
        `keeps_mistakes` it is not raised: the batch that comes back was stopped, and lists them.
        """
        intake = Intake(
            self._engine,
            self._database,
            self._jobs,
            settings=settings or BatchSettings(),
            reader=reader or usual(self._build, medium),
            check=check,
            keeps_mistakes=keeps_mistakes,
        )
        batch_id = await intake.take(source)
        self._worker.wake()
        return await self.get(batch_id)

    # --- looking --------------------------------------------------------------------------

    async def get(self, batch_id: str) -> Batch:
        """One batch. `NotFound` when it is not there, or not yours."""
        now = self._now()
        return await self._database.read(lambda c: telling.told(c, self._mine(c, batch_id), now))

    async def list(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
        dialect: str | None = None,
    ) -> tuple[Batch, ...]:
        """Your batches, the newest first; those that come `after` one in this order, or `before`.

        `dialect` narrows to those that were handed in in it, by the name in their metadata.
        """
        now = self._now()

        def work(c: Connection) -> tuple[Batch, ...]:
            found = rows.listed(
                c,
                self.owner,
                limit,
                after=None if after is None else self._mine(c, after),
                before=None if before is None else self._mine(c, before),
                dialect=dialect,
            )
            return tuple(telling.told(c, one, now) for one in found)

        return await self._database.read(work)

    async def holds_answers(self, batch_id: str, statuses: Iterable[str]) -> bool:
        """Whether anything is kept of what became of lines that stand like this."""

        def work(c: Connection) -> bool:
            return rows.holds_answers(c, self._mine(c, batch_id)["id"], statuses)

        return await self._database.read(work)

    async def expired(self, batch_id: str) -> int:
        """How many lines failed because a provider's batch did not get to them in time."""
        return await self._database.read(lambda c: rows.expired(c, self._mine(c, batch_id)["id"]))

    @property
    def files(self) -> Files:
        """Your files of lines, handed in before they are asked for."""
        return Files(self._database, self._jobs.store, self.owner, self._now)

    async def results(
        self, batch_id: str, *, every: bool = False, statuses: Iterable[str] = ENDED
    ) -> AsyncIterator[BatchItem]:
        """What became of its lines, in their order: of `every` one, or of those that stand so."""
        wanted = None if every else tuple(statuses)
        await self._database.read(lambda c: self._mine(c, batch_id))
        after = -1
        while True:
            found = await self._database.read(
                lambda c, a=after: rows.page(c, batch_id, a, PAGE, wanted)  # type: ignore[misc]  # mypy cannot type a lambda's defaults
            )
            for one in found:
                yield telling.item_of(one)
            if len(found) < PAGE:
                return
            after = found[-1]["position"]

    async def wait(
        self,
        batch_id: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Batch:
        """The batch once it is over, carried on in this process meanwhile.

        `ProviderTimeout` after `timeout_seconds` means that waiting is over, not the batch.
        """
        self.start()
        clock = self._engine.clock
        end = None if timeout_seconds is None else clock.monotonic() + timeout_seconds
        while True:
            event = self._news[batch_id]
            event.clear()
            batch = await self.get(batch_id)
            self._check_worker()
            if on_progress is not None:
                on_progress(batch)
            if batch.final:
                self._news.pop(batch_id, None)
                return batch
            if end is not None and clock.monotonic() >= end:
                raise ProviderTimeout(
                    f"batch `{batch_id}` is still {batch.status} after {timeout_seconds:g} s. It "
                    f"goes on; look with `anymedia batch show {batch_id}`",
                    retryable=False,
                    accepted="yes",
                    details={"batch_id": batch_id},
                )
            await clock.sleep(LOOK_SECONDS / 5)  # news come in crowds
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), LOOK_SECONDS)

    # --- deciding -------------------------------------------------------------------------

    async def cancel(self, batch_id: str) -> Batch:
        """Begin nothing more of it, and stop what can be stopped."""
        now = self._now()

        def work(c: Connection) -> None:
            row = self._mine(c, batch_id)
            if row["status"] in OVER or row["ends"] == "cancelled":
                return
            rows.change(c, batch_id, now, status="cancelling", ends="cancelled", due_at=now)
            problem = unbegun("cancelled").model_dump_json(exclude_none=True)
            rows.cancel_queued(c, batch_id, now, problem)
            rows.end_if_over(c, batch_id, now, "cancelled", FINAL_PARTS)

        await self._database.write(work)
        self._worker.wake(batch_id)
        return await self.get(batch_id)

    async def forget(self, batch_id: str) -> None:
        """Remove a batch that is over, with its lines; the ledger keeps what they cost."""
        await self._database.write(lambda c: rows.forget(c, self._over(c, batch_id)))

    async def forget_answers(self, batch_id: str, statuses: Iterable[str]) -> None:
        """Remove what became of lines that stand like this, once the batch is over."""
        kinds = tuple(statuses)
        await self._database.write(lambda c: rows.forget_answers(c, self._over(c, batch_id), kinds))

    def _over(self, c: Connection, batch_id: str) -> str:
        row = self._mine(c, batch_id)
        if row["status"] not in OVER:
            raise Conflict(
                f"batch `{batch_id}` is still {row['status']}; cancel it, or wait for its end"
            )
        return batch_id

    # --- work -----------------------------------------------------------------------------

    def start(self) -> None:
        """Carry batches on in this process, in the background."""
        here = self._here
        if here.working is None or here.working.done():
            self._jobs.start()
            here.working = asyncio.create_task(self._worker.run())

    async def work(self, *, until_idle: bool = False) -> None:
        """Carry batches on until stopped, or until none is left."""
        self._jobs.start()
        await self._worker.run(until_idle=until_idle)

    async def idle(self) -> bool:
        """Whether no batch is left that anybody has to carry on."""
        return await self._worker.idle()

    def stop(self) -> None:
        """Begin nothing new."""
        self._worker.stop()

    async def close(self, within_seconds: float | None = None) -> None:
        """Let questions under way end, for so long at most, and leave the rest to others."""
        self._worker.stop()
        working = self._here.working
        if working is not None:
            await asyncio.wait((working,), timeout=within_seconds)
            working.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await working

    def _now(self) -> float:
        return self._database.time(self._engine.clock.time())

    def _changed(self, batch_id: str) -> None:
        if batch_id in self._news:
            self._news[batch_id].set()

    def _check_worker(self) -> None:
        """A worker that died must not leave callers waiting."""
        working = self._here.working
        if working is not None and working.done() and not working.cancelled():
            error = working.exception()
            if error is not None:
                raise error

    def _mine(self, c: Connection, batch_id: str) -> RowMapping:
        row = rows.batch(c, batch_id)
        if row is None or row["owner"] != self.owner or row["status"] == rows.READING:
            raise NotFound(f"there is no batch `{batch_id}`; `anymedia batch list` shows yours")
        return row
