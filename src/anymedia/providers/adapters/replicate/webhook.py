"""Whether a call to us comes from Replicate: Standard Webhooks, version 1.

https://replicate.com/docs/topics/webhooks/verify-webhook (read 2026-11-21): HMAC-SHA256 over id,
time and the bytes of the body, with a secret that belongs to the account.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, get
from anymedia.wire.shape import Shape

TOLERANCE_SECONDS = 300


class Signing(Shape):
    """The account's secret."""

    key: str


def secret() -> Exchange[str]:
    """The secret that calls are signed with. It changes when the account says so."""
    response = yield get("/webhooks/default/secret")
    return response.read(Signing).key


def genuine(body: bytes, headers: Headers, secret: str, now_seconds: float) -> bool:
    """Whether exactly these bytes were signed, and lately. One good signature of several is enough."""
    key = unpacked(secret)
    named = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    identifier, timestamp, signatures = named
    if not key or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return False
    if not identifier or abs(now_seconds - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    text = f"{identifier}.{timestamp}.".encode("utf-8", "replace") + body
    expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())
    return any(
        version == "v1" and hmac.compare_digest(signature.encode("utf-8", "replace"), expected)
        for version, _, signature in (one.partition(",") for one in signatures.split())
    )


def unpacked(secret: str) -> bytes | None:
    """The key inside the secret."""
    bare = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
