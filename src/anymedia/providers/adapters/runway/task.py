"""A task: how it was taken on, how it stands, what it made, how it is stopped."""

from __future__ import annotations

from decimal import Decimal

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
from anymedia.contracts.notice import Notice
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.runway.failures import explain
from anymedia.providers.explain import Said
from anymedia.providers.spec import Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, delete, get
from anymedia.wire.shape import Shape

USD_PER_CREDIT = Decimal("0.01")


class Credits(Shape):
    """An amount of credits, each a cent."""

    credits: Decimal | None = None


class Taken(Shape):
    """The answer to a submission. Older builds tell the id alone."""

    id: str
    estimatedCost: Credits | None = None  # noqa: N815  the vendor's word


class Task(Shape):
    """The answer to a poll."""

    status: str | None = None
    progress: float | None = None
    output: tuple[str, ...] | None = None
    failure: str | None = None
    failureCode: str | None = None  # noqa: N815  the vendor's word
    cost: Credits | None = None


def submitted(response: HttpResponse, warnings: tuple[Notice, ...] = ()) -> Submitted:
    """The id is the whole handle; what it may cost at most is told."""
    taken = response.read(Taken)
    return Submitted(
        handle=taken.id,
        state=Queued(),
        request_id=response.headers.get("x-request-id"),
        reported_cost=dollars(taken.estimatedCost),
        warnings=warnings,
    )


def poll(handle: str) -> Exchange[JobState]:
    """How a task stands. Asking again gives fresh URLs; each lives a day or two."""
    response = yield get(f"/v1/tasks/{handle}")
    return state(response.read(Task), response.headers.get("x-request-id"))


def state(task: Task, request_id: str | None = None) -> JobState:
    """Where a task stands, in our words."""
    match task.status:
        case "PENDING" | "THROTTLED":  # the second waits for others of the same account
            return Queued()
        case "SUCCEEDED":
            urls = [url for url in task.output or () if url]
            if not urls:
                raise UnreadableResponse("the task has succeeded and names no file", accepted="yes")
            return Succeeded(
                artifacts=tuple(RemoteArtifact(url=url) for url in urls),
                request_id=request_id,
                usage=used(task),
                reported_cost=dollars(task.cost),
            )
        case "FAILED":
            return failed(task)
        case "CANCELLED" | "CANCELED":
            return Stopped(usage=used(task), charged=charged(task))
        case _:  # `RUNNING`, and whatever is added without notice
            progress = task.progress
            known = progress is not None and 0 <= progress <= 1
            return Running(progress=progress if known else None)


def failed(task: Task) -> Failed:
    """A task that came to nothing; what it cost all the same is told."""
    code = task.failureCode or "task-failed"
    error = explain.decide(Said(message=task.failure or code, code=code), status=200)
    billed = charged(task)
    if billed is None and code.startswith("SAFETY.INPUT"):
        billed = True  # the vendor's page on failures: these credits are not given back
    return Failed(problem=error.problem(), usage=used(task), charged=billed)


def used(task: Task) -> Usage:
    """Credits."""
    amount = told(task.cost)
    return Usage(credits=amount, raw={} if amount is None else {"credits": str(amount)})


def charged(task: Task) -> bool | None:
    """Whether a task that came to nothing is billed, where that is told."""
    amount = told(task.cost)
    return None if amount is None else amount > 0


def dollars(cost: Credits | None) -> Decimal | None:
    """Credits as US dollars."""
    amount = told(cost)
    return None if amount is None else amount * USD_PER_CREDIT


def told(cost: Credits | None) -> Decimal | None:
    """Credits, where what is told can be an amount at all: `NaN` and less than nothing cannot."""
    amount = cost.credits if cost else None
    return amount if amount is not None and amount.is_finite() and amount >= 0 else None


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Stop a task that is under way.

    The same call deletes one that has ended, with all that is known of it; so where it stands is
    asked first. What runs already is stopped and charged.
    """
    response = yield get(f"/v1/tasks/{handle}", allow=frozenset({404}))
    if response.status == 404:
        return "confirmed"
    task = response.read(Task)
    if task.status in {"SUCCEEDED", "FAILED"}:
        return "impossible"
    yield delete(f"/v1/tasks/{handle}", allow=frozenset({404}))
    return "confirmed"
