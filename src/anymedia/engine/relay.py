"""The short way: who speaks a provider's own language is passed on, byte for byte.

Translating a question into ours and back again costs more than everything else the engine does
for it. Where caller and provider speak the same dialect and nothing has to be changed, the bytes
go through, guarded, counted and paid for like any other attempt. Whatever is not plainly of that
kind is not done here: `None` sends the caller the long way, and so does a failure, which the long
way takes into account.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.text import TextRequest, UserMessage
from anymedia.contracts.usage import Usage
from anymedia.engine.candidate import Asker, Candidate
from anymedia.engine.course import Course, Try
from anymedia.engine.legs import NAMED, policy_of
from anymedia.engine.passage import Passage
from anymedia.engine.quotas import counts_money, counts_tokens
from anymedia.providers.spec import Call, Receipt, Relay, Stream
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from anymedia.engine.engine import Engine

MOST_REMEMBERED = 1_000
NAME = re.compile(rb'"([\w./:@+-]{1,200})"', re.ASCII)
"""A model's name as JSON has it, without anything that has to be unescaped."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a model's requests go, and how they are passed on there."""

    candidate: Candidate
    relay: Relay


@dataclass(slots=True)
class Passed:
    """An answer on its way through; `course` tells the long way what was tried, if it failed."""

    course: Course
    one: Try
    content: bytes = b""
    receipt: Receipt | None = None

    @property
    def name(self) -> str:
        """Provider and model."""
        return self.one.candidate.name

    @property
    def provider(self) -> str:
        return self.one.candidate.connection.name

    @property
    def model(self) -> str:
        """As the provider names what answered."""
        told = self.receipt.model if self.receipt is not None else None
        return told or self.one.candidate.model_id

    @property
    def usage(self) -> Usage:
        return self.one.usage or Usage()

    @property
    def cost(self) -> Cost:
        return self.one.cost or Cost(basis="pending")


class Relays:
    """Finds short ways and goes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ways: dict[tuple[str, str, bool], Way | None] = {}
        self._known_of: Any = None

    def way(self, fields: dict[str, Raw], dialect: str, *, streaming: bool) -> Way | None:
        """The short way for a body, if it may go one."""
        engine, model = self._engine, fields.get("model")
        now_of = (engine.providers.generation, engine.clock.now().date())
        if self._known_of != now_of or len(self._ways) > MOST_REMEMBERED:
            self._ways, self._known_of = {}, now_of
        name = NAME.fullmatch(bytes(model)) if model is not None else None
        if name is None:
            return None
        key = (name[1].decode(), dialect, streaming)
        try:
            way = self._ways[key]
        except KeyError:
            way = self._ways[key] = self._found(key[0], dialect, streaming=streaming)
        if way is None or not way.relay.suits(fields, way.candidate.model):
            return None
        return way if engine.guards.left_alone(way.candidate) is None else None

    def _found(self, model: str, dialect: str, *, streaming: bool) -> Way | None:
        engine, settings = self._engine, self._engine.settings
        policy = policy_of(settings, "text")
        template = TextRequest(model=model, messages=(UserMessage(content="."),))
        if (
            settings.max_cost is not None
            or policy.affinity is not None
            or model in settings.aliases
            or (engine.cache is not None and engine.cache.suits(template))
        ):
            return None
        today = engine.clock.now().date()
        try:
            candidates, _ = engine.router.candidates(template, today, streaming=streaming)
        except GenerationError:
            return None  # the long way says why
        if not candidates:
            return None
        first = candidates[0]
        named = {one.connection.name for one in candidates}
        operation, configured = first.operation, first.connection.configured
        if (
            not isinstance(operation, Stream if streaming else Call)
            or operation.dialect != dialect
            or operation.relay is None
            or first.notices
            or configured.options
            or configured.rollout_percent < 100
            or first.connection.variant
            or not (len(named) == 1 or first.leg is NAMED or first.leg.strategy == "priority")
        ):
            return None
        return Way(first, operation.relay)

    # --- going ----------------------------------------------------------------------------

    async def call(self, way: Way, fields: dict[str, Raw], asker: Asker) -> Passed:
        """The whole answer. Without a receipt it failed, and the long way may go on.

        Raises what nobody else can help with.
        """
        passed = self._begun(way, fields, asker)
        one, candidate = passed.one, passed.one.candidate
        seconds = passed.course.seconds_for_one(candidate.operation.timeout_seconds)
        question = way.relay.ask(fields, candidate.model_id)
        try:
            async with Passage(self._engine.guards, one):
                one.sent = True
                response, receipt = await candidate.connection.converse(
                    told(question, way.relay), timeout_seconds=seconds
                )
                one.answered = True
                one.succeeded(receipt, "")
        except GenerationError as error:
            await self._failed(passed, error)
        except BaseException as error:
            one.abandoned(error)
            raise
        else:
            usd = one.cost.amount if one.cost is not None else None
            passed.content = way.relay.signed(response.content, candidate.name, usd)
            passed.receipt = receipt
        return passed

    async def stream(
        self, way: Way, fields: dict[str, Raw], asker: Asker
    ) -> AsyncGenerator[Passed | bytes, None]:
        """How it begins, then the answer's events as they come.

        A `Passed` without an event after it failed before the first, and the long way may go on.
        """
        passed = self._begun(way, fields, asker)
        one, candidate = passed.one, passed.one.candidate
        seconds = passed.course.seconds_for_one(candidate.operation.timeout_seconds)
        question = way.relay.ask(fields, candidate.model_id)
        yield passed
        try:
            async with Passage(self._engine.guards, one):
                one.sent = True
                async with candidate.connection.stream(
                    question,
                    timeout_seconds=seconds,
                    silence_seconds=passed.course.policy.stall_seconds,
                ) as incoming:
                    listener = way.relay.listen(fields, incoming.head)
                    async for chunk in incoming.chunks:
                        if events := listener.feed(chunk):
                            one.started()
                            yield events
                    passed.receipt = listener.end()
                    one.answered = True
                    _, cost = one.succeeded(passed.receipt, "")
            if last := listener.last(candidate.name, cost.amount):
                yield last
        except GenerationError as error:
            if one.first_seconds is not None:
                one.failed(error)
                raise passed.course.given_up(error) from None
            await self._failed(passed, error)
        except BaseException as error:
            one.abandoned(error)
            raise

    def _begun(self, way: Way, fields: dict[str, Raw], asker: Asker) -> Passed:
        candidate = way.candidate
        if self._is_weighed(candidate, asker):
            candidate = replace(candidate, request=sized(candidate.request, fields))
        course = self._engine.course(candidate.request, asker)
        return Passed(course, course.begin(candidate))

    async def _failed(self, passed: Passed, error: GenerationError) -> None:
        """Return where another try is allowed, here or elsewhere; else raise."""
        one, course = passed.one, passed.course
        one.failed(error)
        again = await self._engine.waited(one, error)
        if again:
            course.again = one.candidate.label
        elif not course.goes_on_after(error):
            raise course.given_up(error) from None

    def _is_weighed(self, candidate: Candidate, asker: Asker) -> bool:
        """Whether somebody counts tokens or money of it beforehand."""
        if self._engine.settings.budgets:
            return True
        rules = self._engine.guards.quotas.rules(
            candidate.connection, candidate.model_id, asker.caller
        )
        return any(counts_tokens(rule.limits) or counts_money(rule.limits) for rule in rules)


def told(question: HttpRequest, relay: Relay) -> Exchange[tuple[HttpResponse, Receipt]]:
    """One round trip, of which only the receipt is read."""
    response = yield question
    return response, relay.read(response)


def sized(template: Any, fields: dict[str, Raw]) -> TextRequest:
    """A request as long as the body says: what may be consumed at most can be told from it."""
    words = bytes(fields["messages"]).decode("utf-8", "replace")
    most = fields.get("max_completion_tokens") or fields.get("max_tokens")
    digits = bytes(most) if most is not None else b""
    request: TextRequest = template.model_copy(
        update={
            "messages": (UserMessage(content=words),),
            "max_output_tokens": int(digits[:9]) if digits.isdigit() else None,
        }
    )
    return request
