"""One part at a provider's batch API, from intent to the last of its replies.

    intent    its lines are staged where the provider finds them, which costs nothing
    sending   one POST, with a deadline; written down before it goes out, with what it can cost
    accepted  the provider's id is written down before anything else happens; then it is polled
    done      every line has its reply, its row in the ledger, and its place in the results

A POST without an answer is looked for by our marker where the provider keeps one. Where it cannot
be found, its lines end as `outcome_unknown`: they are neither asked again nor free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.batches import rows, single
from anymedia.batches.desk import Desk
from anymedia.batches.lines import split
from anymedia.batches.planning import at_discount, question, unfitted
from anymedia.batches.purse import Purse
from anymedia.budgets.budget import Reached, Spender
from anymedia.contracts.batch import BatchSettings
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import (
    BudgetReached,
    Cancelled,
    GenerationError,
    OutcomeUnknown,
    ProviderTimeout,
    UnreadableResponse,
)
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import Answer
from anymedia.engine.candidate import Asker, Candidate
from anymedia.engine.connection import Connection as ProviderConnection
from anymedia.engine.course import Course
from anymedia.engine.legs import NAMED
from anymedia.providers.spec import (
    Batch,
    BatchOrder,
    BatchReply,
    BatchState,
    Brief,
    Call,
    Lookup,
    Submitted,
)
from anymedia.store import intake
from anymedia.store.ledger import Entry, LedgerRow, money
from anymedia.wire.exchange import step as stepped
from anymedia.wire.http import HttpResponse

MARGIN_SECONDS = 20.0
"""Between the longest a POST may take and the moment when others may judge it."""
LOOKUP_PAUSES_SECONDS = (2.0, 10.0, 30.0, 60.0, 120.0, 300.0)
RETRY_SECONDS = 30.0
LONGEST_SECONDS = 900.0
POLL_TIMEOUT_SECONDS = 60.0
RESULTS_TIMEOUT_SECONDS = 3600.0
AT_ONCE = 50
"""Replies to a transaction."""
NOTHING = Cost(amount=Decimal(0), basis="computed")


@dataclass(slots=True)
class At:
    """Where a part stands, with everything around it."""

    desk: Desk
    batch: RowMapping
    part: RowMapping
    purse: Purse

    @property
    def connection(self) -> ProviderConnection:
        """The provider, with the credential that the part went out with."""
        return self.desk.engine.providers.get(self.part["provider"], self.part["variant"])

    @property
    def operation(self) -> Batch:
        """How it takes batches."""
        operation = self.connection.provider.batch
        if operation is None:
            raise UnreadableResponse(f"`{self.part['provider']}` takes no batches any more")
        return operation

    def attempt(self, item: RowMapping) -> str:
        """The name of a line's attempt: the same whoever writes it down, and how often."""
        return f"{self.part['id']}:{item['position']}"

    async def change(self, work: Callable[[Connection], Any]) -> Any:
        """Change rows, as the owner of the batch."""
        return await self.desk.change(self.batch["id"], work)

    async def later(self, seconds: float, **columns: Any) -> None:
        """Look again then."""
        due = self.desk.now() + seconds
        await self.change(lambda c: rows.set_part(c, self.part["id"], due_at=due, **columns))


async def step(desk: Desk, batch: RowMapping, part: RowMapping, purse: Purse) -> None:
    """What follows for a part."""
    at = At(desk, batch, part, purse)
    match part["state"]:
        case "intent" if batch["ends"] in {"cancelled", "deadline"}:
            await released(at, "cancelled", single_again=False)
        case "intent":
            await sent(at)
        case "sending":
            await resolved(at)
        case "accepted":
            if batch["ends"] in {"cancelled", "deadline"} and part["cancel"] is None:
                await stopped(at)
            await looked(at)


# --- sending --------------------------------------------------------------------------------


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


