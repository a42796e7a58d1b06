"""`anymedia jobs`: look after what was made or is being made."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from anymedia.cli.making import finish, left_alone, subject_of
from anymedia.cli.options import Delivery, JobDelivery, Run, Setup
from anymedia.cli.progress import Progress
from anymedia.cli.saving import Destination
from anymedia.cli.words import ago, artifact_facts, money, safe, seconds, shortened, table
from anymedia.contracts.errors import GenerationError, InvalidRequest
from anymedia.contracts.job import JobStatus
from anymedia.contracts.media import Medium

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.client import AsyncClient
    from anymedia.client.aio import AsyncJobsView
    from anymedia.client.handle import AsyncJobHandle
    from anymedia.client.listing import Wanted
    from anymedia.contracts.attempt import Attempt
    from anymedia.contracts.job import Job, TimelineEntry

WHICH = Group("Which jobs")
MOST_DRAIN_SECONDS = 3600
CANCEL_SECONDS = 15.0
"""How long a provider's word on a cancellation is waited for."""

JobId = Annotated[str, Parameter(name="ID", help="The job's id, as `anymedia jobs list` shows it.")]
Verdict = Literal["accepted", "not_accepted", "abandoned"]


@Parameter(name="*", group=WHICH)
@dataclass(frozen=True, kw_only=True)
class Which:
    """Which jobs are meant: those for which all of this holds."""

    status: Annotated[JobStatus | None, Parameter(help="Those that stand like this.")] = None
    media: Annotated[Medium | None, Parameter(help="Those of this kind.")] = None
    provider: Annotated[
        str | None, Parameter(name=["--provider", "-p"], help="Those that this one was asked for.")
    ] = None
    model: Annotated[
        str | None, Parameter(name=["--model", "-m"], help="Those that this model was asked for.")
    ] = None
    tag: Annotated[str | None, Parameter(help="Those that have this tag.")] = None
    batch: Annotated[str | None, Parameter(help="Those that are lines of this batch.")] = None
    since: Annotated[
        str | None, Parameter(help="Accepted from then on: `7d`, `24h`, `2026-11-01`.")
    ] = None
    until: Annotated[str | None, Parameter(help="Accepted before, likewise.")] = None
    owner: Annotated[
        str | None, Parameter(help="Those of this gateway key, instead of your own.")
    ] = None

    def wanted(self) -> Wanted:
        """As the client takes it."""
        return {
            "status": self.status,
            "media": self.media,
            "provider": self.provider,
            "model": self.model,
            "tag": self.tag,
            "batch": self.batch,
            "since": self.since,
            "until": self.until,
        }

    def of(self, client: AsyncClient) -> AsyncJobsView:
        """Whose they are."""
        return client.jobs if self.owner is None else client.jobs.of(self.owner)


