"""One line as a request of its own: a job, or a question to the engine.

Either may be done again after a crash. A job is the same job again, by its idempotency key. A
question that was cut off is asked again, and the ledger says that the first may have been billed,
unless its own row is there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from anymedia.batches import rows
from anymedia.batches.desk import Desk, request_of
from anymedia.contracts.attempt import Attempt
from anymedia.contracts.cost import Cost, total
from anymedia.contracts.errors import (
    Cancelled,
    CircuitOpen,
    GenerationError,
    NoRouteSucceeded,
    OutcomeUnknown,
    RateLimited,
    StorageFailed,
)
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.result import Result
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.engine.identity import new_id
from anymedia.store import intake
from anymedia.store.ledger import LedgerRow, dollars, nano
from anymedia.store.schema import ledger

MOST_WAITS = 1000
"""So often a line lets others go first because a limit is reached."""
WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 300.0
DISK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Later:
    """It could not be begun yet."""

    seconds: float
    everyone: bool = False
    """Whether the others would meet the same."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of it."""

    status: str
    columns: dict[str, Any]
    amount: int | None
    """Nano-dollars; `None` where nobody knows."""


def wanted(batch: RowMapping, item: RowMapping) -> Request[Any]:
    """The request of a line, within what is held for it."""
    request = request_of(item["medium"], item["request"])
    changes: dict[str, Any] = {}
    if item["held"] is not None:
        allowed = dollars(item["held"]) or Decimal(0)
        limit = request.max_cost
        changes["max_cost"] = allowed if limit is None else min(limit, allowed)
    if isinstance(request, MediaRequest):
        named = {"batch_id": batch["id"], "custom_id": item["custom_id"]}
        changes["metadata"] = {**request.metadata, **named}
        changes["idempotency_key"] = f"{batch['id']}:{item['position']}"
    return request.model_copy(update=changes) if changes else request


def try_id(batch: RowMapping, item: RowMapping, number: int) -> str:
    """What the ledger's rows about one try at a line have in common."""
    return f"{batch['id']}:{item['position']}:{number}"


async def done(desk: Desk, batch: RowMapping, item: RowMapping) -> Ended | Later:
    """Ask for it, and wait for what comes."""
    try:
        request = wanted(batch, item)
        if isinstance(request, MediaRequest):
            result: Result = await as_job(desk, batch, item, request)
        else:
            result = await as_question(desk, batch, item, request)
    except StorageFailed:
        return Later(DISK_SECONDS, everyone=True)
    except GenerationError as error:
        if (later := waits(error)) is not None and item["tries"] < MOST_WAITS:
            return later
        return failed(error)
    cost = spent(result.attempts) or result.cost
    return Ended(
        "succeeded",
        {
            "result": result.model_dump_json(exclude_none=True),
            "usage": result.usage.model_dump_json(exclude_none=True),
            "provider": result.provider,
            "model": result.model,
            **money(cost),
        },
        known(cost),
    )


async def as_job(
    desk: Desk, batch: RowMapping, item: RowMapping, request: MediaRequest[Any]
) -> Result:
    """A job: the same one again, where it was taken on before."""
    jobs = desk.jobs.of(batch["owner"])
    job_id = item["job_id"]
    if job_id is None:
        job = await jobs.submit(request)
        job_id = job.id
        await desk.change(
            batch["id"],
            lambda c: rows.set_item(c, batch["id"], item["position"], job_id=job_id),
        )
    return await jobs.wait(job_id)


async def as_question(
    desk: Desk, batch: RowMapping, item: RowMapping, request: Request[Any]
) -> Result:
    """A question, under a name that the ledger keeps; with a cache the name is the engine's own."""
    engine, asker = desk.engine, Asker(caller=batch["owner"])
    if engine.cache is not None:
        result: Result = await engine.run(request, asker=asker)
        return result
    name = try_id(batch, item, item["tries"])
    course = Course(
        request,
        settings=engine.settings,
        clock=engine.clock,
        ledger=engine.ledger.record,
        new_id=lambda kind: name if kind == "req" else new_id(kind),
        asker=asker,
    )
    answer: Result = await engine.run(request, asker=asker, course=course)
    return answer


def waits(error: GenerationError) -> Later | None:
    """How long to wait, if it is only a matter of time."""
    limits = (RateLimited, CircuitOpen)
    every = error.failures if isinstance(error, NoRouteSucceeded) else (error,)
    if not every or not all(isinstance(one, limits) for one in every):
        return None
    if not any(one.retry_after is not None or one.retryable for one in every):
        return None
    if error.accepted != "no":
        return None
    seconds = WAIT_SECONDS if error.retry_after is None else error.retry_after
    return Later(min(max(seconds, 0.05), LONGEST_WAIT_SECONDS), everyone=True)


def failed(error: GenerationError) -> Ended:
    """It has come to nothing, and what that costs."""
    status = "failed"
    if isinstance(error, OutcomeUnknown):
        status = "outcome_unknown"
    elif isinstance(error, Cancelled):
        status = "cancelled"
    cost = spent(error.attempts)
    if cost is None:
        uncertain = error.accepted != "no"
        cost = Cost(basis="pending") if uncertain else Cost(amount=Decimal(0), basis="computed")
    columns = {"problem": error.problem().model_dump_json(exclude_none=True), **money(cost)}
    if error.provider is not None:
        columns["provider"] = error.provider
    return Ended(status, columns, known(cost))


def spent(attempts: tuple[Attempt, ...]) -> Cost | None:
    """What all tries cost together, if there were any."""
    costs = [one.cost for one in attempts if one.cost is not None]
    return total(costs) if costs else None


def money(cost: Cost) -> dict[str, Any]:
    """A cost in a line's columns."""
    return {"amount": nano(cost.amount), "basis": cost.basis}


def known(cost: Cost) -> int | None:
    """The amount, unless more may come."""
    return None if cost.basis == "pending" else nano(cost.amount) or 0


# --- what a process that died has left ------------------------------------------------------


def interrupted(c: Connection, batch: RowMapping, item: RowMapping, now: float) -> None:
    """A question was under way when its process died: it is asked again, and may be billed twice."""
    name = try_id(batch, item, item["tries"])
    there = c.execute(select(ledger.c.row).where(ledger.c.request == name).limit(1)).first()
    request = request_of(item["medium"], item["request"])
    if there is None and item["provider"] is not None:
        intake.enter(
            c,
            [
                LedgerRow(
                    id=f"{name}:pending",
                    at=now,
                    entry="pending",
                    attempt_id=name,
                    request=name,
                    provider=item["provider"],
                    model=item["model"] or "",
                    medium=item["medium"],
                    basis="pending",
                    bound=item["held"],
                    explanation="the process that asked has died; it may have been answered",
                    owner=batch["owner"],
                    tags=request.tags,
                    outcome="failed",
                    code="NETWORK_ERROR",
                    maybe_billed=True,
                )
            ],
        )
    rows.move(c, batch["id"], item["position"], before=("running",), after="queued", due_at=None)


async def stopped(tasks: list[asyncio.Task[Any]], seconds: float) -> None:
    """Let questions that are under way end; what takes longer is given up."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
