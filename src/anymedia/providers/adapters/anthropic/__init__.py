"""Anthropic: text through messages, with pictures and documents to look at.

API: https://platform.claude.com/docs/en/api/messages (version 2026-10-21, anthropic 2.11.0 on
PyPI, read 2026-11-21)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from anymedia.providers.dialects.anthropic import batches, text
from anymedia.providers.dialects.anthropic.errors import explain
from anymedia.providers.dialects.anthropic.models import checking
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.spec import Inputs, Provider
from anymedia.wire.auth import HeaderKey, Secret
from anymedia.wire.http import HttpRequest


class KeyOrToken(HeaderKey):
    """Anthropic's key in a header of its own, or instead of it a token that was handed out."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("x-api-key")
        self.secrets = (
            Secret(environment=("ANTHROPIC_API_KEY",), unless=("auth_token",)),
            Secret(name="auth_token", environment=("ANTHROPIC_AUTH_TOKEN",), required=False),
        )

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """With the key; with the token only where there is no key."""
        token = secrets.get("auth_token")
        if not secrets.get("api_key") and token:
            return request.with_headers({"Authorization": f"Bearer {token}"})
        return super().authorize(request, secrets, now)


QUIRKS = Quirks()

ANTHROPIC = Provider(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com",
    auth=KeyOrToken(),
    operations=text.operations(QUIRKS),
    explain=explain,
    # A whole request may have 32 MB, and base64 makes a third more of a file.
    inputs=Inputs(
        inline_bytes=22 * 1024 * 1024,
        image_types=("image/png", "image/jpeg", "image/webp", "image/gif"),
    ),
    check=checking(QUIRKS),
    batch=batches.batch(),
    docs="https://platform.claude.com/docs",
)
