"""Google's Gemini API: text, pictures, clips, music, speech, listening and vectors.

Clips and music are interactions; everything else is `generateContent`. Imagen and Veo are shut
down here and live on Vertex AI.

API: https://ai.google.dev/api (PyPI google-genai 3.4.0, read 2026-11-21). `v1beta` serves what
`v1` does and previews besides; interactions are `v1`.
"""

from __future__ import annotations

from anymedia.providers.adapters.google import batches
from anymedia.providers.adapters.google.files import upload
from anymedia.providers.dialects.google import (
    embeddings,
    images,
    music,
    speech,
    text,
    transcription,
    video,
)
from anymedia.providers.dialects.google.errors import explain
from anymedia.providers.dialects.google.models import checking
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.webhook import WEBHOOK
from anymedia.providers.spec import Inputs, Provider
from anymedia.wire.auth import HeaderKey

GEMINI_API = Surface(
    name="google",
    models="/v1beta/models/",
    interactions="/v1/interactions",
    webhooks=True,
)

GOOGLE = Provider(
    name="google",
    title="Google Gemini",
    base_url="https://generativelanguage.googleapis.com",
    auth=HeaderKey("x-goog-api-key", "GOOGLE_API_KEY", "GEMINI_API_KEY"),
    operations=(
        *text.operations(GEMINI_API),
        images.operation(GEMINI_API),
        video.operation(GEMINI_API),
        music.operation(GEMINI_API),
        speech.operation(GEMINI_API),
        transcription.operation(GEMINI_API),
        embeddings.operation(GEMINI_API),
    ),
    explain=explain,
    # A whole request may have 20 MB everywhere, and base64 makes a third more of a file.
    inputs=Inputs(
        schemes=("https",),
        inline_bytes=14 * 1024 * 1024,
        upload=upload,
        image_types=("image/png", "image/jpeg", "image/webp", "image/heic"),
        mask="white",
    ),
    check=checking("/v1beta/models"),
    batch=batches.batch(),
    webhook=WEBHOOK,
    docs="https://ai.google.dev/gemini-api/docs",
)
