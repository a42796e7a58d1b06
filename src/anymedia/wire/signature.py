"""Signatures as values: how a call to us proves who sent it, and how ours prove that they are ours.

What is signed are the bytes of the body as they came. `genuine` is pure: it gets the keys and the
time, compares in constant time, and never raises, whatever a stranger sends. Keys are text: a
secret as a dashboard shows it, or the `x` of a key in a key set.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, get
from anymedia.wire.shape import Shape

FIVE_MINUTES = 300
PREFIX = "whsec_"
LONGEST_ID = 200


class Signature(Protocol):
    """How a call proves who sent it."""

    def present(self, headers: Headers) -> bool:
        """Whether the call claims to be signed at all."""
        ...

    def genuine(
        self, body: bytes, headers: Headers, keys: Sequence[str], now_seconds: float
    ) -> bool:
        """Whether one of the keys' owners sent exactly this, and lately."""
        ...

    def identifier(self, headers: Headers) -> str | None:
        """What the sender calls this message, the same however often it is sent."""
        ...


# --- Standard Webhooks ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardWebhooks:
    """Version 1 of https://www.standardwebhooks.com: HMAC over id, time and body."""

    tolerance_seconds: float = FIVE_MINUTES

    def present(self, headers: Headers) -> bool:
        return "webhook-signature" in headers

    def genuine(
        self, body: bytes, headers: Headers, keys: Sequence[str], now_seconds: float
    ) -> bool:
        """One good signature of several is enough: there are two while a secret is changed."""
        identifier, timestamp, said = (
            headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not identifier or not recent(timestamp, now_seconds, self.tolerance_seconds):
            return False
        found = [
            value.encode("utf-8", "replace")
            for version, _, value in (one.partition(",") for one in said.split())
            if version == "v1"
        ]
        return any(
            hmac.compare_digest(one, mac(key, identifier, timestamp, body))
            for secret in keys
            for key in keys_of(secret)
            for one in found
        )

    def identifier(self, headers: Headers) -> str | None:
        return headers.get("webhook-id", "")[:LONGEST_ID] or None


def keys_of(secret: str) -> Iterator[bytes]:
    """What a secret may stand for: most are base64, some vendors mean the text itself."""
    bare = secret.removeprefix(PREFIX)
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if decoded:
        yield decoded
    if bare == secret and secret:
        yield secret.encode("utf-8", "replace")


def mac(key: bytes, identifier: str, timestamp: str, body: bytes) -> bytes:
    """The signature of a message, in base64."""
    text = f"{identifier}.{timestamp}.".encode("utf-8", "replace") + body
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())


