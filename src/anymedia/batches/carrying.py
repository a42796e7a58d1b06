"""Carrying one batch: beginning its lines as there is room, until the last of them is over.

The rows are the truth. What is under way in this process is only what it has begun itself; what a
process before it had begun is found in the rows and taken up again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.batches import bulk, planning, rows, single
from anymedia.batches.desk import Desk, LostLease, request_of
from anymedia.batches.purse import Purse
from anymedia.batches.telling import FINAL_PARTS
from anymedia.contracts.batch import OVER, BatchSettings
from anymedia.contracts.envelope.asking import REQUESTS
from anymedia.contracts.errors import (
    Cancelled,
    CostLimitExceeded,
    GenerationError,
    ProviderTimeout,
    StorageFailed,
)
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest
from anymedia.engine.candidate import Asker, Candidate
from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER

LOOK_SECONDS = 1.0
"""How often the row is looked at: somebody else may want the batch stopped."""
DRAIN_SECONDS = 30.0
"""How long questions under way may take when this process is to stop."""
ENDING = {
    "cancelled": "the batch was cancelled before this was begun",
    "max_cost": "the batch's `max_cost` does not allow for this",
    "deadline": "the batch's time was over before this was begun",
}


class Carrying:
    """One batch in this process."""

    def __init__(self, desk: Desk, batch_id: str) -> None:
        self._desk = desk
        self._id = batch_id
        self._running: dict[int, asyncio.Task[None]] = {}
        self._questions: set[int] = set()
        """Those of the running that are no jobs: cut off, they may be paid for nothing."""
        self._parts: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._stopping = False
        self._lost = False
        self._fault: Exception | None = None
        """What broke in a line or a part: the batch is taken up again from its rows."""
        self._not_before = 0.0
        """Until then nothing is begun: a limit is reached."""
        self._purse = Purse(None)
        self._cancelled_jobs: set[str] = set()

    def wake(self) -> None:
        """Look at it now."""
        self._news.set()

    def stop(self) -> None:
        """Begin nothing new, and let go of it when what is under way has ended."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Carry it to its end, or until this process is to stop."""
        try:
            if not await self._begun():
                return
            while not self._stopping and not self._lost:
                self._news.clear()
                if self._fault is not None:
                    raise self._fault
                row = await self._row()
                if row is None or row["status"] in OVER:
                    return
                row = await self._ending(row)
                await self._desk.jobs.know_key_terms()
                if row["ends"] is None:
                    await self._planned(row)
                    await self._start(row)
                else:
                    await self._wind_up(row)
                await self._start_parts(row)
                if not self._running and not self._parts and await self._over(row):
                    return
                await self._rest()
        except LostLease:
            return
        finally:
            await self._leave()

    async def _row(self) -> RowMapping | None:
        return await self._desk.database.read(lambda c: rows.batch(c, self._id))

    # --- beginning ------------------------------------------------------------------------

    async def _begun(self) -> bool:
        """Take up what a process before this one has left."""
        row = await self._row()
        if row is None or row["status"] in OVER:
            return False
        desk, now = self._desk, self._desk.now()
        if row["started_at"] is not None:
            await take_in(desk.database, desk.database.directory / FOLDER)
            while await desk.change(self._id, lambda c: self._recovered(c, row, now)):
                pass

        def work(c: Connection) -> tuple[int, int]:
            if row["status"] == "queued":
                rows.change(c, self._id, now, status="running", started_at=now)
            return rows.money(c, self._id)

        spent, held = await desk.change(self._id, work)
        settings = BatchSettings.model_validate_json(row["settings"])
        self._purse = Purse.of(settings.max_cost, spent, held)
        return True

    def _recovered(self, c: Connection, row: RowMapping, now: float) -> bool:
        found = rows.with_status(c, self._id, "running", 200)
        for item in found:
            if item["job_id"] is not None or is_job(item):
                before = ("running",)
                rows.move(c, self._id, item["position"], before=before, after="queued", due_at=None)
            else:
                single.interrupted(c, row, item, now)
        return bool(found)

    async def _ending(self, row: RowMapping) -> RowMapping:
        """Stop beginning things when time is up."""
        settings = BatchSettings.model_validate_json(row["settings"])
        seconds = settings.timeout_seconds
        if row["ends"] is not None or seconds is None:
            return row
        over = self._desk.now() >= row["created_at"] + seconds
        return await self._ends(row, "deadline") if over else row

    async def _ends(self, row: RowMapping, why: str) -> RowMapping:
        now = self._desk.now()
        problem: GenerationError = Cancelled(ENDING[why])
        if why == "max_cost":
            problem = CostLimitExceeded("the batch was stopped before it exceeded its `max_cost`")
        elif why == "deadline":
            problem = ProviderTimeout("the batch's `timeout_seconds` are over", retryable=False)
        text = problem.problem().model_dump_json(exclude_none=True)

        def work(c: Connection) -> None:
            rows.change(c, self._id, now, ends=why, problem=text)

        await self._desk.change(self._id, work)
        return await self._row() or row

    async def _planned(self, row: RowMapping) -> None:
        """Decide, once, which lines go through batch APIs of providers."""
        settings = BatchSettings.model_validate_json(row["settings"])
        if row["planned"] or not settings.uses_provider_batches:
            return
        await planning.planned(self._desk, row, self._purse)

    # --- lines ----------------------------------------------------------------------------

    async def _start(self, row: RowMapping) -> None:
        desk = self._desk
        settings = BatchSettings.model_validate_json(row["settings"])
        room = settings.concurrency - len(self._running)
        if room <= 0 or desk.engine.clock.monotonic() < self._not_before:
            return
        now = desk.now()
        found = await desk.database.read(lambda c: rows.ready(c, self._id, now, room))
        chosen: list[tuple[RowMapping, dict[str, Any]]] = []
        for item in found:
            if item["position"] in self._running:
                continue
            try:
                columns = self._afforded(row, item)
            except GenerationError as error:
                await self._refused(item, error)
                continue
            if columns is None:
                if not self._running and not chosen and not await self._open_parts():
                    await self._ends(row, "max_cost")
                    self._news.set()
                break
            chosen.append((item, columns))
        if not chosen:
            return

        def work(c: Connection) -> list[int]:
            return [
                item["position"]
                for item, columns in chosen
                if rows.move(
                    c, self._id, item["position"], before=("queued",), after="running", **columns
                )
            ]

        moved = await desk.change(self._id, work)
        for item, columns in chosen:
            if item["position"] in moved:
                begun = {**item, **columns}
                task = asyncio.create_task(self._do(row, begun))
                self._running[item["position"]] = task
                if not is_job(item):
                    self._questions.add(item["position"])

    def _afforded(self, row: RowMapping, item: RowMapping) -> dict[str, Any] | None:
        """What is written down when a line is begun; `None` where there is no money for it now."""
        columns: dict[str, Any] = {"tries": item["tries"] + 1, "due_at": None}
        if item["held"] is not None:  # begun before
            self._purse.hold(item["held"])
            return columns
        if is_job(item) and self._purse.limit is None:
            return columns
        candidate = self._first(row, item)
        columns |= {"provider": candidate.connection.name, "model": candidate.model_id}
        if self._purse.limit is None:
            return columns
        bound = self._purse.bound(candidate.estimate, candidate.name)
        if not self._purse.fits(bound):
            return None
        self._purse.hold(bound)
        return {**columns, "held": bound}

    def _first(self, row: RowMapping, item: RowMapping) -> Candidate:
        engine = self._desk.engine
        found, _ = engine.router.chosen(
            request_of(item["medium"], item["request"]),
            engine.clock.now().date(),
            asker=Asker(caller=row["owner"]),
        )
        return found[0]

    async def _refused(self, item: RowMapping, error: GenerationError) -> None:
        """Nobody can do it any more: nothing is spent."""
        now, ended = self._desk.now(), single.failed(error)

        def work(c: Connection) -> None:
            rows.move(
                c,
                self._id,
                item["position"],
                before=("queued",),
                after=ended.status,
                finished_at=now,
                **ended.columns,
            )

        await self._desk.change(self._id, work)

    async def _do(self, row: RowMapping, item: Any) -> None:
        position = item["position"]
        try:
            outcome = await single.done(self._desk, row, item)
            await self._written(item, outcome)
        except LostLease:
            self._lost = True
        except Exception as error:  # noqa: BLE001  whoever carries the batch is told, below
            self._fault = error
        finally:
            self._running.pop(position, None)
            self._questions.discard(position)
            self._news.set()

    async def _written(self, item: Any, outcome: single.Ended | single.Later) -> None:
        desk, now = self._desk, self._desk.now()
        if isinstance(outcome, single.Later):
            until = now + outcome.seconds
            if outcome.everyone:
                self._not_before = desk.engine.clock.monotonic() + outcome.seconds
            after, columns = "queued", {"due_at": until}
        else:
            after, columns = outcome.status, {**outcome.columns, "finished_at": now}

        def work(c: Connection) -> bool:
            return rows.move(
                c, self._id, item["position"], before=("running",), after=after, **columns
            )

        moved = await kept_in_time(desk, self._id, work)
        if moved and item["held"] is not None:
            if isinstance(outcome, single.Ended):
                self._purse.settle(item["held"], outcome.amount)
            else:
                self._purse.settle(item["held"], 0)

    # --- ending ---------------------------------------------------------------------------

    async def _wind_up(self, row: RowMapping) -> None:
        """Nothing more is begun; what can be stopped is."""
        desk, now = self._desk, self._desk.now()
        text = unbegun(row["ends"]).model_dump_json(exclude_none=True)
        await desk.change(self._id, lambda c: rows.cancel_queued(c, self._id, now, text))
        if row["ends"] == "max_cost":
            return
        found = await desk.database.read(lambda c: rows.with_status(c, self._id, "running", 1000))
        jobs = desk.jobs.of(row["owner"])
        for item in found:
            job_id = item["job_id"]
            if job_id is not None and job_id not in self._cancelled_jobs:
                self._cancelled_jobs.add(job_id)
                await jobs.cancel(job_id)

    async def _over(self, row: RowMapping) -> bool:
        """Write down that it is over, if it is."""
        desk, now = self._desk, self._desk.now()
        status = "completed" if row["ends"] is None else "stopped"
        if row["ends"] == "cancelled":
            status = "cancelled"

        over = await desk.change(
            self._id, lambda c: rows.end_if_over(c, self._id, now, status, FINAL_PARTS)
        )
        if over:
            desk.changed(self._id)
        return over

    # --- parts ----------------------------------------------------------------------------

    async def _open_parts(self) -> bool:
        found = await self._desk.database.read(lambda c: rows.parts_of(c, self._id))
        return any(one["state"] not in FINAL_PARTS for one in found)

    async def _start_parts(self, row: RowMapping) -> None:
        settings = BatchSettings.model_validate_json(row["settings"])
        if not settings.uses_provider_batches:
            return
        now = self._desk.now()
        found = await self._desk.database.read(lambda c: rows.parts_of(c, self._id))
        for one in found:
            due = (one["due_at"] or 0.0) <= now
            wanted = row["ends"] in {"cancelled", "deadline"} and one["cancel"] is None
            if one["state"] in FINAL_PARTS or one["id"] in self._parts or not (due or wanted):
                continue
            self._parts[one["id"]] = asyncio.create_task(self._part(row, one))

    async def _part(self, row: RowMapping, part: RowMapping) -> None:
        try:
            await bulk.step(self._desk, row, part, self._purse)
        except LostLease:
            self._lost = True
        except Exception as error:  # noqa: BLE001  as above
            self._fault = error
        finally:
            self._parts.pop(part["id"], None)
            self._news.set()

    # --- resting and leaving --------------------------------------------------------------

    async def _rest(self) -> None:
        clock = self._desk.engine.clock
        left = self._not_before - clock.monotonic()
        seconds = min(LOOK_SECONDS, left) if left > 0 else LOOK_SECONDS
        waiting = asyncio.ensure_future(self._news.wait())
        sleeping = asyncio.ensure_future(clock.sleep(seconds))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    async def _leave(self) -> None:
        """Questions under way are waited for, as they may be paid; jobs go on by themselves."""
        asking = [self._running[one] for one in self._questions if one in self._running]
        jobs = [task for position, task in self._running.items() if position not in self._questions]
        for task in jobs:
            task.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await single.stopped(asking, 0.0 if self._lost else DRAIN_SECONDS)
        with contextlib.suppress(asyncio.CancelledError):
            await single.stopped(list(self._parts.values()), DRAIN_SECONDS)


async def kept_in_time(desk: Desk, batch_id: str, work: Callable[[Connection], bool]) -> bool:
    """Write down what was paid for; while the disk is full, hold it and try again."""
    while True:
        try:
            return await desk.change(batch_id, work)
        except StorageFailed as error:
            desk.engine.report(f"batch {batch_id}: {error.message}; holding a result in memory")
            await desk.engine.clock.sleep(single.DISK_SECONDS)


def is_job(item: Any) -> bool:
    """Whether a line's request becomes a job."""
    return issubclass(REQUESTS[item["medium"]], MediaRequest)


def unbegun(why: str) -> Problem:
    """Why a line was not begun."""
    problem = Cancelled(ENDING[why]).problem()
    code = {"max_cost": "BUDGET_EXCEEDED", "deadline": "TIMEOUT"}.get(why, "CANCELLED")
    return problem.model_copy(update={"code": code})
