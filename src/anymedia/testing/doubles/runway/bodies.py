"""What the double takes: the fields and values of the vendor's own client, by model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.testing.films import sides
from anymedia.testing.tariff import owed

MEDIA: dict[str, Medium] = {
    "text_to_video": "video",
    "image_to_video": "video",
    "video_to_video": "video",
    "text_to_image": "image",
    "text_to_speech": "speech",
    "sound_effect": "audio",
}
REQUIRED = {
    "text_to_video": ("promptText",),
    "image_to_video": ("promptImage",),
    "video_to_video": (),
    "text_to_image": ("promptText",),
    "text_to_speech": ("promptText", "voice"),
    "sound_effect": ("promptText",),
}
KNOWN = frozenset(
    [
        "model",
        "promptText",
        "promptImage",
        "promptVideo",
        "videoUri",
        "ratio",
        "resolution",
        "duration",
        "seed",
        "audio",
        "negativePrompt",
        "references",
        "referenceImages",
        "referenceVideos",
        "referenceAudio",
        "keyframes",
        "mode",
        "targetAspectRatio",
        "contentModeration",
        "outputFormat",
        "outputCount",
        "quality",
        "background",
        "voice",
        "languageCode",
        "speed",
        "loop",
        "format",
        "numVariants",
        "cfgScale",
        "providerSettings",
        "draft",
    ]
)
TASKS = {
    "text_to_video": {"text_to_video", "reference_to_video"},
    "image_to_video": {"image_to_video", "first_last_frame"},
    "video_to_video": {"video_to_video", "extend"},
}
LEAST_PIXELS = 100
"""Below, a ratio is one of sides and not of pixels."""
USUAL_PRICE = Decimal(20)
"""Credits, where the catalogue knows no price."""


class Mistake(Exception):
    """A body that the real service refuses, with the path of what is wrong."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.issue = {"code": "invalid", "path": [path], "message": message}


def checked(
    kind: str, body: Any, models: Mapping[tuple[Medium, str], Model]
) -> tuple[Model, Decimal]:
    """The model that a body is for, and what it costs in credits."""
    if not isinstance(body, dict):
        raise Mistake("", "should be an object")
    model = models.get((MEDIA[kind], str(body.get("model"))))
    if model is None or not TASKS.get(kind, set(model.tasks)) & set(model.tasks):
        raise Mistake("model", "should be one of the models of this address")
    for name in REQUIRED[kind]:
        if not body.get(name):
            raise Mistake(name, "is required")
    if kind == "video_to_video" and not (body.get("videoUri") or body.get("promptVideo")):
        raise Mistake("videoUri", "is required")
    if unknown := body.keys() - KNOWN:
        raise Mistake(min(unknown), "is not known")
    sized(kind, body, model)
    length = body.get("duration")
    if length is not None and not isinstance(length, int | float):
        raise Mistake("duration", "should be a number")
    return model, price(model, body)


def sized(kind: str, body: dict[str, Any], model: Model) -> None:
    """Refuse a `ratio` that the model does not have at this address, or lacks."""
    settings = model.settings
    pairs = settings.get("ratios", [])
    if kind == "image_to_video":
        pairs = settings.get("image_ratios", pairs)
    if settings.get("true_ratios"):
        pairs = ["adaptive", *model.limits.aspect_ratios]
    ratio = body.get("ratio")
    if ratio is not None and ratio not in pairs:
        raise Mistake("ratio", f"should be one of {', '.join(pairs)}")
    needs = kind == "text_to_image" or (settings.get("needs_duration") and "video_to" not in kind)
    if needs and pairs and ratio is None:
        raise Mistake("ratio", "is required")
    if settings.get("needs_duration") and body.get("duration") is None:
        raise Mistake("duration", "is required")


def price(model: Model, body: dict[str, Any]) -> Decimal:
    """Credits for a body by the price list, rounded up."""
    pair = [int(one) for one in re.findall(r"\d+", str(body.get("ratio", "")))]
    facts = {
        "resolution": body.get("resolution") or tier(pair) or first_of(model.limits.resolutions),
        "audio": body.get("audio", model.limits.audio != "never"),
    }
    amount = owed(
        model,
        facts,
        seconds=Decimal(str(body.get("duration") or 5)),
        characters=len(str(body.get("promptText"))),
        images=int(body.get("outputCount") or 1),
    )
    return USUAL_PRICE if amount is None else -(-(amount * 100) // 1)


def filmed(model: Model, body: dict[str, Any]) -> tuple[tuple[int, int], float, bool]:
    """Sides, seconds and sound of a clip."""
    ratio = str(body.get("ratio", "1280:720"))
    pixels = [int(one) for one in re.findall(r"\d+", ratio)]
    if tier(pixels) is None:
        resolution = str(body.get("resolution") or first_of(model.limits.resolutions) or "720p")
        size = sides(resolution, ratio if len(pixels) == 2 else "16:9")
    else:
        size = (pixels[0], pixels[1])
    sound = model.limits.audio == "always" or (
        model.limits.audio == "optional" and body.get("audio") is not False
    )
    return size, float(body.get("duration") or 5), sound


def tier(pair: list[int]) -> str | None:
    """The resolution that a pair of pixels belongs to."""
    if len(pair) != 2 or min(pair) < LEAST_PIXELS:
        return None
    return f"{min((abs(min(pair) - one), one) for one in (720, 1080, 2160))[1]}p"


def first_of(values: tuple[str, ...]) -> str | None:
    """The first value, which is the usual one."""
    return values[0] if values else None
