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
    BudgetReached,
    CircuitOpen,
    GenerationError,
    LimitReached,
    NoRouteSucceeded,
    ProviderTimeout,
    StorageFailed,
)
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer
from anymedia.contracts.transcription import TranscriptAnswer
from anymedia.contracts.usage import Usage
from anymedia.engine.candidate import NOBODY, Asker, Candidate
from anymedia.engine.estimating import circumstances, completed, counted
from anymedia.engine.legs import policy_of
from anymedia.engine.pricing import disbelieved, priced, settled
from anymedia.engine.retry import answers_for, may_go_elsewhere
from anymedia.engine.spending import nano_usd
from anymedia.providers.spec import Receipt
from anymedia.store.ledger import LedgerRow, money, reference_of
from anymedia.telemetry.observer import Attempt as Observed, Observer


class Course:
    """Everything that happens to one request, in order."""

    def __init__(
        self,
        request: Request[Any],
        *,
        settings: Settings,
        clock: Clock,
        ledger: Callable[[LedgerRow], None],
        new_id: Callable[[str], str],
        asker: Asker = NOBODY,
        observer: Observer | None = None,
    ) -> None:
        self.request = request
        self.observer = observer
        self.id = new_id("req")
        """What the ledger's rows about its tries have in common."""
        self.asker = asker
        self.retry = request.retry or settings.retry
        self.policy = policy_of(settings, request.medium)
        self.clock = clock
        self.ledger = ledger
        self.new_id = new_id
        self._started = clock.monotonic()
        self._allowed = request.timeout_seconds or settings.timeouts.total_seconds
        self._tries: list[Try] = []
        self._resting: list[tuple[float, Candidate]] = []
        self.again: str | None = None
        """Who has failed by the short way, and may be asked once more by the long one."""

    def begin(self, candidate: Candidate) -> Try:
        """Another try."""
        repetition = 1 + sum(
            1 for one in self._tries if one.candidate.label == candidate.label and one.asked
        )
        one = Try(self, candidate, number=len(self._tries) + 1, repetition=repetition)
        self._tries.append(one)
        return one

    def resume(
        self,
        candidate: Candidate,
        *,
        request_id: str,
        attempt_id: str,
        since: float,
        began: float,
        started_at: datetime,
        observed: Observed | None,
    ) -> Try:
        """A first try that was made by the short way, under the names that it has there."""
        self.id, self._started = request_id, since
        observer, self.observer = self.observer, None  # it has been told of this one
        one = self.begin(candidate)
        self.observer = observer
        one.resume(attempt_id, began, started_at, observed)
        return one

    def passed_over(self, candidate: Candidate, error: GenerationError) -> None:
        """A candidate is not asked, and why."""
        self.begin(candidate).failed(error)

    def may_try(self, candidate: Candidate) -> bool:
        """Whether a candidate is worth it, after what the others have answered."""
        if self.again == candidate.label:
            self.again = None
            return True
        asked = [one for one in self._tries if one.asked]
        names = {one.candidate.name for one in asked}
        of_leg = {one.candidate.name for one in asked if one.candidate.leg is candidate.leg}
        if candidate.name not in names:
            for most, so_far in (
                (self.policy.max_attempts, names),
                (candidate.leg.max_attempts, of_leg),
            ):
                if most is not None and len(so_far) >= most:
                    return False
        return not any(has_answered(one, candidate) for one in asked)

    def goes_on_after(self, error: GenerationError) -> bool:
        """Whether the next candidate should be tried."""
        elsewhere = may_go_elsewhere(error, self.policy, self.request.medium)
        return elsewhere and self.has_time_for(0.0)

    def rest(self, candidate: Candidate, seconds: float) -> None:
        """Leave a candidate in peace for a while; meanwhile the others may be asked."""
        self._resting.append((self.clock.monotonic() + seconds, candidate))

    async def rested(self) -> Candidate | None:
        """Who has rested enough, waited for if need be; `None` when nobody is resting."""
        if not self._resting:
            return None
        first = min(self._resting, key=lambda one: one[0])
        self._resting.remove(first)
        until, candidate = first
        if (wait := until - self.clock.monotonic()) > 0:
            await self.clock.sleep(wait)
        return candidate

    @property
    def untouched(self) -> list[Candidate]:
        """Those whose open circuit was respected, if nobody was asked at all."""
        if any(one.asked or one.candidate.probe for one in self._tries):
            return []
        return [one.candidate for one in self._tries if isinstance(one.error, CircuitOpen)]

    def has_time_for(self, wait: float) -> bool:
        """Whether there is time left after waiting."""
        return self.elapsed_seconds() + wait < self._allowed

    def seconds_left(self, at_most: float) -> float:
        """How long the next exchange may take. Raises `ProviderTimeout` when time is up."""
        left = self._allowed - self.elapsed_seconds()
        if left <= 0:
            raise ProviderTimeout(f"the {self._allowed:g} s allowed are over", retryable=False)
        return min(left, at_most)

    def seconds_for_one(self, at_most: float) -> float:
        """How long one provider may take. Raises `ProviderTimeout` when time is up."""
        return self.seconds_left(min(at_most, self.policy.attempt_seconds or at_most))

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
        failed = [one for one in self._tries if one.error is not None]
        # What was asked and failed says more than what was not asked.
        telling = [one for one in failed if one.asked] or failed
        failures = tuple(one.error for one in telling if one.error is not None)
        waits = [one.retry_after for one in failures if one.retry_after is not None]
        if len({one.candidate.name for one in telling}) == 1:
            last = failures[-1]
            if len(waits) == len(failures):
                last.retry_after = min(waits)
            return self.given_up(last)
        listed = "\n".join(
            f"  - {one.candidate.label}: {one.error.message}" for one in failed if one.error
        )
        asked = sum(one.asked for one in failed)
        return NoRouteSucceeded(
            f"all {asked} attempts failed:\n{listed}"
            if asked
            else f"nobody could be asked:\n{listed}",
            failures=failures,
            attempts=self.attempts(),
            retry_after=min(waits) if len(waits) == len(failures) else None,
        )


