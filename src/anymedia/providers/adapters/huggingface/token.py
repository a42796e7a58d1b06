"""The token of the hub, which the router takes as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from anymedia.wire.auth import BearerToken
from anymedia.wire.http import HttpRequest

HUB = "https://huggingface.co"
HUB_PATH = "/api/"
"""The hub has everything below this, the router nothing."""


class HubToken(BearerToken):
    """One token for two hosts. Whoever stands in for the router stands in for the hub, too."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("HF_TOKEN", "HUGGINGFACE_API_TOKEN")

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """At the host that the path belongs to, with the token."""
        if request.path.startswith(HUB_PATH) and not secrets.get("base_url"):
            request = replace(request, path=HUB + request.path)
        return super().authorize(request, secrets, now)
