"""The course of one request: what was tried, what it cost, how much time is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from anymedia.clock import Clock
from anymedia.contracts.attempt import Attempt, AttemptState
from anymedia.contracts.configuration import Settings
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import (
    GenerationError,
    NoRouteSucceeded,
    ProviderTimeout,
    StorageFailed,
)
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer
from anymedia.contracts.transcription import TranscriptAnswer
from anymedia.contracts.usage import Usage
from anymedia.engine.estimating import circumstances, completed, counted
from anymedia.engine.pricing import priced, settled
from anymedia.engine.routing import Candidate
from anymedia.store.ledger import LedgerRow, money


class Course:
    """Everything that happens to one request, in order."""

    def __init__(
        self,
        request: Request[Any],
        *,
        settings: Settings,
        clock: Clock,
        ledger: Callable[[LedgerRow], None],
        may_go_elsewhere: Callable[[GenerationError], bool],
        new_id: Callable[[str], str],
    ) -> None:
        self.request = request
        self.retry = request.retry or settings.retry
        self.clock = clock
        self.ledger = ledger
        self.new_id = new_id
        self._may_go_elsewhere = may_go_elsewhere
        self._started = clock.monotonic()
        self._allowed = request.timeout_seconds or settings.timeouts.total_seconds
        self._tries: list[Try] = []

    def begin(self, candidate: Candidate) -> Try:
        """Another try."""
        repetition = 1 + sum(1 for one in self._tries if one.candidate is candidate)
        one = Try(self, candidate, number=len(self._tries) + 1, repetition=repetition)
        self._tries.append(one)
        return one

    def goes_on_after(self, error: GenerationError) -> bool:
        """Whether the next candidate should be tried."""
        return self._may_go_elsewhere(error) and self.has_time_for(0.0)

    def has_time_for(self, wait: float) -> bool:
        """Whether there is time left after waiting."""
        return self.elapsed_seconds() + wait < self._allowed

    def seconds_left(self, at_most: float) -> float:
        """How long the next exchange may take. Raises `ProviderTimeout` when time is up."""
        left = self._allowed - self.elapsed_seconds()
        if left <= 0:
            raise ProviderTimeout(f"the {self._allowed:g} s allowed are over", retryable=False)
        return min(left, at_most)

    def elapsed_seconds(self) -> float:
        """Since the request was taken on."""
        return self.clock.monotonic() - self._started

    def attempts(self) -> tuple[Attempt, ...]:
        """The tries as callers see them."""
        return tuple(one.told() for one in self._tries)

    def given_up(self, error: GenerationError) -> GenerationError:
        """The failure that ends it, knowing all attempts."""
        error.attempts = self.attempts()
        return error

    def doubts(self) -> tuple[Notice, ...]:
        """A warning for every try that failed and may be charged all the same."""
        return tuple(
            Notice(
                code="may-have-been-billed",
                message=f"attempt {one.number} at `{one.candidate.name}` failed after it was sent "
                f"({one.error.message}); it may be charged too",
            )
            for one in self._tries
            if one.error is not None and one.error.accepted != "no"
        )

    def exhausted(self) -> GenerationError:
        """The last candidate has failed too."""
        failures = tuple(one.error for one in self._tries if one.error is not None)
        if len({one.candidate.name for one in self._tries}) == 1:
            return self.given_up(failures[-1])
        listed = "\n".join(
            f"  - {one.candidate.name}: {one.error.message}"
            for one in self._tries
            if one.error is not None
        )
        return NoRouteSucceeded(
            f"all {len(self._tries)} attempts failed:\n{listed}",
            failures=failures,
            attempts=self.attempts(),
        )


class Try:
    """One try at one candidate."""

    def __init__(
        self, course: Course, candidate: Candidate, *, number: int, repetition: int
    ) -> None:
        self.course = course
        self.candidate = candidate
        self.number = number
        self.repetition = repetition
        """The how manieth try at this very candidate, from 1."""
        self.id = course.new_id("att")
        self.notices: list[Notice] = []
        self.error: GenerationError | None = None
        self.cost: Cost | None = None
        self.sent = False
        """Whether the provider may have heard of it."""
        self._state: AttemptState = "sending"
        self._started_at = course.clock.now()
        self._finished_at: datetime | None = None

    def succeeded(self, answer: Answer, words: str) -> tuple[Usage, Cost]:
        """It has an answer: what that consumed and costs, written down."""
        candidate = self.candidate
        usage = self._usage(answer, words)
        facts = circumstances(candidate.request, candidate.model, self._started_at)
        cost = settled(priced(candidate.model, usage, facts), answer.reported_cost)
        self._end("succeeded", cost, usage)
        return usage, cost

    def failed(self, error: GenerationError) -> None:
        """It has failed. An attempt that may have been billed says so in its row."""
        self.error = error
        maybe = error.accepted != "no"
        cost = Cost(basis="pending") if maybe else Cost(amount=Decimal(0), basis="computed")
        self._end("failed", cost, None, code=error.code, maybe_billed=maybe)

    def abandoned(self, why: BaseException) -> None:
        """The caller stopped waiting or listening, or something broke; it may be billed."""
        cost = Cost(basis="pending") if self.sent else Cost(amount=Decimal(0), basis="computed")
        state: AttemptState = "failed" if isinstance(why, Exception) else "cancelled"
        with suppress(StorageFailed):  # nothing was promised, and `why` must not be hidden
            self._end(state, cost, None, maybe_billed=self.sent)

    def told(self) -> Attempt:
        """This try as callers see it."""
        return Attempt(
            number=self.number,
            provider=self.candidate.connection.name,
            model=self.candidate.model_id,
            state=self._state,
            started_at=self._started_at,
            finished_at=self._finished_at,
            problem=self.error.problem() if self.error else None,
            cost=self.cost,
        )

    def _usage(self, answer: Answer, words: str) -> Usage:
        usage = answer.usage
        seconds = Decimal(0)
        if isinstance(answer, TranscriptAnswer) and answer.duration_seconds:
            seconds = Decimal(str(answer.duration_seconds))
        usage = completed(usage, self.candidate.request, images=0, seconds=seconds)
        if usage.output_tokens is None and usage.input_tokens is None and words:
            # Some servers never say; a counted figure is better than none, and says what it is.
            usage = usage.model_copy(
                update={
                    "output_tokens": counted(words),
                    "estimated": True,
                }
            )
        return usage

    def _end(
        self,
        state: AttemptState,
        cost: Cost,
        usage: Usage | None,
        *,
        code: str | None = None,
        maybe_billed: bool = False,
    ) -> None:
        if self._finished_at is not None:
            return  # what came after its end, such as a caller that stops at the last event
        self._state = state
        self.cost = cost
        self._finished_at = now = self.course.clock.now()
        self.course.ledger(
            LedgerRow(
                id=f"{self.id}:settle",
                at=now.timestamp(),
                entry="pending" if cost.basis == "pending" else "settle",
                attempt_id=self.id,
                provider=self.candidate.connection.name,
                model=self.candidate.model_id,
                medium=self.candidate.request.medium,
                usage=usage.model_dump(mode="json", exclude_none=True) if usage else {},
                tags=self.course.request.tags,
                outcome=state,
                code=code,
                maybe_billed=maybe_billed,
                **money(cost),
            )
        )
