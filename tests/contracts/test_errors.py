"""The error tree, and failures as values that can be stored and raised again."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InvalidRequest,
    JobFailed,
    NetworkFailed,
    NoRouteSucceeded,
    ProviderUnavailable,
    RateLimited,
    kinds,
    raised,
)
from anymedia.contracts.problem import Acceptance, Code, Problem

EVERY = sorted(kinds().items())
ATTEMPT = Attempt(number=1, provider="acme", model="m", state="failed")


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_every_error_survives_being_stored(name: str, kind: type[GenerationError]) -> None:
    """The exception, its problem, JSON, and the exception again."""
    error = kind(
        "went wrong",
        retryable=True,
        accepted="unknown",
        provider="acme",
        http_status=503,
        provider_code="overloaded",
        request_id="req_1",
        retry_after=2.5,
        details={"param": "size"},
    )

    stored = Problem.model_validate_json(error.problem().model_dump_json())
    again = raised(stored, (ATTEMPT,))

    assert type(again) is kind
    assert stored.kind == name
    assert str(again) == "went wrong"
    assert again.problem() == error.problem()
    assert again.attempts == (ATTEMPT,)


def test_an_error_of_an_unknown_kind_is_still_raised() -> None:
    """A plugin's error may be read where the plugin is not installed."""
    error = raised(Problem(code="TIMEOUT", message="late", kind="PluginTimeout"))

    assert type(error) is GenerationError
    assert error.code == "TIMEOUT"


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_every_error_has_a_code_that_is_published(name: str, kind: type[GenerationError]) -> None:
    """And is a `GenerationError`, so that one `except` catches all."""
    error = kind("went wrong")

    assert error.code in get_args(Code)
    assert isinstance(error, GenerationError)
    assert kind.__doc__
    assert error.accepted == "no"


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        (RateLimited, True),
        (ProviderUnavailable, True),
        (NetworkFailed, True),
        (ContentRefused, False),
        (AuthenticationFailed, False),
        (InvalidRequest, False),
        (JobFailed, False),
    ],
)
def test_what_usually_passes_by_itself_is_retryable(
    kind: type[GenerationError], retryable: bool
) -> None:
    """Unless whoever raises it knows better."""
    assert kind("x").retryable is retryable
    assert kind("x", retryable=not retryable).retryable is not retryable


def test_when_every_route_failed_the_last_failure_speaks() -> None:
    """For code, provider and patience; for trying again, any of them."""
    first = RateLimited("busy", provider="acme", retry_after=9)
    last = ContentRefused("no", provider="other", http_status=400)
    error = NoRouteSucceeded("both failed", failures=(first, last))

    assert error.failures == (first, last)
    assert error.code == "CONTENT_POLICY_VIOLATION"
    assert error.provider == "other"
    assert error.http_status == 400
    assert error.retryable is True


@pytest.mark.parametrize(
    ("failures", "accepted"),
    [
        ((), "no"),
        (("no", "no"), "no"),
        (("yes", "no"), "yes"),
        (("unknown", "no"), "unknown"),
        (("yes", "unknown", "no"), "unknown"),
    ],
)
def test_one_failure_that_may_have_been_accepted_makes_the_whole_so(
    failures: tuple[Acceptance, ...], accepted: Acceptance
) -> None:
    """Sending the whole again could pay twice for that one."""
    error = NoRouteSucceeded(
        "all failed", failures=tuple(NetworkFailed("cut", accepted=each) for each in failures)
    )

    assert error.accepted == accepted


def test_what_is_said_of_a_route_failure_wins() -> None:
    """Over what its failures suggest."""
    facts: dict[str, Any] = {"code": "TIMEOUT", "retryable": False, "accepted": "yes"}
    error = NoRouteSucceeded("late", failures=(RateLimited("busy"),), **facts)

    assert (error.code, error.retryable, error.accepted) == ("TIMEOUT", False, "yes")
