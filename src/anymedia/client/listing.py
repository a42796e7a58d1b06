"""Lists of jobs as callers ask for them: what narrows them down, and a page in hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar

from anymedia.client.handle import JobFacts
from anymedia.contracts.job import JobStatus
from anymedia.contracts.listing import JobFilter
from anymedia.contracts.media import Medium
from anymedia.contracts.mistakes import valid

if TYPE_CHECKING:
    from anymedia.client.costs import Moment

HandleT = TypeVar("HandleT", bound=JobFacts)


class Wanted(TypedDict, total=False):
    """Which jobs a list is about. `provider` and `model` are those of any attempt."""

    status: JobStatus | None
    media: Medium | None
    provider: str | None
    model: str | None
    tag: str | None
    batch: str | None
    since: Moment | None
    """A time, a day, or how long ago: `7d`."""
    until: Moment | None


@dataclass(frozen=True, slots=True)
class Page(Generic[HandleT]):
    """Some jobs of a list, and where it goes on."""

    jobs: tuple[HandleT, ...]
    next: str | None
    """Say it as `after=` for the page that follows; `None` on the last."""


def meant(said: Wanted, now: datetime) -> JobFilter:
    """What was said, with moments as times. `InvalidRequest` where it cannot be meant."""
    fields = {name: value for name, value in said.items() if value is not None}
    if {"since", "until"} & set(fields):
        from anymedia.client.costs import moment

        for name in ("since", "until"):
            if name in said and (value := said[name]) is not None:
                fields[name] = moment(value, now)
    return valid(JobFilter, fields, "the filter of jobs")
