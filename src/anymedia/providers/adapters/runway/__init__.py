"""Runway: words, pictures and clips to clips; pictures; speech and sound effects; by queued task.

API: https://docs.dev.runwayml.com, version 2024-11-06 (read 2026-11-21 with the vendor's SDK 5.24.0)

There is no webhook, no list of tasks and no idempotency key, so a submission whose answer was
lost stays lost. The host with `dev` in its name is the production host.
"""

from __future__ import annotations

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.runway import image, sound, video
from anymedia.providers.adapters.runway.account import check, upload
from anymedia.providers.adapters.runway.failures import explain
from anymedia.providers.adapters.runway.task import cancel, poll
from anymedia.providers.spec import Inputs, Job, Pace, Provider
from anymedia.wire.auth import BearerToken

PACE = Pace(first_seconds=5.0, factor=1.2, longest_seconds=15.0)
"""The vendor asks not to poll faster than every five seconds."""

RUNWAY = Provider(
    name="runway",
    title="Runway",
    base_url="https://api.dev.runwayml.com",
    auth=BearerToken("RUNWAYML_API_SECRET"),
    headers={"X-Runway-Version": "2024-11-06"},
    operations=(
        Job(VideoRequest, video.submit, poll, cancel, pace=PACE),
        Job(ImageRequest, image.submit, poll, cancel, pace=PACE),
        Job(SpeechRequest, sound.submit_speech, poll, cancel, pace=PACE),
        Job(AudioRequest, sound.submit_effect, poll, cancel, pace=PACE),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https", "runway"),
        # Five megabytes of text for a data URI, which is a third longer than what it holds.
        inline_bytes=3_900_000,
        upload=upload,
        upload_bytes=200 * 1024 * 1024,
        image_types=("image/jpeg", "image/png", "image/webp"),
    ),
    check=check,
    docs="https://docs.dev.runwayml.com",
)
