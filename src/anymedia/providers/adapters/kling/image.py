"""Pictures: from words, or by a picture."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from anymedia.contracts.image import ImageRequest
from anymedia.providers.adapters.kling.task import PATHS, looked_for, submitted
from anymedia.providers.adapters.kling.video import raw
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

PATH = PATHS[-1]


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue pictures."""
    body: dict[str, Any] = {
        "model_name": request.model,
        "prompt": request.prompt,
        "n": request.count,
        "external_task_id": brief.marker,
    }
    if request.images:
        body["image"] = raw(request.images[0])
    # The vendor refuses a negative prompt beside a picture.
    if request.negative_prompt and not request.images:
        body["negative_prompt"] = request.negative_prompt
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.resolution:
        body["resolution"] = request.resolution
    if brief.callback_url:
        body["callback_url"] = brief.callback_url
    response = yield post(PATH, json=body | request.options)
    return submitted(PATH, response)


def find(brief: Brief, _: datetime) -> Exchange[Submitted | None]:
    """A lost submission, by the id that we gave it."""
    return (yield from looked_for(PATH, brief))
