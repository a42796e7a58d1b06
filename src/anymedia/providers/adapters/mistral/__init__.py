"""Mistral: text, embeddings, and Voxtral's transcription and speech.

Reading pages (`/v1/ocr`) has no request of ours; documents go to chat models as they are.

API: https://docs.mistral.ai/api (PyPI mistralai 3.7.0, read 2026-11-21)
"""

from __future__ import annotations

from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.mistral import audio, batches
from anymedia.providers.adapters.mistral.chat import QUIRKS
from anymedia.providers.adapters.mistral.errors import MISTRAL_ERRORS
from anymedia.providers.dialects.openai import embeddings, text
from anymedia.providers.dialects.openai.models import check
from anymedia.providers.spec import Call, Inputs, Provider
from anymedia.wire.auth import BearerToken

MISTRAL = Provider(
    name="mistral",
    title="Mistral",
    base_url="https://api.mistral.ai/v1",
    auth=BearerToken("MISTRAL_API_KEY"),
    operations=(
        *text.operations(QUIRKS),
        Call(SpeechRequest, audio.speak),
        Call(TranscriptionRequest, audio.transcribe),
        embeddings.operation(MISTRAL_ERRORS, dimensions="output_dimension"),
    ),
    explain=MISTRAL_ERRORS,
    # Forms take files and sound goes as bytes, so everything travels inside the request.
    inputs=Inputs(schemes=(), inline_bytes=50 * 1024 * 1024),
    check=check,
    batch=batches.batch(),
    docs="https://docs.mistral.ai",
)
