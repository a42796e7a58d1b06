"""What jobs are found by that one of them can have several of: tags, providers, models, a batch.

A mark is a row that carries its job's place in lists, so that the newest jobs with a tag are read
from one end of an index, however many others there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, select

from anymedia.store.schema import attempts, job_marks as marks, jobs
from anymedia.store.transaction import at_end, write_rest
from anymedia.store.upsert import unless_there

LONGEST = 300
"""Characters of a mark; an index does not take more than a page."""


def mark(kind: str, value: str) -> str:
    """How a value is marked, such as `tag:trial`."""
    return f"{kind}:{value}"[:LONGEST]


def of_request(document: str) -> set[str]:
    """What a job is found by as soon as it is accepted."""
    request = msgspec.json.decode(document)
    found = {mark("tag", str(tag)) for tag in request.get("tags") or ()}
    batch = (request.get("metadata") or {}).get("batch_id")
    return found | {mark("batch", batch)} if isinstance(batch, str) else found


def of_attempt(attempt: Mapping[str, Any] | RowMapping) -> set[str]:
    """What a job is found by since an attempt."""
    return {mark("provider", attempt["provider"]), mark("model", attempt["model"])}


def put(
    connection: Connection, owner: str, created_at: float, job_id: str, found: Iterable[str]
) -> None:
    """Let a job be found by these; what it has already it has once."""
    place = {"owner": owner, "created_at": created_at, "job_id": job_id}
    insert = unless_there(connection, marks, "owner", "mark", "created_at", "job_id")
    for one in sorted(found):
        at_end(connection, insert, {**place, "mark": one})


def put_attempt(connection: Connection, job: RowMapping, attempt: Mapping[str, Any]) -> None:
    """The same, by a new attempt at it."""
    put(connection, job["owner"], job["created_at"], job["id"], of_attempt(attempt))


def remove(connection: Connection, job_ids: Iterable[str]) -> None:
    """Before jobs are deleted: let nothing point to them."""
    write_rest(connection)
    ids = list(job_ids)
    query = select(jobs.c.id, jobs.c.owner, jobs.c.created_at, jobs.c.request)
    found = {row.id: row for row in connection.execute(query.where(jobs.c.id.in_(ids)))}
    pointing = {(name, one) for name, row in found.items() for one in of_request(row.request)}
    tries = select(attempts.c.job_id, attempts.c.provider, attempts.c.model)
    for row in connection.execute(tries.where(attempts.c.job_id.in_(ids))).mappings():
        pointing |= {(row["job_id"], one) for one in of_attempt(row)}
    for name, one in sorted(pointing):
        job = found[name]
        connection.execute(
            delete(marks).where(
                marks.c.owner == job.owner,
                marks.c.mark == one,
                marks.c.created_at == job.created_at,
                marks.c.job_id == name,
            )
        )
