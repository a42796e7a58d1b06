"""The headers of a call from Ideogram."""

from __future__ import annotations

from anymedia.testing.signing import Signer as Ed25519Signer

KEY_ID = "double-1"


class Signer(Ed25519Signer):
    """Ideogram's key pair, which has a name."""

    def jwk(self, **more: str) -> dict[str, str]:
        """The public key as a key set holds it."""
        return super().jwk(kid=KEY_ID, **more)

    def headers(self, body: bytes, *, generation_id: str, timestamp: int) -> dict[str, str]:
        """The headers of a call with this body."""
        user_id = "user-double"
        return {
            "Content-Type": "application/json",
            "X-Ideogram-Webhook-Generation-Id": generation_id,
            "X-Ideogram-Webhook-User-Id": user_id,
            "X-Ideogram-Webhook-Timestamp": str(timestamp),
            "X-Ideogram-Webhook-Key-Id": KEY_ID,
            "X-Ideogram-Webhook-Signature": self.over(body, generation_id, user_id, str(timestamp)),
        }
