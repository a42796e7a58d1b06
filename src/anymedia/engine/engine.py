"""The engine, reading downwards: run, attempt, exchange.

This page serves what answers at once: text, transcription, embeddings. Generated media are jobs
(`anymedia.jobs`), because a paid request must survive the process that sent it; they use the same
router, connections, inputs and prices.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, Protocol, TypeVar, cast

from anymedia.cache.kept import Kept
from anymedia.choosing import Chooser
from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingResult
from anymedia.contracts.errors import (
    GenerationError,
    NetworkFailed,
    NoRouteSucceeded,
    StorageFailed,
    UnsupportedOption,
)
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.event import AnswerComplete, StreamEnd, StreamRestart, TextEvent
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer, Result
from anymedia.contracts.text import TextAnswer, TextRequest, TextResult
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionResult
from anymedia.engine.answers import GivenAgain, answered_once, cache_of, key_of, row_of_kept
from anymedia.engine.candidate import NOBODY, Asker, Candidate
from anymedia.engine.course import Course, Try
from anymedia.engine.download import Downloads
from anymedia.engine.guards import Guards
from anymedia.engine.identity import new_id
from anymedia.engine.imitation import as_events
from anymedia.engine.inputs import Inputs, Kept as KeptInputs
from anymedia.engine.passage import Passage
from anymedia.engine.providers import Providers
from anymedia.engine.relay import Relays
from anymedia.engine.results import parsed_output, words
from anymedia.engine.retry import PATIENCE_SECONDS, Backoff, retries_unknown
from anymedia.engine.routing import Router, estimate_of, unfit
from anymedia.engine.speaker import Speaker
from anymedia.engine.transport import Transport
from anymedia.engine.upkeep import Upkeep
from anymedia.providers.spec import Brief, Call, Stream
from anymedia.state.redis import RedisLink
from anymedia.store.ledger import LedgerRow
from anymedia.telemetry.observer import Observer
from anymedia.wire.sse import LineParser, SseParser

ResultT = TypeVar("ResultT", bound=Result)
LOG = logging.getLogger("anymedia")


class Ledger(Protocol):
    """Where rows of money go."""

    def record(self, row: LedgerRow) -> None:
        """Keep a row, surviving this process."""
        ...


class Engine:
    """All I/O and all policy for requests that answer at once."""

    def __init__(
        self,
        settings: Settings,
        *,
        network: Transport,
        clock: Clock,
        chance: Random,
        ledger: Ledger,
        kept: KeptInputs | None = None,
    ) -> None:
        self.clock = clock
        self.chance = chance.random
        self.ledger = ledger
        self.chooser = Chooser(clock=clock, chance=chance)
        self.link = shared_state(settings, clock, self.report)
        self.guards = Guards(
            settings, clock=clock, chooser=self.chooser, report=self.report, link=self.link
        )
        self.providers = Providers(settings, network=network, clock=clock, heard=self.guards.heard)
        self.router = Router(self.providers, self.chooser, chance=chance.random)
        self.relays = Relays(self)
        self.observer: Observer | None = None
        """Who wants to know of every attempt, if anybody does."""
        self.upkeep = Upkeep(self.providers, self.guards, network=network, clock=clock)
        self.cache = cache_of(settings, clock, self.link, self.report)
        self.downloads = Downloads(self.providers.transport)
        self.inputs = Inputs(self.downloads, kept, limit_bytes=settings.max_input_bytes)

    @property
    def settings(self) -> Settings:
        """As they are at the moment."""
        return self.providers.settings

    def configure(self, settings: Settings) -> None:
        """Other settings, from the next request on."""
        self.providers.configure(settings)
        self.guards.configure(settings)

    async def run(
        self, request: Request[ResultT], *, asker: Asker = NOBODY, course: Course | None = None
    ) -> ResultT:
        """The result: one that was kept, or the first candidate's that has one.

        `course` is what was tried for it already, by the short way.
        """
        if course is not None:
            course.request = request
            return cast("ResultT", await self.asked(course))
        if self.cache is None or request.cache is False or not self.cache.suits(request):
            return cast("ResultT", await self.asked(self.course(request, asker)))
        key = await key_of(self.cache, request, asker, self.providers)
        return await answered_once(
            self.cache,
            key,
            request,
            lambda: self.asked(self.course(request, asker)),
            clock=self.clock,
            given_again=self.given_again(request, asker),
        )

    def given_again(self, request: Request[Any], asker: Asker) -> GivenAgain:
        """Writes down that nobody had to be asked. Nothing is owed for it, so it may get lost."""

        def write(name: str, cost: Decimal | None) -> None:
            row = row_of_kept(name, cost, request, asker, new_id("att"), self.clock.now())
            with suppress(StorageFailed):
                self.ledger.record(row)

        return write

    async def asked(self, course: Course) -> Any:
        """The result, from the first candidate that has one."""
        await self.guards.recall(course.request, course.asker, course.policy)
        plan = self.planned(course)
        while (candidate := await self.following(plan, course)) is not None:
            try:
                return await self.attempt(candidate, course)
            except GenerationError as error:
                if not course.goes_on_after(error):
                    raise course.given_up(error) from None
        raise course.exhausted()

    def planned(self, course: Course, *, streaming: bool = False) -> Iterator[Candidate]:
        """The candidates that are worth a try. Who has failed too often of late is left alone."""
        request, today = course.request, self.clock.now().date()
        for candidate in self.router.one_by_one(
            request, today, streaming=streaming, asker=course.asker
        ):
            if not course.may_try(candidate):
                continue
            closed = self.guards.left_alone(candidate)
            if closed is None:
                yield candidate
            else:
                course.passed_over(candidate, closed)

    async def following(self, plan: Iterator[Candidate], course: Course) -> Candidate | None:
        """Who is asked next: the plan's, then who asked for patience, at last a probe.

        When all are left alone, the one whose time is up soonest is asked all the same: better one
        probe than a blind no.
        """
        candidate = next(plan, None) or await course.rested()
        if candidate is None and (soonest := self.guards.soonest(course.untouched)) is not None:
            candidate = replace(soonest, probe=True)
        return candidate

    async def attempt(self, candidate: Candidate, course: Course) -> Result:
        """One candidate, as often as its failures allow."""
        while True:
            one = course.begin(candidate)
            try:
                async with Passage(self.guards, one):
                    answer = await self.exchange(candidate, one)
                    one.answered = True
                    result = self.result(one, answer)
            except GenerationError as error:
                one.failed(error)
                if not await self.waited(one, error):
                    raise
            except BaseException as error:
                one.abandoned(error)
                raise
            else:
                return result

    async def waited(self, one: Try, error: GenerationError) -> bool:
        """Wait as long as a failure asks for; false where there is no point in another try."""
        wait = Backoff(one.course.retry, self.chance).wait(one.repetition, error)
        if wait is None or not one.course.has_time_for(wait):
            return False
        if one.answered or not one.asked:
            return False  # what is here already is not bought again
        if error.accepted == "unknown" and not retries_unknown(
            one.course.policy, one.course.request.medium
        ):
            return False
        if not self.guards.may_repeat(one.candidate):
            return False
        if wait > PATIENCE_SECONDS and one.course.goes_on_after(error):
            one.course.rest(one.candidate, wait)
            return False
        await self.clock.sleep(wait)
        return True

    async def exchange(self, candidate: Candidate, one: Try) -> Answer:
        """One conversation."""
        operation = candidate.operation
        if isinstance(operation, Call):
            request, brief = await self.prepared(candidate, one)
            seconds = one.course.seconds_for_one(operation.timeout_seconds)
            one.sent = True
            return await candidate.connection.converse(
                operation.exchange(request, brief), timeout_seconds=seconds
            )
        if isinstance(operation, Stream):
            async with aclosing(self.pieces(candidate, one)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, AnswerComplete):
                        return piece.answer
        raise UnsupportedOption(f"{candidate.name} answers {request.medium} with jobs only")

    async def prepared(self, candidate: Candidate, one: Try) -> tuple[Any, Brief]:
        """The request with its media as the provider takes them, and the adapter's brief."""
        request, converted = await self.inputs.prepared(
            candidate.request, candidate.connection, left=one.course.seconds_left
        )
        one.notices += converted
        return request, Brief(model=candidate.model, marker=one.id)

    # --- streams --------------------------------------------------------------------------

    async def stream(
        self,
        request: TextRequest,
        *,
        asker: Asker = NOBODY,
        course: Course | None = None,
        speaker: Speaker | None = None,
    ) -> AsyncGenerator[TextEvent, None]:
        """Events as they come, the result last. `speaker` is told who answers before the first.

        Before the first event a failure is followed by another try, here or elsewhere. After it
        there is none, unless the route says `resume_streams`: the caller has seen the beginning
        of an answer that no other would go on with, and is told to forget it. `course` is as for
        `run`.
        """
        cache = self.cache if request.cache is not False and course is None else None
        speaker, key = speaker or Speaker(), None
        if cache is not None and cache.suits(request):
            key = await key_of(cache, request, asker, self.providers)
            if (kept := await cache.find(key)) is not None:
                self.given_again(request, asker)(kept.names[-1], kept.cost)
                speaker.name = kept.names[-1]
                for event in cache.replay(kept.result(request)):
                    yield event
                return
        course = course or self.course(request, asker)
        course.request = request
        await self.guards.recall(request, asker, course.policy)
        plan = self.planned(course, streaming=True)
        while (candidate := await self.following(plan, course)) is not None:
            again = True
            while again:
                one = course.begin(candidate)
                try:
                    async with (
                        Passage(self.guards, one),
                        aclosing(self.pieces(candidate, one)) as pieces,
                    ):
                        speaker.name = candidate.name
                        async for piece in pieces:
                            one.started()
                            if isinstance(piece, AnswerComplete):
                                one.answered = True
                                result = self.result(one, piece.answer)
                                break
                            yield piece
                    if cache is not None and key is not None:
                        await cache.keep(key, Kept.of(result, made_at=self.clock.now()))
                    yield StreamEnd(result=cast("TextResult", result))
                    return
                except GenerationError as error:
                    one.failed(error)
                    begun = one.first_seconds is not None
                    if begun and not course.policy.resume_streams:
                        raise course.given_up(error) from None
                    again = await self.waited(one, error)
                    if not (again or course.goes_on_after(error)):
                        raise course.given_up(error) from None
                    if begun:
                        name = candidate.connection.name
                        yield StreamRestart(provider=name, reason=error.message)
                except BaseException as error:
                    one.abandoned(error)
                    raise
        raise course.exhausted()

    async def pieces(self, candidate: Candidate, one: Try) -> AsyncGenerator[Any, None]:
        """A candidate's answer in pieces, whichever way it answers; the last one completes it."""
        operation = candidate.operation
        if not isinstance(operation, Stream):
            for piece in as_events(cast("TextAnswer", await self.exchange(candidate, one))):
                yield piece
            return
        request, brief = await self.prepared(candidate, one)
        parser = SseParser() if operation.framing == "sse" else LineParser()
        seconds = one.course.seconds_for_one(operation.timeout_seconds)
        one.sent = True
        async with candidate.connection.stream(
            operation.start(request, brief),
            timeout_seconds=seconds,
            silence_seconds=one.course.policy.stall_seconds,
        ) as incoming:
            decoder = operation.decoder(request, brief, incoming.head)
            async for chunk in incoming.chunks:
                for event in parser.feed(chunk):
                    for piece in decoder.feed(event):
                        yield piece
            for event in parser.end():
                for piece in decoder.feed(event):
                    yield piece
            for piece in decoder.end():
                yield piece
            # Whoever listens stops at the piece that completes the answer.
            raise NetworkFailed("the stream ended without an answer", accepted="unknown")

    # --- results --------------------------------------------------------------------------

    def result(self, one: Try, answer: Answer) -> Result:
        """The answer with everything about how it was got; its row is in the ledger by then."""
        request, candidate = one.candidate.request, one.candidate
        usage, cost = one.succeeded(answer, words(answer))
        facts: dict[str, Any] = {
            "provider": candidate.connection.name,
            "model": answer.model or candidate.model_id,
            "request_id": answer.request_id,
            "usage": usage,
            "cost": cost,
            "attempts": one.course.attempts(),
            "warnings": (
                *candidate.notices,
                *one.notices,
                *answer.warnings,
                *one.course.doubts(),
            ),
            "metadata": request.metadata,
            "provider_metadata": answer.metadata,
            "elapsed_seconds": one.course.elapsed_seconds(),
        }
        match answer:
            case TextAnswer():
                parsed, notices = parsed_output(request, answer)
                facts["warnings"] += notices
                return TextResult(
                    **facts,
                    text=answer.text,
                    reasoning=answer.reasoning,
                    refusal=answer.refusal,
                    tool_calls=answer.tool_calls,
                    finish=answer.finish,
                    parsed=parsed,
                    provider_state=answer.provider_state,
                )
            case TranscriptAnswer():
                return TranscriptionResult(
                    **facts,
                    text=answer.text,
                    language=answer.language,
                    duration_seconds=answer.duration_seconds,
                    segments=answer.segments,
                    words=answer.words,
                )
            case EmbeddingAnswer():
                return EmbeddingResult(**facts, embeddings=answer.embeddings)
            case _:
                raise NoRouteSucceeded(f"{candidate.name} answered with {type(answer).__name__}")

    async def estimates(
        self, request: Request[Any], *, asker: Asker = NOBODY
    ) -> tuple[Estimate, ...]:
        """What every route would make of a request, and whether it would be asked right now."""
        today = self.clock.now().date()
        candidates, skipped = self.router.candidates(request, today, asker=asker)
        by_name: dict[str, Estimate] = {}
        for one in candidates:
            passed_over = await self.guards.passes_over(one, asker.caller)
            known = by_name.get(one.name)
            if known is None or (known.passed_over is not None and passed_over is None):
                by_name[one.name] = estimate_of(one, passed_over)
        return (*by_name.values(), *map(unfit, skipped))

    def report(self, message: str) -> None:
        """Something for the operator's log. Never prompts, media or keys."""
        LOG.warning(message)

    def course(self, request: Request[Any], asker: Asker) -> Course:
        """What is going to happen to a request."""
        return Course(
            request,
            settings=self.settings,
            clock=self.clock,
            ledger=self.ledger.record,
            new_id=new_id,
            asker=asker,
            observer=self.observer,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.upkeep.close()
        if self.cache is not None:
            await self.cache.close()
        if self.link is not None:
            await self.link.close()
        await self.providers.close()


def shared_state(
    settings: Settings, clock: Clock, report: Callable[[str], None]
) -> RedisLink | None:
    """The Redis of the configuration, if it names one."""
    if settings.state.redis_url is None:
        return None
    return RedisLink(settings.state, clock=clock, report=report)
