"""Wan and Qwen Image, by Alibaba Cloud Model Studio: clips by queued task, pictures at once.

API: https://www.alibabacloud.com/help/en/model-studio (DashScope's own form; read 2026-11-21)

Keys and tasks belong to a region: this is Singapore; China is
`base_url: https://dashscope.aliyuncs.com`. Tasks carry no label and are reported nowhere,
so a submission whose answer was lost stays lost. (The vendor's client can list tasks, by model
and time; what that answers is not published.)
"""

from __future__ import annotations

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.wan.failures import explain
from anymedia.providers.adapters.wan.image import draw
from anymedia.providers.adapters.wan.task import cancel, check, poll
from anymedia.providers.adapters.wan.video import submit
from anymedia.providers.spec import Call, Inputs, Job, Nothing, Pace, Provider
from anymedia.wire.auth import BearerToken

WAN = Provider(
    name="wan",
    title="Wan (Alibaba Cloud)",
    base_url="https://dashscope-intl.aliyuncs.com",
    auth=BearerToken("DASHSCOPE_API_KEY", "ALIBABA_API_KEY"),
    operations=(
        Job(
            VideoRequest,
            submit,
            poll,
            cancel,
            recovery=Nothing(),
            pace=Pace(first_seconds=10.0, factor=1.2, longest_seconds=20.0),
        ),
        Call(ImageRequest, draw),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https", "http", "oss"),
        inline_bytes=7 * 1024 * 1024,
        image_types=("image/jpeg", "image/png", "image/webp"),
    ),
    check=check,
    docs="https://www.alibabacloud.com/help/en/model-studio",
)
