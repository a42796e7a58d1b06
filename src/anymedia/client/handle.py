"""A job in the caller's hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anymedia.contracts.job import Job
from anymedia.contracts.result import MediaResult

if TYPE_CHECKING:
    from anymedia.jobs.service import Jobs, OnProgress


class AsyncJobHandle:
    """A job that was taken on: `.id`, and what can be done with it."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        self._jobs = jobs
        self.job = job
        """As it stood when it was last looked at."""

    @property
    def id(self) -> str:
        """Its id, good in any process on the same data."""
        return self.job.id

    @property
    def status(self) -> str:
        """Where it stood when it was last looked at."""
        return self.job.status

    async def refresh(self) -> Job:
        """Where it stands now."""
        self.job = await self._jobs.get(self.id)
        return self.job

    async def wait(
        self, timeout_seconds: float | None = None, on_progress: OnProgress | None = None
    ) -> MediaResult:
        """Its result; raises what it failed with. Running out of time leaves the job going."""
        result = await self._jobs.wait(
            self.id, timeout_seconds=timeout_seconds, on_progress=on_progress
        )
        await self.refresh()
        return result

    async def submitted(self) -> Job:
        """Wait until it is known what became of the submission."""
        self.job = await self._jobs.submitted(self.id)
        return self.job

    async def cancel(self) -> Job:
        """Ask for it to be stopped."""
        self.job = await self._jobs.cancel(self.id)
        return self.job
