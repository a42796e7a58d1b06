"""An order that was sent without an answer: found again, proven absent, or unknown for good."""

from __future__ import annotations

from datetime import UTC, datetime

from anymedia.batches import rows
from anymedia.batches.ending import end, ended
from anymedia.batches.part import At
from anymedia.batches.sending import adopted
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import GenerationError, OutcomeUnknown
from anymedia.providers.spec import Brief, Lookup

PAUSES_SECONDS = (2.0, 10.0, 30.0, 60.0, 120.0, 300.0)
LATER_SECONDS = 1800.0
POLL_TIMEOUT_SECONDS = 60.0


async def resolved(at: At) -> None:
    """It was sent without an answer: wait for its deadline, then find out."""
    desk, part = at.desk, at.part
    left = (part["send_deadline"] or 0.0) - desk.now()
    if left > 0:
        await at.later(left)
        return
    recovery = at.operation.recovery
    if not isinstance(recovery, Lookup):
        await unknown(at, "it offers no way to find out")
        return
    brief = Brief(marker=part["id"], requests=part["requests"])
    sent_at = datetime.fromtimestamp(part["opened_at"], UTC)
    tries = part["polls"]
    pause = PAUSES_SECONDS[tries] if tries < len(PAUSES_SECONDS) else LATER_SECONDS
    ends = part["opened_at"] + recovery.appears_within_seconds
    may_appear = desk.now() < ends and at.batch["ends"] is None
    try:
        found = await at.connection.converse(
            recovery.find(brief, sent_at), timeout_seconds=POLL_TIMEOUT_SECONDS
        )
    except GenerationError as error:
        if tries >= len(PAUSES_SECONDS) and not may_appear:
            await unknown(at, f"it could not be looked for: {error.message}")
            return
        await at.later(pause, polls=tries + 1)
        return
    if found is not None:
        await adopted(at, found)
    elif recovery.proves_absence:
        now = desk.now()
        await at.change(
            lambda c: rows.move_part(
                c, part["id"], before=("sending",), after="intent", due_at=now, problem=None
            )
        )
    elif may_appear:
        await at.later(pause, polls=tries + 1)
    else:
        await unknown(at, "it could not be found there")


async def unknown(at: At, why: str) -> None:
    """Nobody can say. Its lines are neither asked again nor free."""
    desk, part = at.desk, at.part
    problem = OutcomeUnknown(
        f"`{part['provider']}` was asked for a batch and did not answer, and {why}. It may be "
        f"working on it and charge it. Look for batches of {part['requests']} requests in your "
        f"account there; ask for these lines again only if there is none",
        provider=part["provider"],
        accepted="unknown",
    ).problem()
    items = await desk.database.read(lambda c: rows.items_of_part(c, part["id"]))
    for item in items:
        await ended(at, item, "outcome_unknown", Cost(basis="pending"), problem=problem)
    now = desk.now()
    text = problem.model_dump_json(exclude_none=True)
    await at.change(lambda c: end(c, part, "outcome_unknown", now, problem=text))
