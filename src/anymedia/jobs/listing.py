"""Lists of jobs, page by page: the newest first, or the oldest.

A page begins behind the last job of the one before, by the time and the id of that job. So a page
costs the same however far behind it is, and what comes in meanwhile moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, Select, exists, select, tuple_

from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.listing import JobFilter
from anymedia.jobs.marks import mark
from anymedia.store.schema import job_marks, jobs

Place: TypeAlias = tuple[float, str]
"""A job's place in lists: when it was accepted, and its id."""
FEW = frozenset({"queued", "running", "outcome_unknown"})
PAGE = 500
"""Jobs that are read at once at most."""


def cursor_of(row: RowMapping) -> str:
    """A job's place, as callers hand it back."""
    return f"{row['created_at']!r}~{row['id']}"


def place_of(cursor: str) -> Place:
    """The place that a caller has handed back. `InvalidRequest` when it is none."""
    time, _, job_id = cursor[:200].partition("~")
    try:
        at = float(time)
    except ValueError:
        at = math.nan
    if not math.isfinite(at) or not job_id or not job_id.isascii() or not job_id.isprintable():
        raise InvalidRequest(
            "`after` is no place in a list of jobs; hand back what the page before told as `next`"
        )
    return at, job_id


def listed(
    connection: Connection,
    wanted: JobFilter,
    *,
    owner: str | None,
    limit: int,
    after: Place | None = None,
    oldest_first: bool = False,
) -> Sequence[RowMapping]:
    """A page of jobs; of all owners when none is said."""
    query = narrowed(wanted, owner, after, oldest_first=oldest_first).limit(limit)
    return connection.execute(query).mappings().all()


def narrowed(
    wanted: JobFilter, owner: str | None, after: Place | None, *, oldest_first: bool
) -> Select[Any]:
    """The jobs that are meant, in order.

    Where there is a mark to find them by, its rows are gone through, for they are fewest, unless the
    status is one that few jobs have; and then the job's own place is not asked for, which would
    lead the database to go through all jobs.
    """
    found = [
        mark(kind, value)
        for kind, value in (
            ("batch", wanted.batch),
            ("tag", wanted.tag),
            ("model", wanted.model),
            ("provider", wanted.provider),
        )
        if value is not None
    ]
    query: Select[Any] = select(jobs)
    at, name = jobs.c.created_at, jobs.c.id
    if found and owner is not None and wanted.status not in FEW:
        first, *others = found
        by = job_marks.alias("by")
        query = query.join(by, by.c.job_id == jobs.c.id)
        query = query.where(by.c.owner == owner, by.c.mark == first)
        at, name = by.c.created_at, by.c.job_id
    else:
        others = found
        if owner is not None:
            query = query.where(jobs.c.owner == owner)
    for position, one in enumerate(others):
        also = job_marks.alias(f"also_{position}")
        query = query.where(
            exists().where(
                also.c.owner == jobs.c.owner,
                also.c.mark == one,
                also.c.created_at == at,
                also.c.job_id == name,
            )
        )
    if wanted.status is not None:
        query = query.where(jobs.c.status == wanted.status)
    if wanted.media is not None:
        query = query.where(jobs.c.medium == wanted.media)
    if wanted.since is not None:
        query = query.where(at >= wanted.since.timestamp())
    if wanted.until is not None:
        query = query.where(at < wanted.until.timestamp())
    if after is not None:
        place = tuple_(at, name)
        query = query.where(place > after if oldest_first else place < after)
    return query.order_by(*((at, name) if oldest_first else (at.desc(), name.desc())))
