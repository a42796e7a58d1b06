"""Replicate: pictures, clips and speech of many makers, as predictions.

API: https://replicate.com/docs/reference/http (replicate 1.0.7, read 2026-11-21). What each model's
input is called stands in the catalogue; what no row describes is asked in the words that most
models share. A model is `owner/name`, `owner/name:version` or `deployments/owner/name`.
"""

from __future__ import annotations

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.replicate import files, predictions
from anymedia.providers.adapters.replicate.errors import explain
from anymedia.providers.adapters.replicate.webhook import WEBHOOK
from anymedia.providers.described import Description, Language, Slot
from anymedia.providers.spec import Account, Inputs, Pace, Provider
from anymedia.wire.auth import BearerToken
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape

USUAL = {
    "image": Description(
        input={
            "prompt": "prompt",
            "negative_prompt": "negative_prompt",
            "images": Slot(name="image", form="only"),
            "mask": "mask",
            "aspect_ratio": "aspect_ratio",
            "resolution": "size",
            "format": Slot(name="output_format", words={"jpeg": "jpg"}),
            "count": "num_outputs",
            "seed": "seed",
        }
    ),
    "video": Description(
        input={
            "prompt": "prompt",
            "negative_prompt": "negative_prompt",
            "first_frame": "image",
            "aspect_ratio": "aspect_ratio",
            "resolution": "resolution",
            "duration_seconds": "duration",
            "fps": "fps",
            "seed": "seed",
        }
    ),
    "speech": Description(input={"text": "text", "voice": "voice", "speed": "speed"}),
}
LANGUAGE = Language(usual=USUAL)
QUICK = Pace(first_seconds=1.0, longest_seconds=10.0)
SLOW = Pace(first_seconds=3.0, longest_seconds=15.0)


class Owner(Shape):
    """Whose key it is."""

    type: str | None = None
    username: str | None = None


def check() -> Exchange[Account]:
    """Who we are there."""
    response = yield get("/account")
    owner = response.read(Owner)
    return Account(details={"type": owner.type, "username": owner.username})


REPLICATE = Provider(
    name="replicate",
    title="Replicate",
    base_url="https://api.replicate.com/v1",
    auth=BearerToken("REPLICATE_API_TOKEN"),
    operations=(
        predictions.operation(ImageRequest, LANGUAGE, QUICK),
        predictions.operation(VideoRequest, LANGUAGE, SLOW),
        predictions.operation(SpeechRequest, LANGUAGE, QUICK),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https",),
        inline_bytes=256 * 1024,
        upload=files.upload,
        upload_bytes=100 * 1024 * 1024,
    ),
    check=check,
    webhook=WEBHOOK,
    docs="https://replicate.com/docs",
)
