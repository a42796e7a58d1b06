"""How Replicate's calls are told from anybody else's: Standard Webhooks, version 1.

https://replicate.com/docs/topics/webhooks/verify-webhook (read 2026-11-21). The secret belongs to
the account and is asked for with its key.
"""

from __future__ import annotations

from anymedia.providers.spec import Webhook
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape
from anymedia.wire.signature import StandardWebhooks


class Signing(Shape):
    """The account's secret."""

    key: str


def secret() -> Exchange[str]:
    """The secret that calls are signed with. It changes when the account says so."""
    response = yield get("/webhooks/default/secret")
    return response.read(Signing).key


WEBHOOK = Webhook(signature=StandardWebhooks(), secret=secret, reliable=True)
