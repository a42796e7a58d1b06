"""`anymedia jobs`: look after what was made or is being made."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anymedia.cli.making import finish, left_alone, subject_of
from anymedia.cli.options import Delivery, JobDelivery, Run, Setup
from anymedia.cli.progress import Progress
from anymedia.cli.saving import Destination
from anymedia.cli.words import ago, artifact_facts, money, safe, seconds, shortened, table
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.job import JobStatus
from anymedia.contracts.media import Medium

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.client.handle import AsyncJobHandle
    from anymedia.contracts.attempt import Attempt
    from anymedia.contracts.job import Job, TimelineEntry

CANCEL_SECONDS = 15.0
"""How long a provider's word on a cancellation is waited for."""

JobId = Annotated[str, Parameter(name="ID", help="The job's id, as `anymedia jobs list` shows it.")]
Verdict = Literal["accepted", "not_accepted", "abandoned"]


async def list_(
    *,
    status: Annotated[JobStatus | None, Parameter(help="Only jobs that stand like this.")] = None,
    media: Annotated[Medium | None, Parameter(help="Only jobs of this kind.")] = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Jobs, the newest first."""
    async with session.client(setup) as client:
        found = await client.jobs.list(limit=limit, status=status, media=media)
    jobs = [handle.job for handle in found]
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
    until_idle: Annotated[bool, Parameter(help="Return when no job is pending.")] = False,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Carry jobs on in this process until it is stopped."""
    stopped_by: list[int] = []
    async with session.client(setup) as client:

        def stop(number: int) -> None:
            stopped_by.append(number)
            client.jobs.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        session.tell("carrying jobs on; Ctrl-C stops" if not until_idle else "carrying jobs on")
        await client.jobs.work(until_idle=until_idle)
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
