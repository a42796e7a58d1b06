"""OpenAI: text through chat completions and responses, images, speech, transcription, embeddings.

Its video API (Sora) was shut down on 2026-09-24 without a successor, so there is no video here;
servers that still speak it are reached through `dialects/openai/videos`.

API: https://platform.openai.com/docs/api-reference (openai-python 3.52.0, read 2026-11-21)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from anymedia.providers.dialects.openai import (
    batches,
    embeddings,
    images,
    speech,
    text,
    transcription,
)
from anymedia.providers.dialects.openai.errors import explain
from anymedia.providers.dialects.openai.images import ImageQuirks
from anymedia.providers.dialects.openai.models import check
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.speech import SpeechQuirks
from anymedia.providers.spec import Inputs, Provider
from anymedia.wire.auth import BearerToken, Secret
from anymedia.wire.http import HttpRequest


class ScopedKey(BearerToken):
    """OpenAI's key; whoever belongs to several organisations or projects can say which."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("OPENAI_API_KEY")
        self.secrets = (
            *self.secrets,
            Secret(name="organization", environment=("OPENAI_ORG_ID",), required=False),
            Secret(name="project", environment=("OPENAI_PROJECT_ID",), required=False),
        )

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """With the key, and with the scope where one is set."""
        scope = {"OpenAI-Organization": "organization", "OpenAI-Project": "project"}
        headers = {header: value for header, name in scope.items() if (value := secrets.get(name))}
        return super().authorize(request.with_headers(headers), secrets, now)


OPENAI = Provider(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    auth=ScopedKey(),
    operations=(
        *text.operations(Quirks(responses=True)),
        images.operation(ImageQuirks()),
        speech.operation(SpeechQuirks()),
        transcription.operation(),
        embeddings.operation(),
    ),
    explain=explain,
    # Forms take files and nothing else, and a recording may have 25 MiB.
    inputs=Inputs(schemes=(), inline_bytes=25 * 1024 * 1024),
    check=check,
    batch=batches.batch(),
    docs="https://platform.openai.com/docs",
)