async def list_(
    *,
    which: Which = Which(),
    limit: Annotated[int, Parameter(help="How many at most, up to 500.")] = 20,
    after: Annotated[
        str | None, Parameter(help="Go on where the page before said so, or behind this job.")
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Jobs, the newest first."""
    async with session.client(setup) as client:
        page = await which.of(client).page(limit=limit, after=after, **which.wanted())
    jobs = [handle.job for handle in page.jobs]
    if page.next is not None:
        session.tell(f"there are more: --after {page.next}")
    if setup.json:
        session.json([job.model_dump(mode="json") for job in jobs])
    elif jobs:
        session.print(
            table(("ID", "STATUS", "MEDIA", "BY", "COST", "CREATED", "WHAT"), map(row, jobs))
        )
    else:
        session.tell("no jobs")


async def show(job_id: JobId, /, *, setup: Setup = Setup(), session: Run) -> None:
    """One job: how it stands, every attempt, and what happened when."""
    async with session.client(setup) as client:
        job = (await client.jobs.get(job_id)).job
    if setup.json:
        session.json(job.model_dump(mode="json"))
    else:
        session.print(described(job))


async def wait(job_id: JobId, /, *, to: Delivery = Delivery(), session: Run) -> None:
    """Wait for a job, carrying it on meanwhile, and save what it brings."""
    to.check()
    destination = Destination(session, to.output)
    async with session.client(to) as client:
        handle = await client.jobs.get(job_id)
        subject = subject_of(handle.job.request)
        await finish(job_id, handle.wait, subject, destination, to, session)


async def cancel(job_id: JobId, /, *, setup: Setup = Setup(), session: Run) -> None:
    """Stop a job, as far as its provider can."""
    async with session.client(setup) as client:
        handle = await client.jobs.cancel(job_id)
        job = handle.job if handle.final else await after_cancelling(session, handle)
    if setup.json:
        session.json(job.model_dump(mode="json"))
    else:
        session.print(f"{job.id} {job.status}: {cancelled_how(job)}")


async def after_cancelling(session: Session, handle: AsyncJobHandle) -> Job:
    """How a job stands once its provider has had time to say."""
    # How it ended, or that it has not, is in the job.
    with suppress(GenerationError), Progress(session, f"cancelling {handle.id}") as progress:
        await handle.wait(CANCEL_SECONDS, progress.update)
    return handle.job


async def retry(job_id: JobId, /, *, to: JobDelivery = JobDelivery(), session: Run) -> None:
    """Try a job that has failed or was cancelled once more."""
    to.check()
    destination = None if to.detach else Destination(session, to.output)
    async with session.client(to) as client:
        handle = await client.jobs.retry(job_id)
        if destination is None:
            await left_alone(handle, to, session)
        else:
            subject = subject_of(handle.job.request)
            await finish(job_id, handle.wait, subject, destination, to, session)


async def resolve(
    job_id: JobId,
    outcome: Annotated[Verdict, Parameter(help="What the provider's dashboard shows.")],
    /,
    *,
    handle: Annotated[
        str | None, Parameter(help="With `accepted`: the provider's id of the job.")
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Say what became of a paid request whose outcome is unknown."""
    async with session.client(setup) as client:
        job = (await client.jobs.resolve(job_id, outcome, handle)).job
    if setup.json:
        session.json(job.model_dump(mode="json"))
        return
    session.print(f"{job.id} {job.status}")
    if not job.final:
        session.tell(f"carry it on with `anymedia jobs wait {job.id}`")


async def work(
    *,
    until_idle: Annotated[bool, Parameter(help="Return when nothing is pending.")] = False,
    drain: Annotated[
        float | None,
        Parameter(
            help="When stopped, seconds for what is being sent or fetched; "
            "`gateway.drain_seconds` unless said."
        ),
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Carry jobs and batches on in this process until it is stopped.

    The first signal lets what is being sent or fetched end, for as long as `--drain` says; a second
    one stops at once. All else is left to other processes.
    """
    if drain is not None and not 0 <= drain <= MOST_DRAIN_SECONDS:
        raise InvalidRequest(f"`--drain` is a number of seconds from 0 to {MOST_DRAIN_SECONDS}")
    stopped_by: list[int] = []
    client = session.client(setup)
    limit = client.settings.gateway.drain_seconds if drain is None else drain
    loop = asyncio.get_running_loop()
    ends: list[float] = []

    def stop(number: int) -> None:
        stopped_by.append(number)
        left = limit if len(stopped_by) == 1 else 0.0
        ends.append(loop.time() + left)
        client.jobs.stop(left)
        if len(stopped_by) == 1:
            session.tell(f"stopping within {limit:g} s; once more stops at once")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        session.tell("carrying jobs on; Ctrl-C stops" if not until_idle else "carrying jobs on")
        await client.jobs.work(until_idle=until_idle)
    finally:
        await client.close(max(0.0, min(ends) - loop.time()) if ends else None)
    return 130 if signal.SIGINT in stopped_by else 0


# --- jobs as people read them ---------------------------------------------------------------


def row(job: Job) -> tuple[str, ...]:
    """One job as a line."""
    return (
        job.id,
        job.status,
        job.medium,
        f"{job.provider}/{job.model}" if job.provider else "-",
        money(job.cost),
        ago(job.created_at, datetime.now(UTC)),
        shortened(subject_of(job.request), 40),
    )


def described(job: Job) -> list[str]:
    """One job as a page."""
    facts = {
        "job": job.id,
        "status": standing(job),
        "media": job.medium,
        "what": shortened(subject_of(job.request), 200),
        "by": f"{job.provider}/{job.model}" if job.provider else "",
        "cost": money(job.cost),
        "tags": ", ".join(job.tags),
        "problem": job.problem.message if job.problem else "",
    }
    lines = [f"{name:<8}  {safe(value)}" for name, value in facts.items() if value]
    lines += [f"warning   {safe(notice.message)}" for notice in job.warnings]
    if job.artifacts:
        lines += ["", "artifacts"]
        lines += [f"  {one.id}  {artifact_facts(one)}" for one in job.artifacts]
    if job.attempts:
        lines += ["", "attempts"]
        lines += [f"  {line}" for one in job.attempts for line in attempted(one)]
    if job.timeline:
        lines += ["", "timeline"]
        lines += [f"  {happened(one, job.created_at)}" for one in job.timeline]
    return lines


def standing(job: Job) -> str:
    """How a job stands."""
    percent = f", {job.progress:.0%}" if job.progress is not None and not job.final else ""
    stopping = f"; cancel {job.cancel}" if job.cancel else ""
    return f"{job.status}{percent}{stopping}"


def attempted(attempt: Attempt) -> list[str]:
    """One attempt, and why it failed."""
    line = f"{attempt.number}  {attempt.provider}/{attempt.model}  {attempt.state}"
    if attempt.cost is not None:
        line += f"  {money(attempt.cost)}"
    if attempt.provider_job_id:
        line += f"  {attempt.provider_job_id}"
    why = attempt.problem.message if attempt.problem else attempt.reason
    return [safe(line), *([f"   {safe(why)}"] if why else [])]


def happened(entry: TimelineEntry, began: datetime) -> str:
    """One thing that happened: the time of day, the time since the beginning, the event."""
    since = seconds(max(0.0, (entry.at - began).total_seconds()))
    details = " ".join(f"{name}={value}" for name, value in entry.details.items())
    return safe(f"{entry.at:%Y-%m-%d %H:%M:%S}Z  +{since:<8}  {entry.event}  {details}").rstrip()


def cancelled_how(job: Job) -> str:
    """What came of a wish to cancel."""
    how: dict[Any, str] = {
        "confirmed": "stopped at the provider",
        "requested": "asked for; the provider has not said yet",
        "impossible": "the provider cannot stop it, so it may still cost",
    }
    if job.status == "succeeded":
        return "too late, it has succeeded"
    return how.get(job.cancel, "there was nothing to stop")
