"""Signs calls as those vendors do who sign with Ed25519 over ids, time and a hash of the body."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Signer:
    """A key pair that is made of a seed, so that tests can repeat what it does."""

    def __init__(self, seed: bytes = bytes(range(32))) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()

    def jwk(self, **more: str) -> dict[str, str]:
        """The public key as a key set holds it."""
        x = base64.urlsafe_b64encode(self.public_key).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "x": x, **more}

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        return self._key.sign(message)

    def over(self, body: bytes, *lines: str) -> str:
        """The signature of some lines and the body's hash, in hex."""
        return self.sign("\n".join((*lines, hashlib.sha256(body).hexdigest())).encode()).hex()
