"""A clip's task in both contracts: how it stands, how it is stopped, how a lost one is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from anymedia.contracts.errors import OutcomeUnknown, UnreadableResponse
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
from anymedia.providers.adapters.minimax.failures import (
    NOT_FOUND,
    TABLE,
    Base,
    explain,
    gone,
    of,
    request_id,
    well,
)
from anymedia.providers.explain import Said
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, delete, get
from anymedia.wire.shape import Shape

V1, V2 = "v1", "v2"
OLDER = ("MiniMax-Hailuo-", "T2V-", "I2V-", "S2V-")
PAGE = 100
CLOCKS_DIFFER = timedelta(minutes=10)


class Content(Shape):
    """What was made."""

    url: str | None = None


class Spent(Shape):
    """Seconds that are billed: of what came out, and of clips that went in."""

    total_seconds: Decimal | None = None
    input_seconds: Decimal | None = None
    output_seconds: Decimal | None = None
    input_image_count: int | None = None


class Trouble(Shape):
    """Why a task failed."""

    code: str | int | None = None
    message: str | None = None


class Task(Shape):
    """A task of the newer contract."""

    id: str | int | None = None
    model: str | None = None
    status: str | None = None
    content: Content | None = None
    usage: Spent | None = None
    resolution: str | None = None
    ratio: str | None = None
    duration: Decimal | None = None
    task_type: str | None = None
    created_at: float | None = None
    error: Trouble | None = None


class Told(Shape):
    """The answer to a poll in the newer contract."""

    task: Task


class Listed(Shape):
    """A page of tasks, the newest first."""

    items: tuple[Task, ...] | None = None


class OlderTask(Shape):
    """The answer to a poll in the older contract."""

    status: str | None = None
    file_id: str | int | None = None
    video_width: int | None = None
    video_height: int | None = None
    base_resp: Base | None = None


class File(Shape):
    """Where a result lies; the address lives for some hours."""

    download_url: str | None = None


class Retrieved(Shape):
    """The answer about a file."""

    file: File | None = None
    base_resp: Base | None = None


def is_older(brief: Brief, model: str | None = None) -> bool:
    """Whether a model speaks the older contract; one that no sheet lists is known by its name."""
    if brief.model is not None:
        return brief.model.settings.get("contract") == V1
    return (model or "").startswith(OLDER)


def path(identifier: str) -> str:
    """A task's name as a path has it."""
    return quote(identifier, safe="")


def poll(handle: str) -> Exchange[JobState]:
    """How a task stands. Asking again gives a fresh URL."""
    contract, _, identifier = handle.partition("/")
    if contract == V1:
        return (yield from poll_older(identifier))
    response = yield from asked(identifier)
    return state(response.read(Told).task, request_id(response))


def poll_many(handles: Sequence[str]) -> Exchange[Mapping[str, JobState]]:
    """How tasks of the newer contract stand, by one question about all of them."""
    names = {handle.partition("/")[2]: handle for handle in handles if handle.startswith(V2)}
    if not names:
        return {}
    listed = ",".join(names)
    response = yield get(
        "/v2/query/video_generation", query={"page_size": PAGE, "filter.task_ids": listed}
    )
    told: dict[str, JobState] = {}
    for task in response.read(Listed).items or ():
        handle = names.get(str(task.id))
        if handle is not None:
            with suppress(UnreadableResponse):  # it is asked about by itself
                told[handle] = state(task, request_id(response))
    return told


def asked(identifier: str) -> Exchange[HttpResponse]:
    """The answer about a task of the newer contract."""
    response = yield get(f"/v2/query/video_generation/{path(identifier)}", allow=frozenset({500}))
    if response.status < 400:
        return response
    error = explain(response)
    if NOT_FOUND in error.message.lower():
        raise gone(error.message, error.request_id)
    raise error


def state(task: Task, request: str | None = None) -> JobState:
    """Where a task of the newer contract stands, in our words."""
    match task.status:
        case "queued":
            return Queued()
        case "succeeded":
            if task.content is None or not task.content.url:
                raise UnreadableResponse("the task has succeeded and names no file", accepted="yes")
            return Succeeded(
                artifacts=(RemoteArtifact(url=task.content.url),),
                model=task.model,
                request_id=request,
                usage=used(task),
                metadata=facts(task),
            )
        case "failed" | "expired":
            trouble = task.error or Trouble()
            code = str(trouble.code or task.status)
            message = trouble.message or f"the task has {task.status} and no reason is given"
            return failed(Said(message=message, code=code, type=task.status), used(task))
        case "cancelled":
            return Stopped(usage=used(task))
        case _:  # `running`, and whatever is added without notice
            return Running()


