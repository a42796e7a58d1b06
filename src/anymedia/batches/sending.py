"""Sending a part: staged, reserved, written down, posted once.

What certainly did not arrive is sent again later, or its lines go alone.
"""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from anymedia.batches import rows
from anymedia.batches.ending import NOTHING, end, ended, released
from anymedia.batches.part import At, candidate_of, ledger_row
from anymedia.batches.planning import question, unfitted
from anymedia.budgets.budget import Reached, Spender
from anymedia.contracts.errors import BudgetReached, GenerationError
from anymedia.providers.spec import BatchOrder, Lookup, Submitted
from anymedia.store import intake
from anymedia.store.ledger import LedgerRow

MARGIN_SECONDS = 20.0
"""Between the longest a POST may take and the moment when others may judge it."""
TRIES = 6
"""That certainly did not arrive, before its lines go alone."""
RETRY_SECONDS = 30.0
LONGEST_SECONDS = 900.0


async def sent(at: At) -> None:
    """Stage its lines, reserve what they can cost, write down that it goes out, and send it."""
    desk, part = at.desk, at.part
    items = await desk.database.read(lambda c: rows.items_of_part(c, part["id"]))
    items = [item for item in items if await reserved(at, item)]
    if not items:
        await at.change(lambda c: end(c, part, "not_sent", desk.now()))
        return
    lines = []
    for item in items:
        candidate = candidate_of(at, item)
        asked = await question(desk, candidate, at.attempt(item))
        lines.append((f"line-{item['position']}", asked.json))
    order = BatchOrder(
        marker=part["id"], model=part["model"], group=part["path"], lines=tuple(lines)
    )
    try:
        staged = ""
        if at.operation.stage is not None:
            staged = await at.connection.converse(
                at.operation.stage(order), timeout_seconds=at.operation.timeout_seconds
            )
    except GenerationError as error:
        await held_up(at, error, before="intent")
        return
    now = desk.now()
    deadline = now + at.operation.timeout_seconds + MARGIN_SECONDS

    def opened(c: Connection) -> bool:
        if not rows.move_part(
            c,
            part["id"],
            before=("intent",),
            after="sending",
            opened_at=now,
            send_deadline=deadline,
            requests=len(items),
        ):
            return False
        intake.enter(c, [reserve_row(at, item, now) for item in items])
        return True

    if not await at.change(opened):
        return
    try:
        submitted = await at.connection.converse(
            at.operation.submit(order, staged), timeout_seconds=at.operation.timeout_seconds
        )
    except GenerationError as error:
        if error.accepted == "no":
            await held_up(at, error, before="sending")
        else:
            wait = 0.0 if not isinstance(at.operation.recovery, Lookup) else MARGIN_SECONDS / 4
            text = error.problem().model_dump_json(exclude_none=True)
            until = desk.now() + wait
            await at.change(
                lambda c: rows.set_part(
                    c, part["id"], problem=text, send_deadline=until, due_at=until
                )
            )
        return
    await adopted(at, submitted)


async def reserved(at: At, item: RowMapping) -> bool:
    """Reserve what a line can cost out of every budget; it ends here where there is too little."""
    budgets = at.desk.budgets
    if budgets is None:
        return True
    request, _ = unfitted(item)
    spender = Spender(
        caller=at.batch["owner"],
        tags=request.tags,
        provider=at.part["provider"],
        model=at.part["model"],
        medium=item["medium"],
    )
    bound = candidate_of(at, item).estimate.amount
    answer = await budgets.reserve(
        at.attempt(item), spender, None if bound is None else item["held"]
    )
    if not isinstance(answer, Reached):
        return True
    problem = BudgetReached(f"it was not asked: {answer.message}").problem()
    await ended(at, item, "failed", NOTHING, problem=problem)
    return False


def reserve_row(at: At, item: RowMapping, now: float) -> LedgerRow:
    """What a line can cost at most, before it is asked."""
    return ledger_row(
        at, item, "reserve", now, amount=item["held"], basis="estimated", outcome="sending"
    )


async def adopted(at: At, submitted: Submitted) -> None:
    """The provider has it. Written down whoever holds the lease: a handle is the truth."""
    desk, part, now = at.desk, at.part, at.desk.now()
    first = at.operation.pace.first_seconds

    def work(c: Connection) -> None:
        rows.move_part(
            c,
            part["id"],
            before=("sending", "outcome_unknown"),
            after="accepted",
            handle=submitted.handle,
            due_at=now + first,
            polls=0,
            problem=None,
        )

    await desk.database.write(work)
    desk.changed(at.batch["id"])


async def held_up(at: At, error: GenerationError, *, before: str) -> None:
    """It was certainly not taken on: later again, or each line alone."""
    text = error.problem().model_dump_json(exclude_none=True)
    part = at.part
    if error.retryable and part["polls"] < TRIES:
        wait = error.retry_after or RETRY_SECONDS * 2.0 ** part["polls"]
        due = at.desk.now() + min(wait, LONGEST_SECONDS)
        await at.change(
            lambda c: rows.move_part(
                c,
                part["id"],
                before=(before,),
                after="intent",
                due_at=due,
                polls=part["polls"] + 1,
                problem=text,
            )
        )
        return
    await at.change(lambda c: rows.set_part(c, part["id"], problem=text))
    await released(at, "rejected", single_again=True)
