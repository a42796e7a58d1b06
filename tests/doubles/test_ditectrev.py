"""Our adapter goes through our double: the subscription first, then the chat.

There is no client of the vendor's; the exam platform asks Mistral's chat, whose client has its own
tests with the double that answers here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    ModelUnavailable,
    RateLimited,
)
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.adapters.ditectrev import DITECTREV
from anymedia.providers.adapters.ditectrev.subscription import (
    SubscriberUnknown,
    SubscriptionInactive,
    SubscriptionRequired,
    SubscriptionUnchecked,
)
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.ditectrev import MODEL, DitectrevDouble
from anymedia.testing.doubles.mistral import rate_limited

CHECK = "/me/subscription"
CHAT = "/chat/completions"
REQUEST = TextRequest(model=MODEL, prompt="Why is B right?")


@pytest.fixture
def double() -> Iterator[DitectrevDouble]:
    """Both services on loopback."""
    double = DitectrevDouble()
    with serving(double):
        yield double


def adapter(double: DitectrevDouble, **other: str) -> Loopback:
    """Ours, with the right keys unless others are given."""
    secrets = {"api_key": double.key, **double.secrets, **other}
    return Loopback(DITECTREV, double.base_url, secrets)


def asked(double: DitectrevDouble) -> list[str]:
    """The paths that were asked for, in order."""
    return [path for _, path in double.record.requests]


def test_the_subscription_is_asked_for_before_the_chat(double: DitectrevDouble) -> None:
    """Each service sees its own key alone."""
    answer = adapter(double).call(REQUEST)
    assert isinstance(answer, TextAnswer)
    assert answer.text == "You said: Why is B right?"
    assert answer.usage.output_tokens
    assert asked(double) == [CHECK, CHAT]
    keys = [headers["authorization"] for headers in double.record.headers]
    assert keys == [f"Bearer {double.subscription_key}", f"Bearer {double.key}"]
    assert len(double.record.invoice) == 1


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("byok", "active", SubscriptionRequired),
        (None, "active", SubscriptionRequired),
        ("ditectrev", "canceled", SubscriptionInactive),
        ("ditectrev", "past_due", SubscriptionInactive),
    ],
)
def test_without_the_right_subscription_the_chat_is_not_asked(
    double: DitectrevDouble, kind: str | None, status: str, error: type[GenerationError]
) -> None:
    """And nothing is billed; a subscription that comes back is enough."""
    double.kind, double.status = kind, status
    with pytest.raises(error) as caught:
        adapter(double).call(REQUEST)
    assert caught.value.accepted == "no"
    assert asked(double) == [CHECK]
    assert double.record.invoice == []
    double.kind, double.status = "ditectrev", "trialing"
    assert isinstance(adapter(double).call(REQUEST), TextAnswer)


def test_whoever_is_unknown_is_told_by_whom(double: DitectrevDouble) -> None:
    """The subscription's service, or the chat."""
    with pytest.raises(SubscriberUnknown):
        adapter(double, subscription_key="wrong").call(REQUEST)
    assert asked(double) == [CHECK]
    with pytest.raises(AuthenticationFailed) as caught:
        adapter(double, api_key="wrong").call(REQUEST)
    assert type(caught.value) is AuthenticationFailed


def test_a_check_that_fails_asks_for_nothing(double: DitectrevDouble) -> None:
    """It may be tried again."""
    double.fail(Fault(path=CHECK, status=503))
    with pytest.raises(SubscriptionUnchecked) as caught:
        adapter(double).call(REQUEST)
    assert (caught.value.retryable, caught.value.accepted) == (True, "no")
    assert asked(double) == [CHECK]


def test_the_chat_fails_in_its_own_way(double: DitectrevDouble) -> None:
    """It wants payment, refuses, is busy, or has no such model."""
    ours = adapter(double)
    with pytest.raises(ContentRefused):
        ours.call(TextRequest(model=MODEL, prompt="forbidden"))
    with pytest.raises(ModelUnavailable):
        ours.call(TextRequest(model="nobody", prompt="Hello"))
    double.fail(rate_limited())
    with pytest.raises(RateLimited) as busy:
        ours.call(REQUEST)
    assert busy.value.retry_after == 2.0
    double.unpaid = True
    with pytest.raises(SubscriptionRequired):
        ours.call(REQUEST)
    assert double.record.invoice == []


def test_the_check_asks_for_the_subscription_alone(double: DitectrevDouble) -> None:
    """Which costs nothing."""
    assert adapter(double).check().details == {"type": "ditectrev", "status": "active"}
    assert asked(double) == [CHECK]
