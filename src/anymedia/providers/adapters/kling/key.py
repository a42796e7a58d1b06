"""Kling's two kinds of credentials: one key, or a pair that signs a short-lived token (HS256)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from anymedia.wire.auth import Secret
from anymedia.wire.http import HttpRequest

LIVES_SECONDS = 1800
EARLY_SECONDS = 60
"""The token is good from a minute ago on, for clocks that run ahead of the vendor's."""


class KlingKey:
    """`Authorization: Bearer` with the key, or with a token that the pair signs."""

    secrets = (
        Secret(environment=("KLINGAI_API_KEY",), unless=("access_key", "secret_key")),
        Secret(name="access_key", environment=("KLINGAI_ACCESS_KEY",), required=False),
        Secret(name="secret_key", environment=("KLINGAI_SECRET_KEY",), required=False),
    )

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """With the header; the key wins where both are set."""
        proof = secrets.get("api_key")
        access, secret = secrets.get("access_key"), secrets.get("secret_key")
        if not proof and access and secret:
            proof = token(access, secret, now)
        return request.with_headers({"Authorization": f"Bearer {proof}"}) if proof else request


def token(access_key: str, secret_key: str, now: datetime) -> str:
    """A JSON Web Token (RFC 7519) that says who asks, and until when it may be believed."""
    at = int(now.timestamp())
    claims = {"iss": access_key, "exp": at + LIVES_SECONDS, "nbf": at - EARLY_SECONDS}
    signed = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}"
    signature = hmac.new(secret_key.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{unpadded(signature)}"


def encoded(part: Mapping[str, Any]) -> str:
    """A part of a token."""
    return unpadded(msgspec.json.encode(part))


def unpadded(data: bytes) -> str:
    """Base64 in the alphabet of URLs, without its padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
