"""Kling, by Kuaishou: prompts, frames and references to clips; prompts and a picture to pictures.

API: https://app.klingai.com/global/dev/document-api, as copied early in 2026, and public adapters
of its newer form (read 2026-11-21)

Two contracts live side by side. In the older one the model is in the body and a task is asked
for at the path that made it; in the newer one the model is in the path and all tasks are asked
for in one place. Both take an id of ours with every submission, by which a lost one is found.
"""

from __future__ import annotations

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.kling import image, video
from anymedia.providers.adapters.kling.failures import explain
from anymedia.providers.adapters.kling.key import KlingKey
from anymedia.providers.adapters.kling.task import check, poll, poll_many, read_callback
from anymedia.providers.spec import Inputs, Job, Lookup, Pace, Provider

KLING = Provider(
    name="kling",
    title="Kling",
    base_url="https://api-singapore.klingai.com",
    auth=KlingKey(),
    operations=(
        Job(
            VideoRequest,
            video.submit,
            poll,
            recovery=Lookup(video.find),
            poll_many=poll_many,
            poll_many_at_once=50,
            pace=Pace(first_seconds=5.0, factor=1.3, longest_seconds=15.0),
            read_callback=read_callback,
        ),
        Job(
            ImageRequest,
            image.submit,
            poll,
            recovery=Lookup(image.find),
            pace=Pace(first_seconds=2.0, factor=1.3, longest_seconds=8.0),
            read_callback=read_callback,
        ),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https", "http"),
        inline_bytes=10 * 1024 * 1024,
        image_types=("image/jpeg", "image/png"),
    ),
    check=check,
    docs="https://app.klingai.com/global/dev/document-api",
)
