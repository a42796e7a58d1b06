"""fal's queue: submit, ask, fetch the result, cancel; and the call that fal makes when it is over.

https://docs.fal.ai/model-apis/model-endpoints/queue (read 2026-11-21). There is no state for
failure: `COMPLETED` may carry an error, or look clean while the result answers with the model's
own error status. Only a result that was fetched is a success.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.job import (
    CancelOutcome,
    Failed,
    JobState,
    Queued,
    Running,
    Stopped,
)
from anymedia.providers.adapters.fal.errors import FAL_ERRORS, explain, said_in
from anymedia.providers.adapters.fal.results import succeeded
from anymedia.providers.described import AnyRequest, Language, merged
from anymedia.providers.spec import Brief, Callback, Job, Pace, Report, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpResponse, get, post, put
from anymedia.wire.shape import Shape, read

HEADERS = {
    "queue_priority": "X-Fal-Queue-Priority",
    "start_timeout": "X-Fal-Request-Start-Timeout",
    "no_retry": "X-Fal-No-Retry",
    "store_io": "X-Fal-Store-IO",
    "object_lifecycle": "X-Fal-Object-Lifecycle-Preference",
    "disable_fallback": "x-app-fal-disable-fallback",
}
"""Options that are not the model's but the queue's."""
THREE_SEGMENTS = frozenset({"workflows", "comfy"})
"""Namespaces whose requests lie below three segments of the model's name, not two."""
FAILED = frozenset(range(400, 600))
PLAIN_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request's status, result and cancellation are, as paths on the queue's host.

    Paths and not URLs: whatever an answer says, the key goes to our own host only.
    """

    status: str
    result: str
    cancel: str

    @classmethod
    def below(cls, path: str) -> Place:
        """As fal lays them out."""
        return cls(f"{path}/status", path, f"{path}/cancel")

    def handle(self) -> str:
        """One path where it is laid out as usual, else all three."""
        if self == Place.below(self.result):
            return self.result
        return f"{self.status} {self.result} {self.cancel}"

    @classmethod
    def of(cls, handle: str) -> Place:
        """The reverse. A handle that was typed by hand may be a whole URL."""
        paths = [urlsplit(one).path if "://" in one else one for one in handle.split()]
        if len(paths) == 3:
            return cls(*paths)
        if len(paths) == 1 and paths[0].startswith("/"):
            return cls.below(paths[0].removesuffix("/status"))
        raise UnreadableResponse(
            "this handle is no request of fal's; it looks like `/fal-ai/veo3.1/requests/ID`"
        )


def operation(request_type: type[AnyRequest], language: Language, pace: Pace) -> Job:
    """Work of one medium through the queue."""
    return Job(
        request_type,
        partial(submit, language=language),
        poll,
        cancel,
        # fal keeps no label and knows no idempotency key; its call to us names the request.
        recovery=Report(),
        pace=pace,
        read_callback=read_callback,
        whole_handle=whole_handle,
    )


# --- submitting -----------------------------------------------------------------------------


class Ticket(Shape):
    """The answer to a submission."""

    request_id: str
    response_url: str | None = None
    status_url: str | None = None
    cancel_url: str | None = None
    status: str | None = None


def submit(request: AnyRequest, brief: Brief, language: Language) -> Exchange[Submitted]:
    """Put it into the queue."""
    spoken = language.spoken(request, brief.model)
    ours = {name: value for name, value in request.options.items() if name in HEADERS}
    theirs = {name: value for name, value in request.options.items() if name not in HEADERS}
    query = {"fal_webhook": brief.callback_url} if brief.callback_url else {}
    response = yield post(
        f"/{spoken.endpoint}",
        query=query,
        headers=headers(ours),
        json=merged(spoken.body, theirs),
    )
    ticket = response.read(Ticket)
    return Submitted(
        handle=place(ticket, spoken.endpoint).handle(),
        state=Queued() if ticket.status == "IN_QUEUE" else Running(),
        request_id=ticket.request_id,
        warnings=spoken.warnings,
    )


def headers(options: Mapping[str, Any]) -> dict[str, str]:
    """The queue's options, as headers."""
    return {
        HEADERS[name]: str(int(value) if isinstance(value, bool) else value)
        for name, value in options.items()
    }


def place(ticket: Ticket, endpoint: str) -> Place:
    """Where the request is: as the answer says, else as fal lays it out."""
    urls = (ticket.status_url, ticket.response_url, ticket.cancel_url)
    paths = [path for url in urls if url and (path := path_of(url))]
    if len(paths) == 3:
        return Place(*paths)
    if not PLAIN_ID.fullmatch(ticket.request_id):
        raise UnreadableResponse("the request's id cannot stand in a path", accepted="yes")
    return Place.below(f"/{app(endpoint)}/requests/{ticket.request_id}")


