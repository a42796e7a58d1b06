"""Is told of every request, attempt and job, where somebody wants to know; writes lines and spans.

Where nobody does there is no observer at all, and whoever would tell it looks at one attribute.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from anymedia.contracts.cost import Cost
from anymedia.contracts.usage import Usage
from anymedia.telemetry.lines import FACTS
from anymedia.telemetry.story import CARRIER, CURRENT, Carrier, Story


class Span(Protocol):
    """A stretch of time in a trace."""

    def headers(self) -> Mapping[str, str]:
        """What lets another process go on with it."""
        ...

    def end(self, facts: Mapping[str, Any], failed: str | None) -> None:
        """It is over; `failed` says why, if it did."""
        ...


class Spans(Protocol):
    """Whoever keeps traces; `tracing.Tracing` does."""

    def request(self, method: str, headers: Mapping[bytes, bytes]) -> Span:
        """A request has come. What is begun from here on in this task belongs to it."""
        ...

    def attempt(
        self, medium: str, provider: str, model: str, *, began: float | None = None
    ) -> Span:
        """A provider is asked, or was from `began` on (seconds since 1970)."""
        ...

    def close(self) -> None:
        """Hand over what is still here. May take a while."""
        ...


class Attempt:
    """One attempt that is under way."""

    __slots__ = ("_facts", "_observer", "_span")

    def __init__(self, observer: Observer, facts: dict[str, Any], span: Span | None) -> None:
        self._observer = observer
        self._facts = facts
        self._span = span

    def ended(
        self,
        state: str,
        *,
        seconds: float,
        code: str | None = None,
        usage: Usage | None = None,
        cost: Cost | None = None,
    ) -> None:
        """It is over."""
        if self._span is not None:
            CARRIER.set(None)
        self._observer.told_attempt(
            self._facts | outcome(state, seconds, code, usage, cost), self._span
        )


def outcome(
    state: str, seconds: float, code: str | None, usage: Usage | None, cost: Cost | None
) -> dict[str, Any]:
    """What became of an attempt, as fields."""
    return {
        "state": state,
        "code": code,
        "ms": round(1000 * seconds, 1),
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cost_usd": cost.amount if cost else None,
        "cost_basis": cost.basis if cost else None,
    }


class Observer:
    """Writes lines to `log` and spans to `spans`, whichever there are."""

    def __init__(self, log: logging.Logger | None = None, spans: Spans | None = None) -> None:
        self._log = log
        self._spans = spans

    # --- requests -------------------------------------------------------------------------

    def request(self, request_id: str, method: str, headers: Mapping[bytes, bytes]) -> Story:
        """A request has come; what belongs to it finds its story in `CURRENT`."""
        story = Story(request_id)
        if self._spans is not None:
            story.span = self._spans.request(method, headers)
        CURRENT.set(story)
        return story

    def answered(
        self, medium: str, provider: str, model: str, usage: Usage, cost: Decimal | None
    ) -> None:
        """The request of this task was answered by a provider."""
        story = CURRENT.get()
        if story is not None:
            story.medium, story.provider, story.model = medium, provider, model
            story.input_tokens, story.output_tokens = usage.input_tokens, usage.output_tokens
            story.cost = cost

    def failed(self, medium: str, provider: str | None, code: str) -> None:
        """The request of this task could not be done."""
        story = CURRENT.get()
        if story is not None:
            story.medium, story.provider, story.code = medium, provider, code

    def taken_on(self, medium: str, job_id: str) -> None:
        """The request of this task has become a job."""
        story = CURRENT.get()
        if story is not None:
            story.medium, story.job_id = medium, job_id

    def told(
        self, story: Story, *, method: str, route: str, status: int, seconds: float, key: str | None
    ) -> None:
        """The request's answer is complete; without a status nobody was there to hear it."""
        CURRENT.set(None)
        facts = {
            "request_id": story.request_id,
            "key": key,
            "method": method,
            "route": route,
            "status": status or None,
            "ms": round(1000 * seconds, 1),
            "medium": story.medium,
            "provider": story.provider,
            "model": story.model,
            "attempts": story.attempts or None,
            "input_tokens": story.input_tokens,
            "output_tokens": story.output_tokens,
            "cost_usd": story.cost,
            "job_id": story.job_id,
            "code": story.code,
        }
        self._say(logging.ERROR if status >= 500 else logging.INFO, "request", facts)
        if story.span is not None:
            failed = (story.code or str(status)) if status >= 500 or not status else None
            story.span.end(facts, failed)

    # --- attempts and jobs ----------------------------------------------------------------

    def attempt(self, medium: str, provider: str, model: str, number: int, of: str) -> Attempt:
        """A provider is about to be asked. `of` names what its attempts have in common."""
        story = CURRENT.get()
        facts: dict[str, Any] = {
            "request_id": story.request_id if story is not None else None,
            "of": of,
            "attempt": number,
            "medium": medium,
            "provider": provider,
            "model": model,
        }
        if story is not None:
            story.attempts += 1
        span = None
        if self._spans is not None:
            span = self._spans.attempt(medium, provider, model)
            carrier: Carrier = span.headers
            CARRIER.set(carrier)
        return Attempt(self, facts, span)

    def told_attempt(self, facts: Mapping[str, Any], span: Span | None) -> None:
        """An attempt is over; who was only passed over makes no line."""
        state = facts["state"]
        if state != "skipped":
            level = logging.WARNING if state == "failed" else logging.INFO
            self._say(level, "attempt", facts)
        if span is not None:
            failed = None if state == "succeeded" else facts["code"] or state
            span.end(facts, failed)

    def job_attempt(
        self,
        *,
        job_id: str,
        number: int,
        medium: str,
        provider: str,
        model: str,
        began: float,
        seconds: float,
        code: str | None,
        cost: Cost | None,
        state: str,
    ) -> None:
        """A job's attempt is over, perhaps begun by another process."""
        facts = {
            "job_id": job_id,
            "attempt": number,
            "medium": medium,
            "provider": provider,
            "model": model,
            **outcome(state, seconds, code, None, cost),
        }
        span = None
        if self._spans is not None:
            span = self._spans.attempt(medium, provider, model, began=began)
        self.told_attempt(facts, span)

    def job(
        self, *, job_id: str, owner: str, medium: str, status: str, seconds: float, code: str | None
    ) -> None:
        """A job is over."""
        facts = {
            "job_id": job_id,
            "owner": owner,
            "medium": medium,
            "status": status,
            "code": code,
            "ms": round(1000 * seconds, 1),
        }
        self._say(logging.WARNING if status != "succeeded" else logging.INFO, "job", facts)

    def close(self) -> None:
        """Hand over what is still here."""
        if self._spans is not None:
            self._spans.close()

    def _say(self, level: int, event: str, facts: Mapping[str, Any]) -> None:
        if self._log is not None:
            self._log.log(level, event, extra={FACTS: facts})
