"""Google's token server: grants for signed assertions and refresh tokens, which end."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

LIVES_SECONDS = 3600
REFRESH = "1//double-refresh"


class TokenServer:
    """Who may ask for tokens, and which are good."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key: rsa.RSAPrivateKey | None = None
        self.ends: dict[str, float] = {}
        """When each token ends."""

    def issue(self) -> str:
        """A fresh token."""
        token = f"ya29.double-{len(self.ends) + 1}"
        self.ends[token] = self._clock() + LIVES_SECONDS
        return token

    def holds(self, token: str) -> bool:
        """Whether a token is good now."""
        return self.ends.get(token, float("-inf")) > self._clock()

    def account(self, address: str) -> dict[str, str]:
        """The credentials file of a service account that this server knows."""
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "double-project",
            "private_key_id": "double-key",
            "private_key": pem.decode(),
            "client_email": "double@double-project.iam.gserviceaccount.com",
            "token_uri": f"{address}/token",
        }

    def person(self, address: str) -> dict[str, str]:
        """The credentials file of a person."""
        return {
            "type": "authorized_user",
            "client_id": "double-client",
            "client_secret": "double-secret",
            "refresh_token": REFRESH,
            "quota_project_id": "double-project",
            "token_uri": f"{address}/token",
        }

    def grant(self, form: dict[str, str], address: str) -> dict[str, Any] | None:
        """A token for a proof; nothing for one that does not hold."""
        match form.get("grant_type"):
            case "refresh_token" if form.get("refresh_token") == REFRESH:
                pass
            case "urn:ietf:params:oauth:grant-type:jwt-bearer" if self._signed(form, address):
                pass
            case _:
                return None
        return {
            "access_token": self.issue(),
            "expires_in": LIVES_SECONDS - 1,
            "token_type": "Bearer",
        }

    def _signed(self, form: dict[str, str], address: str) -> bool:
        signed, _, signature = form.get("assertion", "").rpartition(".")
        claims = json.loads(plain(signed.partition(".")[2]) or b"{}")
        if self._key is None or claims.get("aud") != f"{address}/token":
            return False
        if "cloud-platform" not in str(claims.get("scope")):
            return False
        try:
            self._key.public_key().verify(
                plain(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return False
        return True


def plain(part: str) -> bytes:
    """A part of a JSON Web Token."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
