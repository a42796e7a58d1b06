"""Checks who asks: a Bedrock key, or a signature (version 4) that is made again and compared."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_plus

from starlette.requests import Request

SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
LATE = timedelta(minutes=5)
REQUIRED = {"host", "x-amz-date"}


class Denied(Exception):
    """Nobody we know."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What the account has given out."""

    api_key: str
    access_key: str
    secret_key: str
    region: str


def prove(request: Request, body: bytes, keys: Keys, *, service: str, now: datetime) -> None:
    """Raises `Denied` unless the request carries a key or a signature of the account's."""
    given = request.headers.get("authorization", "")
    if given.startswith("Bearer "):
        token = given.removeprefix("Bearer ")
        if service != "bedrock":  # a Bedrock key opens no bucket
            raise Denied("AccessDenied", "Access Denied")
        if not secrets.compare_digest(token.encode(), keys.api_key.encode()):
            raise Denied("AccessDeniedException", "Authentication failed: API Key is not valid")
        return
    parts = SIGNED.fullmatch(given)
    if parts is None:
        raise Denied("MissingAuthenticationTokenException", "Missing Authentication Token")
    access_key, day, region, signed_for, names, signature = parts.groups()
    if access_key != keys.access_key:
        raise Denied(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    if (region, signed_for) != (keys.region, service):
        raise Denied("InvalidSignatureException", "Credential should be scoped to this service")
    moment = request.headers.get("x-amz-date", "")
    expected = REQUIRED | ({"x-amz-content-sha256"} if service == "s3" else set())
    if not expected <= set(names.split(";")) or not moment.startswith(day):
        raise Denied("InvalidSignatureException", "A header that has to be signed is not")
    if abs(now - instant(moment)) > LATE:
        raise Denied("InvalidSignatureException", f"Signature expired: {moment}")
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(
        (
            request.method,
            address(request.scope["raw_path"].decode("ascii"), service),
            query(request.scope["query_string"].decode("ascii")),
            *(f"{name}:{stripped(request.headers, name)}" for name in names.split(";")),
            "",
            names,
            digest,
        )
    )
    if signature_of(canonical, moment, scope, keys.secret_key) != signature:
        raise Denied(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )


def instant(moment: str) -> datetime:
    """The time that a request says it was signed at."""
    try:
        return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Denied("IncompleteSignatureException", "Date must be in ISO-8601") from None


def address(path: str, service: str) -> str:
    """The path as it is signed: written once more in percent form, but not for buckets."""
    return path if service == "s3" else quote(path, safe="/-_.~")


def query(raw: str) -> str:
    """The query as it is signed: sorted, every reserved character in percent form."""
    pairs = [piece.partition("=")[::2] for piece in raw.split("&") if piece]
    plain = [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(plain)
    )


def stripped(headers: Mapping[str, str], name: str) -> str:
    """A header's value as it is signed."""
    return " ".join(headers.get(name, "").split())


def signature_of(canonical: str, moment: str, scope: str, secret_key: str) -> str:
    """The signature of a request in its canonical form."""
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4" + secret_key.encode()
    for step in scope.split("/"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
