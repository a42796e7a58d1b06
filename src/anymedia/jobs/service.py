"""Jobs as callers use them: submit, wait, look, cancel, retry, decide."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from sqlalchemy import Connection, RowMapping

from anymedia.budgets.budget import Budgets
from anymedia.contracts.errors import (
    Cancelled,
    Conflict,
    InvalidRequest,
    JobFailed,
    NotFound,
    ProviderTimeout,
    StorageFailed,
    raised,
)
from anymedia.contracts.job import FINAL, Job, Pause
from anymedia.contracts.listing import JobFilter, JobPage
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
from anymedia.engine.engine import Engine
from anymedia.engine.identity import new_id
from anymedia.engine.inputs import AnyMedia, artifact_ids, holds_media, replaced
from anymedia.jobs import requests, rows, telling
from anymedia.jobs.acceptance import adopt
from anymedia.jobs.archive import JOBS_PER_FILE, Archive
from anymedia.jobs.artifacts import Artifacts
from anymedia.jobs.asking import Asking
from anymedia.jobs.desk import Desk
from anymedia.jobs.dispatcher import dispatcher_for
from anymedia.jobs.inbox.inbox import Inbox
from anymedia.jobs.intent import operation_of
from anymedia.jobs.lines import turn_of
from anymedia.jobs.listing import PAGE, cursor_of, listed, place_of
from anymedia.jobs.normalizing import with_default
from anymedia.jobs.outbox import receivers
from anymedia.jobs.outbox.delivery import Outbox
from anymedia.jobs.outbox.messages import Messages
from anymedia.jobs.outbox.signing import SigningKeys
from anymedia.jobs.pauses import Pauses, key_of
from anymedia.jobs.previews import preview
from anymedia.jobs.retention import Collected, Collector, refuse_purged
from anymedia.jobs.settling import NOTHING, end_attempt, end_job
from anymedia.jobs.steps import step
from anymedia.jobs.underway import UnderWay
from anymedia.jobs.waits import Waits
from anymedia.media.studio import Studio
from anymedia.providers import spec
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.artifacts.store import refuse_removed
from anymedia.store.database import Database
from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER
from anymedia.store.sealing import Seal
from anymedia.wire.http import Headers

Verdict: TypeAlias = Literal["accepted", "not_accepted", "abandoned"]
OnProgress: TypeAlias = Callable[[Job], None]
LOOK_SECONDS = 0.5
"""How often a waiting caller looks at the rows, in case another process works on the job."""
SUBMITTED: frozenset[str] = frozenset({"intent", "sending", "not_sent"})
WAITS_SECONDS = 10.0
"""A job that nobody has begun for so long waits, whichever process has it."""
GRACE_SECONDS = 1.0
"""Who waits as long as the job may take is told how it ended, not that the time is over."""
DELIVER_SECONDS = 2.0
INTAKE_SECONDS = 60.0
SEAL = "callback-secrets.key"
JOB = "job_"


class Beside(Protocol):
    """Somebody who gives jobs to the process that carries them on, such as batches."""

    def start(self) -> None:
        """Begin, in the background."""
        ...

    async def idle(self) -> bool:
        """Whether there is nothing left for it to do."""
        ...


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
        key_terms: Callable[[], Awaitable[None]] | None = None,
        studio: Studio | None = None,
    ) -> None:
        self._engine = engine
        self._database = database
        self.store = store
        self.owner = owner
        lease = {} if lease_seconds is None else {"lease_seconds": lease_seconds}
        self._dispatcher = dispatcher_for(database, engine.clock, engine.report, **lease)
        underway = UnderWay(engine)
        waits = Waits(engine, database, underway, lambda: self._dispatcher.worker)
        self._desk = Desk(
            engine=engine,
            database=database,
            store=store,
            worker=lambda: self._dispatcher.worker,
            changed=self._changed,
            underway=underway,
            studio=studio or Studio(file_bytes=engine.settings.max_artifact_bytes),
            pauses=Pauses(database, engine.clock),
            asking=Asking(engine.clock, engine.report),
            waits=waits,
            budgets=budgets,
            key_terms=key_terms,
            callback_base_url=callback_base_url,
        )
        self._desk.underway.wakes(self._dispatcher.enqueue)
        self._dispatcher.handle(self._step, waits)
        self._news: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._here = Here()
        self._collector = Collector(database, store, lambda: engine.settings.retention)
        keys = SigningKeys(
            database,
            engine.clock,
            Seal(database.directory / SEAL),
            lambda: engine.settings.callbacks,
        )
        self._outbox = Outbox(self._desk, keys)
        self._inbox = Inbox(self._desk, self._dispatcher.enqueue)
        self._messages = Messages(database, engine.clock, keys, owner)

    def of(self, owner: str) -> Jobs:
        """The same jobs at work, seen by another owner, who sees no jobs but their own."""
        if owner == self.owner:
            return self
        view = copy.copy(self)  # all that it holds is shared, but the name
        view.owner = owner
        return view

    def spend_from(self, budgets: Budgets) -> None:
        """Budgets that were set up since these jobs were opened."""
        self._desk.budgets = budgets

    async def know_key_terms(self) -> None:
        """Look up what keys may ask for of their own, unless that was just now."""
        if self._desk.key_terms is not None:
            await self._desk.key_terms()

    # --- submit and wait ------------------------------------------------------------------

    async def submit(self, request: MediaRequest[Any]) -> Job:
        """Take a request on. When this returns, the job survives anything.

        Raises before anything is kept when no candidate fits.
        """
        asker = Asker(caller=self.owner)
        await self.check_inputs(request)
        if request.callback_url is not None:
            settings = self._engine.settings.callbacks
            await receivers.check(request.callback_url, settings, self._engine.downloads)
        self._engine.router.chosen(request, self._engine.clock.now().date(), asker=asker)
        request, hashes = await self._with_kept_inputs(request)
        said, request = request, with_default(request, self._engine.settings)
        job_id = new_id("job")
        now = self._desk.now()
        digest = requests.digest(said, hashes)
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
            **timing(request, now),
        }

        def work(c: Connection) -> tuple[Job, RowMapping | None]:
            if request.idempotency_key is not None:
                earlier = rows.job_by_key(c, self.owner, request.idempotency_key)
                if earlier is not None:
                    return telling.told(c, [same_request(earlier, digest)], full=True)[0], None
            row = rows.insert_job(c, **columns)
            if row is None:  # another process was a moment earlier
                earlier = rows.job_by_key(c, self.owner, request.idempotency_key or "")
                assert earlier is not None
                return telling.told(c, [same_request(earlier, digest)], full=True)[0], None
            refuse_purged(c, columns["request"])
            rows.note(c, job_id, now, "job-accepted", medium=request.medium)
            return telling.fresh(row), row

        taking_on = asyncio.ensure_future(self._taken_on(work, columns))
        # Also for who goes away meanwhile: a job of ours that we do not know of would lie there.
        taking_on.add_done_callback(looked_at)
        return self._bound(await asyncio.shield(taking_on))

    async def _taken_on(
        self, work: Callable[[Connection], tuple[Job, RowMapping | None]], columns: dict[str, Any]
    ) -> Job:
        """Write a job down; where that suits, it is this process' own from the start."""
        worker = self._dispatcher.taking() if columns["not_before"] is None else None
        columns["worker"] = worker
        try:
            job, row = await self._database.write(work, job=columns["id"])
        except StorageFailed:
            self._dispatcher.doubt()  # it may be there all the same
            raise
        if worker is not None and row is not None:
            self._desk.waits.begin(row)
            self._dispatcher.took(job.id, worker)
        else:
            self._dispatcher.enqueue(job.id)
        return job

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
        """Wait until it is known what became of the submission, or that it has to wait.

        The rest can be left to others.
        """
        self.start()
        clock = self._engine.clock
        patience = clock.monotonic() + WAITS_SECONDS

        def is_settled(job: Job) -> bool:
            if job.not_before is not None and job.not_before > clock.now():
                return True  # nothing is sent before
            begun = bool(job.attempts) and job.attempts[-1].state in {"intent", "sending"}
            if not begun and (job_id in self._desk.underway.lines or clock.monotonic() >= patience):
                return True  # for room, here or where another process has it
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
        patient = False
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
            if end is not None and not patient and ends_soon(job, clock.now()):
                # It says better itself what came of it in this time.
                end, patient = end + GRACE_SECONDS, True
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
        wanted: JobFilter | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> tuple[Job, ...]:
        """Your jobs, the newest first."""
        found: list[Job] = []
        while len(found) < limit:
            page = await self.page(wanted, limit=min(PAGE, limit - len(found)), after=after)
            found += page.jobs
            after = page.next
            if after is None:
                break
        return tuple(found)

    async def page(
        self,
        wanted: JobFilter | None = None,
        *,
        limit: int = 50,
        after: str | None = None,
        oldest_first: bool = False,
        full: bool = False,
    ) -> JobPage:
        """Some of your jobs behind a place in the list; with `full` also what happened to each.

        `after` is the `next` of the page before, or the id of a job.
        """
        if not 1 <= limit <= PAGE:
            raise InvalidRequest(f"`limit` is a number from 1 to {PAGE}")

        def work(c: Connection) -> tuple[list[Job], str | None]:
            place = None
            if after is not None:
                is_id = after.startswith(JOB)
                place = place_of(cursor_of(self._mine(c, after)) if is_id else after)
            found = listed(
                c,
                wanted or JobFilter(),
                owner=self.owner,
                limit=limit + 1,
                after=place,
                oldest_first=oldest_first,
            )
            following = cursor_of(found[limit - 1]) if len(found) > limit else None
            return telling.told(c, found[:limit], full=full), following

        jobs, following = await self._database.read(work)
        return JobPage(jobs=tuple(map(self._bound, jobs)), next=following)

    # --- decide ---------------------------------------------------------------------------

    async def cancel(self, job_id: str) -> Job:
        """Ask for it to be stopped. What came of that is in `.cancel`, soon."""
        now = self._desk.now()

        def work(c: Connection) -> None:
            row = self._mine(c, job_id, locked=True)
            if row["status"] in FINAL or row["cancel"] is not None:
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
            row = self._mine(c, job_id, locked=True)
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
                **timing(requests.from_row(row), now),
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
        if verdict == "accepted":
            row, attempt = await self._database.read(lambda c: self._unknown(c, job_id))
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
            found = await self._database.read(lambda c: rows.attempt(c, attempt["id"]))
            if found is None or found["handle"] != handle:
                raise Conflict(
                    f"`{handle}` was not taken for job `{job_id}`: another job has it, or somebody "
                    f"has decided otherwise meanwhile. Look at `anymedia jobs show {job_id}`"
                )
        else:
            await self._database.write(lambda c: self._decided(c, job_id, verdict))
        self._dispatcher.enqueue(job_id)
        return await self.get(job_id)

    def _decided(self, c: Connection, job_id: str, verdict: Verdict) -> None:
        rows.job(c, job_id, locked=True)  # nobody decides otherwise meanwhile
        row, attempt = self._unknown(c, job_id)
        now = self._desk.now()
        if verdict == "abandoned":
            if row["status"] == "failed":
                raise Conflict(f"job `{job_id}` has been given up already")
            problem = Problem(
                code="OUTCOME_UNKNOWN",
                kind="OutcomeUnknown",
                message="given up without knowing what became of it; its cost stays open",
                provider=attempt["provider"],
                accepted="unknown",
            )
            rows.note(c, job_id, now, "job-resolved", verdict=verdict)
            end_job(c, row, now, "failed", problem=problem)
            return
        rows.note(c, job_id, now, "job-resolved", verdict=verdict)
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

    async def received(
        self, token: str | None, body: bytes, headers: Headers, *, provider: str | None = None
    ) -> bytes | None:
        """A provider has called about an attempt; what to answer it, if more than a status.

        Raises `NotFound` for an unknown token, `Forged` for a wrong signature.
        """
        return await self._inbox.received(body, headers, provider=provider, token=token)

    @property
    def messages(self) -> Messages:
        """What your server was told of your jobs."""
        return self._messages.of(self.owner)

    # --- pause ----------------------------------------------------------------------------

    async def pause(self, provider: str, media: Medium | None = None) -> None:
        """Give a provider no new jobs. Those under way go on; others go elsewhere or wait."""
        if not self._engine.providers.knows(provider):
            raise NotFound(
                f"there is no provider `{provider}`; `anymedia providers list` shows all"
            )
        await self._desk.pauses.add(provider, media)

    async def resume(self, provider: str, media: Medium | None = None) -> None:
        """Give it jobs again."""
        await self._desk.pauses.remove(provider, media)
        resumed = (media,) if media is not None else tuple(requests.KINDS)
        self._desk.underway.lines.freed([key_of(provider, one) for one in resumed])

    async def pauses(self) -> tuple[Pause, ...]:
        """Who is paused."""
        return await self._desk.pauses.every()

    # --- work -----------------------------------------------------------------------------

    def start(self) -> None:
        """Carry jobs on in this process, in the background."""
        here = self._here
        if here.working is None or here.working.done():
            here.working = asyncio.create_task(self._dispatcher.run())
            here.delivering = asyncio.create_task(self._deliver())

    async def work(self, *, until_idle: bool = False, beside: Beside | None = None) -> None:
        """Carry jobs on until stopped, or until nothing is pending.

        `beside` begins once they are carried on here, and may have more jobs as long as it is not idle.
        """
        besides = beside.idle if beside is not None else None
        here = self._here
        here.delivering = asyncio.create_task(self._deliver())
        here.working = asyncio.create_task(
            self._dispatcher.run(until_idle=until_idle, besides=besides)
        )
        if beside is not None:
            beside.start()
        await here.working
        await self._outbox.deliver()

    def stop(self, within_seconds: float | None = None) -> None:
        """Begin nothing new. What takes longer than that is cut off, and found out about later."""
        self._dispatcher.stop(within_seconds)

    async def close(self, within_seconds: float | None = None) -> None:
        """Finish what is being sent or fetched, and leave the rest to others."""
        self._dispatcher.stop(within_seconds)
        self._desk.studio.close()
        here = self._here
        if here.working is not None:
            with contextlib.suppress(Exception):
                await here.working
        await self._dispatcher.close()
        if here.delivering is not None:
            here.delivering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await here.delivering

    def health(self) -> dict[str, Any]:
        """How the work goes in this process."""
        return self._dispatcher.health()

    async def _deliver(self) -> None:
        """Webhooks to callers, and the chores."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._outbox.run())
            group.create_task(self._chores())
            group.create_task(self._retain())

    async def _retain(self) -> None:
        """What is old enough is removed, where rules say so; and what killed processes left."""
        while True:
            await self._engine.clock.sleep(INTAKE_SECONDS)
            with contextlib.suppress(Exception):
                done = await self._collector.tend(self._desk.now())
                for note in done.notes if done else ():
                    self._engine.report(note)

    async def _chores(self) -> None:
        """The journals' rows into the ledger; who has called; old messages are forgotten."""
        clock, due = self._engine.clock, 0.0
        while True:
            self._desk.underway.lines.tend()
            if clock.monotonic() >= due:
                due = clock.monotonic() + INTAKE_SECONDS
                with contextlib.suppress(Exception):
                    now = self._desk.now()
                    await self._database.write(lambda c, now=now: rows.recover(c, now))  # type: ignore[misc]  # mypy cannot type a lambda's defaults
                with contextlib.suppress(Exception):
                    await take_in(self._database, self._database.directory / FOLDER)
                with contextlib.suppress(Exception):
                    await self._inbox.learn()
                    await self._outbox.forget()
            await clock.sleep(DELIVER_SECONDS)

    async def _step(self, job_id: str) -> float | None:
        """The next step of a job; who wants to know hears of its end."""
        wait = await step(self._desk, job_id)
        if wait is None and (observer := self._engine.observer) is not None:
            row = await self._database.read(lambda c: rows.job(c, job_id))
            if row is not None and row["status"] in FINAL:
                problem = telling.problem_of(row)
                observer.job(
                    job_id=job_id,
                    owner=row["owner"],
                    medium=row["medium"],
                    status=row["status"],
                    seconds=(row["finished_at"] or row["updated_at"]) - row["created_at"],
                    code=None if problem is None else problem.code,
                )
        return wait

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

    def _mine(self, c: Connection, job_id: str, *, locked: bool = False) -> RowMapping:
        row = rows.job(c, job_id, locked=locked)
        if row is None or row["owner"] != self.owner:
            raise NotFound(f"there is no job `{job_id}`; `anymedia jobs list` shows yours")
        return row

    # --- media ----------------------------------------------------------------------------

    async def with_kept_inputs(self, request: Request[Any]) -> Request[Any]:
        """Any request with our own copies of its files, to be carried out later and elsewhere."""
        kept, _ = await self._with_kept_inputs(request)  # type: ignore[arg-type]  # it looks at media alone
        return kept

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

    async def preview(self, artifact_id: str) -> StoredArtifact:
        """A small picture of an input or a result; `NotFound` when it is not yours, or has none."""
        row = await self._database.read(lambda c: rows.artifact(c, artifact_id))
        if row is None or row["owner"] != self.owner:
            raise NotFound(f"there is no artifact `{artifact_id}`")
        return (await preview(self._desk, row)).bind(self.store)

    @property
    def artifacts(self) -> Artifacts:
        """What is kept of yours."""
        return Artifacts(self._database, self.store, self.owner)

    async def handed_over(self, artifact_id: str) -> StoredArtifact:
        """Somebody's artifact, for who comes with a signed link to it."""
        row = await self._database.read(lambda c: rows.artifact(c, artifact_id))
        if row is None:
            raise NotFound(f"there is no artifact `{artifact_id}` any more")
        return telling.artifact_of(row).bind(self.store)

    def archive(self, directory: Path, *, jobs_per_file: int = JOBS_PER_FILE) -> Archive:
        """Finished jobs of all owners, in a directory."""
        return Archive(self._database, directory, jobs_per_file=jobs_per_file)

    def now(self) -> datetime:
        """The time of day, by the engine's clock."""
        return self._engine.clock.now()

    async def collect(self, *, dry_run: bool = False) -> Collected:
        """Remove what the rules of `retention` say, now."""
        return await self._collector.collect(self._desk.now(), dry_run=dry_run)

    async def check_inputs(self, request: Request[Any]) -> None:
        """`NotFound` where a request refers to something kept that is not yours, or is gone."""
        if holds_media(tuple(request.__dict__.values())):
            for artifact_id in artifact_ids(request):
                refuse_removed(await self.artifact(artifact_id))

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
        late = [artifact for attempt in job.attempts for artifact in attempt.late_artifacts]
        for artifact in (*job.artifacts, *late):
            artifact.bind(self.store)
        return job


def timing(request: MediaRequest[Any], now: float) -> dict[str, Any]:
    """When a job that is taken on now begins, when it ends at the latest, and its turn."""
    begins = now
    if request.not_before is not None:
        begins = max(now, request.not_before.timestamp())
    limit = request.timeout_seconds
    return {
        "due_at": begins,
        "not_before": begins if begins > now else None,
        "deadline": begins + limit if limit is not None else None,
        "turn": turn_of(request.priority, begins),
    }


def looked_at(task: asyncio.Task[Any]) -> None:
    """Nobody is told of a failure who does not wait any more."""
    if not task.cancelled():
        task.exception()


def ends_soon(job: Job, now: datetime) -> bool:
    """Whether a job's own time is as good as over."""
    left = (job.deadline - now).total_seconds() if job.deadline is not None else None
    return left is not None and left < GRACE_SECONDS


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
