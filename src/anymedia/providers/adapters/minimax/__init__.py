"""MiniMax: clips (H3, and Hailuo in its older contract), pictures, songs and speech.

API: https://platform.minimax.io/docs and the vendor's command line (both read 2026-11-21)

Keys belong to a region: those of China want `base_url: https://api.minimaxi.com`. No callback is
asked for: the older contract first sends a challenge that has to be echoed within seconds, and
whether the newer one does is not known.
"""

from __future__ import annotations

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.minimax import sound, video
from anymedia.providers.adapters.minimax.account import check, upload
from anymedia.providers.adapters.minimax.failures import explain
from anymedia.providers.adapters.minimax.image import draw
from anymedia.providers.adapters.minimax.task import PAGE, cancel, find, poll, poll_many
from anymedia.providers.spec import Call, Inputs, Job, Lookup, Pace, Provider
from anymedia.wire.auth import BearerToken

MINIMAX = Provider(
    name="minimax",
    title="MiniMax",
    base_url="https://api.minimax.io",
    auth=BearerToken("MINIMAX_API_KEY"),
    operations=(
        Job(
            VideoRequest,
            video.submit,
            poll,
            cancel,
            recovery=Lookup(find),
            pace=Pace(first_seconds=10.0, factor=1.2, longest_seconds=20.0),
            poll_many=poll_many,
            poll_many_at_once=PAGE,
        ),
        Call(ImageRequest, draw),
        Call(AudioRequest, sound.sing),
        Call(SpeechRequest, sound.speak),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https", "mm_file"),
        # A whole request may have 64 MB, and a picture half of it is rare.
        inline_bytes=20 * 1024 * 1024,
        upload=upload,
        upload_bytes=200 * 1024 * 1024,
        image_types=("image/jpeg", "image/png", "image/webp"),
    ),
    check=check,
    docs="https://platform.minimax.io/docs",
)
