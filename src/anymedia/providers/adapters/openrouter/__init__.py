"""OpenRouter: many makers' models under one key, and what each answer cost in the answer itself.

Routing (`provider`, `models`, `plugins`, `session_id` ...) goes through `options` as it is.

API: https://openrouter.ai/docs (PyPI openrouter 1.3.84, read 2026-11-21)
"""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import extension
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.providers.adapters.openrouter import image, video
from anymedia.providers.adapters.openrouter.errors import OPENROUTER_ERRORS, explain
from anymedia.providers.dialects.openai import embeddings, speech, text, transcription
from anymedia.providers.dialects.openai.fields import OURS, SERVER_FIELDS, merged
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.speech import SpeechQuirks
from anymedia.providers.dialects.openai.usage import amount
from anymedia.providers.inputs import as_spoken, held
from anymedia.providers.spec import Account, Brief, Call, Inputs, Provider
from anymedia.wire.auth import BearerToken
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

QUIRKS = Quirks(
    errors=OPENROUTER_ERRORS,
    fields=SERVER_FIELDS,
    state="openrouter",
    reports_cost=True,
    keeps_reasoning_details=True,
)
SPEECH = SpeechQuirks(errors=OPENROUTER_ERRORS, default_voice=None, default_format="", pcm={})


def transcribe(request: TranscriptionRequest, _: Brief) -> Exchange[TranscriptAnswer]:
    """Have a recording written down; it travels inside the JSON."""
    as_spoken(request)
    sound = held(request.audio)
    fields: dict[str, Any] = {
        "model": request.model,
        "input_audio": {
            "data": base64.b64encode(sound.data).decode(),
            "format": extension(sound.media_type),
        },
        "language": request.language,
        "temperature": request.temperature,
        "diarize": True if request.speakers else None,
        "keyterms": [request.prompt] if request.prompt else None,
    }
    if request.timestamps != "none":
        fields["response_format"] = "verbose_json"
        fields["timestamp_granularities"] = [request.timestamps]
    body = {name: value for name, value in fields.items() if value is not None}
    response = yield post("/audio/transcriptions", json=merged(body, request.options, without=OURS))
    return transcription.answer(response, OPENROUTER_ERRORS, reports_cost=True)


class Key(Shape):
    """What the key may still spend."""

    data: dict[str, Any] | None = None


def check() -> Exchange[Account]:
    """Ask about the key itself, which an ordinary key may."""
    response = yield get("/key")
    told = response.read(Key).data or {}
    left: Decimal | None = amount(told, "limit_remaining")
    shown = ("limit", "limit_reset", "usage", "usage_monthly", "is_free_tier")
    return Account(balance=left, details={name: told[name] for name in shown if name in told})


OPENROUTER = Provider(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    auth=BearerToken("OPENROUTER_API_KEY"),
    operations=(
        *text.operations(QUIRKS),
        Call(ImageRequest, image.exchange),
        video.OPERATION,
        speech.operation(SPEECH),
        Call(TranscriptionRequest, transcribe),
        embeddings.operation(OPENROUTER_ERRORS, reports_cost=True),
    ),
    explain=explain,
    # Sound and documents go inside; pictures may then as well.
    inputs=Inputs(schemes=(), inline_bytes=20 * 1024 * 1024),
    check=check,
    webhook=video.WEBHOOK,
    docs="https://openrouter.ai/docs",
)
