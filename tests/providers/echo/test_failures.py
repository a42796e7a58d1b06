"""Failures: everything that a provider can do to its callers, told apart."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest
from tests.providers.echo.driving import answered, called, submitted
from tests.support.clock import START

from anymedia import echo
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
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.video import VideoRequest
from anymedia.echo.script import KNOWN, Script
from anymedia.providers.adapters.echo import ECHO
from anymedia.providers.adapters.echo.failures import check
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Inputs, Repeat
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

FAILURES: list[tuple[str, type[ProviderError], str]] = [
    ("rate_limit", RateLimited, "no"),
    ("auth", AuthenticationFailed, "no"),
    ("credits", InsufficientCredits, "no"),
    ("model", ModelUnavailable, "no"),
    ("moderation", ContentRefused, "no"),
    ("overloaded", ProviderUnavailable, "no"),
    ("server", ProviderUnavailable, "unknown"),
    ("timeout", ProviderTimeout, "unknown"),
    ("error_in_200", ProviderUnavailable, "unknown"),
    ("malformed", UnreadableResponse, "unknown"),
    ("html", UnreadableResponse, "unknown"),
    ("empty", UnreadableResponse, "unknown"),
]


def text(**options: Any) -> TextRequest:
    """Words with that script."""
    return TextRequest.model_validate({"model": "hello", "prompt": "Hi", "options": options})


def clip(**options: Any) -> VideoRequest:
    """A clip with that script."""
    return VideoRequest.model_validate({"model": "clip", "prompt": "Hi", "options": options})


@pytest.mark.parametrize(("fail", "error", "accepted"), FAILURES)
def test_a_call_fails_as_scripted(fail: str, error: type[ProviderError], accepted: str) -> None:
    """The kind of failure, and whether the work may have been done all the same."""
    with pytest.raises(error) as caught:
        called(text(fail=fail))
    assert type(caught.value) is error
    assert caught.value.accepted == accepted


@pytest.mark.parametrize(("fail", "error", "accepted"), FAILURES)
def test_a_submission_fails_as_scripted(
    fail: str, error: type[ProviderError], accepted: str
) -> None:
    """The same for jobs."""
    with pytest.raises(error) as caught:
        submitted(clip(fail=fail))
    assert type(caught.value) is error
    assert caught.value.accepted == accepted


def test_a_rate_limit_says_how_long() -> None:
    """In the header that everyone uses."""
    with pytest.raises(RateLimited) as caught:
        called(text(fail="rate_limit", retry_after_seconds=7))
    assert caught.value.retry_after == 7
    assert caught.value.http_status == 429
    assert caught.value.request_id


def test_a_failure_can_pass() -> None:
    """`fail_until` is a time, in either notation."""
    until = START.timestamp() + 10
    for time in (until, START.replace(second=10).isoformat()):
        with pytest.raises(ProviderUnavailable):
            called(text(fail="server", fail_until=time), after=9)
        assert called(text(fail="server", fail_until=time), after=11).text


def test_a_lost_answer_breaks_the_connection() -> None:
    """Which the transport tells as a `NetworkFailed` whose outcome is not known."""
    with pytest.raises(ConnectionError):
        called(text(fail="unknown_outcome"))
    with pytest.raises(ConnectionError):
        submitted(clip(fail="unknown_outcome"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"fail": "meteor"},
        {"fail": "server", "fail_until": "tomorrow"},
        {"cost": "much"},
        {"delay_seconds": "long"},
    ],
)
def test_a_script_that_makes_no_sense_is_rejected(wrong: dict[str, Any]) -> None:
    """Rather than ignored, so that a test never passes for the wrong reason."""
    with pytest.raises(RequestRejected):
        called(text(**wrong))


def test_every_option_and_failure_is_documented() -> None:
    """The table in the package names all that scripts can say."""
    table = echo.__doc__ or ""
    for name in (*(field.name for field in msgspec.structs.fields(Script)), *KNOWN - {"expired"}):
        assert f"`{name}`" in table, name


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest(method="GET", path="/v2/anything"),
        HttpRequest(method="POST", path="/v1/smell", json={}),
        HttpRequest(method="POST", path="/v1/image", json=[]),
        HttpRequest(method="POST", path="/v1/image", json={"prompt": 3}),
        HttpRequest(method="POST", path="/v1/text", json={"messages": []}),
    ],
)
def test_what_the_server_does_not_know_it_says(request_: HttpRequest) -> None:
    """With a status of the caller's and words."""
    response = answered(request_)
    assert 400 <= response.status < 500
    assert isinstance(ECHO.explain(response), RequestRejected)


def test_the_check_is_free_and_names_what_is_missing() -> None:
    """All models here; otherwise what to install."""
    _, account = replay(
        check(), answered(HttpRequest(method="GET", path="/v1/account")), explain=ECHO.explain
    )
    assert "clip" in account.models
    lacking = b'{"models": ["hello"], "missing": ["av"], "advice": "install `anymedia[echo]`"}'
    with pytest.raises(InvalidConfiguration, match="av not installed"):
        replay(check(), HttpResponse(200, lacking), explain=ECHO.explain)


def test_everything_costs_nothing_and_says_so() -> None:
    """An explicit price of 0 for every model, and all presets for what has quality."""
    sheets = catalogued("echo")
    assert [sheet.id for sheet in sheets] == [
        *("hello", "picture", "clip", "tune", "voice", "ears", "vectors")
    ]
    for sheet in sheets:
        assert sheet.prices
        assert all(price.usd == 0 for price in sheet.prices)
        if sheet.medium in {"image", "video", "audio", "speech"}:
            assert set(sheet.presets) == {"draft", "standard", "high", "cinematic"}


def test_media_arrive_as_bytes_and_work_is_not_done_twice() -> None:
    """Nothing is fetched, and the server knows a submission again by its key."""
    assert ECHO.inputs == dataclasses.replace(Inputs(), schemes=(), inline_bytes=100 * 1024 * 1024)
    for medium in ("image", "video", "audio", "speech"):
        operation = ECHO.operation(medium)
        assert isinstance(getattr(operation, "recovery", None), Repeat), medium
    first = ImageRequest(model="picture", prompt="a fox", resolution="64x64", seed=1)
    assert called(first, marker="m").artifacts == called(first, after=9, marker="m").artifacts
