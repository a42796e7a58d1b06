"""A part that its provider works on: asked after, stopped, fetched line by line, closed."""

from __future__ import annotations

from anymedia.batches import rows
from anymedia.batches.ending import NOTHING, cancelled, end, ended, expired
from anymedia.batches.lines import split
from anymedia.batches.part import At
from anymedia.batches.replies import replied
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import GenerationError, UnreadableResponse
from anymedia.providers.spec import BatchReply, BatchState

POLL_TIMEOUT_SECONDS = 60.0
RESULTS_TIMEOUT_SECONDS = 3600.0
AT_ONCE = 50
"""Replies to a transaction."""


async def stopped(at: At) -> None:
    """Ask the provider to stop it. What is done by then is charged, and comes all the same."""
    outcome = "impossible"
    try:
        outcome = await at.connection.converse(
            at.operation.cancel(at.part["handle"]), timeout_seconds=POLL_TIMEOUT_SECONDS
        )
    except GenerationError as error:
        if error.retryable:
            return  # the next look asks again
    await at.change(lambda c: rows.set_part(c, at.part["id"], cancel=outcome))


async def looked(at: At) -> None:
    """Ask once how it stands; fetch what it came to, once it is over."""
    pace, polls = at.operation.pace, at.part["polls"]
    wait = min(pace.first_seconds * pace.factor ** min(polls, 30), pace.longest_seconds)
    try:
        state = await at.connection.converse(
            at.operation.poll(at.part["handle"]), timeout_seconds=POLL_TIMEOUT_SECONDS
        )
        if state.status == "running":
            await at.later(wait, polls=polls + 1, problem=None)
            return
        if state.results:
            await fetched(at, state)
    except GenerationError as error:
        text = error.problem().model_dump_json(exclude_none=True)
        await at.later(max(wait, error.retry_after or 0.0), polls=polls + 1, problem=text)
        return
    await finished(at, state)


async def fetched(at: At, state: BatchState) -> None:
    """Every reply, as they come, however many there are."""
    waiting: list[BatchReply] = []
    for request in at.operation.results(state.results):
        async with at.connection.stream(
            request, timeout_seconds=RESULTS_TIMEOUT_SECONDS
        ) as incoming:
            async for line in split(incoming.chunks):
                if not line.strip():
                    continue
                waiting.append(at.operation.read(line))
                if len(waiting) >= AT_ONCE:
                    await taken_in(at, waiting)
                    waiting = []
    await taken_in(at, waiting)


async def taken_in(at: At, replies: list[BatchReply]) -> None:
    """Some replies, each written down with its row in the ledger. Again, it changes nothing."""
    for reply in replies:
        position = reply.line.removeprefix("line-")
        if not position.isdecimal() or len(position) > 9:
            continue  # none of ours
        item = await at.desk.database.read(
            lambda c, p=int(position): rows.item(c, at.batch["id"], p)  # type: ignore[misc]  # mypy cannot type a lambda's defaults
        )
        if item is None or item["part_id"] != at.part["id"] or item["status"] != "running":
            continue
        match reply.outcome:
            case "expired":
                await expired(at, item)
            case "cancelled":
                await cancelled(at, item)
            case "answered":
                assert reply.response is not None
                await replied(at, item, reply.response)


async def finished(at: At, state: BatchState) -> None:
    """It is over: what has no reply by now gets none."""
    part = at.part
    items = await at.desk.database.read(lambda c: rows.items_of_part(c, part["id"]))
    for item in items:
        if state.problem is not None:
            problem = state.problem.model_copy(update={"provider": part["provider"]})
            await ended(at, item, "failed", NOTHING, problem=problem)
        elif state.cancelled:
            await cancelled(at, item)
        elif state.expired:
            await expired(at, item)
        else:
            lost = UnreadableResponse(
                f"`{part['provider']}` reports the batch as done, without a reply to this line",
                provider=part["provider"],
                accepted="unknown",
            ).problem()
            await ended(at, item, "failed", Cost(basis="pending"), problem=lost)
    now = at.desk.now()
    text = state.problem.model_dump_json(exclude_none=True) if state.problem else None
    await at.change(lambda c: end(c, part, "done", now, problem=text))
