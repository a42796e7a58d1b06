"""Jobs as callers use them: submit, wait, look, cancel, retry, decide."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, RowMapping

from anymedia.budgets.budget import Budgets
from anymedia.contracts.errors import (
    Cancelled,
    Conflict,
    InvalidRequest,
    JobFailed,
    NotFound,
    ProviderTimeout,
    raised,
)
from anymedia.contracts.job import Job, JobStatus
from anymedia.contracts.media import (
    MediaArtifact,
    MediaBytes,
    MediaFile,
    Medium,
    StoredArtifact,
)
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.result import MediaResult, Result
from anymedia.engine.candidate import Asker
from anymedia.engine.engine import Engine, new_id
from anymedia.engine.inputs import AnyMedia, artifact_ids, holds_media, replaced
from anymedia.jobs import requests, rows, telling
from anymedia.jobs.callbacks import deliver
from anymedia.jobs.desk import Desk
from anymedia.jobs.dispatcher import LocalDispatcher
from anymedia.jobs.guard import adopt, brief_of, operation_of
from anymedia.jobs.settling import NOTHING, end_attempt, end_job
from anymedia.jobs.steps import step
from anymedia.jobs.underway import UnderWay
from anymedia.providers import spec
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import Database
from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER
from anymedia.wire.http import Headers

Verdict: TypeAlias = Literal["accepted", "not_accepted", "abandoned"]
OnProgress: TypeAlias = Callable[[Job], None]
LOOK_SECONDS = 0.5
"""How often a waiting caller looks at the rows, in case another process works on the job."""
SUBMITTED: frozenset[str] = frozenset({"intent", "sending", "not_sent"})
DELIVER_SECONDS = 2.0
INTAKE_SECONDS = 60.0


@dataclass(slots=True)
class Here:
    """What this process does for the jobs, whoever owns them."""

    working: asyncio.Task[None] | None = None
    delivering: asyncio.Task[None] | None = None


class Jobs:
    """The jobs of one data directory. Any process may use it at the same time."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        store: ArtifactStore,
        *,
        owner: str = "local",
        lease_seconds: float | None = None,
        callback_base_url: str | None = None,
        budgets: Budgets | None = None,
    ) -> None:
        self._engine = engine
        self._database = database
        self.store = store
        self.owner = owner
        lease = {} if lease_seconds is None else {"lease_seconds": lease_seconds}
        self._dispatcher = LocalDispatcher(database, engine.clock, engine.report, **lease)
        self._desk = Desk(
            engine=engine,
            database=database,
            store=store,
            worker=lambda: self._dispatcher.worker,
            changed=self._changed,
            underway=UnderWay(engine),
            budgets=budgets,
            callback_base_url=callback_base_url,
        )
        self._desk.underway.wakes(self._dispatcher.enqueue)
        self._dispatcher.handle(lambda job_id: step(self._desk, job_id))
        self._news: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._here = Here()

    def of(self, owner: str) -> Jobs:
        """The same jobs at work, seen by another owner, who sees no jobs but their own."""
        if owner == self.owner:
            return self
        view = copy.copy(self)  # all that it holds is shared, but the name
        view.owner = owner
        return view

    # --- submit and wait ------------------------------------------------------------------

    async def submit(self, request: MediaRequest[Any]) -> Job:
        """Take a request on. When this returns, the job survives anything.

        Raises before anything is kept when no candidate fits.
        """
        asker = Asker(caller=self.owner)
        await self.check_inputs(request)
        self._engine.router.chosen(request, self._engine.clock.now().date(), asker=asker)
        request, hashes = await self._with_kept_inputs(request)
        job_id = new_id("job")
        now = self._desk.now()
        digest = requests.digest(request, hashes)
        columns: dict[str, Any] = {
            "id": job_id,
            "owner": self.owner,
            "medium": request.medium,
            "status": "queued",
            "request": requests.as_text(request),
            "request_hash": digest,
            "idempotency_key": request.idempotency_key,
            "created_at": now,
            "updated_at": now,
            "due_at": now,
        }

        def work(c: Connection) -> RowMapping:
            if request.idempotency_key is not None:
                earlier = rows.job_by_key(c, self.owner, request.idempotency_key)
                if earlier is not None:
                    return same_request(earlier, digest)
            rows.insert_job(c, **columns)
            rows.note(c, job_id, now, "job-accepted", medium=request.medium)
            row = rows.job(c, job_id)
            assert row is not None
            return row

        row = await self._database.write(work)
        self._dispatcher.enqueue(row["id"])
        return await self.get(row["id"])

    async def wait(
        self,
        job_id: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> MediaResult:
        """The result. Raises what the job came to.

        `ProviderTimeout` after `timeout_seconds` means that waiting is over, not the job.
        """
        self.start()
        job = await self._until(
            job_id, lambda job: job.final, timeout_seconds=timeout_seconds, on_progress=on_progress
        )
        return result_of(job)

    async def submitted(self, job_id: str) -> Job:
        """Wait until it is known what became of the submission; the rest can be left to others."""
        self.start()

        def is_settled(job: Job) -> bool:
            return job.final or (bool(job.attempts) and job.attempts[-1].state not in SUBMITTED)

        return await self._until(job_id, is_settled)

    async def _until(
        self,
        job_id: str,
        reached: Callable[[Job], bool],
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job:
        clock = self._engine.clock
        end = None if timeout_seconds is None else clock.monotonic() + timeout_seconds
        told: tuple[Any, ...] = ()
        while True:
            event = self._news[job_id]
            event.clear()
            job = await self.get(job_id)
            self._check_worker()
            if on_progress is not None and told != (job.status, job.progress, len(job.attempts)):
                told = (job.status, job.progress, len(job.attempts))
                on_progress(job)
            if reached(job):
                self._news.pop(job_id, None)
                return job
            if end is not None and clock.monotonic() >= end:
                raise ProviderTimeout(
                    f"job `{job_id}` is still {job.status} after {timeout_seconds:g} s. It goes on; "
                    f"wait again with `client.jobs.wait` or `anymedia jobs wait {job_id}`",
                    retryable=False,
                    accepted="yes",
                    details={"job_id": job_id},
                )
            await self._news_or_pause(event)

    async def _news_or_pause(self, event: asyncio.Event) -> None:
        waiting = asyncio.ensure_future(event.wait())
        pausing = asyncio.ensure_future(self._engine.clock.sleep(LOOK_SECONDS))
        try:
            await asyncio.wait((waiting, pausing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            pausing.cancel()

    # --- look -----------------------------------------------------------------------------

    async def get(self, job_id: str) -> Job:
        """One job with its timeline. `NotFound` when it is not there, or not yours."""

        def work(c: Connection) -> Job | None:
            row = rows.job(c, job_id)
            if row is None or row["owner"] != self.owner:
                return None
            return telling.told(c, [row], full=True)[0]

        job = await self._database.read(work)
        if job is None:
            raise NotFound(f"there is no job `{job_id}`; `anymedia jobs list` shows yours")
        return self._bound(job)

    async def list(
        self,
        *,
        limit: int = 50,
        status: JobStatus | None = None,
        media: Medium | None = None,
    ) -> tuple[Job, ...]:
        """Your jobs, the newest first."""

        def work(c: Connection) -> list[Job]:
            found = rows.listed(c, owner=self.owner, limit=limit, status=status, medium=media)
            return telling.told(c, found)

        return tuple(self._bound(job) for job in await self._database.read(work))

    # --- decide ---------------------------------------------------------------------------

    async def cancel(self, job_id: str) -> Job:
        """Ask for it to be stopped. What came of that is in `.cancel`, soon."""
        now = self._desk.now()

        def work(c: Connection) -> None:
            row = self._mine(c, job_id)
            if row["due_at"] is None or row["cancel"] is not None:
                return
            rows.set_job(c, job_id, now, cancel="wanted", due_at=now)
            rows.note(c, job_id, now, "cancel-requested")

        await self._database.write(work)
        self._dispatcher.signal_cancel(job_id)
        return await self.get(job_id)

    async def retry(self, job_id: str) -> Job:
        """Try a job that has failed or was cancelled once more, as a new attempt."""
        now = self._desk.now()

        def work(c: Connection) -> None:
            row = self._mine(c, job_id)
            if row["status"] not in {"failed", "cancelled"}:
                hint = (
                    "decide first what became of it: `anymedia jobs resolve`"
                    if row["status"] == "outcome_unknown"
                    else "only what has failed or was cancelled can be tried again"
                )
                raise Conflict(f"job `{job_id}` is {row['status']}; {hint}")
            rows.set_job(
                c,
                job_id,
                now,
                status="queued",
                due_at=now,
                retried_at=now,
                finished_at=None,
                cancel=None,
                problem=None,
                progress=None,
            )
            rows.note(c, job_id, now, "job-retried")

        await self._database.write(work)
        self._dispatcher.enqueue(job_id)
        return await self.get(job_id)

    async def resolve(self, job_id: str, verdict: Verdict, handle: str | None = None) -> Job:
        """Say what became of a submission that nobody knows of.

        `accepted` with the provider's id goes on with it; `not_accepted` allows another try;
        `abandoned` ends the job, its cost staying open.
        """
        row, attempt = await self._database.read(lambda c: self._unknown(c, job_id))
        if verdict == "accepted":
            if not handle:
                raise InvalidRequest(
                    "`accepted` needs the provider's id of the job as `handle`, from its dashboard"
                )
            operation = operation_of(self._desk, attempt, row["medium"])
            if not isinstance(operation, spec.Job):
                raise InvalidRequest(
                    f"`{attempt['provider']}` answers this at once and keeps no job to go on with; "
                    f"use `not_accepted` or `abandoned`"
                )
            await adopt(self._desk, row, attempt, spec.Submitted(handle=handle))
        else:
            await self._database.write(lambda c: self._decided(c, row, attempt, verdict))
        self._dispatcher.enqueue(job_id)
        return await self.get(job_id)

    def _decided(
        self, c: Connection, row: RowMapping, attempt: RowMapping, verdict: Verdict
    ) -> None:
        now = self._desk.now()
        rows.note(c, row["id"], now, "job-resolved", verdict=verdict)
        if verdict == "abandoned":
            problem = Problem(
                code="OUTCOME_UNKNOWN",
                kind="OutcomeUnknown",
                message="given up without knowing what became of it; its cost stays open",
                provider=attempt["provider"],
                accepted="unknown",
            )
            end_job(c, row, now, "failed", problem=problem)
            return
        end_attempt(
            c, row, attempt, now, before=("outcome_unknown",), state="not_sent", cost=NOTHING
        )
        rows.set_job(c, row["id"], now, status="queued", due_at=now, finished_at=None, problem=None)

    def _unknown(self, c: Connection, job_id: str) -> tuple[RowMapping, RowMapping]:
        row = self._mine(c, job_id)
        attempts = rows.attempts_of(c, [job_id])
        if not attempts or attempts[-1]["state"] != "outcome_unknown":
            raise Conflict(f"job `{job_id}` is {row['status']}: there is nothing to resolve")
        return row, attempts[-1]

    async def received(self, token: str, body: bytes, headers: Headers) -> None:
        """A provider has called back about an attempt. `NotFound` for an unknown token."""
        found = await self._database.read(lambda c: rows.attempt_by_token(c, token))
        if found is None:
            raise NotFound("no attempt has this callback token")
        row = await self._database.read(lambda c: rows.job(c, found["job_id"]))
        assert row is not None
        operation = operation_of(self._desk, found, row["medium"])
        if isinstance(operation, spec.Job) and operation.read_callback is not None:
            told = operation.read_callback(body, headers)
            if found["state"] in {"sending", "outcome_unknown"}:
                handle = told.handle
                if operation.whole_handle is not None:
                    handle = operation.whole_handle(handle, brief_of(self._desk, row, found))
                await adopt(self._desk, row, found, spec.Submitted(handle=handle))
        # A callback is only a hint: how it stands is asked with our own key.
        self._dispatcher.enqueue(row["id"])

    # --- work -----------------------------------------------------------------------------

    def start(self) -> None:
        """Carry jobs on in this process, in the background."""
        here = self._here
        if here.working is None or here.working.done():
            here.working = asyncio.create_task(self._dispatcher.run())
            here.delivering = asyncio.create_task(self._deliver())

    async def work(self, *, until_idle: bool = False) -> None:
        """Carry jobs on until stopped, or until nothing is pending."""
        self._here.delivering = asyncio.create_task(self._deliver())
        await self._dispatcher.run(until_idle=until_idle)
        await deliver(self._desk)

    def stop(self) -> None:
        """Begin nothing new."""
        self._dispatcher.stop()

    async def close(self) -> None:
        """Finish what is being sent or fetched, and leave the rest to others."""
        self._dispatcher.stop()
        here = self._here
        if here.working is not None:
            with contextlib.suppress(Exception):
                await here.working
        if here.delivering is not None:
            here.delivering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await here.delivering

    def health(self) -> dict[str, Any]:
        """How the work goes in this process."""
        return self._dispatcher.health()

    async def _deliver(self) -> None:
        """The chores: webhooks to callers, and the journals' rows into the ledger."""
        clock, due = self._engine.clock, 0.0
        while True:
            with contextlib.suppress(Exception):
                await deliver(self._desk)
            if clock.monotonic() >= due:
                due = clock.monotonic() + INTAKE_SECONDS
                with contextlib.suppress(Exception):
                    await take_in(self._database, self._database.directory / FOLDER)
            await clock.sleep(DELIVER_SECONDS)

    def _changed(self, job_id: str) -> None:
        if job_id in self._news:
            self._news[job_id].set()

    def _check_worker(self) -> None:
        """A dispatcher that died must not leave callers waiting."""
        working = self._here.working
        if working is not None and working.done() and not working.cancelled():
            error = working.exception()
            if error is not None:
                raise error

    def _mine(self, c: Connection, job_id: str) -> RowMapping:
        row = rows.job(c, job_id)
        if row is None or row["owner"] != self.owner:
            raise NotFound(f"there is no job `{job_id}`; `anymedia jobs list` shows yours")
        return row

    # --- media ----------------------------------------------------------------------------

    async def _with_kept_inputs(
        self, request: MediaRequest[Any]
    ) -> tuple[MediaRequest[Any], dict[str, str]]:
        """The request with our own copies of its files, so that it can be carried out later.

        Beside it, by the copies' ids, the hashes of their bytes: the same file is the same input.
        """
        hashes: dict[str, str] = {}

        async def keep(media: AnyMedia) -> AnyMedia:
            if not isinstance(media, MediaBytes | MediaFile):
                return media
            held = await self._engine.inputs.held(media)
            stored = await self.store.keep_bytes(
                held.data, media_type=held.media_type, stem="input", metadata={}
            )
            hashes[stored.id] = stored.sha256
            now = self._desk.now()
            await self._database.write(
                lambda c: rows.insert_artifact(c, stored, owner=self.owner, now=now, role="input")
            )
            return MediaArtifact(
                artifact_id=stored.id, media_type=stored.media_type, filename=held.filename
            )

        return await replaced(request, keep), hashes

    async def artifact(self, artifact_id: str) -> StoredArtifact:
        """An input or a result, ready to be read; `NotFound` when there is none of yours."""
        row = await self._database.read(lambda c: rows.artifact(c, artifact_id))
        if row is None or row["owner"] != self.owner:
            raise NotFound(f"there is no artifact `{artifact_id}`")
        return telling.artifact_of(row).bind(self.store)

    async def check_inputs(self, request: Request[Any]) -> None:
        """`NotFound` where a request refers to something kept that is not yours."""
        if holds_media(tuple(request.__dict__.values())):
            for artifact_id in artifact_ids(request):
                await self.artifact(artifact_id)

    async def read_input(self, artifact_id: str) -> MediaBytes:
        """The bytes of something that a request refers to; whether it may was checked before."""
        row = await self._database.read(lambda c: rows.artifact(c, artifact_id))
        if row is None:
            raise NotFound(f"there is no artifact `{artifact_id}`")
        stored = telling.artifact_of(row)
        data = await asyncio.to_thread(self.store.read, stored)
        return MediaBytes(data=data, media_type=stored.media_type, filename=stored.filename)

    async def still_holds(self, result: Result) -> bool:
        """Whether everything that a result refers to is still in the store; ready to be read."""
        assert isinstance(result, MediaResult)
        for artifact in result.artifacts:
            artifact.bind(self.store)
        return await asyncio.to_thread(lambda: all(map(self.store.holds, result.artifacts)))

    def _bound(self, job: Job) -> Job:
        for artifact in job.artifacts:
            artifact.bind(self.store)
        return job


def same_request(earlier: RowMapping, digest: str) -> RowMapping:
    """The job that an idempotency key already stands for, if it is for the same request."""
    if earlier["request_hash"] != digest:
        raise Conflict(
            f"the idempotency key already belongs to job `{earlier['id']}`, which asks for "
            f"something else; use another key"
        )
    return earlier


def result_of(job: Job) -> MediaResult:
    """What a finished job brought; raises what it failed with."""
    match job.status:
        case "succeeded":
            kind: type[MediaResult] = requests.KINDS[job.medium].result_type  # type: ignore[assignment]  # media requests have media results
            elapsed = (
                (job.finished_at - job.created_at).total_seconds() if job.finished_at else None
            )
            return kind(
                provider=job.provider or "",
                model=job.model or "",
                request_id=job.request_id,
                usage=job.usage,
                cost=job.cost,
                attempts=job.attempts,
                warnings=job.warnings,
                metadata=job.metadata,
                provider_metadata=job.provider_metadata,
                elapsed_seconds=elapsed,
                job_id=job.id,
                artifacts=job.artifacts,
            )
        case "cancelled":
            raise Cancelled(
                f"job `{job.id}` was cancelled", attempts=job.attempts, details={"job_id": job.id}
            )
        case _:
            problem = job.problem or JobFailed(f"job `{job.id}` {job.status}").problem()
            error = raised(problem, job.attempts)
            error.details = {**error.details, "job_id": job.id}
            raise error
