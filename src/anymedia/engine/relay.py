"""The short way: who speaks a provider's own language is passed on, byte for byte.

Translating a question into ours and back again costs more than everything else the engine does
for it. Where caller and provider speak the same dialect and nothing has to be changed, the bytes
go through, guarded, counted and paid for like any other attempt: through the same circuit, limits
and budgets, and into the same ledger, in the order that `Passage` has. Only what a good answer
needs is done here. As soon as anything fails it becomes a `Try` like any other, on which `Passage`
and the long way act. What may go this way at all is decided in `ways`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace as with_facts

from anymedia.contracts.errors import GenerationError, LimitReached
from anymedia.contracts.text import TextRequest, UserMessage
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course, Try
from anymedia.engine.guards import limit_reached
from anymedia.engine.identity import Names
from anymedia.engine.passage import Passage
from anymedia.engine.pricing import Reckoned, settled
from anymedia.engine.spending import afforded, micro_usd, nano_usd
from anymedia.engine.transport import Outgoing
from anymedia.engine.ways import Terms, Way, Ways
from anymedia.limits.claim import Claim, Full, Taken
from anymedia.providers.spec import Fields, Receipt
from anymedia.resilience.circuit import Admission
from anymedia.store.ledger import NANO, nano, reference_of
from anymedia.telemetry.observer import Attempt as Observed
from anymedia.wire.http import HttpRequest
from anymedia.wire.large import Body

if TYPE_CHECKING:
    from anymedia.engine.engine import Engine


NANO_IN_MICRO = 1_000
PENDING = Reckoned(None, "pending", "")


class Passed:
    """An answer on its way through; `course` tells the long way what was tried, if it failed."""

    __slots__ = (
        "_one", "admission", "answered", "asker", "began", "bound", "claim", "content", "cost",
        "ended", "engine", "fields", "first_seconds", "id", "most", "observed", "receipt",
        "recorded", "request_id", "sent", "since", "started", "terms", "way",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        names: Names,
        way: Way,
        fields: Fields,
        asker: Asker,
        *,
        now: float,
        time: float,
    ) -> None:
        self.engine = engine
        self.way = way
        self.fields = fields
        self.asker = asker
        self.id, self.request_id = names.two("att", "req")
        self.since = self.began = self.ended = now
        """When it was taken on, when it was sent, and when its answer had come (monotonic)."""
        self.started = time
        self.terms: Terms = way.terms(engine.guards.quotas, asker.caller)
        self.bound: int | None = None
        """Nano-dollars that it can cost at most, where somebody asks for that."""
        self.most: dict[str, int] | None = None
        """What it can consume at most, likewise."""
        self.claim: Claim | None = None
        """On its limits."""
        self.admission: Admission | None = None
        self.sent = self.answered = self.recorded = False
        self.first_seconds: float | None = None
        self.content = b""
        self.receipt: Receipt | None = None
        self.cost = PENDING
        self._one: Try | None = None
        self.observed: Observed | None = None
        observer = engine.observer
        if observer is not None:
            self.observed = observer.attempt("text", way.provider, way.model_id, 1, self.request_id)

    @property
    def name(self) -> str:
        """Provider and model."""
        return self.way.name

    @property
    def provider(self) -> str:
        return self.way.provider

    @property
    def model(self) -> str:
        """As the provider names what answered."""
        told = self.receipt.model if self.receipt is not None else None
        return told or self.way.model_id

    def tokens(self) -> int | None:
        """How many tokens it took, if that is known."""
        receipt = self.receipt
        if receipt is None:
            return None
        counts = receipt.counts
        try:
            return counts["input_tokens"] + counts["output_tokens"]
        except KeyError:  # many say one of them, or nothing
            return counts.get("input_tokens", counts.get("output_tokens"))

    def elapsed_seconds(self) -> float:
        """Since it was taken on."""
        return self.engine.clock.monotonic() - self.since

    @property
    def course(self) -> Course:
        """What was tried, for the long way."""
        return self.one.course

    @property
    def one(self) -> Try:
        """This as a try like any other."""
        if self._one is None:
            candidate = self.way.candidate
            candidate = replace(candidate, request=sized(candidate.request, self.way, self.fields))
            course = self.engine.course(candidate.request, self.asker)
            self._one = course.resume(
                candidate,
                request_id=self.request_id,
                attempt_id=self.id,
                since=self.since,
                began=self.began,
                started_at=datetime.fromtimestamp(self.started, UTC),
                observed=self.observed,
            )
        one = self._one
        one.sent, one.answered, one.first_seconds = self.sent, self.answered, self.first_seconds
        return one


class Relays:
    """Goes short ways."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ways = Ways(engine)
        self._names = Names()
        self._monotonic, self._time = engine.clock.monotonic, engine.clock.time

    def way(self, fields: Fields, dialect: str, *, streaming: bool) -> Way | None:
        """The short way for a body, if it may go one."""
        return self._ways.find(fields, dialect, streaming=streaming)

    def begun(self, way: Way, fields: Fields, asker: Asker) -> Passed:
        """An answer that is going to be asked for."""
        monotonic, time = self._monotonic, self._time
        return Passed(self._engine, self._names, way, fields, asker, now=monotonic(), time=time())

    async def call(self, passed: Passed, body: bytes) -> None:
        """The whole answer. Without a receipt it failed, and the long way may go on.

        Raises what nobody else can help with.
        """
        way = passed.way
        try:
            await self._enter(passed)
            ask, signed = way.relay.ask, way.relay.signed
            content = ask(body, passed.fields, way.model_id)
            outgoing = self._outgoing(passed, content) or await self._authorized(passed, content)
            passed.sent = True
            receipt = await way.connection.pass_on(outgoing, way.relay.read)
            passed.answered = True
            self._record(passed, receipt)
        except BaseException as error:
            if await self._given_up(passed, error):
                raise
            return
        passed.receipt = receipt
        for untold in self._leave(passed):
            await untold
        passed.content = signed(receipt.answer, way.name, passed.cost.amount)

    async def stream(self, passed: Passed, body: bytes) -> AsyncGenerator[bytes, None]:
        """The answer's events as they come.

        Without a receipt afterwards it failed before the first, and the long way may go on.
        """
        way, connection = passed.way, passed.way.connection
        clock = self._engine.clock
        try:
            await self._enter(passed)
            content = way.relay.ask(body, passed.fields, way.model_id)
            outgoing = self._outgoing(passed, content, listening=True)
            if outgoing is None:
                outgoing = await self._authorized(passed, content, listening=True)
            passed.sent = True
            async with connection.overheard(outgoing) as incoming:
                listener = way.relay.listen(passed.fields, incoming.head, way.name)
                feed = listener.feed
                async for chunk in incoming.chunks:
                    if events := feed(chunk):
                        if passed.first_seconds is None:
                            passed.first_seconds = clock.monotonic() - passed.began
                        yield events
                receipt = listener.end()
            passed.answered = True
            self._record(passed, receipt)
        except BaseException as error:
            if await self._given_up(passed, error):
                raise
            return
        passed.receipt = receipt
        for untold in self._leave(passed):
            await untold
        if last := listener.last(way.name, passed.cost.amount):
            yield last

    # --- there ------------------------------------------------------------------------------

    async def _enter(self, passed: Passed) -> None:
        """Through circuit, limits and budgets. Raises what is in the way."""
        guards, way = self._engine.guards, passed.way
        connection, terms = way.connection, passed.terms
        admission = guards.admitted(way.circuit, connection)
        try:
            answer = self._taken(passed, terms) or await self._waited(passed, terms)
            if isinstance(answer, Full):
                raise limit_reached(way.provider, answer)  # noqa: TRY301  as `Guards.taken` does
            budgets = guards.budgets
            if budgets is not None:
                bound = self._bound(passed)
                if budgets.reserve_now(passed.id, terms.spender, bound) is None:
                    await afforded(budgets, terms.spender, passed.id, bound)
        except BaseException as error:
            guards.breakers.said_nothing(admission)
            if not isinstance(error, LimitReached):
                await guards.limiter.release(passed.id, refund=True)
            raise
        passed.admission = admission
        monotonic = self._monotonic
        passed.began = began = monotonic()
        way.notes.begun(began)

    def _taken(self, passed: Passed, terms: Terms) -> Taken | Full | None:
        """Room under every limit; nothing where it has to be waited or asked for."""
        tokens = dollars = 0
        if terms.counts_tokens:
            most = passed.most = passed.way.bound(passed.fields)
            tokens = most["input_tokens"] + most["output_tokens"]
        if terms.counts_money:
            dollars = (self._bound(passed) or 0) // NANO_IN_MICRO
        claim = passed.claim = Claim(passed.id, terms.rules, tokens, dollars)
        guards = self._engine.guards
        take = guards.room.enter_now if terms.queues else guards.limiter.take_now
        return take(claim, lease_seconds=terms.lease_seconds)

    async def _waited(self, passed: Passed, terms: Terms) -> Taken | Full:
        """The same, where others have to be asked or the route says to wait for room."""
        guards, policy, claim = self._engine.guards, passed.way.policy, passed.claim
        assert claim is not None
        if not terms.queues:
            return await guards.limiter.take(claim, lease_seconds=terms.lease_seconds)
        return await guards.room.enter(
            claim,
            caller=passed.asker.caller,
            priority=passed.way.candidate.request.priority,
            deadline_seconds=min(passed.way.allowed_seconds, policy.queue_seconds),
            lease_seconds=terms.lease_seconds,
        )

    def _bound(self, passed: Passed) -> int | None:
        """What it can cost at most, in nano-dollars; `None` where nobody knows."""
        if passed.bound is None:
            most = passed.most
            if most is None:
                most = passed.most = passed.way.bound(passed.fields)
            dollars = passed.way.tariff(None).amount(most)
            passed.bound = None if dollars is None else ceil(dollars * NANO)
        return passed.bound

    def _outgoing(
        self, passed: Passed, content: Body, *, listening: bool = False
    ) -> Outgoing | None:
        """The request down to its bytes; nothing where each has to be made anew."""
        way = passed.way
        if way.standing is None or (way.traced and passed.observed is not None):
            return None
        return with_facts(
            way.standing,
            body=content,
            total_seconds=self._seconds(passed),
            read_seconds=self._silence(way) if listening else None,
        )

    async def _authorized(
        self, passed: Passed, content: Body, *, listening: bool = False
    ) -> Outgoing:
        """The same, signed or traced."""
        way = passed.way
        request: HttpRequest = replace(way.request, content=bytes(content))
        return await way.connection.outgoing(
            request,
            timeout_seconds=self._seconds(passed),
            read_seconds=self._silence(way) if listening else None,
        )

    def _seconds(self, passed: Passed) -> float:
        """How long the provider may take; raises where waiting has used it all up."""
        way = passed.way
        left, patience = way.allowed_seconds - (passed.began - passed.since), way.patience_seconds
        if left > patience:
            return patience
        return left if left > 0 else passed.course.seconds_for_one(way.patience_seconds)

    def _silence(self, way: Way) -> float:
        """How long it may say nothing."""
        return way.policy.stall_seconds or self._engine.settings.timeouts.read_seconds

    # --- and back ---------------------------------------------------------------------------

    def _record(self, passed: Passed, receipt: Receipt) -> None:
        """What it consumed and costs, written down before anybody hears the answer."""
        way, monotonic, time = passed.way, self._monotonic, self._time
        amounts = {**receipt.counts, "requests": 1}
        passed.cost = cost = way.tariff(passed.started).reckoned(amounts, estimated=False)
        computed = amount = nano(cost.amount)
        reported = None
        if receipt.reported_cost is not None:
            told = settled(cost.cost(), receipt.reported_cost)
            passed.cost = cost = Reckoned(
                told.amount, told.basis, told.explanation or "", told.price
            )
            amount = nano(cost.amount)
            reported = amount if cost.basis == "reported" else None
        passed.recorded = True
        passed.ended = ended = monotonic()
        seconds = ended - passed.began
        if passed.observed is not None:
            passed.observed.ended(
                "succeeded", seconds=seconds, usage=receipt.usage, cost=cost.cost()
            )
        row = with_facts(
            way.row,
            id=f"{passed.id}:settle",
            at=time(),
            attempt_id=passed.id,
            request=passed.request_id,
            reference=reference_of(None, receipt.request_id),
            seconds=round(seconds * 10_000) / 10_000,  # cheaper than asking for four places
            owner=passed.asker.caller or "local",
            usage={**amounts, "estimated": False, "raw": receipt.raw or NO_WORDS},
            amount=amount,
            basis=cost.basis,
            computed=computed,
            reported=reported,
            explanation=cost.explanation,
            price=cost.price,
        )
        if amount is None:
            row = with_facts(row, bound=self._bound(passed))
        self._engine.ledger.record(row)

    def _leave(self, passed: Passed) -> Sequence[Awaitable[None]]:
        """Everybody hears that it went well; slots are free, and estimates become what it was.

        Who has to be waited for to hear it.
        """
        guards, way, terms = self._engine.guards, passed.way, passed.terms
        assert passed.admission is not None
        ended = passed.ended
        way.notes.succeeded(
            passed.admission,
            ended,
            seconds=ended - passed.began,
            first_seconds=passed.first_seconds,
            cost=passed.cost,
        )
        told = guards.limiter.end(
            passed.id,
            tokens=passed.tokens() if terms.counts_tokens else None,
            micro_usd=micro_usd(passed.cost) if terms.counts_money else None,
        )
        untold = () if told is None else (told,)
        if guards.budgets is not None:
            told = guards.budgets.settle_now(passed.id, nano_usd(passed.cost))
            if told is not None:
                untold = (*untold, told)
        return untold

    async def _given_up(self, passed: Passed, error: BaseException) -> bool:
        """Whether nobody is asked again: where another try is allowed, the long way makes it."""
        one, guards = passed.one, self._engine.guards
        if passed.recorded:
            one.closed()
        if passed.admission is not None:
            way_back = Passage.entered(guards, one, passed.admission)
            await way_back.__aexit__(type(error), error, error.__traceback__)
        if not isinstance(error, GenerationError):
            one.abandoned(error)
            return True
        one.failed(error)
        if passed.first_seconds is None:
            if await self._engine.waited(one, error):
                one.course.again = one.candidate.label
                return False
            if one.course.goes_on_after(error):
                return False
        one.course.given_up(error)
        return True


NO_WORDS: dict[str, Any] = {}


def sized(template: Any, way: Way, fields: Fields) -> TextRequest:
    """A request as long as the body says: what may be consumed at most can be told from it."""
    said = (bytes(fields[name]) for name in ("messages", "system") if name in fields)
    words = b"".join(said).decode("utf-8", "replace")
    request: TextRequest = template.model_copy(
        update={
            "messages": (UserMessage(content=words),),
            "max_output_tokens": way.relay.most(fields),
        }
    )
    return request
