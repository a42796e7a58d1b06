"""Whether a call to us comes from fal: Ed25519 over ids, time and a hash of the body.

https://docs.fal.ai/model-apis/model-endpoints/webhooks (read 2026-11-21). The key set is public,
changes without notice and may be kept for a day.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, get
from anymedia.wire.shape import Shape

KEY_SET = "https://rest.fal.ai/.well-known/jwks.json"
TOLERANCE_SECONDS = 300
PREFIX = "x-fal-webhook-"


class Key(Shape):
    """One public key; other kinds than Ed25519 are passed over."""

    kty: str | None = None
    crv: str | None = None
    x: str | None = None


class KeySet(Shape):
    """All that are valid now."""

    keys: tuple[Key | None, ...] = ()


def keys() -> Exchange[tuple[bytes, ...]]:
    """The public keys, each of 32 bytes. Asked without credentials, at a fixed address."""
    response = yield get(KEY_SET, authorize=False)
    found = response.read(KeySet).keys
    return tuple(key for one in found if one is not None and (key := unpacked(one)) is not None)


def unpacked(key: Key) -> bytes | None:
    """A key's bytes."""
    if key.kty != "OKP" or key.crv != "Ed25519" or not key.x:
        return None
    try:
        raw = base64.urlsafe_b64decode(key.x + "=" * (-len(key.x) % 4))
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None


def genuine(
    body: bytes, headers: Headers, public_keys: tuple[bytes, ...], now_seconds: float
) -> bool:
    """Whether fal sent exactly these bytes, and lately. Any of the keys may have signed."""
    names = ("request-id", "user-id", "timestamp", "signature")
    request_id, user_id, timestamp, signature = (headers.get(PREFIX + name, "") for name in names)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return False
    if abs(now_seconds - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    try:
        signed = bytes.fromhex(signature)
        lines = (request_id, user_id, timestamp, hashlib.sha256(body).hexdigest())
        message = "\n".join(lines).encode()
    except ValueError:  # not hex, or half of a surrogate pair
        return False
    return any(verified(key, message, signed) for key in public_keys)


def verified(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key's owner signed exactly this."""
    # Imported here: most who use fal never receive its calls.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
