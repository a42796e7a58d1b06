"""Who asks: one key, or a token that a pair of keys has signed (RFC 7519, HS256)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from anymedia.testing.doubles.kling.failures import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What was given out."""

    key: str
    access_key: str
    secret_key: str

    def admit(self, header: str | None, now: float) -> None:
        """Let a caller in; raises `Refused` with the vendor's own code otherwise."""
        if not header:
            raise Refused(1001)
        kind, _, proof = header.partition(" ")
        if kind != "Bearer" or not proof:
            raise Refused(1002)
        if proof.count(".") == 2:
            self._token(proof, now)
        elif not hmac.compare_digest(proof.encode(), self.key.encode()):
            raise Refused(1000)

    def _token(self, token: str, now: float) -> None:
        signed, _, signature = token.rpartition(".")
        head, _, claims = signed.partition(".")
        if part(head) != {"alg": "HS256", "typ": "JWT"}:
            raise Refused(1002)
        right = hmac.new(self.secret_key.encode(), signed.encode(), hashlib.sha256).digest()
        unpadded = base64.urlsafe_b64encode(right).rstrip(b"=")
        if not hmac.compare_digest(signature.encode(), unpadded):
            raise Refused(1000)
        said = part(claims)
        if said.get("iss") != self.access_key:
            raise Refused(1000)
        if now < float(said.get("nbf", 0)):
            raise Refused(1003)
        if now >= float(said.get("exp", 0)):
            raise Refused(1004)


def part(written: str) -> dict[str, Any]:
    """A part of a token, which has to be an object in unpadded base64."""
    try:
        found = json.loads(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)))
    except (binascii.Error, ValueError):
        raise Refused(1002) from None
    if "=" in written or not isinstance(found, dict):
        raise Refused(1002)
    return found
