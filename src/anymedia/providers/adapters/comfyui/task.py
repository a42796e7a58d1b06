"""A prompt, as ComfyUI calls a queued graph: sent, asked for, found again, stopped.

Its id is ours: made of the attempt's marker, so that a lost submission can be looked for. Queue
and history are in the server's memory: what is in neither is not being made (any more).
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from anymedia.contracts.errors import (
    ProviderUnavailable,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.job import (
    CancelOutcome,
    Failed,
    JobState,
    Queued,
    Running,
    Stopped,
    Succeeded,
)
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.comfyui.failures import BROKE, explain
from anymedia.providers.adapters.comfyui.fields import fill
from anymedia.providers.adapters.comfyui.files import made
from anymedia.providers.adapters.comfyui.workflow import OURS, graph_of, plain
from anymedia.providers.explain import Said
from anymedia.providers.spec import Account, Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

IDS = uuid.UUID("6f1b0a52-5d0f-5c0e-9d0e-2f0f6f2f7a11")
"""The name space of our ids."""


class Taken(Shape):
    """A graph that was queued; some of its outputs may have been left out."""

    prompt_id: str | None = None
    node_errors: Any = None


class Queue(Shape):
    """What runs and what waits: lists of number, id, graph and more."""

    queue_running: tuple[Any, ...] | None = None
    queue_pending: tuple[Any, ...] | None = None

    def runs(self, prompt_id: str) -> bool:
        """Whether it is being made."""
        return prompt_id in ids(self.queue_running)

    def waits(self, prompt_id: str) -> bool:
        """Whether it waits its turn."""
        return prompt_id in ids(self.queue_pending)


class Status(Shape):
    """How a graph ended, with what happened on the way."""

    status_str: str | None = None
    messages: tuple[Any, ...] | None = None

    def message(self, kind: str) -> dict[str, Any] | None:
        """The last event of a kind."""
        for one in reversed(self.messages or ()):
            if isinstance(one, list) and len(one) == 2 and one[0] == kind:
                return one[1] if isinstance(one[1], dict) else {}
        return None


class Past(Shape):
    """A graph that has ended."""

    outputs: dict[str, Any] | None = None
    status: Status | None = None


class System(Shape):
    """The server itself."""

    comfyui_version: str | None = None


class Stats(Shape):
    """What the server says of itself."""

    system: System | None = None


def ids(queue: tuple[Any, ...] | None) -> set[str]:
    """The ids in one of the queues."""
    return {
        one[1]
        for one in queue or ()
        if isinstance(one, list) and len(one) > 1 and isinstance(one[1], str)
    }


def named(brief: Brief) -> uuid.UUID:
    """The id of an attempt: a UUID, since recent builds take nothing else."""
    return uuid.uuid5(IDS, brief.marker)


def submit(request: MediaRequest[Any], brief: Brief) -> Exchange[Submitted]:
    """Fill a graph in and queue it."""
    prompt_id = named(brief)
    # The catalogue's own entries stand for "whatever the workflow makes".
    listed = brief.model is not None or request.model in names_of(request)
    graph = graph_of(request) or plain(request)
    model = None if listed else request.model
    notices = fill(graph, request, model, seed=prompt_id.int % 2**32)
    if graph.value("model") == "":
        raise UnsupportedOption(
            "neither a workflow nor a checkpoint is named: give the graph as `options.workflow`, or "
            "a checkpoint's file as the model, such as `sd_xl_base_1.0.safetensors`"
        )
    passed = {name: value for name, value in request.options.items() if name not in OURS}
    response = yield post(
        "/prompt",
        json={
            "prompt": graph.nodes,
            "prompt_id": str(prompt_id),
            "client_id": str(prompt_id),
            **passed,
        },
    )
    taken = response.read(Taken)
    if not taken.prompt_id:
        raise UnreadableResponse("ComfyUI queued a graph and did not name it", accepted="yes")
    if taken.node_errors:
        why = "some outputs of the workflow were left out: their nodes did not validate"
        notices.append(Notice(code="provider-note", message=why))
    return Submitted(handle=taken.prompt_id, state=Queued(), warnings=tuple(notices))


def names_of(request: MediaRequest[Any]) -> dict[str, Any]:
    """The configured workflows by name; a model of that name is the workflow."""
    named_ones = request.options.get("workflows")
    return named_ones if isinstance(named_ones, dict) else {}


def poll(kind: str, handle: str) -> Exchange[JobState]:
    """How a graph stands. `kind` is the medium that is wanted of its files."""
    if (past := (yield from ended(handle))) is not None:
        return outcome(past, kind)
    queue = (yield get("/queue")).read(Queue)
    if queue.runs(handle):
        return Running()
    if queue.waits(handle):
        return Queued()
    # It may have ended between the two questions.
    if (past := (yield from ended(handle))) is not None:
        return outcome(past, kind)
    lost = ProviderUnavailable(
        "ComfyUI does not know the job any more: it was restarted, or its history was cleared"
    )
    return Failed(problem=lost.problem())


def ended(handle: str) -> Exchange[Past | None]:
    """What the history has of a graph; an unknown one is an empty answer."""
    response = yield get(f"/history/{quote(handle, safe='', errors='replace')}")
    return response.read(dict[str, Past]).get(handle)


def outcome(past: Past, kind: str) -> JobState:
    """How a graph ended, in our words."""
    status = past.status or Status()
    if status.message("execution_interrupted") is not None:
        return Stopped(usage=used(status))
    broken = status.message("execution_error")
    if status.status_str == "error" or broken is not None:
        return Failed(problem=broke(broken or {}), usage=used(status))
    files = made(past.outputs or {}, kind)
    if not files:
        raise UnreadableResponse(
            "the workflow has ended and names no file: it needs a node that saves what is made",
            accepted="yes",
        )
    usage = used(status)
    if kind == "image":
        usage = usage.model_copy(update={"images": len(files)})
    return Succeeded(artifacts=tuple(place.artifact() for place in files), usage=usage)


def broke(event: dict[str, Any]) -> Problem:
    """Why a node broke."""
    words = event.get("exception_message")
    where = f"node {event.get('node_id', '?')} ({event.get('node_type', 'of unknown class')})"
    reason = words.strip() if isinstance(words, str) and words.strip() else "no reason given"
    return explain.decide(Said(message=f"{where}: {reason}", code=BROKE), status=200).problem()


def used(status: Status) -> Usage:
    """How long the server worked at it, by the times of its events (milliseconds)."""
    times: dict[str, int] = {}
    for kind in ("execution_start", "execution_success", "execution_error"):
        at = (status.message(kind) or {}).get("timestamp")
        if isinstance(at, int) and not isinstance(at, bool):
            times[kind] = at
    began = times.pop("execution_start", None)
    if began is None or not times or max(times.values()) < began:
        return Usage()
    over = max(times.values())
    return Usage(
        gpu_seconds=Decimal(over - began) / 1000,
        raw={"execution_start": began, "execution_end": over},
    )


def find(brief: Brief, _: datetime) -> Exchange[Submitted | None]:
    """A lost submission by its id. The queue first: from there it goes to the history."""
    prompt_id = str(named(brief))
    queue = (yield get("/queue")).read(Queue)
    if not (queue.runs(prompt_id) or queue.waits(prompt_id)):
        past = yield from ended(prompt_id)
        if past is None:
            return None
    return Submitted(handle=prompt_id)


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Out of the queue, or stopped.

    Only what is seen to run is interrupted: older builds take no id there and stop whatever runs.
    """
    queue = (yield get("/queue")).read(Queue)
    if queue.waits(handle):
        yield post("/queue", json={"delete": [handle]})
        queue = (yield get("/queue")).read(Queue)
        if not queue.runs(handle):
            past = yield from ended(handle)
            return "confirmed" if past is None else "impossible"
    if queue.runs(handle):
        yield post("/interrupt", json={"prompt_id": handle})
        return "requested"
    return "impossible"


def check() -> Exchange[Account]:
    """Its version and its checkpoints."""
    stats = (yield get("/system_stats")).read(Stats)
    response = yield get("/models/checkpoints", allow=frozenset({404}))  # not in old builds
    found = response.read(tuple[str, ...]) if response.status < 400 else ()
    version = stats.system.comfyui_version if stats.system else None
    return Account(models=found, details={"version": version} if version else {})
