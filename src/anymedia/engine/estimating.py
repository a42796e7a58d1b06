"""How much a request can consume at most, before it is sent."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.cost import Cost
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.model import Model
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.engine.peak import period
from anymedia.engine.pricing import priced

BYTES_PER_TOKEN = 3
"""Low on purpose, as an estimate is a bound: English has about four letters to a token, of one
byte each; Chinese has about one character, of three."""
DEFAULT_OUTPUT_TOKENS = 4096
PIXELS_PER_MEGAPIXEL = 1024 * 1024
"""As those count who sell by the megapixel: 1024x1024 is one."""
TIER_MEGAPIXELS = {"512": 0.25, "1k": 1, "1.5k": 2.25, "2k": 4, "4k": 16}


def estimated(request: Request[Any], model: Model | None) -> Cost:
    """What a fitted request can cost at most, as far as that can be known."""
    cost = priced(model, expected_usage(request, model), circumstances(request, model))
    return cost.model_copy(update={"basis": "estimated"}) if cost.basis == "computed" else cost


def expected_usage(request: Request[Any], model: Model | None) -> Usage:
    """The most that a request is likely to consume."""
    tokens: dict[str, Any] = {}
    if isinstance(request, TextRequest):
        text = sum(counted(str(message.content or "")) for message in request.messages)
        most = request.max_output_tokens or DEFAULT_OUTPUT_TOKENS
        cap = model.limits.output_tokens if model else None
        tokens = {
            "input_tokens": text,
            "output_tokens": min(most, cap or most),
        }
    elif isinstance(request, EmbeddingRequest):
        tokens = {"input_tokens": sum(map(counted, request.inputs))}
    elif isinstance(request, ImageRequest) and model is not None:
        typical = model.settings.get("output_tokens_per_image")
        if isinstance(typical, dict):
            quality = str(request.options.get("quality", "auto"))
            each = typical.get(quality, max(typical.values()))
            tokens = {
                "input_tokens": counted(request.prompt),
                "output_tokens": each * request.count,
            }
    if isinstance(request, ImageRequest):
        tokens["megapixels"] = expected_megapixels(request)
    return Usage(estimated=True, **{**longest(request, model), **tokens, **asked_for(request)})


def longest(request: Request[Any], model: Model | None) -> dict[str, Any]:
    """The most seconds that a model makes, where none were asked for: it may choose."""
    if model is None or not isinstance(request, VideoRequest | AudioRequest):
        return {}
    limits = model.limits
    most = max(limits.durations_seconds, default=limits.max_duration_seconds)
    return {} if most is None else {"seconds": exactly(most) * request.count}


def expected_megapixels(request: ImageRequest) -> Decimal:
    """What comes out, and about one for every picture that goes in."""
    word = (request.resolution or "1k").lower()
    across, _, down = word.partition("x")
    if across.isdigit() and down.isdigit():
        each = Decimal(int(across) * int(down)) / PIXELS_PER_MEGAPIXEL
    else:
        each = Decimal(str(TIER_MEGAPIXELS.get(word, 1)))
    return each * request.count + len(request.images)


def counted(text: str) -> int:
    """About how many tokens a text has, and rather more."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def exactly(seconds: float) -> Decimal:
    """A duration as people write it: ten seconds are 10 and not 10.0, on the bill too."""
    return Decimal(int(seconds)) if float(seconds).is_integer() else Decimal(str(seconds))


def asked_for(request: Request[Any]) -> dict[str, Any]:
    """The amounts that the request itself states."""
    known: dict[str, Any] = {"requests": 1}
    if isinstance(request, MediaRequest):
        if isinstance(request, ImageRequest):
            known["images"] = request.count
            known["input_images"] = len(request.images)
        if isinstance(request, VideoRequest):
            known["input_images"] = input_pictures(request)
        if isinstance(request, VideoRequest | AudioRequest) and request.duration_seconds:
            known["seconds"] = exactly(request.duration_seconds) * request.count
        if isinstance(request, SpeechRequest):
            known["characters"] = len(request.text)
    return known


def input_pictures(request: VideoRequest) -> int:
    """Frames and references that go in, as far as they are pictures."""
    given = (request.first_frame, request.last_frame, *request.references)
    types = [getattr(one, "media_type", None) or "image/*" for one in given if one is not None]
    return sum(one.startswith("image/") for one in types)


def completed(
    usage: Usage,
    request: Request[Any],
    *,
    images: int,
    seconds: Decimal,
    megapixels: Decimal = Decimal(0),
) -> Usage:
    """The usage with what the provider did not say but the result shows."""
    shown: dict[str, Any] = asked_for(request)
    if images:
        shown["images"] = images
    if megapixels:
        shown["megapixels"] = megapixels
    if seconds:
        shown["seconds"] = seconds
    missing = {name: value for name, value in shown.items() if getattr(usage, name) is None}
    return usage.model_copy(update=missing) if missing else usage


def circumstances(
    request: Request[Any], model: Model | None, at: datetime | None = None
) -> dict[str, Any]:
    """The facts that prices may depend on, as they are in effect.

    `at` is when the request was sent; without it, as for an estimate, the dearest hour counts.
    """
    facts: dict[str, Any] = {"task": request.task, **request.options}
    said = request.__dict__
    for name in ("resolution", "aspect_ratio", "audio", "duration_seconds", "format", "background"):
        if (value := said.get(name)) is not None:
            facts[name] = value
    if isinstance(request, VideoRequest) and model is not None:
        has = model.limits.audio
        usual = model.settings.get("audio_by_default", True)
        facts.setdefault("audio", has == "always" or (has == "optional" and usual))
    if model is not None and model.limits.resolutions:
        facts.setdefault("resolution", model.limits.resolutions[0])
    if at is not None and model is not None and (peaks := model.settings.get("peak_utc")):
        facts["period"] = period(peaks, at)
    return facts
