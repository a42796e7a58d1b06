"""From a job in hand to files and a few lines about them; `generate` and `jobs` share it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from anymedia.cli.progress import Progress
from anymedia.cli.words import artifact_facts, money, safe, seconds
from anymedia.contracts.notice import Notice
from anymedia.contracts.result import MediaResult, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anymedia.cli.options import Delivery
    from anymedia.cli.saving import Destination
    from anymedia.cli.session import Session
    from anymedia.client.handle import AsyncJobHandle
    from anymedia.contracts.job import Job


class Wait(Protocol):
    """What a job's handle offers to whoever waits."""

    def __call__(
        self, *, timeout_seconds: float | None, on_progress: Callable[[Job], None]
    ) -> Awaitable[MediaResult]:
        """The result, or what it failed with."""
        ...


async def finish(
    job_id: str,
    wait: Wait,
    subject: str,
    destination: Destination,
    to: Delivery,
    session: Session,
) -> None:
    """Wait for a job, save what it brought, and tell of it."""
    with going_on(session, job_id), Progress(session, f"{job_id} submitted") as progress:
        result = await wait(timeout_seconds=to.timeout, on_progress=progress.update)
    warn(session, result.warnings)
    paths = destination.save(result.artifacts, subject)
    if to.json:
        files = [str(path) for path in paths]
        session.json({**result.model_dump(mode="json"), "files": files})
    elif to.to_stdout:
        session.tell("\n".join(summary(result, [])))
    else:
        session.print(summary(result, [shown(path, session) for path in paths]))


async def left_alone(handle: AsyncJobHandle, to: Delivery, session: Session) -> None:
    """Wait until the submission is settled or has to wait, and say how to come back to the job."""
    with going_on(session, handle.id), Progress(session, f"submitting {handle.id}"):
        job = await handle.submitted()
    if to.json:
        session.json(job.model_dump(mode="json"))
    else:
        session.print(job.id)
        waits = job.status == "queued" and job.not_before is None
        how = "queued: it waits for its provider to have room" if waits else job.status
        session.tell(f"{how}; fetch it with `anymedia jobs wait {job.id}`")


@contextmanager
def going_on(session: Session, job_id: str) -> Iterator[None]:
    """Whoever interrupts the waiting is told that the job goes on, and how to come back to it."""
    try:
        yield
    except asyncio.CancelledError:
        session.tell(
            f"\ninterrupted; job {job_id} goes on. Continue with `anymedia jobs wait {job_id}`, "
            f"or stop it with `anymedia jobs cancel {job_id}`."
        )
        raise


def summary(result: MediaResult, paths: list[str]) -> list[str]:
    """A result in a few lines: each file with what it is, then who made it and for how much."""
    facts = [artifact_facts(artifact) for artifact in result.artifacts]
    if paths:
        facts = [f"{path}  ({fact})" for path, fact in zip(paths, facts, strict=True)]
    return [*facts, told(result)]


def told(result: Result) -> str:
    """Who answered, what it cost, how often it was tried, how long it took."""
    tries = sum(one.state != "skipped" for one in result.attempts) or 1
    words = [
        safe(f"{result.provider}/{result.model}"),
        money(result.cost),
        f"{tries} attempt{'s' if tries > 1 else ''}",
    ]
    if result.elapsed_seconds is not None:
        words.append(seconds(result.elapsed_seconds))
    if isinstance(result, MediaResult):
        words.append(result.job_id)
    return ", ".join(words)


def warn(session: Session, notices: Iterable[Notice]) -> None:
    """Say aloud what differs from what was asked."""
    for notice in notices:
        session.tell(f"warning: {safe(notice.message)}")


def shown(path: Path, session: Session) -> str:
    """A path as short as it can be."""
    inside = path.is_relative_to(session.directory)
    return str(path.relative_to(session.directory) if inside else path)


def subject_of(request: dict[str, Any]) -> str:
    """What a request is about, for naming files."""
    return str(request.get("prompt") or request.get("text") or "")
