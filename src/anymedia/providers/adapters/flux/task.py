"""A task: where it is asked for, how it stands, what it made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import msgspec

from anymedia.contracts.errors import GenerationError, UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.flux.failures import explain
from anymedia.providers.explain import Said, text
from anymedia.providers.spec import Callback, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpResponse, get
from anymedia.wire.shape import Shape, read

USD_PER_CREDIT = Decimal("0.01")
OWN = "bfl.ai"


class Accepted(Shape):
    """The answer to a submission."""

    id: str
    polling_url: str | None = None
    """Missing when a webhook was asked for."""
    cost: Decimal | None = None
    """Credits."""
    input_mp: Decimal | None = None
    output_mp: Decimal | None = None


class Ticket(Shape):
    """What we keep of a submission: the handle, as JSON."""

    id: str
    url: str | None = None
    credits: Decimal | None = None
    megapixels: Decimal | None = None


class Task(Shape):
    """The answer to a poll, and the body of a webhook."""

    id: str | None = None
    status: str | None = None
    state: str | None = None
    """Some answers have it in place of `status`."""
    result: Any = None
    details: Any = None
    progress: float | None = None
    cost: Decimal | None = None
    """On clips: the credits that were charged."""


def submitted(response: HttpResponse) -> Submitted:
    """The handle of a task that was taken on."""
    accepted = response.read(Accepted)
    sizes = [one for one in (accepted.input_mp, accepted.output_mp) if one is not None]
    ticket = Ticket(
        id=accepted.id,
        url=accepted.polling_url if is_own(accepted.polling_url) else None,
        credits=accepted.cost,
        megapixels=sum(sizes, Decimal(0)) if sizes else None,
    )
    return Submitted(
        handle=msgspec.json.encode(ticket).decode(),
        state=Queued(),
        request_id=accepted.id,
        reported_cost=dollars(accepted.cost),
    )


def is_own(url: str | None) -> bool:
    """Whether a polling URL lies at one of the vendor's regions.

    A server that stands in for it is asked at its own address instead.
    """
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return False
    host = parts.hostname or ""
    # With its dot: `evilbfl.ai` ends in the name too.
    return parts.scheme == "https" and (host == OWN or host.endswith(f".{OWN}"))


def poll(handle: str) -> Exchange[JobState]:
    """How a task stands. A moderated one is answered 200, an unknown one may be 404."""
    ticket = read(handle, Ticket)
    response = yield (
        get(ticket.url, allow=frozenset({404}))
        if ticket.url
        else get("/v1/get_result", query={"id": ticket.id}, allow=frozenset({404}))
    )
    if response.status == 404 and '"status"' not in response.content.decode("utf-8", "replace"):
        # Not the task's own word, so it proves nothing: another region, or a proxy.
        raise explain.decide(
            Said(message="the task was not found", code="Task not found"), status=404
        )
    return state(response.read(Task), ticket)


def state(task: Task, ticket: Ticket) -> JobState:
    """Where a task stands, in our words."""
    word = task.status or task.state or ""
    match word:
        case "Pending":
            return Running(progress=fraction(task.progress)) if task.progress else Queued()
        case "Ready":
            return done(task, ticket)
        case "Request Moderated" | "Content Moderated" | "Error" | "Failed":
            return failed(word, task)
        case "Task not found":
            # Right after submission a region may not know it yet; asked again, it does.
            raise explain.decide(Said(message="the task is not known", code=word), status=404)
        case _:  # `Reasoning`, `Generating`, and whatever is added without notice
            return Running(progress=fraction(task.progress))


def done(task: Task, ticket: Ticket) -> JobState:
    """A finished task's files."""
    result: dict[str, Any] = task.result if isinstance(task.result, dict) else {}
    samples = result.get("sample") or result.get("samples") or result.get("videos") or ()
    urls = [samples] if isinstance(samples, str) else list(samples)
    urls = [url for url in urls if isinstance(url, str) and url]
    if not urls:
        raise UnreadableResponse("the task is ready and names no file", accepted="unknown")
    charged = ticket.credits if task.cost is None else task.cost
    kept: dict[str, Any] = {name: result[name] for name in ("seed", "duration") if name in result}
    if isinstance(result.get("prompt"), str):
        kept["revised_prompt"] = result["prompt"]
    return Succeeded(
        artifacts=tuple(RemoteArtifact(url=url, metadata=kept) for url in urls),
        request_id=ticket.id,
        usage=Usage(
            credits=charged,
            megapixels=ticket.megapixels,
            raw={} if charged is None else {"cost": str(charged)},
        ),
        reported_cost=dollars(charged),
        metadata={"draft_cache": result["draft_cache"]} if result.get("draft_cache") else {},
    )


def failed(word: str, task: Task) -> Failed:
    """A task that ended without a file; the vendor does not say that it is charged."""
    reason = text(task.details) if task.details else ""
    said = Said(message=f"{word}: {reason}" if reason else word, code=word)
    error: GenerationError = explain.decide(said, status=200)
    return Failed(problem=error.problem(), charged=None)


def fraction(progress: float | None) -> float | None:
    """Progress from 0 to 1; some builds tell percent."""
    if progress is None or not 0 <= progress <= 100:
        return None
    return progress / 100 if progress > 1 else progress


def dollars(amount: Decimal | None) -> Decimal | None:
    """Credits in US dollars."""
    return None if amount is None or not amount.is_finite() else amount * USD_PER_CREDIT


def read_callback(body: bytes, _: Headers) -> Callback:
    """The webhook. Its form is not documented officially, so it only makes us ask."""
    task = read(body, Task)
    if not task.id:
        raise UnreadableResponse("the webhook names no task", accepted="unknown")
    return Callback(handle=msgspec.json.encode(Ticket(id=task.id)).decode())
