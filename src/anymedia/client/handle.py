"""A job in the caller's hand: what is known of it, and what can be done with it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.cost import Cost
from anymedia.contracts.job import Job, JobStatus, TimelineEntry
from anymedia.contracts.media import Medium, StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import MediaResult

if TYPE_CHECKING:
    from anymedia.jobs.service import Jobs, OnProgress


class JobFacts:
    """A job as it stood when it was last looked at; `refresh` looks again.

    `.job` is the whole of it as a contract; the rest are shortcuts into that.
    """

    job: Job

    @property
    def id(self) -> str:
        """Its id, good in any process on the same data."""
        return self.job.id

    @property
    def status(self) -> JobStatus:
        """Queued, running, or how it ended."""
        return self.job.status

    @property
    def final(self) -> bool:
        """Whether nothing will happen any more by itself."""
        return self.job.final

    @property
    def media(self) -> Medium:
        """What it makes."""
        return self.job.medium

    @property
    def progress(self) -> float | None:
        """From 0 to 1, where the provider says."""
        return self.job.progress

    @property
    def provider(self) -> str | None:
        """Who makes it, or made it."""
        return self.job.provider

    @property
    def model(self) -> str | None:
        """With what."""
        return self.job.model

    @property
    def metadata(self) -> dict[str, Any]:
        """Yours, as the request had it."""
        return self.job.metadata

    @property
    def tags(self) -> tuple[str, ...]:
        """Yours, too."""
        return self.job.tags

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every try at a provider, with its own cost."""
        return self.job.attempts

    @property
    def artifacts(self) -> tuple[StoredArtifact, ...]:
        """What came of it, in our store."""
        return self.job.artifacts

    @property
    def cost(self) -> Cost:
        """What all attempts cost together, as far as that is known."""
        return self.job.cost

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What differs from what was asked."""
        return self.job.warnings

    @property
    def problem(self) -> Problem | None:
        """Why it failed, if it did."""
        return self.job.problem

    @property
    def created_at(self) -> datetime:
        """When it was accepted."""
        return self.job.created_at

    @property
    def timeline(self) -> tuple[TimelineEntry, ...]:
        """What happened when."""
        return self.job.timeline

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"


class AsyncJobHandle(JobFacts):
    """A job in hand, awaited."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs = jobs
        self.job = job

    async def refresh(self) -> Job:
        """Where it stands now."""
        self.job = await self._jobs.get(self.id)
        return self.job

    async def wait(
        self, timeout_seconds: float | None = None, on_progress: OnProgress | None = None
    ) -> MediaResult:
        """Its result; raises what it failed with. Running out of time leaves the job going."""
        try:
            return await self._jobs.wait(
                self.id, timeout_seconds=timeout_seconds, on_progress=on_progress
            )
        finally:
            await self.refresh()

    async def submitted(self) -> Job:
        """Wait until it is known what became of the submission."""
        self.job = await self._jobs.submitted(self.id)
        return self.job

    async def cancel(self) -> Job:
        """Ask for it to be stopped; `.job.cancel` says what came of it, soon."""
        self.job = await self._jobs.cancel(self.id)
        self._jobs.start()
        return self.job

    async def retry(self) -> AsyncJobHandle:
        """Try it once more, if it has failed or was cancelled."""
        job = await self._jobs.retry(self.id)
        self._jobs.start()
        return AsyncJobHandle(self._jobs, job)