def path_of(url: str) -> str | None:
    """The path of a URL, if it has one that can be kept."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return path if len(path) > 1 and not re.search(r"\s", path) else None


def app(endpoint: str) -> str:
    """The part of a model's name that its requests lie below."""
    segments = endpoint.split("/")
    return "/".join(segments[: 3 if segments[0] in THREE_SEGMENTS else 2])


# --- asking ---------------------------------------------------------------------------------


class Status(Shape):
    """Where a request stands."""

    status: str | None = None
    queue_position: float | None = None
    error: Any = None
    error_type: str | None = None
    metrics: Any = None
    request_id: str | None = None


def poll(handle: str) -> Exchange[JobState]:
    """Ask, and once it is over fetch what came of it."""
    where = Place.of(handle)
    response = yield get(where.status)
    status = response.read(Status)
    match (status.status or "").upper():
        case "IN_QUEUE":
            return Queued()
        case "COMPLETED" if status.error or status.error_type:
            return failed_as_said(status)
        case "COMPLETED":
            result = yield get(where.result, allow=FAILED)
            return outcome(result, status)
        case _:  # IN_PROGRESS, and whatever fal may add
            return Running()


def failed_as_said(status: Status) -> JobState:
    """The platform gave up, and the status says why."""
    said = said_in({"error": status.error}, status.error_type or "")
    if "cancel" in said.type.lower():
        return Stopped()
    error = FAL_ERRORS.decide(said, request_id=status.request_id)
    # What breaks on fal's side is not billed (docs: reliability).
    broken = (status.error_type or "").startswith(("runner_", "internal_", "startup_"))
    return Failed(problem=error.problem(), charged=False if broken else None)


def outcome(result: HttpResponse, status: Status) -> JobState:
    """What the result's answer means.

    An error of the model's own is final. Trouble on the way to it (a refused key, a limit, a
    page of a proxy) says nothing about the work: it is raised, and asked again.
    """
    request_id = result.headers.get("x-fal-request-id") or status.request_id
    if result.status < 400:
        return succeeded(result, request_id, status.metrics)
    error = explain(result)
    error.request_id = error.request_id or request_id
    if result.status == 400 and "in progress" in error.message.lower():
        return Running()
    if result.status in {401, 403, 404, 429} or (result.status >= 500 and not error.provider_code):
        raise error
    return Failed(problem=error.problem(), charged=billed(result))


def billed(result: HttpResponse) -> bool | None:
    """Whether a failure costs: server errors never do; else what the header says, if it does."""
    if result.status >= 500:
        return False
    units = result.headers.get("x-fal-billable-units")
    try:
        return None if units is None else float(units) > 0
    except ValueError:
        return None


class Cancellation(Shape):
    """The answer to a cancellation."""

    status: str | None = None


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Ask it to stop. A running request may still end, and cost; polling will show."""
    response = yield put(Place.of(handle).cancel, allow=frozenset({400, 404}))
    if response.status in {400, 404}:
        return "impossible"
    try:
        word = (response.read(Cancellation).status or "").upper()
    except UnreadableResponse:
        word = ""  # it was taken all the same
    return "impossible" if word in {"ALREADY_COMPLETED", "NOT_FOUND"} else "requested"


# --- being called ---------------------------------------------------------------------------


class Delivery(Shape):
    """What fal posts when a request is over."""

    request_id: str
    status: str | None = None
    payload: Any = None
    error: Any = None


def read_callback(body: bytes, _: Headers) -> Callback:
    """Whose call it is. How it stands is asked for with our own key."""
    delivery = read(body, Delivery)
    if not PLAIN_ID.fullmatch(delivery.request_id):
        raise UnreadableResponse("the call names no request", accepted="unknown")
    return Callback(handle=delivery.request_id)


def whole_handle(identifier: str, brief: Brief) -> str:
    """A handle from a bare id: which application it lies below stands in the model's sheet."""
    settings = brief.model.settings if brief.model else {}
    tasks = settings.get("tasks")
    own = [task.get("endpoint") for task in tasks.values()] if isinstance(tasks, dict) else []
    names = (settings.get("endpoint"), *own, brief.model.id if brief.model else None)
    endpoint = next((name for name in names if isinstance(name, str)), None)
    if endpoint is None:
        raise UnreadableResponse(
            "the call names a request of a model that no catalogue lists; its place is not known"
        )
    return Place.below(f"/{app(endpoint)}/requests/{identifier}").handle()
