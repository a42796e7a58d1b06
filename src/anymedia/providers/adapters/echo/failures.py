"""What echo's failures mean, and the call that shows whether all of it works here."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    InvalidConfiguration,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.problem import Problem
from anymedia.providers.explain import ErrorTable, Rule, Said, said_in
from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, get
from anymedia.wire.shape import Shape, read

explain = ErrorTable(
    (
        Rule(error=RateLimited, code="rate_limited"),
        Rule(error=AuthenticationFailed, code=("invalid_key", "expired")),
        Rule(error=InsufficientCredits, code="insufficient_credits"),
        Rule(error=ModelUnavailable, code="unknown_model"),
        Rule(error=ContentRefused, code="content_refused", accepted="no"),
        Rule(error=ProviderTimeout, code="timed_out", accepted="unknown"),
        # "Too busy to take this on" is said before anything is taken on.
        Rule(error=ProviderUnavailable, code="overloaded", accepted="no"),
        Rule(error=ProviderUnavailable, code="server_error", accepted="unknown"),
        Rule(error=ProviderError, code="render_failed", retryable=True, accepted="no"),
        Rule(
            error=RequestRejected,
            code=("invalid_request", "not_found", "not_ready", "no_transcript", "nothing_to_say"),
        ),
        Rule(error=RequestRejected, code="extra_missing", accepted="no", retryable=False),
    )
)


class Inside(Shape):
    """An answer that may carry a failure instead of what was asked for."""

    error: Any = None
    status: str | None = None
    """A job's: its own failure is not the answer's."""


def opened(response: HttpResponse) -> HttpResponse:
    """The answer, unless a 200 carries a failure: then that is raised."""
    inside = read(response.content, Inside)
    if inside.error is not None and inside.status is None:
        raise explain.decide(said_in({"error": inside.error}), status=response.status)
    return response


def problem(code: str, message: str) -> Problem:
    """Why a job that was accepted has failed."""
    return explain.decide(Said(message=message, code=code), status=200).problem()


class Installed(Shape):
    """What works here, and what is missing for the rest."""

    models: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    advice: str = ""


def check() -> Exchange[Account]:
    """Whether everything that renders is installed."""
    found = (yield get("/v1/account")).read(Installed)
    if found.missing:
        raise InvalidConfiguration(
            f"{', '.join(found.missing)} not installed, so only {', '.join(found.models)} answer: "
            f"{found.advice}",
            provider="echo",
        )
    return Account(models=found.models)
