"""Where an Azure resource is, and how requests prove who sends them.

Every customer has an address of their own, so it comes with the credentials: `endpoint`, or the
name of the resource. Without a dated `api_version` the newer surface is used, which is OpenAI's own
under another address; with one, the deployment stands in the path instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from anymedia.contracts.errors import AuthenticationFailed, InvalidConfiguration
from anymedia.wire.auth import Secret, Token
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, post
from anymedia.wire.shape import Shape

LOGIN = "https://login.microsoftonline.com"
"""Where tokens are got, unless `authority` says another cloud."""
SCOPE = "https://cognitiveservices.azure.com/.default"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")
"""What resources and tenants are called; nothing else gets into an address."""
DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
DEPLOYED = ("/chat/completions", "/embeddings", "/images/", "/audio/")
"""What the dated surface has below a deployment; the rest stands beside them."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SERVICE_PRINCIPAL = ("tenant_id", "client_id", "client_secret")
LONG = timedelta(hours=1)


class Granted(Shape):
    """A token of Entra ID's."""

    access_token: str | None = None
    expires_in: float | None = None


class OneOf(Secret):
    """A key, a token, or what a token is got with."""

    def missing_from(self, given: Mapping[str, str]) -> bool:
        """Whether none of the three ways is there."""
        whole = all(given.get(name) for name in SERVICE_PRINCIPAL)
        return not (given.get("api_key") or given.get("ad_token") or whole)


class Located(Secret):
    """An address, by whichever name."""

    def missing_from(self, given: Mapping[str, str]) -> bool:
        """Whether none of the three ways to say it is used."""
        return not any(given.get(name) for name in ("endpoint", "resource", "base_url"))


class AzureAccount:
    """The resource's key, or a token of Entra ID's."""

    secrets = (
        OneOf(environment=("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")),
        Located(name="endpoint", environment=("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE")),
        Secret(name="resource", environment=("AZURE_RESOURCE_NAME",), required=False),
        Secret(name="api_version", environment=("OPENAI_API_VERSION",), required=False),
        Secret(name="ad_token", environment=("AZURE_OPENAI_AD_TOKEN",), required=False),
        Secret(name="tenant_id", environment=("AZURE_TENANT_ID",), required=False),
        Secret(name="client_id", environment=("AZURE_CLIENT_ID",), required=False),
        Secret(name="client_secret", environment=("AZURE_CLIENT_SECRET",), required=False),
        Secret(name="authority", environment=("AZURE_AUTHORITY_HOST",), required=False),
    )

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """On the surface that is wanted, with the resource's key or a token."""
        token = secrets.get("token")
        proof = (
            {"Authorization": f"Bearer {token}"}
            if token
            else {"api-key": secrets.get("api_key", "")}
        )
        return addressed(request, secrets).with_headers(proof)

    def grant(self, secrets: Mapping[str, str], now: datetime) -> Exchange[Token]:
        """A token, the one that was handed out, or none where there is a key."""
        if secrets.get("api_key") or secrets.get("ad_token"):
            held = "" if secrets.get("api_key") else secrets.get("ad_token", "")
            return Token(value=held, expires_at=now + LONG)
        tenant = secrets.get("tenant_id", "")
        if not NAME.fullmatch(tenant):
            raise InvalidConfiguration("`AZURE_TENANT_ID` is not the id or domain of a tenant")
        response = yield post(
            f"{authority(secrets)}/{tenant}/oauth2/v2.0/token",
            form={
                "grant_type": "client_credentials",
                "client_id": secrets.get("client_id", ""),
                "client_secret": secrets.get("client_secret", ""),
                "scope": SCOPE,
            },
            authorize=False,
        )
        granted = response.read(Granted)
        if not granted.access_token:
            raise AuthenticationFailed("Entra ID answered without a token", accepted="no")
        seconds = granted.expires_in
        known = seconds is not None and 0 < seconds < 1e6
        return Token(
            value=granted.access_token,
            expires_at=now + (timedelta(seconds=seconds or 0) if known else LONG),
        )


def addressed(request: HttpRequest, secrets: Mapping[str, str]) -> HttpRequest:
    """The request at the resource, on whichever of the two surfaces is wanted."""
    if not secrets.get("base_url"):
        endpoint(secrets)  # says what is wrong with it, while somebody listens
    version = secrets.get("api_version") or ""
    if not DATED.fullmatch(version):
        more = {"api-version": version} if version else {}
        path = f"/openai/v1{request.path}"
        return replace(request, path=path).with_query(**more)
    deployed = request.path.startswith(DEPLOYED)
    below = f"/deployments/{quote(deployment(request), safe='')}" if deployed else ""
    path = f"/openai{below}{request.path}"
    return replace(request, path=path).with_query(**{"api-version": version})


def located(secrets: Mapping[str, str]) -> str | None:
    """The resource's address, where there is a good one."""
    try:
        return endpoint(secrets)
    except InvalidConfiguration:
        return None


def endpoint(secrets: Mapping[str, str]) -> str:
    """The resource's address, without what comes after it on either surface."""
    given = (secrets.get("endpoint") or "").rstrip("/").removesuffix("/v1").removesuffix("/openai")
    if given:
        parts = urlsplit(given)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise InvalidConfiguration(
                "`AZURE_OPENAI_ENDPOINT` is not an address such as "
                "`https://RESOURCE.openai.azure.com`"
            )
        return given
    resource = secrets.get("resource", "")
    if not NAME.fullmatch(resource):
        raise InvalidConfiguration("`AZURE_RESOURCE_NAME` is not the name of a resource")
    return f"https://{resource}.openai.azure.com"


def authority(secrets: Mapping[str, str]) -> str:
    """Where tokens are got: a client's secret goes there, so it has to be an https address.

    Whoever stands in for the resource on this machine may hand out tokens there as well.
    """
    given = (secrets.get("authority") or LOGIN).rstrip("/")
    parts = urlsplit(given)
    if (parts.scheme != "https" and parts.hostname not in LOOPBACK) or not parts.netloc:
        raise InvalidConfiguration("`AZURE_AUTHORITY_HOST` is not an https address")
    return given


def deployment(request: HttpRequest) -> str:
    """The deployment, which is what is asked for as the model."""
    if isinstance(request.json, dict):
        return str(request.json.get("model", ""))
    named = (part.content for part in request.parts if part.name == "model")
    return next(named, b"").decode("utf-8", "replace")