def standard_headers(
    secrets: Sequence[str], identifier: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The headers of a message of ours, signed with each of the secrets."""
    signatures = [
        f"v1,{mac(key, identifier, str(timestamp), body).decode()}"
        for secret in secrets
        for key in [next(keys_of(secret))]
    ]
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


# --- Ed25519 over a hash, with public keys --------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHash:
    """Ed25519 over four lines: an id, whose account, the time, the body's hash."""

    prefix: str
    """Of the headers, such as `x-acme-webhook-`."""
    about: str
    """The header with the id, without its prefix."""
    repeated: str | None = None
    """A field of the body that must be the id as well."""
    tolerance_seconds: float = FIVE_MINUTES

    def present(self, headers: Headers) -> bool:
        return self.prefix + "signature" in headers

    def genuine(
        self, body: bytes, headers: Headers, keys: Sequence[str], now_seconds: float
    ) -> bool:
        """Any of the keys may have signed."""
        identifier, user, timestamp, said = (
            headers.get(self.prefix + name, "")
            for name in (self.about, "user-id", "timestamp", "signature")
        )
        signature = signature_bytes(said)
        if signature is None or not recent(timestamp, now_seconds, self.tolerance_seconds):
            return False
        if self.repeated is not None and field(body, self.repeated) != identifier:
            return False
        lines = (identifier, user, timestamp, hashlib.sha256(body).hexdigest())
        message = "\n".join(lines).encode("utf-8", "replace")
        return any(verified(key, message, signature) for key in map(public_key, keys) if key)

    def identifier(self, headers: Headers) -> str | None:
        return headers.get(self.prefix + self.about, "")[:LONGEST_ID] or None


def signature_bytes(said: str) -> bytes | None:
    """A signature that is written in hex, or in base64."""
    try:
        return bytes.fromhex(said) if said else None
    except ValueError:
        pass
    try:
        return base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        return None


def field(body: bytes, name: str) -> str | None:
    """A text in a JSON object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


def public_key(x: str) -> bytes | None:
    """The bytes of a public key as a key set writes it."""
    try:
        raw = base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None


def verified(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key's owner signed exactly this."""
    # Imported here: most who use a provider are never called by it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Key(Shape):
    """One public key of a set."""

    kty: str | None = None
    crv: str | None = None
    x: str | None = None


class KeySet(Shape):
    """All public keys that are valid now."""

    keys: tuple[Key | None, ...] = ()


def key_set(url: str) -> Exchange[tuple[str, ...]]:
    """The Ed25519 keys at an address, asked without credentials; other kinds are passed over."""
    response = yield get(url, authorize=False)
    return tuple(
        one.x
        for one in response.read(KeySet).keys
        if one is not None and one.kty == "OKP" and one.crv == "Ed25519"
        if one.x and public_key(one.x) is not None
    )


# --- HMAC in hex ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedMac:
    """`t=<time>,v0=<hex>` in one header: HMAC over time and body, the secret being its text."""

    header: str
    version: str
    joint: str = "."
    """Between time and body."""
    named_by: str | None = None
    """A header with the message's id, where there is one."""
    tolerance_seconds: float = FIVE_MINUTES
    ahead_seconds: float = FIVE_MINUTES
    """How much later than ours the sender's clock may be."""

    def present(self, headers: Headers) -> bool:
        return self.header in headers

    def genuine(
        self, body: bytes, headers: Headers, keys: Sequence[str], now_seconds: float
    ) -> bool:
        """One good signature of several is enough."""
        parts = [one.strip().partition("=") for one in headers.get(self.header, "").split(",")]
        timestamp = next((value for name, _, value in parts if name == "t"), "")
        longest = self.tolerance_seconds
        if not recent(timestamp, now_seconds, longest, ahead_seconds=self.ahead_seconds):
            return False
        text = f"{timestamp}{self.joint}".encode() + body
        found = [
            value.encode("utf-8", "replace") for name, _, value in parts if name == self.version
        ]
        return any(
            hmac.compare_digest(one, hexadecimal(key, text)) for key in keys if key for one in found
        )

    def identifier(self, headers: Headers) -> str | None:
        return headers.get(self.named_by, "")[:LONGEST_ID] or None if self.named_by else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainMac:
    """A header with the HMAC of the body in hex. It proves who, and not when."""

    header: str
    prefix: str = ""

    def present(self, headers: Headers) -> bool:
        return self.header in headers

    def genuine(
        self, body: bytes, headers: Headers, keys: Sequence[str], now_seconds: float
    ) -> bool:
        said = headers.get(self.header, "").strip().removeprefix(self.prefix)
        found = said.encode("utf-8", "replace")
        return any(hmac.compare_digest(found, hexadecimal(key, body)) for key in keys if key)

    def identifier(self, headers: Headers) -> str | None:
        return None


def hexadecimal(key: str, text: bytes) -> bytes:
    """An HMAC in hex."""
    return hmac.new(key.encode("utf-8", "replace"), text, hashlib.sha256).hexdigest().encode()


def recent(
    timestamp: str, now_seconds: float, longest: float, *, ahead_seconds: float | None = None
) -> bool:
    """Whether a time in whole seconds is near ours, in both directions."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return False
    age = now_seconds - int(timestamp)
    ahead = longest if ahead_seconds is None else ahead_seconds
    return -ahead <= age <= longest
