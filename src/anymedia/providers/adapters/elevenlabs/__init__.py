"""ElevenLabs: speech, effects, music and transcription, all answered at once.

API: https://elevenlabs.io/docs/api-reference (PyPI elevenlabs 2.78.0, read 2026-11-21)
"""

from __future__ import annotations

from decimal import Decimal

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.elevenlabs.audio import sound
from anymedia.providers.adapters.elevenlabs.errors import ELEVENLABS_ERRORS
from anymedia.providers.adapters.elevenlabs.speech import speak
from anymedia.providers.adapters.elevenlabs.transcription import transcribe
from anymedia.providers.spec import Account, Call, Inputs, Provider
from anymedia.wire.auth import HeaderKey
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape


class Subscription(Shape):
    """What the plan still holds."""

    tier: str | None = None
    character_count: int | None = None
    character_limit: int | None = None


def check() -> Exchange[Account]:
    """Ask for the plan: free, and wants the key."""
    response = yield get("/v1/user/subscription")
    told = response.read(Subscription)
    left = None
    if told.character_count is not None and told.character_limit is not None:
        left = Decimal(told.character_limit - told.character_count)
    return Account(balance=left, unit="credits", details={"tier": told.tier} if told.tier else {})


ELEVENLABS = Provider(
    name="elevenlabs",
    title="ElevenLabs",
    base_url="https://api.elevenlabs.io",
    auth=HeaderKey("xi-api-key", "ELEVENLABS_API_KEY"),
    operations=(
        Call(SpeechRequest, speak),
        Call(AudioRequest, sound),
        Call(TranscriptionRequest, transcribe),
    ),
    explain=ELEVENLABS_ERRORS,
    inputs=Inputs(schemes=(), inline_bytes=200 * 1024 * 1024),
    check=check,
    docs="https://elevenlabs.io/docs/api-reference",
)
