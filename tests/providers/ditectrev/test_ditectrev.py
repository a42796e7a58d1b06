"""Ditectrev: the subscription first, then a chat in OpenAI's form; nothing until configured.

There is no public API: the answers are those of a checking service as the adapter describes it,
and chat answers in OpenAI's form (github.com/Ditectrev/Practice-Exams-Platform, read 2026-11-21).
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    InvalidConfiguration,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
)
from anymedia.contracts.text import TextRequest
from anymedia.providers.adapters.ditectrev import DITECTREV
from anymedia.providers.adapters.ditectrev.subscription import (
    SubscriptionInactive,
    SubscriptionRequired,
    SubscriptionUnchecked,
)
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse, get, post

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SUBSCRIBED = HttpResponse(200, b'{"type": "ditectrev", "status": "active", "since": 2025}')
SAID = HttpResponse(200, b'{"choices": [{"message": {"content": "B."}, "finish_reason": "stop"}]}')
SECRETS = {
    "api_key": "k",
    "endpoint": "https://ai.example/v1/",
    "subscription_url": "https://pay.example/me",
    "subscription_key": "s",
}


def asked(*answers: HttpResponse) -> tuple[list[HttpRequest], Any]:
    """A question, and what came of it."""
    operation = DITECTREV.operation("text", Call)
    assert isinstance(operation, Call)
    request = TextRequest(model="mistral-medium", prompt="Why B?", max_output_tokens=9)
    return replay(operation.exchange(request, Brief()), *answers, explain=DITECTREV.explain)


def test_the_subscription_is_asked_for_before_anything_that_costs() -> None:
    """Then the chat, in the common form."""
    sent, answer = asked(SUBSCRIBED, SAID)
    assert [(one.method, one.path) for one in sent] == [
        ("GET", "/subscription"),
        ("POST", "/chat/completions"),
    ]
    assert (sent[1].json["max_tokens"], answer.text) == (9, "B.")


@pytest.mark.parametrize(
    ("status", "body", "error", "base"),
    [
        (200, b'{"type": "byok", "status": "active"}', SubscriptionRequired, InsufficientCredits),
        (
            200,
            b'{"type": "ditectrev", "status": "ended"}',
            SubscriptionInactive,
            InsufficientCredits,
        ),
        (404, b"", SubscriptionRequired, InsufficientCredits),
        (401, b"", AuthenticationFailed, AuthenticationFailed),
        (503, b"<html>", SubscriptionUnchecked, ProviderUnavailable),
        (200, b"<html>", SubscriptionUnchecked, ProviderUnavailable),
        (200, b'{"type": null}', SubscriptionUnchecked, ProviderUnavailable),
    ],
)
def test_without_a_subscription_nothing_is_asked(
    status: int, body: bytes, error: type[GenerationError], base: type[GenerationError]
) -> None:
    """One request, and nothing spent."""
    with pytest.raises(error) as caught:
        asked(HttpResponse(status, body))
    assert isinstance(caught.value, base)
    assert caught.value.accepted == "no"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationFailed),
        (402, SubscriptionRequired),
        (429, RateLimited),
        (500, ProviderUnavailable),
    ],
)
def test_failures_of_the_chat(status: int, error: type[GenerationError]) -> None:
    """As the service behind it has them."""
    with pytest.raises(error):
        asked(SUBSCRIBED, HttpResponse(status, b'{"message": "no"}'))


def test_neither_service_sees_the_others_key() -> None:
    """Each at its own address."""
    chat = DITECTREV.auth.authorize(post("/chat/completions"), SECRETS, NOW)
    assert (chat.path, chat.headers["Authorization"]) == (
        "https://ai.example/v1/chat/completions",
        "Bearer k",
    )
    paid = DITECTREV.auth.authorize(get("/subscription"), SECRETS, NOW)
    assert (paid.path, paid.headers["Authorization"]) == ("https://pay.example/me", "Bearer s")


def test_it_is_off_until_both_addresses_and_the_key_are_given() -> None:
    """There is no default to fall back to."""
    for name in ("api_key", "endpoint", "subscription_url"):
        given_ = {key: value for key, value in SECRETS.items() if key != name}
        assert any(secret.missing_from(given_) for secret in DITECTREV.auth.secrets)
    assert not any(secret.missing_from(SECRETS) for secret in DITECTREV.auth.secrets)
    with pytest.raises(InvalidConfiguration):
        DITECTREV.auth.authorize(get("/x"), SECRETS | {"endpoint": "ai.example"}, NOW)


def test_a_check_asks_for_the_subscription_alone() -> None:
    """It costs nothing."""
    assert DITECTREV.check is not None
    _, account = replay(DITECTREV.check(), SUBSCRIBED, explain=DITECTREV.explain)
    assert account.details == {"type": "ditectrev", "status": "active"}


@given(st.binary(), st.integers(200, 599))
def test_whatever_comes_ends_in_errors_of_ours(body: bytes, status: int) -> None:
    """Never in a crash."""
    with contextlib.suppress(GenerationError):
        asked(SUBSCRIBED, HttpResponse(status, body))
    with contextlib.suppress(GenerationError, AssertionError):
        asked(HttpResponse(status, body), SAID)


def test_a_base_url_takes_the_place_of_both_addresses() -> None:
    """Another address for the subscription, where one is given, stays what it is."""
    auth, base = DITECTREV.auth, "http://127.0.0.1:9/v1"
    only = {"api_key": "k", "base_url": base}
    assert not any(secret.missing_from(only) for secret in auth.secrets)
    for path, given_, url in (
        (
            "/chat/completions",
            only | {"endpoint": "https://ai.example/v1"},
            f"{base}/chat/completions",
        ),
        ("/subscription", only, f"{base}/subscription"),
        ("/subscription", SECRETS | only, SECRETS["subscription_url"]),
    ):
        assert auth.authorize(get(path), given_, NOW).url(base) == url


def test_a_busy_subscription_service_is_asked_again_when_it_says() -> None:
    """Nothing was asked of the chat."""
    with pytest.raises(RateLimited) as caught:
        asked(HttpResponse(429, b"", {"retry-after": "3"}))
    assert (caught.value.retry_after, caught.value.accepted) == (3.0, "no")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, b'{"message": "Request blocked by guardrail"}', ContentRefused),
        (403, b'{"message": "no"}', AuthenticationFailed),
        (
            400,
            b'{"object": "error", "message": "Invalid model: x", "code": "1500"}',
            ModelUnavailable,
        ),
    ],
)
def test_the_chat_fails_as_mistrals_does(
    status: int, body: bytes, error: type[GenerationError]
) -> None:
    """As that is what the platform asks."""
    with pytest.raises(error) as caught:
        asked(SUBSCRIBED, HttpResponse(status, body))
    assert type(caught.value) is error
