"""fal: pictures, clips, music, effects and speech of many makers through one queue.

API: https://docs.fal.ai/model-apis (fal-client 1.0.3, read 2026-11-21). What each model's input is
called stands in the catalogue; what no row describes is asked in the words that most models share.
"""

from __future__ import annotations

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.fal import queue, storage
from anymedia.providers.adapters.fal.errors import explain
from anymedia.providers.adapters.fal.image_size import image_size
from anymedia.providers.adapters.fal.webhook import WEBHOOK
from anymedia.providers.described import Description, Language, Slot
from anymedia.providers.spec import Account, Inputs, Job, Pace, Provider
from anymedia.wire.auth import HeaderKey
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get

USUAL = {
    "image": Description(
        input={
            "prompt": "prompt",
            "negative_prompt": "negative_prompt",
            "images": "image_urls",
            "mask": "mask_url",
            "aspect_ratio": Slot(name="image_size", form="image_size"),
            "resolution": Slot(name="image_size", form="image_size"),
            "format": "output_format",
            "count": "num_images",
            "seed": "seed",
        }
    ),
    "video": Description(
        input={
            "prompt": "prompt",
            "negative_prompt": "negative_prompt",
            "first_frame": "image_url",
            "last_frame": "end_image_url",
            "references": "image_urls",
            "video": "video_url",
            "aspect_ratio": "aspect_ratio",
            "resolution": "resolution",
            # Most models want text here; those that want a number take it as well.
            "duration_seconds": Slot(name="duration", form="text"),
            "audio": "generate_audio",
            "seed": "seed",
        }
    ),
    "audio": Description(
        input={
            "prompt": "prompt",
            "lyrics": "lyrics_prompt",
            "duration_seconds": Slot(name="duration_seconds"),
            "seed": "seed",
        }
    ),
    "speech": Description(input={"text": "text", "voice": "voice", "speed": "speed"}),
}
LANGUAGE = Language(usual=USUAL, forms={"image_size": image_size})
QUICK = Pace(first_seconds=1.0, longest_seconds=8.0)
SLOW = Pace(first_seconds=3.0, longest_seconds=15.0)
AUTH = HeaderKey("Authorization", "FAL_KEY", "FAL_AI_API_KEY", prefix="Key ")
NOBODY = "/fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status"


def video(language: Language = LANGUAGE) -> Job:
    """Clips through the queue, for fal and for whoever serves through it."""
    return queue.operation(VideoRequest, language, SLOW)


def check() -> Exchange[Account]:
    """Ask for a request that does not exist: a good key is told so, a bad one is refused."""
    yield get(NOBODY, allow=frozenset({404, 422}))
    return Account()


INPUTS = Inputs(
    schemes=("https",),
    inline_bytes=4 * 1024 * 1024,
    upload=storage.upload,
    upload_bytes=90 * 1024 * 1024,
)

FAL = Provider(
    name="fal",
    title="fal",
    base_url="https://queue.fal.run",
    auth=AUTH,
    operations=(
        queue.operation(ImageRequest, LANGUAGE, QUICK),
        video(),
        queue.operation(AudioRequest, LANGUAGE, QUICK),
        queue.operation(SpeechRequest, LANGUAGE, QUICK),
    ),
    explain=explain,
    hosts=(storage.HOST,),
    inputs=INPUTS,
    check=check,
    webhook=WEBHOOK,
    docs="https://docs.fal.ai",
)
