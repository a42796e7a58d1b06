"""Hugging Face: one token for many sub-providers, a common form for chat, and theirs for media.

`model:provider` pins a sub-provider; `:fastest`, `:cheapest` and `:preferred` let the router
choose one for chat.

API: https://huggingface.co/docs/inference-providers (PyPI huggingface_hub 2.4.0, read 2026-11-21)
"""

from __future__ import annotations

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.huggingface import media, video
from anymedia.providers.adapters.huggingface.errors import HUGGINGFACE_ERRORS
from anymedia.providers.adapters.huggingface.token import HubToken
from anymedia.providers.dialects.openai import text
from anymedia.providers.dialects.openai.fields import SERVER_FIELDS
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.spec import Account, Call, Inputs, Provider
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape

WHOAMI = "/api/whoami-v2"
QUIRKS = Quirks(
    errors=HUGGINGFACE_ERRORS,
    fields={ours: theirs for ours, theirs in SERVER_FIELDS.items() if ours != "user"},
    state="huggingface",
    path="/v1/chat/completions",
)


class Owner(Shape):
    """Whose token it is."""

    type: str | None = None
    isPro: bool | None = None  # noqa: N815  # as it is on the wire


def check() -> Exchange[Account]:
    """Ask the hub whose token it is: the router's list of models is open to everybody."""
    response = yield get(WHOAMI)
    owner = response.read(Owner)
    told = {"type": owner.type, "pro": owner.isPro}
    return Account(details={name: value for name, value in told.items() if value is not None})


HUGGINGFACE = Provider(
    name="huggingface",
    title="Hugging Face",
    base_url="https://router.huggingface.co",
    auth=HubToken(),
    operations=(
        *text.operations(QUIRKS),
        Call(ImageRequest, media.image),
        video.OPERATION,
        Call(SpeechRequest, media.speech),
        Call(TranscriptionRequest, media.transcribe),
        Call(EmbeddingRequest, media.embed),
    ),
    explain=HUGGINGFACE_ERRORS,
    hosts=("huggingface.co",),
    inputs=Inputs(schemes=(), inline_bytes=20 * 1024 * 1024),
    check=check,
    docs="https://huggingface.co/docs/inference-providers",
)
