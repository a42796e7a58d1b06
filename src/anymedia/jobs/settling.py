"""How attempts and jobs end, and what that costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.cost import Cost
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.engine.estimating import PIXELS_PER_MEGAPIXEL, circumstances, completed
from anymedia.engine.pricing import priced, settled
from anymedia.jobs import requests, rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.outbox import events
from anymedia.store.ledger import Entry, LedgerRow, money, reference_of

NOTHING = Cost(amount=Decimal(0), basis="computed")


def ledger_row(
    entry: Entry, attempt: RowMapping | dict[str, Any], job: RowMapping, now: float, **facts: Any
) -> LedgerRow:
    """A row about an attempt; one of each entry at most."""
    return LedgerRow(
        id=f"{attempt['id']}:{entry}",
        at=now,
        entry=entry,
        attempt_id=attempt["id"],
        job_id=job["id"],
        request=job["id"],
        reference=reference_of(attempt.get("handle"), attempt.get("request_id")),
        owner=job["owner"],
        provider=attempt["provider"],
        model=attempt["model"],
        medium=job["medium"],
        **facts,
    )


def cost_of(
    desk: Desk,
    attempt: RowMapping,
    request: MediaRequest[Any],
    answer: MediaAnswer,
    kept: list[StoredArtifact],
) -> tuple[Usage, Cost]:
    """What a finished attempt consumed and costs. What the provider itself says wins."""
    model = desk.model_of(attempt, request.medium)
    seconds = sum((Decimal(str(one.seconds)) for one in kept if one.seconds), Decimal(0))
    pictures = len(kept) if request.medium == "image" else 0
    asked = seconds if getattr(request, "duration_seconds", None) is None else Decimal(0)
    pixels = sum((one.width or 0) * (one.height or 0) for one in kept) if pictures else 0
    usage = completed(
        answer.usage,
        request,
        images=pictures,
        seconds=asked,
        megapixels=(Decimal(pixels) / PIXELS_PER_MEGAPIXEL).quantize(Decimal("0.0001")),
    )
    cost = priced(model, usage, circumstances(request, model))
    return usage, settled(cost, answer.reported_cost)


def end_attempt(
    connection: Connection,
    job: RowMapping,
    attempt: RowMapping,
    now: float,
    *,
    before: tuple[str, ...],
    state: str,
    cost: Cost,
    usage: Usage | None = None,
    problem: Problem | None = None,
) -> bool:
    """An attempt is over: its state, its row in the ledger, its line in the timeline."""
    moved = rows.move(
        connection,
        attempt["id"],
        before=before,
        after=state,
        finished_at=now,
        cost=cost.model_dump_json(exclude_none=True),
        usage=usage.model_dump_json(exclude_none=True) if usage else None,
        problem=problem.model_dump_json(exclude_none=True) if problem else None,
    )
    if not moved:
        return False
    entry: Entry = "settle"
    if cost.basis == "pending":
        entry = "pending"
    elif state in {"not_sent", "rejected"}:
        entry = "release"
    rows.enter(
        connection,
        ledger_row(
            entry,
            attempt,
            job,
            now,
            outcome=state,
            code=problem.code if problem else None,
            maybe_billed=cost.basis == "pending",
            seconds=None if attempt["opened_at"] is None else round(now - attempt["opened_at"], 3),
            usage=usage.model_dump(mode="json", exclude_none=True) if usage else {},
            tags=requests.from_row(job).tags,
            **money(cost),
        ),
    )
    rows.note(
        connection,
        job["id"],
        now,
        f"attempt-{state.replace('_', '-')}",
        attempt=attempt["number"],
        cost=None if cost.amount is None else f"{cost.amount.normalize():f}",
        basis=cost.basis,
        problem=problem.message if problem else None,
    )
    return True


def lose_sight(
    connection: Connection, job: RowMapping, attempt: RowMapping, now: float, problem: Problem
) -> bool:
    """An attempt was sent, and nobody knows whether it was taken on: what it costs stays open."""
    return end_attempt(
        connection,
        job,
        attempt,
        now,
        before=("sending",),
        state="outcome_unknown",
        cost=Cost(basis="pending"),
        problem=problem,
    )


def end_job(
    connection: Connection,
    job: RowMapping,
    now: float,
    status: str,
    *,
    problem: Problem | None = None,
    cancel: str | None = None,
) -> None:
    """A job is over; whoever asked to be told will be."""
    columns: dict[str, Any] = {"cancel": cancel} if cancel else {}
    rows.set_job(
        connection,
        job["id"],
        now,
        status=status,
        finished_at=now,
        progress=1.0 if status == "succeeded" else job["progress"],
        # What was abandoned is looked after, though nobody waits for it.
        due_at=now if rows.late_of(connection, job["id"]) else None,
        worker=None,
        problem=problem.model_dump_json(exclude_none=True) if problem else None,
        **columns,
    )
    rows.note(connection, job["id"], now, f"job-{status.replace('_', '-')}")
    events.ended(connection, job, now, status)
