"""AWS's signature (version 4), and the key that makes it unnecessary.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. What is
signed is the whole address, so that is made here too: it follows from the region, or is the
`base_url` of whoever stands in for AWS. That one is asked for the bucket as well.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from anymedia.contracts.errors import InvalidConfiguration, MissingKey
from anymedia.wire.auth import Secret
from anymedia.wire.http import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
STORED = re.compile(r"/s3/([a-z0-9-]+)(/[^?#]+)")
"""A file in a bucket of a region, as paths of ours say it."""
UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key, and for whom it signs."""

    access_key: str
    secret_key: str
    session_token: str = ""
    region: str
    service: str


class AmazonAccount:
    """A Bedrock key as a bearer token, else requests signed with an access key."""

    secrets = (
        Secret(
            environment=("AWS_BEARER_TOKEN_BEDROCK",),
            unless=("access_key", "secret_key"),
        ),
        Secret(name="access_key", environment=("AWS_ACCESS_KEY_ID",), required=False),
        Secret(name="secret_key", environment=("AWS_SECRET_ACCESS_KEY",), required=False),
        Secret(name="session_token", environment=("AWS_SESSION_TOKEN",), required=False),
        Secret(name="region", environment=("AWS_REGION", "AWS_DEFAULT_REGION")),
        Secret(name="endpoint", environment=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",), required=False),
    )

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """At the region's address, with the token or signed."""
        region = secrets.get("region", "")
        base = secrets.get("base_url") or located(secrets)
        if base is None:
            raise InvalidConfiguration("`AWS_REGION` is not a region such as `us-west-2`")
        stored = STORED.fullmatch(request.path)
        if stored is not None:
            region, path = stored[1], stored[2]
            if not REGION.fullmatch(region):
                raise InvalidConfiguration("the clip does not lie in a region such as `us-west-2`")
            base = secrets.get("base_url") or f"https://s3.{region}.amazonaws.com"
            request = replace(request, path=path)
        whole = replace(request, path=request.url(base), query={})
        if (key := secrets.get("api_key")) and not stored:
            return whole.with_headers({"Authorization": f"Bearer {key}"})
        if not (secrets.get("access_key") and secrets.get("secret_key")):
            raise MissingKey(
                "results lie in your bucket, which a Bedrock key does not open. Set "
                "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` too"
            )
        return signed(
            whole,
            Credentials(
                access_key=secrets["access_key"],
                secret_key=secrets["secret_key"],
                session_token=secrets.get("session_token", ""),
                region=region,
                service="s3" if stored else "bedrock",
            ),
            now,
        )


def located(secrets: Mapping[str, str]) -> str | None:
    """The region's own address, or the endpoint of a network of one's own."""
    region = secrets.get("region", "")
    if not REGION.fullmatch(region):
        return None
    return secrets.get("endpoint") or f"https://bedrock-runtime.{region}.amazonaws.com"


def signed(request: HttpRequest, who: Credentials, now: datetime) -> HttpRequest:
    """The request, whose path is a whole URL, with its signature."""
    address = urlsplit(request.path)
    body, content_type = request.body(boundary="")
    digest = hashlib.sha256(body or b"").hexdigest()
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": address.netloc, "x-amz-date": moment}
    if content_type is not None:
        headers["content-type"] = content_type
    if who.session_token:
        headers["x-amz-security-token"] = who.session_token
    if who.service == "s3":
        headers["x-amz-content-sha256"] = digest
    names = ";".join(sorted(headers))
    # Paths are written once more in percent form, for every service but the store.
    path = address.path or "/"
    pairs = sorted(parse_qsl(address.query, keep_blank_values=True))
    canonical = "\n".join(
        (
            request.method,
            path if who.service == "s3" else quote(path, safe="/" + UNRESERVED),
            "&".join(f"{escaped(name)}={escaped(value)}" for name, value in pairs),
            *(f"{name}:{headers[name].strip()}" for name in sorted(headers)),
            "",
            names,
            digest,
        )
    )
    scope = f"{moment[:8]}/{who.region}/{who.service}/aws4_request"
    text = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{who.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    sent = {name: value for name, value in headers.items() if name not in {"host", "content-type"}}
    proof = (
        f"{ALGORITHM} Credential={who.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    # What was signed is what is sent, byte for byte.
    exact = replace(request, json=None, form=None, parts=(), content=body)
    return replace(exact, content_type=content_type).with_headers(sent | {"Authorization": proof})


def escaped(text: str) -> str:
    """A name or value of a query as it is signed."""
    return quote(text, safe=UNRESERVED)
