"""Pictures: from words, with pictures to go by."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.image import ImageRequest
from anymedia.providers.adapters.runway.ratio import nearest
from anymedia.providers.adapters.runway.task import submitted
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a picture."""
    settings = brief.model.settings if brief.model else {}
    body: dict[str, Any] = {"model": request.model, "promptText": request.prompt}
    pair = nearest(settings.get("ratios", ()), request.aspect_ratio, request.resolution, still=True)
    if pair is not None:
        body["ratio"] = pair
    if request.images:
        body["referenceImages"] = [{"uri": reference(image)} for image in request.images]
    if request.seed is not None:
        body["seed"] = request.seed % 2**32
    if request.count > 1:
        body["outputCount"] = request.count
    if request.background is not None:
        body["background"] = request.background
    if request.format is not None:
        body["outputFormat"] = request.format
    return submitted((yield post("/v1/text_to_image", json=body | request.options)))
