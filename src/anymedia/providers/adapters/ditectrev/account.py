"""Where Ditectrev's chat and the subscription are asked for, and with which keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from anymedia.contracts.errors import InvalidConfiguration
from anymedia.wire.auth import Secret
from anymedia.wire.http import HttpRequest

SUBSCRIPTION = "/subscription"
"""Stands for the address that tells about the subscription."""
STOOD_IN = ("base_url",)


class Subscriber:
    """A key, and the two addresses that nobody can know but the operator.

    A `base_url` takes the endpoint's place, and that of the other address where none is given.
    """

    secrets = (
        Secret(environment=("DITECTREV_AI_KEY",)),
        Secret(name="endpoint", environment=("DITECTREV_BASE_URL",), unless=STOOD_IN),
        Secret(
            name="subscription_url",
            environment=("DITECTREV_SUBSCRIPTION_URL",),
            unless=STOOD_IN,
        ),
        Secret(
            name="subscription_key", environment=("DITECTREV_SUBSCRIPTION_KEY",), required=False
        ),
    )

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """At its own address with its own key: neither service sees the other's."""
        if request.path == SUBSCRIPTION:
            key = secrets.get("subscription_key")
            stood_in = secrets.get("base_url") and not secrets.get("subscription_url")
            path = request.path if stood_in else address(secrets, "subscription_url")
        else:
            key = secrets.get("api_key")
            whole = "" if secrets.get("base_url") else address(secrets, "endpoint").rstrip("/")
            path = whole + request.path
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return replace(request, path=path).with_headers(headers)


def address(secrets: Mapping[str, str], name: str) -> str:
    """One of the addresses."""
    given = secrets.get(name, "")
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidConfiguration(f"`secrets.{name}` of `ditectrev` is not an address")
    return given
