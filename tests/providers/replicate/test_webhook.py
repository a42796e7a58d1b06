"""Calls from Replicate: where the secret comes from that they are signed with."""

from __future__ import annotations

import pytest

from anymedia.contracts.errors import AuthenticationFailed, UnreadableResponse
from anymedia.providers.adapters.replicate import REPLICATE, webhook
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse


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
