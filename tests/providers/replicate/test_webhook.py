"""Calls from Replicate: whether they are Replicate's.

The vector is that of the vendor's own client tests (npm `replicate` 1.4.0).
"""

from __future__ import annotations

import pytest

from anymedia.contracts.errors import AuthenticationFailed, UnreadableResponse
from anymedia.providers.adapters.replicate import REPLICATE, webhook
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpResponse

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
NOW = 1614265330
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": GOOD,
}


@pytest.mark.parametrize("signature", [GOOD, f"v1,AAAA {GOOD}", f"v1a,xx odd {GOOD}"])
def test_one_good_signature_of_several_is_enough(signature: str) -> None:
    """While a key is being changed there are two."""
    headers = Headers(SIGNED | {"webhook-signature": signature})
    assert webhook.genuine(BODY, headers, SECRET, NOW + 200)
    assert webhook.genuine(BODY, headers, SECRET, NOW - 200)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_other"),
        ("webhook-id", ""),
        ("webhook-timestamp", str(NOW + 1)),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "9" * 400),
        ("webhook-signature", ""),
        ("webhook-signature", GOOD.removeprefix("v1,")),
        ("webhook-signature", "v2" + GOOD[2:]),
        ("webhook-signature", "v1,\u00e9"),
    ],
)
def test_a_changed_header_is_no_proof(name: str, value: str) -> None:
    """Whichever it is."""
    assert not webhook.genuine(BODY, Headers(SIGNED | {name: value}), SECRET, NOW)


def test_a_changed_body_an_old_call_and_a_wrong_secret_are_no_proof() -> None:
    """An empty secret never is one."""
    headers = Headers(SIGNED)
    assert not webhook.genuine(BODY + b" ", headers, SECRET, NOW)
    assert not webhook.genuine(BODY, headers, SECRET, NOW + 301)
    assert not webhook.genuine(BODY, headers, SECRET, NOW - 301)
    for secret in ("", "whsec_", "whsec_?", "whsec_AAAA"):
        assert not webhook.genuine(BODY, headers, secret, NOW)


def test_the_secret_is_the_accounts() -> None:
    """Asked for with its key."""
    answer = HttpResponse(200, b'{"key": "whsec_x"}')
    sent, found = replay(webhook.secret(), answer, explain=REPLICATE.explain)
    assert (sent[0].path, sent[0].authorize) == ("/webhooks/default/secret", True)
    assert found == "whsec_x"
    with pytest.raises(UnreadableResponse):
        replay(webhook.secret(), HttpResponse(200, b"{}"), explain=REPLICATE.explain)
    with pytest.raises(AuthenticationFailed):
        replay(webhook.secret(), HttpResponse(401), explain=REPLICATE.explain)
