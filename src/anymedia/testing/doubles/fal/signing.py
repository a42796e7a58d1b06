"""The headers of a call from fal."""

from __future__ import annotations

from anymedia.testing.signing import Signer as Ed25519Signer


class Signer(Ed25519Signer):
    """fal's key pair."""

    def headers(self, body: bytes, *, request_id: str, timestamp: int) -> dict[str, str]:
        """The headers of a call with this body."""
        user_id = "user-double"
        return {
            "Content-Type": "application/json",
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": user_id,
            "X-Fal-Webhook-Timestamp": str(timestamp),
            "X-Fal-Webhook-Signature": self.over(body, request_id, user_id, str(timestamp)),
        }