def ledger_row(at: At, item: RowMapping, entry: Entry, now: float, **facts: Any) -> LedgerRow:
    """A row about a line."""
    return LedgerRow(
        id=f"{at.attempt(item)}:{entry}",
        at=now,
        entry=entry,
        attempt_id=at.attempt(item),
        request=f"{at.batch['id']}:{item['position']}",
        owner=at.batch["owner"],
        provider=at.part["provider"],
        model=at.part["model"],
        medium=item["medium"],
        tags=unfitted(item)[0].tags,
        **facts,
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
    if error.retryable and part["polls"] < len(LOOKUP_PAUSES_SECONDS):
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


# --- finding out ----------------------------------------------------------------------------


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
    sent_at = datetime.fromtimestamp(part["opened_at"], UTC)
    try:
        found = await at.connection.converse(
            recovery.find(Brief(marker=part["id"]), sent_at), timeout_seconds=POLL_TIMEOUT_SECONDS
        )
    except GenerationError as error:
        tries = part["polls"]
        if tries >= len(LOOKUP_PAUSES_SECONDS):
            await unknown(at, f"it could not be looked for: {error.message}")
            return
        pause = LOOKUP_PAUSES_SECONDS[tries]
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


# --- looking --------------------------------------------------------------------------------


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


# --- lines ----------------------------------------------------------------------------------


def candidate_of(at: At, item: RowMapping) -> Candidate:
    """The way that a line went, at the price of batches."""
    connection = at.connection
    request, notices = unfitted(item)
    call = connection.provider.operation(request.medium, Call)
    assert isinstance(call, Call)
    model = at.desk.engine.providers.model(at.part["provider"], at.part["model"], request.medium)
    if model is not None:
        provider = connection.provider
        model = at_discount(model, provider.catalog or provider.name)
    return Candidate(
        connection=connection,
        operation=call,
        request=request,
        model=model,
        model_id=at.part["model"],
        notices=notices,
        leg=NAMED,
        why="in a batch",
    )


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


async def expired(at: At, item: RowMapping) -> None:
    """Its day was over before it was got to."""
    settings = BatchSettings.model_validate_json(at.batch["settings"])
    if settings.on_expired == "fallback" and at.batch["ends"] is None:
        await again(at, item)
        return
    problem = ProviderTimeout(
        f"`{at.part['provider']}` did not get to it within the batch's window. Ask for it again, or "
        f"set `on_expired: fallback`",
        provider=at.part["provider"],
    ).problem()
    await ended(at, item, "failed", NOTHING, problem=problem)


async def cancelled(at: At, item: RowMapping) -> None:
    """It was stopped before it was got to."""
    problem = Cancelled("stopped at the provider because somebody asked").problem()
    await ended(at, item, "cancelled", NOTHING, problem=problem)


async def again(at: At, item: RowMapping) -> None:
    """It was not asked after all: now it is a request of its own."""
    now, name = at.desk.now(), at.attempt(item)

    def work(c: Connection) -> None:
        if rows.move(
            c,
            at.batch["id"],
            item["position"],
            before=("running",),
            after="queued",
            part_id=None,
            fitted=None,
            held=None,
            due_at=None,
        ):
            intake.enter(c, [ledger_row(at, item, "release", now, **money(NOTHING))])

    await at.change(work)
    at.purse.settle(item["held"] or 0, 0)
    if at.desk.budgets is not None:
        await at.desk.budgets.release(name)


async def ended(at: At, item: RowMapping, status: str, cost: Cost, *, problem: Problem) -> None:
    """A line is over without an answer."""
    entry: Entry = "pending" if cost.basis == "pending" else "release"
    row = ledger_row(
        at,
        item,
        entry,
        at.desk.now(),
        outcome=status if entry == "pending" else "rejected",
        code=problem.code,
        maybe_billed=entry == "pending",
        **money(cost),
    )
    columns = {
        "problem": problem.model_dump_json(exclude_none=True),
        **single.money(cost),
    }
    await written(at, item, status, columns, [row], cost)


async def written(
    at: At,
    item: RowMapping,
    status: str,
    columns: dict[str, Any],
    money_rows: list[LedgerRow],
    cost: Cost,
) -> None:
    """A line's end and its row in the ledger, in one transaction; then the budgets follow."""
    now = at.desk.now()

    def work(c: Connection) -> bool:
        moved = rows.move(
            c,
            at.batch["id"],
            item["position"],
            before=("running",),
            after=status,
            finished_at=now,
            **columns,
        )
        if moved:
            intake.enter(c, money_rows)
        return moved

    if not await at.change(work):
        return
    amount = single.known(cost)
    at.purse.settle(item["held"] or 0, amount)
    if at.desk.budgets is not None:
        await at.desk.budgets.settle(at.attempt(item), amount)


async def released(at: At, state: str, *, single_again: bool) -> None:
    """A part that will not be sent: its lines go alone, or end."""
    part = at.part
    items = await at.desk.database.read(lambda c: rows.items_of_part(c, part["id"]))
    for item in items:
        if single_again:
            await again(at, item)
        else:
            await cancelled(at, item)
    now = at.desk.now()
    await at.change(lambda c: end(c, part, state, now))


def end(
    c: Connection, part: RowMapping, state: str, now: float, *, problem: str | None = None
) -> None:
    """A part is over."""
    columns = {"problem": problem} if problem is not None else {}
    rows.move_part(
        c,
        part["id"],
        before=("intent", "sending", "accepted"),
        after=state,
        finished_at=now,
        due_at=None,
        **columns,
    )
