"""A clip's task: how it stands, what it made, how it is stopped. It is kept for a day."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import msgspec

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.job import (
    CancelOutcome,
    Failed,
    JobState,
    Queued,
    Running,
    Stopped,
    Succeeded,
)
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.wan.failures import TABLE, explain
from anymedia.providers.explain import Said
from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

NOBODYS = "00000000-0000-0000-0000-000000000000"
"""A task that there is not."""
NO_SUCH_TASK = ("InvalidParameter", "UnsupportedOperation", "ResourceNotFound", "NotFound")


class Output(Shape):
    """Where a task stands, and what it made."""

    task_id: str | None = None
    task_status: str | None = None
    video_url: str | None = None
    code: str | None = None
    message: str | None = None


class Spent(Shape):
    """What is billed."""

    duration: Decimal | None = None
    input_video_duration: Decimal | None = None
    output_video_duration: Decimal | None = None
    video_count: int | None = None
    fps: Decimal | None = None
    SR: str | int | None = None
    ratio: str | None = None


class Told(Shape):
    """Every answer about a task."""

    output: Output | None = None
    usage: Spent | None = None
    request_id: str | None = None
    code: str | None = None
    message: str | None = None


def task(handle: str) -> str:
    """Where a task is asked for."""
    return f"/api/v1/tasks/{quote(handle, safe='')}"


def poll(handle: str) -> Exchange[JobState]:
    """How a task stands."""
    response = yield get(task(handle))
    return state(response.read(Told))


def state(told: Told) -> JobState:
    """Where a task stands, in our words."""
    output = told.output or Output()
    match output.task_status:
        case "PENDING":
            return Queued()
        case "SUCCEEDED":
            if not output.video_url:
                raise UnreadableResponse("the task has succeeded and names no clip", accepted="yes")
            return Succeeded(
                artifacts=(RemoteArtifact(url=output.video_url),),
                request_id=told.request_id,
                usage=used(told.usage or Spent()),
            )
        case "FAILED":
            said = Said(
                message=output.message or "the task failed", code=output.code or "", type="failed"
            )
            return failed(said, told.request_id)
        case "UNKNOWN":
            # As a 404: others say it so, and it is believed once it has been said for a while.
            words = "the task is not known (any more): it was asked for too late, or elsewhere"
            said = Said(message=words, code="UNKNOWN")
            raise TABLE.decide(said, status=404, request_id=told.request_id)
        case "CANCELED" | "CANCELLED":
            return Stopped(charged=False)
        case _:  # `RUNNING`, `SUSPENDED`, and whatever is added without notice
            return Running()


def failed(said: Said, request_id: str | None) -> Failed:
    """A task that ended without a clip."""
    error = TABLE.decide(said, status=200, request_id=request_id)
    return Failed(problem=error.problem())


def used(spent: Spent) -> Usage:
    """Billed seconds: `duration` counts clips that went in as well."""
    told = (spent.duration, spent.output_video_duration)
    seconds = next((one for one in told if one is not None and one.is_finite() and one > 0), None)
    raw = {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in msgspec.structs.asdict(spent).items()
        if value is not None
    }
    return Usage(seconds=seconds, raw=raw)


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Stop a task that still waits; the vendor refuses what runs already."""
    response = yield post(f"{task(handle)}/cancel", allow=frozenset({400, 403, 404, 409}))
    return "confirmed" if response.status < 400 else "impossible"


def check() -> Exchange[Account]:
    """A task that there is not: free, and `UNKNOWN` is told only to those with a key."""
    response = yield get(task(NOBODYS), allow=frozenset({400, 404}))
    told = response.read(Told)
    if response.status >= 400 and told.code not in {None, *NO_SUCH_TASK}:
        raise explain(response)
    return Account()