def has_answered(one: Try, candidate: Candidate) -> bool:
    """Whether what a try was answered holds for this candidate too."""
    before, now = one.candidate.connection, candidate.connection
    if one.error is None or before.name != now.name:
        return False
    same_model = one.candidate.model_id == candidate.model_id
    if before is now and same_model:
        return True
    return answers_for(
        one.error, same_model=same_model, same_credential=before.credential == now.credential
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
        self.answered = False
        """Whether there is an answer, whatever became of it afterwards."""
        self.asked = True
        """Whether it was tried at all, and not passed over."""
        self.first_seconds: float | None = None
        """How long it took to the first event of a stream."""
        self.usage: Usage | None = None
        self._began = course.clock.monotonic()
        self._state: AttemptState = "sending"
        self._started_at = course.clock.now()
        self._finished_at: datetime | None = None
        observer = course.observer
        self._observed = None if observer is None else self._begun(observer)

    def _begun(self, observer: Observer) -> Observed:
        """Somebody wants to know of it."""
        candidate = self.candidate
        return observer.attempt(
            candidate.request.medium,
            candidate.connection.name,
            candidate.model_id,
            self.number,
            self.course.id,
        )

    def succeeded(self, answer: Answer | Receipt, words: str) -> tuple[Usage, Cost]:
        """It has an answer: what that consumed and costs, written down."""
        candidate = self.candidate
        usage = self._usage(answer, words)
        facts = circumstances(candidate.request, candidate.model, self._started_at)
        cost = settled(priced(candidate.model, usage, facts), answer.reported_cost)
        self.notices += disbelieved(answer.reported_cost)
        self._end("succeeded", cost, usage, reference=answer.request_id)
        return usage, cost

    def failed(self, error: GenerationError) -> None:
        """It has failed. An attempt that may have been billed says so in its row."""
        self.error = error
        if isinstance(error, LimitReached | CircuitOpen | BudgetReached):
            self.asked = False
            self._state, self._finished_at = "skipped", self._started_at
            if self._observed is not None:
                self._observed.ended("skipped", seconds=self.elapsed_seconds(), code=error.code)
            return
        maybe = error.accepted != "no"
        cost = Cost(basis="pending") if maybe else Cost(amount=Decimal(0), basis="computed")
        self._end(
            "failed",
            cost,
            None,
            code=error.code,
            maybe_billed=maybe,
            reference=getattr(error, "request_id", None),
        )

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
            reason=self._reason(),
        )

    def _reason(self) -> str | None:
        """Why this route was tried, or passed over."""
        if not self.asked and self.error is not None:
            return self.error.message
        if self.repetition > 1:
            return "another try"
        if self.candidate.probe:
            return "all are left alone; this one was due first"
        return self.candidate.why or None

    def resume(
        self, attempt_id: str, began: float, started_at: datetime, observed: Observed | None
    ) -> None:
        """It began elsewhere, under this name."""
        self.id, self._began, self._started_at = attempt_id, began, started_at
        self._observed = observed

    def closed(self) -> None:
        """Its row is in the ledger already, or was refused by it."""
        self._finished_at = self.course.clock.now()

    def restart(self) -> None:
        """It begins now: what went before was waiting for room."""
        self._began = self.course.clock.monotonic()

    def started(self) -> None:
        """The first event is here."""
        if self.first_seconds is None:
            self.first_seconds = self.elapsed_seconds()

    def elapsed_seconds(self) -> float:
        """Since it began."""
        return self.course.clock.monotonic() - self._began

    @property
    def tokens(self) -> int | None:
        """How many tokens it took, if that is known."""
        usage = self.usage
        if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
            return None
        return (usage.input_tokens or 0) + (usage.output_tokens or 0)

    def _usage(self, answer: Answer | Receipt, words: str) -> Usage:
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
        reference: str | None = None,
    ) -> None:
        if self._finished_at is not None:
            return  # what came after its end, such as a caller that stops at the last event
        self._state = state
        self.cost = cost
        self._finished_at = now = self.course.clock.now()
        self.usage = usage
        if self._observed is not None:
            seconds = self.elapsed_seconds()
            self._observed.ended(state, seconds=seconds, code=code, usage=usage, cost=cost)
        self.course.ledger(
            LedgerRow(
                id=f"{self.id}:settle",
                at=now.timestamp(),
                entry="pending" if cost.basis == "pending" else "settle",
                attempt_id=self.id,
                request=self.course.id,
                reference=reference_of(None, reference),
                seconds=round(self.elapsed_seconds(), 4),
                bound=nano_usd(self.candidate.estimate) if cost.amount is None else None,
                provider=self.candidate.connection.name,
                model=self.candidate.model_id,
                medium=self.candidate.request.medium,
                owner=self.course.asker.caller or "local",
                usage=usage.model_dump(mode="json", exclude_none=True) if usage else {},
                tags=self.course.request.tags,
                outcome=state,
                code=code,
                maybe_billed=maybe_billed,
                **money(cost),
            )
        )
