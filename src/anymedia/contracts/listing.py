"""Lists of jobs: which ones are meant, and a page of them."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from anymedia.contracts.base import Contract
from anymedia.contracts.job import Job, JobStatus
from anymedia.contracts.media import Medium


class JobFilter(Contract):
    """Which jobs are meant: those for which everything that is said here holds."""

    status: JobStatus | None = None
    media: Medium | None = None
    provider: str | None = None
    """Who was asked in any attempt."""
    model: str | None = None
    """What was asked in any attempt, in the provider's words."""
    tag: str | None = None
    batch: str | None = None
    """The batch whose lines they are."""
    since: AwareDatetime | None = None
    """Accepted then or later."""
    until: AwareDatetime | None = None
    """Accepted before."""


class JobPage(Contract):
    """Some jobs of a list, and where it goes on."""

    jobs: tuple[Job, ...]
    next: str | None = Field(default=None, max_length=200)
    """Say it as `after` for the page that follows; `None` on the last."""
