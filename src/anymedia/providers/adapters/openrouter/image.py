"""Images at OpenRouter: `POST /images`, with pictures to go by as references.

https://openrouter.ai/docs/guides/overview/multimodal/image-generation (read 2026-11-21)
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.adapters.openrouter.errors import OPENROUTER_ERRORS
from anymedia.providers.dialects.openai.fields import OURS, merged
from anymedia.providers.dialects.openai.image_size import PIXELS
from anymedia.providers.dialects.openai.images import VARY, ImageQuirks, answer
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, post

QUIRKS = ImageQuirks(errors=OPENROUTER_ERRORS, reports_cost=True)


def exchange(request: ImageRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have them made."""
    response = yield ask(request)
    return answer(response, request, QUIRKS)


def ask(request: ImageRequest) -> HttpRequest:
    """The request; exact pixels are a `size`, everything else a tier."""
    prompt = f"{VARY} {request.prompt}".strip() if request.task == "variation" else request.prompt
    exact = request.resolution is not None and PIXELS.match(request.resolution)
    fields: dict[str, Any] = {
        "model": request.model,
        "prompt": prompt,
        "n": request.count if request.count > 1 else None,
        "size": request.resolution if exact else None,
        "resolution": tier(request.resolution) if not exact else None,
        "aspect_ratio": request.aspect_ratio if not exact else None,
        "background": request.background,
        "output_format": request.format,
        "seed": request.seed,
        "input_references": [frame(reference(image)) for image in request.images] or None,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    return post("/images", json=merged(body, request.options, without=OURS))


def tier(resolution: str | None) -> str | None:
    """`2k` is `2K` there."""
    return resolution.upper() if resolution and resolution[-1] in "kK" else resolution


def frame(url: str) -> dict[str, Any]:
    """A picture as requests hold it."""
    return {"type": "image_url", "image_url": {"url": url}}
