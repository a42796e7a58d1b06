"""What happens to a job, as messages to whoever asked to be told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping

from anymedia.contracts.callback import EventType
from anymedia.contracts.job import Job
from anymedia.engine.download import origin
from anymedia.engine.identity import new_id
from anymedia.jobs import requests, rows, telling
from anymedia.jobs.outbox import rows as messages
from anymedia.store.transaction import write_rest

ENDS: dict[str, EventType] = {
    "succeeded": "job.succeeded",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "outcome_unknown": "job.unknown",
}
"""What is told of a job that has ended, by its status."""
LEFT_OUT = {"request": True, "timeline": True, "provider_metadata": True}
"""Prompts, and what providers make of them. Who wants it all asks for the job."""


def ended(connection: Connection, job: RowMapping, now: float, status: str) -> None:
    """A job is over."""
    announce(connection, job, now, ENDS[status])


def announce(connection: Connection, job: RowMapping, now: float, event: EventType) -> None:
    """Write a message about a job as it stands now, if somebody wants to be told.

    In the transaction of the change, after it: so each change is told once, whoever dies when.
    """
    if '"callback_url"' not in job["request"]:
        return
    write_rest(connection)
    url = requests.from_row(job).callback_url
    row = rows.job(connection, job["id"])
    if url is None or row is None:
        return
    if event == "job.started" and messages.started(connection, job["id"], row["retried_at"] or 0.0):
        return  # the next provider has begun; the job had
    sequence = messages.last_sequence(connection, job["id"]) + 1
    if event == "job.progress":
        sequence = messages.replaceable(connection, job["id"]) or sequence
    body = {
        "type": event,
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
        "sequence": sequence,
        "data": document(telling.told(connection, [row])[0]),
    }
    messages.put(
        connection,
        id=new_id("msg"),
        job_id=job["id"],
        owner=job["owner"],
        sequence=sequence,
        type=event,
        url=url,
        receiver=receiver_of(url),
        body=msgspec.json.encode(body).decode(),
        created_at=now,
        due_at=now,
    )


def receiver_of(url: str) -> str:
    """Host and port: who is spared when it does not answer."""
    _, host, port = origin(url)
    return f"{host}:{port}"


def document(job: Job) -> dict[str, Any]:
    """A job as its owner sees it, thin: artifacts by where they are fetched."""
    told: dict[str, Any] = job.model_dump(mode="json", exclude=LEFT_OUT, exclude_none=True)
    for artifact in told.get("artifacts", ()):
        artifact.pop("location", None)  # the key in our store is ours
        artifact.pop("metadata", None)  # providers repeat prompts there
        artifact["url"] = f"/api/artifacts/{artifact['id']}"
    return told
