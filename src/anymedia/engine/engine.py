"""The engine, reading downwards: run, attempt, exchange.

This page serves what answers at once: text, transcription, embeddings. Generated media are jobs
(`anymedia.jobs`), because a paid request must survive the process that sent it; they use the same
router, connections, inputs and prices.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Protocol, TypeVar, cast

from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingResult
from anymedia.contracts.errors import (
    GenerationError,
    NetworkFailed,
    NoRouteSucceeded,
    UnsupportedOption,
)
from anymedia.contracts.event import AnswerComplete, StreamEnd, TextEvent
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer, Result
from anymedia.contracts.text import TextAnswer, TextRequest, TextResult
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionResult
from anymedia.engine.course import Course, Try
from anymedia.engine.download import Downloads
from anymedia.engine.imitation import as_events
from anymedia.engine.inputs import Inputs, Kept
from anymedia.engine.providers import Providers
from anymedia.engine.results import parsed_output, words
from anymedia.engine.retry import Backoff, may_go_elsewhere
from anymedia.engine.routing import Candidate, Router
from anymedia.engine.transport import Transport
from anymedia.providers.spec import Brief, Call, Stream
from anymedia.store.ledger import LedgerRow
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
        chance: Callable[[], float],
        ledger: Ledger,
        kept: Kept | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.chance = chance
        self.ledger = ledger
        self.providers = Providers(settings, network=network, clock=clock)
        self.router = Router(self.providers, settings)
        self.downloads = Downloads(self.providers.transport)
        self.inputs = Inputs(self.downloads, kept, limit_bytes=settings.max_input_bytes)

    async def run(self, request: Request[ResultT]) -> ResultT:
        """The result, from the first candidate that has one."""
        course = self._course(request)
        for candidate in self.router.one_by_one(request, self.clock.now().date()):
            try:
                return cast("ResultT", await self.attempt(candidate, course))
            except GenerationError as error:
                if not course.goes_on_after(error):
                    raise course.given_up(error) from None
        raise course.exhausted()

    async def attempt(self, candidate: Candidate, course: Course) -> Result:
        """One candidate, as often as its failures allow."""
        while True:
            one = course.begin(candidate)
            try:
                answer = await self.exchange(candidate, one)
            except GenerationError as error:
                one.failed(error)
                if not await self.waited(one, error):
                    raise
            except BaseException as error:
                one.abandoned(error)
                raise
            else:
                return self.result(one, answer)

    async def waited(self, one: Try, error: GenerationError) -> bool:
        """Wait as long as a failure asks for; false where there is no point in another try."""
        wait = Backoff(one.course.retry, self.chance).wait(one.repetition, error)
        if wait is None or not one.course.has_time_for(wait):
            return False
        await self.clock.sleep(wait)
        return True

    async def exchange(self, candidate: Candidate, one: Try) -> Answer:
        """One conversation."""
        operation = candidate.operation
        if isinstance(operation, Call):
            request, brief = await self.prepared(candidate, one)
            seconds = one.course.seconds_left(operation.timeout_seconds)
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

    async def stream(self, request: TextRequest) -> AsyncGenerator[TextEvent, None]:
        """Events as they come, the result last.

        Before the first event a failure is followed by another try, here or elsewhere. After it
        there is none: the caller has seen the beginning of an answer that no other would go on
        with.
        """
        course = self._course(request)
        today = self.clock.now().date()
        for candidate in self.router.one_by_one(request, today, streaming=True):
            again = True
            while again:
                one = course.begin(candidate)
                started = False
                try:
                    async with aclosing(self.pieces(candidate, one)) as pieces:
                        async for piece in pieces:
                            started = True
                            if isinstance(piece, AnswerComplete):
                                result = self.result(one, piece.answer)
                                yield StreamEnd(result=cast("TextResult", result))
                                return
                            yield piece
                except GenerationError as error:
                    one.failed(error)
                    again = not started and await self.waited(one, error)
                    if started or not (again or course.goes_on_after(error)):
                        raise course.given_up(error) from None
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
        seconds = one.course.seconds_left(operation.timeout_seconds)
        one.sent = True
        async with candidate.connection.stream(
            operation.start(request, brief), timeout_seconds=seconds
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

    def report(self, message: str) -> None:
        """Something for the operator's log. Never prompts, media or keys."""
        LOG.warning(message)

    def _course(self, request: Request[Any]) -> Course:
        return Course(
            request,
            settings=self.settings,
            clock=self.clock,
            ledger=self.ledger.record,
            may_go_elsewhere=may_go_elsewhere,
            new_id=new_id,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.providers.close()


def new_id(kind: str) -> str:
    """An unguessable id that says what it names."""
    return f"{kind}_{secrets.token_hex(16)}"
