"""A task of either contract: how it was taken on, how it stands, what it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec

from anymedia.contracts.errors import GenerationError, UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.kling.failures import explain
from anymedia.providers.explain import Said
from anymedia.providers.spec import Account, Brief, Callback, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpResponse, get
from anymedia.wire.shape import Shape, convert, read

TASKS = "/tasks"
"""Where the newer contract asks for every task."""
PATHS = ("/v1/videos/text2video", "/v1/videos/image2video", "/v1/images/generations")
"""Where the older contract's tasks are made, and asked for."""
NOT_FOUND = "1203"


class Envelope(Shape):
    """Around every answer; a failure may come with status 200."""

    code: int = 0
    message: str | None = None
    request_id: str | None = None
    data: Any = None


class Ticket(Shape):
    """What we keep of a submission: the handle, as JSON."""

    path: str
    id: str


class File(Shape):
    """One thing that was made."""

    url: str | None = None
    duration: Decimal | None = None
    type: str | None = None


class Made(Shape):
    """The older contract's results."""

    videos: tuple[File, ...] | None = None
    images: tuple[File, ...] | None = None


class Bill(Shape):
    """The newer contract's charge."""

    charge_type: str | None = None
    amount: Decimal | None = None
    currency: str | None = None


class Task(Shape):
    """A task, in both contracts' words."""

    task_id: str | None = None
    id: str | None = None
    task_status: str | None = None
    status: str | None = None
    task_status_msg: str | None = None
    message: str | None = None
    final_unit_deduction: Decimal | None = None
    task_result: Made | None = None
    outputs: tuple[File, ...] | None = None
    billing: tuple[Bill, ...] | None = None

    def files(self) -> tuple[File, ...]:
        """Everything that was made."""
        made = self.task_result or Made()
        return (*(made.videos or ()), *(made.images or ()), *(self.outputs or ()))


def opened(response: HttpResponse) -> Envelope:
    """An answer's envelope. Raises what a failure inside it stands for."""
    envelope = response.read(Envelope)
    if envelope.code != 0:
        raise explain.decide(
            Said(message=envelope.message or "", code=str(envelope.code)),
            status=response.status,
            request_id=envelope.request_id,
        )
    return envelope


def submitted(path: str, response: HttpResponse) -> Submitted:
    """The handle of a task that was taken on at a path."""
    envelope = opened(response)
    return taken(path, convert(envelope.data, Task), envelope.request_id)


def taken(path: str, task: Task, request_id: str | None) -> Submitted:
    """A known task, as something to ask for later."""
    identifier = task.task_id or task.id
    if not identifier:
        raise UnreadableResponse("Kling took a task on and did not name it", accepted="yes")
    return Submitted(
        handle=msgspec.json.encode(Ticket(path=path, id=identifier)).decode(),
        state=Queued(),
        request_id=request_id,
    )


def poll(handle: str) -> Exchange[JobState]:
    """How a task stands."""
    ticket = read(handle, Ticket)
    envelope = yield from asked(ticket)
    return state(only(envelope.data), envelope.request_id)


def poll_many(handles: Sequence[str]) -> Exchange[Mapping[str, JobState]]:
    """How tasks of the newer contract stand, by one question about all of them."""
    tickets = {handle: read(handle, Ticket) for handle in handles}
    names = {ticket.id: handle for handle, ticket in tickets.items() if ticket.path == TASKS}
    if not names:
        return {}
    envelope = opened((yield get(TASKS, query={"task_ids": ",".join(names)})))
    told: dict[str, JobState] = {}
    for one in envelope.data if isinstance(envelope.data, list) else ():
        task = convert(one, Task)
        handle = names.get(task.task_id or task.id or "")
        if handle is not None:
            with suppress(UnreadableResponse):  # it is asked about by itself
                told[handle] = state(task, envelope.request_id)
    return told


def asked(ticket: Ticket) -> Exchange[Envelope]:
    """The answer about a task, from where it was made."""
    if ticket.path == TASKS:
        return opened((yield get(TASKS, query={"task_ids": ticket.id})))
    *others, last = [ticket.path] if ticket.path else PATHS
    for path in others:
        response = yield get(f"{path}/{ticket.id}", allow=frozenset({400, 404}))
        if response.status < 400 and response.read(Envelope).code == 0:
            return opened(response)
    return opened((yield get(f"{last}/{ticket.id}")))


def only(data: Any) -> Task:
    """The one task of an answer; the newer contract answers with a list."""
    if isinstance(data, list):
        if not data:
            raise UnreadableResponse("Kling does not know the task (yet)", accepted="unknown")
        data = data[0]
    return convert(data, Task)


def state(task: Task, request_id: str | None) -> JobState:
    """Where a task stands, in our words."""
    match task.task_status or task.status:
        case "submitted":
            return Queued()
        case "succeed" | "succeeded":
            return done(task, request_id)
        case "failed":
            return failed(task)
        case _:  # `processing`, and whatever is added without notice
            return Running()


def done(task: Task, request_id: str | None) -> Succeeded:
    """A finished task's files, and what it took from the account."""
    files = [file for file in task.files() if file.url]
    if not files:
        raise UnreadableResponse("the task has succeeded and names no file", accepted="yes")
    lengths = [file.duration for file in files if file.duration is not None]
    bill = [one for one in task.billing or () if one.charge_type == "cash"]
    return Succeeded(
        artifacts=tuple(RemoteArtifact(url=file.url or "") for file in files),
        request_id=request_id,
        usage=Usage(
            credits=task.final_unit_deduction,
            raw=msgspec.to_builtins(
                {"final_unit_deduction": task.final_unit_deduction, "billing": task.billing}
            ),
        ),
        reported_cost=cash(bill),
        metadata={"durations": [str(length) for length in lengths]} if lengths else {},
    )


def cash(bill: Sequence[Bill]) -> Decimal | None:
    """What was paid, where it was paid in US dollars."""
    paid = [one.amount for one in bill if one.currency == "USD" and one.amount is not None]
    return sum(paid, Decimal(0)) if paid else None


def failed(task: Task) -> Failed:
    """A task that ended without a file."""
    reason = task.task_status_msg or task.message or "Kling gave no reason"
    error: GenerationError = explain.decide(Said(message=reason, code="failed"), status=200)
    return Failed(problem=error.problem())


def looked_for(path: str, brief: Brief) -> Exchange[Submitted | None]:
    """A submission of ours at a path of the older contract, by the id that we gave it."""
    response = yield get(f"{path}/{brief.marker}", allow=frozenset({400, 404}))
    envelope = response.read(Envelope)
    if str(envelope.code) == NOT_FOUND:
        return None
    if envelope.code != 0:
        raise explain.decide(
            Said(message=envelope.message or "", code=str(envelope.code)), status=response.status
        )
    return taken(path, convert(envelope.data, Task), envelope.request_id)


def read_callback(body: bytes, _: Headers) -> Callback:
    """The call at each change. It carries no signature, so it only makes us ask."""
    task = read(body, Task)
    identifier = task.task_id or task.id
    if not identifier:
        raise UnreadableResponse("the callback names no task", accepted="unknown")
    # It does not say at which path the task was made; a ticket without one asks at each.
    path = "" if task.task_id else TASKS
    return Callback(handle=msgspec.json.encode(Ticket(path=path, id=identifier)).decode())


def check() -> Exchange[Account]:
    """A page of old tasks: free, and only for those with a key."""
    response = yield get("/v1/videos/text2video", query={"pageNum": 1, "pageSize": 1})
    opened(response)
    return Account()
