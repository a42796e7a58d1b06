"""A reply out of a batch, read as if it had come alone."""

from __future__ import annotations

from sqlalchemy import RowMapping

from anymedia.batches import single
from anymedia.batches.ending import NOTHING, written
from anymedia.batches.part import At, candidate_of
from anymedia.contracts.errors import GenerationError, UnreadableResponse
from anymedia.contracts.result import Answer
from anymedia.engine.candidate import Asker, Candidate
from anymedia.engine.course import Course
from anymedia.providers.spec import Brief, Call
from anymedia.store.ledger import LedgerRow
from anymedia.wire.exchange import step as stepped
from anymedia.wire.http import HttpResponse


async def replied(at: At, item: RowMapping, response: HttpResponse) -> None:
    """A reply, read as if it had come alone."""
    desk = at.desk
    candidate = candidate_of(at, item)
    collected: list[LedgerRow] = []
    name = at.attempt(item)
    course = Course(
        candidate.request,
        settings=desk.engine.settings,
        clock=desk.engine.clock,
        ledger=collected.append,
        new_id=lambda kind: name if kind == "att" else f"{at.batch['id']}:{item['position']}",
        asker=Asker(caller=at.batch["owner"]),
    )
    one = course.begin(candidate)
    one.sent = True
    try:
        answer = await read(at, candidate, response, name)
        one.answered = True
        result = desk.engine.result(one, answer)
    except GenerationError as error:
        # It was told so, and what fails in a batch is not charged.
        if response.status >= 400:
            error.accepted = "no"
        one.failed(candidate.connection.named(error))
        failed = single.failed(error)
        cost = one.cost or NOTHING
        columns = {**failed.columns, **single.money(cost)}
        await written(at, item, failed.status, columns, collected, cost)
        return
    elapsed = desk.now() - (at.part["opened_at"] or desk.now())
    result = result.model_copy(update={"elapsed_seconds": round(elapsed, 3)})
    columns = {
        "result": result.model_dump_json(exclude_none=True),
        "usage": result.usage.model_dump_json(exclude_none=True),
        **single.money(result.cost),
    }
    await written(at, item, "succeeded", columns, collected, result.cost)


async def read(at: At, candidate: Candidate, response: HttpResponse, name: str) -> Answer:
    """What a response says, by the reading of the operation that answers single requests."""
    call = candidate.operation
    assert isinstance(call, Call)
    request, _ = await at.desk.engine.inputs.prepared(candidate.request, candidate.connection)
    exchange = call.exchange(request, Brief(model=candidate.model, marker=name))
    try:
        asked = next(exchange)
        stepped(exchange, asked, response, candidate.connection.explain)
    except StopIteration as stop:
        answer: Answer = stop.value
        return answer
    finally:
        exchange.close()
    raise UnreadableResponse("the reply asks for more than a batch can answer", accepted="yes")
