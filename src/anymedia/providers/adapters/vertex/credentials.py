"""Google Cloud's credentials: a key file, a person's file, the machine's own account, or a key.

Each but the last is traded for a token that lasts an hour. A service account signs a request for
one (RFC 7523), a person's file holds a refresh token, and a machine of Google's asks a server
beside it (`metadata` in place of a file).

https://developers.google.com/identity/protocols/oauth2/service-account (PyPI google-auth 2.62.2,
read 2026-11-21)
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from anymedia.contracts.errors import AuthenticationFailed, UnreadableResponse
from anymedia.wire.auth import Token
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKENS = "https://oauth2.googleapis.com/token"
METADATA = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)
MACHINE = "metadata"
LIVES_SECONDS = 3600
UNKNOWN_SECONDS = 600
"""How long a token is used that was handed out without its end."""
MOST_SECONDS = 86_400


class KeyFile(Shape):
    """A credentials file: of a service account, or of a person."""

    type: str | None = None
    client_email: str | None = None
    private_key: str | None = None
    private_key_id: str | None = None
    token_uri: str | None = None
    project_id: str | None = None
    quota_project_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None


class Granted(Shape):
    """A token."""

    access_token: str | None = None
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, out of the configured secrets."""

    file: KeyFile
    machine: bool = False

    @property
    def project(self) -> str | None:
        """The project that the credentials are of."""
        return self.file.project_id or self.file.quota_project_id


def credentials(secrets: Mapping[str, str]) -> Credentials | None:
    """What is configured; nothing if no token can be had of it. Never quotes a secret."""
    given = secrets.get("credentials", "").strip()
    if given == MACHINE:
        return Credentials(KeyFile(), machine=True)
    if given:
        return Credentials(file_in(given))
    email, key = secrets.get("client_email"), secrets.get("private_key")
    if email and key:
        named = secrets.get("private_key_id")
        return Credentials(KeyFile(client_email=email, private_key=key, private_key_id=named))
    return None


def file_in(text: str) -> KeyFile:
    """A credentials file's content."""
    try:
        return msgspec.json.decode(text, type=KeyFile)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise AuthenticationFailed(
            "`credentials` is not the JSON of a Google credentials file. Give the file's content, "
            "name the file in `GOOGLE_CREDENTIALS_FILE`, or say `metadata` on a machine of Google's"
        ) from None


def grant(found: Credentials, now: datetime) -> Exchange[Token]:
    """Trade credentials for a token."""
    file = found.file
    if found.machine:
        response = yield get(METADATA, headers={"Metadata-Flavor": "Google"}, authorize=False)
    elif file.refresh_token:
        form = {
            "grant_type": "refresh_token",
            "client_id": file.client_id or "",
            "client_secret": file.client_secret or "",
            "refresh_token": file.refresh_token,
        }
        response = yield post(file.token_uri or TOKENS, form=form, authorize=False)
    elif file.client_email and file.private_key:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion(file, now),
        }
        response = yield post(file.token_uri or TOKENS, form=form, authorize=False)
    else:
        raise AuthenticationFailed(
            f"credentials of type `{(file.type or 'unknown')[:40]}` are not known here; those of a "
            f"service account (`client_email`, `private_key`) and of a person (`refresh_token`) are"
        )
    return token(response.read(Granted), now)


def token(granted: Granted, now: datetime) -> Token:
    """A token with its end."""
    if not granted.access_token:
        raise UnreadableResponse("the token server's answer has no `access_token`")
    seconds = granted.expires_in
    if seconds is None or not 0 < seconds <= MOST_SECONDS:
        seconds = UNKNOWN_SECONDS
    return Token(value=granted.access_token, expires_at=now + timedelta(seconds=seconds))


def assertion(file: KeyFile, now: datetime) -> str:
    """A signed JSON Web Token that asks for another (RS256)."""
    at = int(now.timestamp())
    header: dict[str, Any] = {"alg": "RS256", "typ": "JWT"}
    if file.private_key_id:
        header["kid"] = file.private_key_id
    claims = {
        "iss": file.client_email,
        "scope": SCOPE,
        "aud": file.token_uri or TOKENS,
        "iat": at,
        "exp": at + LIVES_SECONDS,
    }
    signed = f"{encoded(msgspec.json.encode(header))}.{encoded(msgspec.json.encode(claims))}"
    return f"{signed}.{encoded(signature(signed.encode(), file.private_key or ''))}"


def encoded(data: bytes) -> str:
    """Base64 in the alphabet of URLs, without its padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(message: bytes, private_key: str) -> bytes:
    """The signature of a message (PKCS #1 v1.5, SHA-256)."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        # Keys in variables have their line ends written out.
        pem = private_key.replace("\\n", "\n").encode()
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnicodeError, UnsupportedAlgorithm):
        raise unsigned() from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise unsigned()
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def unsigned() -> AuthenticationFailed:
    """The key cannot sign."""
    return AuthenticationFailed(
        "`private_key` of the Google credentials is not an RSA key in PEM form without a password"
    )
