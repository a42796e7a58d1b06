"""Seedance and Seedream, by ByteDance: clips by queued task, pictures at once.

API: https://docs.byteplus.com/en/docs/ModelArk (public adapters of it, read 2026-11-21)

The service is the same twice, each with its own keys and model names: BytePlus ModelArk for the
world, and Volcengine Ark for China (`base_url: https://ark.cn-beijing.volces.com/api/v3`), where
names begin with `doubao-`.
"""

from __future__ import annotations

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.seedance.failures import explain
from anymedia.providers.adapters.seedance.image import draw
from anymedia.providers.adapters.seedance.task import (
    cancel,
    check,
    find,
    poll,
    poll_many,
    read_callback,
)
from anymedia.providers.adapters.seedance.video import submit
from anymedia.providers.spec import Call, Inputs, Job, Lookup, Pace, Provider
from anymedia.wire.auth import BearerToken

SEEDANCE = Provider(
    name="seedance",
    title="Seedance",
    base_url="https://ark.ap-southeast.bytepluses.com/api/v3",
    auth=BearerToken("ARK_API_KEY"),
    operations=(
        Job(
            VideoRequest,
            submit,
            poll,
            cancel,
            recovery=Lookup(find),
            pace=Pace(first_seconds=5.0, factor=1.3, longest_seconds=15.0),
            read_callback=read_callback,
            poll_many=poll_many,
        ),
        Call(ImageRequest, draw),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https", "http", "asset"),
        inline_bytes=20 * 1024 * 1024,
        image_types=("image/jpeg", "image/png", "image/webp"),
    ),
    check=check,
    docs="https://docs.byteplus.com/en/docs/ModelArk",
)
