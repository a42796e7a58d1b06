"""Speech and sound effects."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.providers.adapters.runway.task import submitted
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

USUAL_VOICE = "Maya"
"""The one of the vendor's examples; a voice is required."""


def submit_speech(request: SpeechRequest, _: Brief) -> Exchange[Submitted]:
    """Queue words to be read aloud, by one of the vendor's own voices."""
    body: dict[str, Any] = {
        "model": request.model,
        "promptText": request.text,
        "voice": {"type": "runway-preset", "presetId": request.voice or USUAL_VOICE},
    }
    if request.language is not None:
        body["languageCode"] = request.language
    if request.speed is not None:
        body["speed"] = request.speed
    if request.seed is not None:
        body["seed"] = request.seed % 2**32
    return submitted((yield post("/v1/text_to_speech", json=body | request.options)))


def submit_effect(request: AudioRequest, _: Brief) -> Exchange[Submitted]:
    """Queue an effect."""
    body: dict[str, Any] = {"model": request.model, "promptText": request.prompt}
    if request.duration_seconds is not None:
        body["duration"] = request.duration_seconds
    if request.loop is not None:
        body["loop"] = request.loop
    if request.format is not None:
        body["format"] = request.format
    if request.seed is not None:
        body["seed"] = request.seed % 2**32
    if request.count > 1:
        body["numVariants"] = request.count
    return submitted((yield post("/v1/sound_effect", json=body | request.options)))
