"""What can be asked of Kling: both contracts' bodies, checked as the vendor does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model
from anymedia.testing.doubles.kling.failures import Refused
from anymedia.testing.films import area, sides

RESOLUTIONS = {"std": "720p", "pro": "1080p", "4k": "4k"}
CONTENTS = {"first_frame", "last_frame", "refer_image", "feature_video", "base_video"}
PICTURE_USD = Decimal("0.014")
"""The double's own: the vendor publishes no price of pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a body comes down to."""

    kind: str
    """`videos` or `images`."""
    words: str
    callback_url: str = ""
    external_id: str = ""
    usd: Decimal
    seconds: int = 0
    count: int = 1
    sides: tuple[int, int] = (1280, 720)
    sound: bool = False


def wrong(field: str, expected: str) -> Refused:
    """A parameter that is not as it should be."""
    return Refused(1201, f"{field} value is invalid: {expected}")


def text(body: Mapping[str, Any], field: str, most: int) -> str:
    """Words of a body."""
    found = body.get(field, "")
    if not isinstance(found, str) or len(found) > most:
        raise wrong(field, f"a string of at most {most} characters")
    return found


def picture(value: Any, field: str) -> None:
    """A picture is a URL, or base64 without a head."""
    if not isinstance(value, str) or not value:
        raise wrong(field, "a URL or base64")
    if value.startswith(("https://", "http://")):
        return
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise wrong(field, "base64 without a `data:` prefix") from None


def among(value: Any, allowed: Any, field: str) -> None:
    """A value out of a few."""
    if value not in allowed:
        raise wrong(field, f"one of {', '.join(allowed)}")


def lasting(model: Model, seconds: int) -> None:
    """A duration that the model makes."""
    limits = model.limits
    if limits.durations_seconds:
        fits = seconds in limits.durations_seconds
    else:
        fits = (limits.min_duration_seconds or 3) <= seconds <= (limits.max_duration_seconds or 15)
    if not fits:
        raise wrong("duration", "a length that the model makes")


def price(model: Model, *, resolution: str, audio: bool, seconds: int) -> Decimal:
    """What a clip costs."""
    chosen = {"resolution": resolution, "audio": audio}
    for one in model.prices:
        if all(chosen.get(name) == value for name, value in one.when.items()):
            return one.usd * seconds
    return Decimal("0.1") * seconds  # the omni model's price is not published


def older_clip(path: str, body: Mapping[str, Any], model: Model) -> Asked:
    """`/v1/videos/...`: the model in the body, numbers in strings."""
    from_image = path.endswith("image2video")
    words = text(body, "prompt", 2500)
    text(body, "negative_prompt", 2500)
    frames = [name for name in ("image", "image_tail") if name in body]
    for name in frames:
        picture(body[name], name)
    if from_image and not frames:
        raise wrong("image", "image or image_tail")
    if from_image and "aspect_ratio" in body:
        raise wrong("aspect_ratio", "the picture's own")
    if not from_image and (frames or not words):
        raise wrong("prompt", "words, and no pictures")
    among(body.get("aspect_ratio", "16:9"), model.limits.aspect_ratios, "aspect_ratio")
    duration = body.get("duration", "5")
    if not isinstance(duration, str) or not duration.isdigit():
        raise wrong("duration", "a number in a string")
    lasting(model, int(duration))
    mode, sound = body.get("mode", "std"), body.get("sound", "off")
    among(mode, RESOLUTIONS, "mode")
    among(RESOLUTIONS[mode], model.limits.resolutions, "mode")
    among(sound, ("on", "off"), "sound")
    if sound == "on" and model.limits.audio == "never":
        raise wrong("sound", "a model that has it")
    if sound == "on" and model.settings.get("sound_needs_pro") and mode != "pro":
        raise wrong("sound", "mode pro")
    seconds = int(duration)
    return Asked(
        kind="videos",
        words=words,
        callback_url=text(body, "callback_url", 2048),
        external_id=text(body, "external_task_id", 128),
        seconds=seconds,
        usd=price(model, resolution=RESOLUTIONS[mode], audio=sound == "on", seconds=seconds),
        sides=sides(RESOLUTIONS[mode], body.get("aspect_ratio", "16:9")),
        sound=sound == "on",
    )


def older_picture(body: Mapping[str, Any], model: Model) -> Asked:
    """`/v1/images/generations`."""
    words = text(body, "prompt", 2500)
    if not words:
        raise wrong("prompt", "words")
    if "image" in body:
        picture(body["image"], "image")
        if body.get("negative_prompt"):
            raise wrong("negative_prompt", "nothing beside a picture")
    count = body.get("n", 1)
    if not isinstance(count, int) or not 1 <= count <= (model.limits.max_count or 9):
        raise wrong("n", "1 to 9")
    among(body.get("aspect_ratio", "16:9"), model.limits.aspect_ratios, "aspect_ratio")
    among(body.get("resolution", "1k"), model.limits.resolutions, "resolution")
    return Asked(
        kind="images",
        words=words,
        callback_url=text(body, "callback_url", 2048),
        external_id=text(body, "external_task_id", 128),
        usd=PICTURE_USD * count,
        count=count,
        sides=area(
            2048 if body.get("resolution") == "2k" else 1024, str(body.get("aspect_ratio", "16:9"))
        ),
    )


def newer_clip(kind: str, body: Mapping[str, Any], model: Model) -> Asked:
    """The newer contract: the model in the path, three groups of fields."""
    if unknown := body.keys() - {"prompt", "contents", "settings", "options"}:
        raise wrong(min(unknown), "no such field")
    settings, options = body.get("settings", {}), body.get("options", {})
    if kind == "text-to-video":
        words = text(body, "prompt", 3072)
    else:
        words = contained(body.get("contents"), pictured=kind == "image-to-video")
    if not words and kind != "image-to-video":
        raise wrong("prompt", "words")
    if kind == "image-to-video" and "aspect_ratio" in settings:
        raise wrong("aspect_ratio", "the picture's own")
    among(settings.get("aspect_ratio", "16:9"), model.limits.aspect_ratios, "aspect_ratio")
    resolution, sound = settings.get("resolution", "720p"), settings.get("audio", "off")
    among(resolution, model.limits.resolutions, "resolution")
    among(sound, ("native", "original", "off"), "audio")
    seconds = settings.get("duration", 5)
    if not isinstance(seconds, int):
        raise wrong("duration", "a whole number")
    lasting(model, seconds)
    return Asked(
        kind="videos",
        words=words,
        callback_url=text(options, "callback_url", 2048),
        external_id=text(options, "external_task_id", 128),
        seconds=seconds,
        usd=price(model, resolution=resolution, audio=sound != "off", seconds=seconds),
        sides=sides(resolution, settings.get("aspect_ratio", "16:9")),
        sound=sound != "off",
    )


def contained(contents: Any, *, pictured: bool) -> str:
    """The words among contents; everything else has to be something to look at."""
    if not isinstance(contents, list) or not contents:
        raise wrong("contents", "a list")
    words = [one.get("text", "") for one in contents if one.get("type") == "prompt"]
    media = [one for one in contents if one.get("type") != "prompt"]
    for one in media:
        among(one.get("type"), CONTENTS, "type")
        picture(one.get("url"), "url")
    if sum(one["type"] == "refer_image" for one in media) > 7:
        raise wrong("contents", "at most seven references")
    if pictured and not any(one["type"] in {"first_frame", "last_frame"} for one in media):
        raise wrong("contents", "a frame")
    return " ".join(words)
