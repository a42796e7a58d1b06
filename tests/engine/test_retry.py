"""Trying again: how long to wait, and where it makes no sense."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as some

from anymedia.contracts.errors import (
    AuthenticationFailed,
    CircuitOpen,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    LimitReached,
    NetworkFailed,
    OutcomeUnknown,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StorageFailed,
    UnreadableInput,
    UnreadableResponse,
)
from anymedia.contracts.media import Medium
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.route import RoutePolicy
from anymedia.engine.retry import Backoff, may_go_elsewhere

BUSY = ProviderUnavailable("busy")


@given(
    attempt=some.integers(1, 19),
    chance=some.floats(0, 1),
    base=some.floats(0, 60),
    factor=some.floats(1, 10),
    longest=some.floats(0, 600),
)
def test_the_wait_lies_between_nothing_and_a_growing_ceiling(
    attempt: int, chance: float, base: float, factor: float, longest: float
) -> None:
    """Full jitter: anything below the ceiling, which grows up to the longest."""
    config = RetryConfig(
        max_attempts=20, base_delay_seconds=base, backoff_factor=factor, max_delay_seconds=longest
    )
    wait = Backoff(config, lambda: chance).wait(attempt, BUSY)
    assert wait is not None
    assert 0 <= wait <= min(base * factor ** (attempt - 1), longest)


def test_the_ceiling_doubles_from_try_to_try() -> None:
    """With the factor that is configured."""
    backoff = Backoff(RetryConfig(max_attempts=5, base_delay_seconds=1), lambda: 1.0)
    assert [backoff.wait(attempt, BUSY) for attempt in range(1, 6)] == [1, 2, 4, 8, None]


@given(chance=some.floats(0, 1), asked=some.floats(0, 120))
def test_what_the_provider_asks_for_is_waited_out(chance: float, asked: float) -> None:
    """Never less; a little more, so that all who were turned away do not return together."""
    backoff = Backoff(RetryConfig(base_delay_seconds=0.5), lambda: chance)
    wait = backoff.wait(1, RateLimited("slow down", retry_after=asked))
    assert wait is not None
    assert asked <= wait <= asked + 0.5


def test_a_provider_that_asks_for_too_much_patience_is_passed_over() -> None:
    """Two minutes are the longest that anybody waits."""
    backoff = Backoff(RetryConfig(), lambda: 0.5)
    assert backoff.wait(1, RateLimited("come back tomorrow", retry_after=86400)) is None


@pytest.mark.parametrize(
    "error",
    [
        RequestRejected("no"),
        AuthenticationFailed("no"),
        ContentRefused("no"),
        StorageFailed("no", retryable=False),
    ],
)
def test_what_will_not_get_better_is_not_repeated(error: GenerationError) -> None:
    """At the same provider."""
    assert Backoff(RetryConfig(), lambda: 0.5).wait(1, error) is None


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [
        (RateLimited(""), True),
        (ProviderTimeout(""), True),
        (ProviderUnavailable(""), True),
        (NetworkFailed(""), True),
        (AuthenticationFailed(""), True),
        (InsufficientCredits(""), True),
        (ContentRefused(""), True),
        (UnreadableResponse("a page", accepted="unknown"), True),
        (UnreadableResponse("too large an artifact", accepted="yes"), False),
        (RequestRejected("", retryable=True), False),
        (UnreadableInput(""), False),
        (StorageFailed("our disk is full"), False),
    ],
)
def test_another_provider_is_asked_where_it_may_do_better(
    error: GenerationError, elsewhere: bool
) -> None:
    """A wrong request and a full disk are the same everywhere."""
    assert may_go_elsewhere(error, RoutePolicy(), "text") is elsewhere


@pytest.mark.parametrize(
    ("error", "policy", "medium", "elsewhere"),
    [
        (RateLimited(""), RoutePolicy(fallback_on=("timeout",)), "text", False),
        (ProviderTimeout(""), RoutePolicy(fallback_on=("timeout",)), "text", True),
        (ContentRefused(""), RoutePolicy(fallback_on=("timeout",)), "image", False),
        (ProviderTimeout("", accepted="unknown"), RoutePolicy(), "text", True),
        (ProviderTimeout("", accepted="unknown"), RoutePolicy(), "video", False),
        (ProviderTimeout("", accepted="unknown"), RoutePolicy(retry_unknown=True), "video", True),
        (ProviderTimeout("", accepted="unknown"), RoutePolicy(retry_unknown=False), "text", False),
        (OutcomeUnknown("", accepted="unknown"), RoutePolicy(), "video", False),
        (OutcomeUnknown("", accepted="unknown"), RoutePolicy(retry_unknown=True), "video", True),
        (LimitReached("", retry_after=3), RoutePolicy(on_full="switch"), "text", True),
        (LimitReached("", retry_after=3), RoutePolicy(on_full="refuse"), "text", False),
        (LimitReached("", retry_after=3), RoutePolicy(on_full="queue"), "text", False),
        (CircuitOpen(""), RoutePolicy(fallback_on=()), "text", True),
    ],
)
def test_the_route_says_after_what_another_provider_is_asked(
    error: GenerationError, policy: RoutePolicy, medium: Medium, elsewhere: bool
) -> None:
    """By class of failure, by what is unknown, and by what a full limit means."""
    assert may_go_elsewhere(error, policy, medium) is elsewhere
