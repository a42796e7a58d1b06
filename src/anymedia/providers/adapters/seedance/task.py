"""A clip's task: how it stands, how it is stopped, how a lost one is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

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
from anymedia.providers.adapters.seedance.failures import explain, worded
from anymedia.providers.explain import Said
from anymedia.providers.spec import Account, Brief, Callback, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, delete, get
from anymedia.wire.shape import Shape, read

TASKS = "/contents/generations/tasks"
PAGE = 100
GOING_ON = frozenset({"queued", "running"})
CLOCKS_DIFFER = timedelta(minutes=10)


class Content(Shape):
    """What was made."""

    video_url: str | None = None
    last_frame_url: str | None = None


class Spent(Shape):
    """Tokens, by which the vendor bills."""

    completion_tokens: int | None = None
    total_tokens: int | None = None


class Trouble(Shape):
    """Why a task failed."""

    code: str | None = None
    message: str | None = None


class Task(Shape):
    """A task; its submission tells the id alone."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    content: Content | None = None
    usage: Spent | None = None
    error: Trouble | None = None
    duration: Decimal | None = None
    resolution: str | None = None
    ratio: str | None = None
    seed: int | None = None
    framespersecond: int | None = None
    service_tier: str | None = None
    created_at: float | None = None


class Listed(Shape):
    """A page of tasks."""

    items: tuple[Task, ...] | None = None
    total: int | None = None


def one(handle: str) -> str:
    """Where a task is asked for."""
    return f"{TASKS}/{quote(handle, safe='')}"


def poll(handle: str) -> Exchange[JobState]:
    """How a task stands."""
    response = yield get(one(handle))
    return state(response.read(Task), response.headers.get("x-request-id"))


def poll_many(handles: Sequence[str]) -> Exchange[Mapping[str, JobState]]:
    """Which of many still go on, as far as a page shows them; the others are asked about apart."""
    wanted = set(handles)
    response = yield get(TASKS, query={"page_num": 1, "page_size": PAGE})
    return {
        task.id: state(task)
        for task in response.read(Listed).items or ()
        if task.id is not None and task.id in wanted and task.status in GOING_ON
    }


def state(task: Task, request_id: str | None = None) -> JobState:
    """Where a task stands, in our words."""
    match task.status:
        case "queued":
            return Queued()
        case "succeeded":
            return done(task, request_id)
        case "failed" | "expired":
            trouble = task.error or Trouble()
            said = Said(
                message=trouble.message or f"the task has {task.status}",
                code=trouble.code or task.status,
                type=task.status,
            )
            error = explain.decide(worded(said), status=200, request_id=request_id)
            return Failed(problem=error.problem(), usage=used(task, ended_well=False))
        case "cancelled":
            return Stopped(charged=False)
        case _:  # `running`, and whatever is added without notice
            return Running()


def done(task: Task, request_id: str | None) -> Succeeded:
    """A finished task's clip, and its last frame where that was asked for."""
    content = task.content or Content()
    if not content.video_url:
        raise UnreadableResponse("the task has succeeded and names no clip", accepted="yes")
    told = {
        "resolution": task.resolution,
        "ratio": task.ratio,
        "seed": task.seed,
        "fps": task.framespersecond,
        "service_tier": task.service_tier,
    }
    urls = [url for url in (content.video_url, content.last_frame_url) if url]
    return Succeeded(
        artifacts=tuple(RemoteArtifact(url=url) for url in urls),
        model=task.model,
        request_id=request_id,
        usage=used(task),
        metadata={name: value for name, value in told.items() if value is not None},
    )


def used(task: Task, *, ended_well: bool = True) -> Usage:
    """Tokens and seconds; of a clip that came to nothing its length was only asked for."""
    spent = task.usage or Spent()
    told = {"completion_tokens": spent.completion_tokens, "total_tokens": spent.total_tokens}
    length = task.duration if ended_well else None
    return Usage(
        output_tokens=spent.completion_tokens,
        seconds=length if length is not None and length.is_finite() and length > 0 else None,
        raw={name: value for name, value in told.items() if value is not None},
    )


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Stop a task that still waits.

    The same call deletes one that has ended, with all that is known of it; so where it stands is
    asked first.
    """
    response = yield get(one(handle))
    status = response.read(Task).status
    if status == "cancelled":
        return "confirmed"
    if status != "queued":
        return "impossible"
    response = yield delete(one(handle), allow=frozenset({400, 403, 404, 409}))
    return "confirmed" if response.status < 400 else "impossible"


def find(_: Brief, since: datetime) -> Exchange[Submitted | None]:
    """Whether a lost submission can have been taken on.

    Tasks carry no label, so none can be known as ours: only that there is no new one proves
    something. Models are not compared, as an endpoint's name stands for another.
    """
    response = yield get(TASKS, query={"page_num": 1, "page_size": PAGE})
    listed = response.read(Listed)
    if listed.items is None:
        raise UnreadableResponse("the list of tasks has no `items`", accepted="unknown")
    earliest = (since - CLOCKS_DIFFER).timestamp()
    times = [task.created_at for task in listed.items if task.created_at is not None]
    every = len(times) == len(listed.items) and shows_the_newest(times, listed.total)
    if every and all(time < earliest for time in times):
        return None
    raise OutcomeUnknown(
        "whether Ark took the task on cannot be told: its tasks carry no label, "
        "and there are new ones",
        accepted="unknown",
    )


def shows_the_newest(times: list[float], total: int | None) -> bool:
    """Whether a page is all there is, or visibly begins with the newest: the order is not promised."""
    if total is not None and total <= len(times):
        return True
    return len(times) > 1 and times == sorted(times, reverse=True) and times[0] > times[-1]


def read_callback(body: bytes, _: Headers) -> Callback:
    """The call at each change. It carries no signature, so it only makes us ask."""
    task = read(body, Task)
    if not task.id:
        raise UnreadableResponse("the callback names no task", accepted="unknown")
    return Callback(handle=task.id)


def check() -> Exchange[Account]:
    """A page of old tasks: free, and only for those with a key."""
    response = yield get(TASKS, query={"page_num": 1, "page_size": 1})
    response.read(Listed)
    return Account()
