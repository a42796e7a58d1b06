"""Google Vertex AI: Gemini under a project of one's own, and Imagen, Veo and Lyria 2 besides.

The newest models are served at the location `global` only, which is the usual one here; another
location has a host of its own.

API: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference (PyPI google-genai
3.4.0, google-auth 2.62.2, read 2026-11-21)
"""

from __future__ import annotations

from anymedia.providers.adapters.vertex.auth import GoogleCloud, located
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
from anymedia.providers.dialects.google.storage import HOST
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.spec import Inputs, Provider

VERTEX_AI = Surface(
    name="vertex",
    models="/v1beta1/projects/-/locations/-/publishers/google/models/",
    interactions="/v1beta1/projects/-/locations/global/interactions",
    labels=True,
    stored=False,
)

VERTEX = Provider(
    name="vertex",
    title="Google Vertex AI",
    base_url="https://aiplatform.googleapis.com",
    auth=GoogleCloud(),
    operations=(
        *text.operations(VERTEX_AI),
        images.operation(VERTEX_AI),
        video.operation(VERTEX_AI),
        music.operation(VERTEX_AI),
        speech.operation(VERTEX_AI),
        transcription.operation(VERTEX_AI),
        embeddings.operation(VERTEX_AI),
    ),
    explain=explain,
    located=located,
    hosts=(HOST,),
    # There is no upload: what is larger than a request has to lie in a bucket (`gs://`).
    inputs=Inputs(
        schemes=("gs",),
        inline_bytes=14 * 1024 * 1024,
        image_types=("image/png", "image/jpeg", "image/webp", "image/heic"),
        mask="white",
    ),
    check=checking("/v1beta1/publishers/google/models"),
    docs="https://docs.cloud.google.com/vertex-ai/generative-ai/docs",
)