def facts(task: Task) -> dict[str, Any]:
    """What is told about a clip."""
    told = {
        "resolution": task.resolution,
        "ratio": task.ratio,
        "duration": None if task.duration is None else str(task.duration),
        "task_type": task.task_type,
    }
    return {name: value for name, value in told.items() if value is not None}


def used(task: Task) -> Usage:
    """Billed seconds, those of clips that went in included."""
    spent = task.usage or Spent()
    told = (spent.total_seconds, spent.output_seconds)
    seconds = next((one for one in told if one is not None and one.is_finite() and one >= 0), None)
    raw = {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in msgspec.structs.asdict(spent).items()
        if value is not None
    }
    return Usage(seconds=seconds, raw=raw)


def failed(said: Said, usage: Usage | None = None) -> Failed:
    """A task that ended without a file."""
    return Failed(problem=TABLE.decide(said, status=200).problem(), usage=usage or Usage())


def poll_older(identifier: str) -> Exchange[JobState]:
    """The same in the older contract, where a file has to be asked for."""
    response = yield get("/v1/query/video_generation", query={"task_id": identifier})
    task = response.read(OlderTask)
    base = task.base_resp
    match task.status:
        case "Fail" | "Failed":
            said = of(base) if base and base.status_code else Said(message="the task failed")
            return failed(Said(message=said.message, code=said.code or "failed", type="failed"))
        case "Success" if task.file_id:
            return (yield from delivered(task))
        case "Success":
            raise UnreadableResponse("the task has succeeded and names no file", accepted="yes")
    well(base, response)
    if task.status == "Unknown":
        raise gone("MiniMax does not know the task (any more)", request_id(response))
    return Queued() if task.status in {"Queueing", "Preparing"} else Running()


def delivered(task: OlderTask) -> Exchange[Succeeded]:
    """The file of a finished task."""
    file_id = str(task.file_id)
    response: HttpResponse = yield get("/v1/files/retrieve", query={"file_id": file_id})
    found = response.read(Retrieved)
    well(found.base_resp, response)
    if found.file is None or not found.file.download_url:
        raise UnreadableResponse("the file has no `download_url`", accepted="yes")
    return Succeeded(
        artifacts=(RemoteArtifact(url=found.file.download_url),),
        request_id=request_id(response),
        metadata={
            "file_id": file_id,
            **{
                name: value
                for name, value in (("width", task.video_width), ("height", task.video_height))
                if value
            },
        },
    )


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Stop a task. The same call deletes one that has ended, so where it stands is asked first."""
    contract, _, identifier = handle.partition("/")
    if contract == V1:
        return "impossible"
    response = yield from asked(identifier)
    status = response.read(Told).task.status
    if status == "cancelled":
        return "confirmed"
    if status in {"succeeded", "failed", "expired"}:
        return "impossible"
    response = yield delete(
        f"/v2/video_generation/{path(identifier)}", allow=frozenset({400, 404, 409, 422})
    )
    if response.status >= 400:
        return "impossible"
    return "confirmed" if response.read(Task).status == "cancelled" else "requested"


def find(brief: Brief, since: datetime) -> Exchange[Submitted | None]:
    """Whether a lost submission can have been taken on.

    Tasks carry no label, so none can be known as ours: only that there is no new one proves
    something. The older contract has no list at all, and of a model that no sheet lists nobody
    knows which contract it went by.
    """
    if brief.model is None:
        raise unknown("its model is not listed, so neither is the contract it went by")
    if is_older(brief):
        raise unknown("its older contract has no list of tasks")
    query = {"page_num": 1, "page_size": PAGE}
    response = yield get("/v2/query/video_generation", query=query)
    tasks = response.read(Listed).items
    if tasks is None:
        raise UnreadableResponse("the list of tasks has no `items`", accepted="unknown")
    earliest = (since - CLOCKS_DIFFER).timestamp()
    if all(task.created_at is not None and task.created_at < earliest for task in tasks):
        return None
    raise unknown("its tasks carry no label, and there are new ones")


def unknown(why: str) -> OutcomeUnknown:
    """Nobody can say."""
    return OutcomeUnknown(
        f"whether MiniMax took the task on cannot be told: {why}", accepted="unknown"
    )
