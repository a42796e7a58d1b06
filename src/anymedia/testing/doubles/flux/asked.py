"""What can be asked of FLUX: each generation's fields, checked as its schema does."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model
from anymedia.testing.doubles.flux.failures import invalid
from anymedia.testing.doubles.flux.pictures import FORMATS
from anymedia.testing.films import sides

Body = Mapping[str, Any]
FLUX3 = {"prompt", "images", "aspect_ratio", "resolution", "safety_tolerance", "grounding"}
CLIP = {"prompt", "aspect_ratio", "resolution", "duration", "generate_audio", "draft", "batch"}
MODES = {
    "t2v": CLIP,
    "i2v": CLIP | {"keyframes"},
    "v2v": CLIP | {"start_video"},
    "draft_enhance": {"draft_cache"},
}
ALIASES = {
    "text-to-video": "t2v",
    "image-continuation": "i2v",
    "video-continuation": "v2v",
    "draft-enhance": "draft_enhance",
}
SIDES = {"768sq": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
RATIOS = {"auto", "21:9", "2:1", "16:9", "4:3", "1:1", "3:4", "9:16"}
MEGAPIXEL = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a body comes down to."""

    words: str
    format: str = "mp4"
    width: int = 0
    height: int = 0
    count: int = 1
    seed: int = 42
    usd: Decimal | None = None
    input_megapixels: Decimal = Decimal(0)
    webhook_url: str = ""
    webhook_secret: str = field(default="", repr=False)
    draft: bool = False
    seconds: int = 0
    sound: bool = False

    @property
    def output_megapixels(self) -> Decimal:
        """The size of a picture."""
        return (Decimal(self.width * self.height) / MEGAPIXEL).quantize(Decimal("0.01"))


def number(body: Body, name: str, least: float, most: float, default: float) -> float:
    """A number within its limits."""
    found = body.get(name)
    found = default if found is None else found
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise invalid(name, "Input should be a valid number", "int_type")
    if found != default and not least <= found <= most:
        raise invalid(name, f"Input should be from {least} to {most}", "out_of_range")
    return found


def words(body: Body, *, needed: bool) -> str:
    """The prompt."""
    found = body.get("prompt") or ""
    if not isinstance(found, str):
        raise invalid("prompt", "Input should be a valid string", "string_type")
    if needed and not found:
        raise invalid("prompt", "Field required", "missing")
    return found


def media(body: Body, name: str, *, url: bool = True, needed: bool = False) -> int:
    """How many pictures a field holds: a URL where one is taken, or raw base64."""
    value = body.get(name)
    if value is None:
        if needed:
            raise invalid(name, "Field required", "missing")
        return 0
    if isinstance(value, str) and url and value.startswith("https://"):
        return 1
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise invalid(name, "Invalid base64 or URL") from None
    return 1


def ratio(body: Body, default: str) -> float:
    """Width by height; the oldest and the newest models go by it."""
    said = body.get("aspect_ratio") or default
    across, _, down = str(said).partition(":")
    if said == "auto":
        return 1.0
    if not (
        across.isdigit() and down.isdigit() and int(down) and 0.4 < int(across) / int(down) < 2.4
    ):
        raise invalid("aspect_ratio", "between 21:9 and 9:21")
    return int(across) / int(down)


def sized(side: int, share: float) -> tuple[int, int]:
    """A tier's size in a ratio."""
    return round(side * math.sqrt(share) / 16) * 16, round(side / math.sqrt(share) / 16) * 16


def size(form: str, body: Body) -> tuple[int, int]:
    """How large a picture becomes."""
    match form:
        case "flux2":
            given = [int(number(body, name, 64, 4096, 0)) or 1024 for name in ("width", "height")]
            if any(side % 16 for side in given) or given[0] * given[1] > 4 * MEGAPIXEL:
                raise invalid("width", "multiples of 16, at most 4 megapixels")
        case "pixels":
            given = [int(number(body, name, 256, 1440, side)) for name, side in SIZES]
            if any(side % 32 for side in given):
                raise invalid("width", "Input should be a multiple of 32", "multiple_of")
        case "flux3":
            tier = body.get("resolution", "1k")
            if tier not in SIDES or body.get("aspect_ratio", "auto") not in RATIOS:
                raise invalid("resolution", f"one of {', '.join(SIDES)}", "enum")
            given = list(sized(SIDES[tier], ratio(body, "auto")))
        case "kontext" | "ultra":
            given = list(sized(1024 if form == "kontext" else 2048, ratio(body, "16:9")))
        case _:
            given = [1024, 1024]
    return given[0], given[1]


SIZES = (("width", 1024), ("height", 768))


def pictures(form: str, body: Body, most: int) -> int:
    """How many pictures go in."""
    match form:
        case "flux2" | "kontext":
            names = ["input_image", *(f"input_image_{one}" for one in range(2, most + 1))]
            return sum(media(body, name) for name in names)
        case "flux3":
            given = body.get("images") or []
            listed = [given] if isinstance(given, str) else given
            if len(listed) > 10:
                raise invalid("images", "at most 10", "too_long")
            return sum(media({"images": one}, "images") for one in listed)
        case "fill":
            media(body, "mask", url=False)
            return media(body, "image", url=False, needed=True)
        case _:
            return media(body, "image_prompt", url=False)


def picture(model: Model, body: Body) -> Asked:
    """A picture, as its model's generation is asked for it."""
    form = str(model.settings.get("form", "flux2"))
    if form == "flux3" and (unknown := body.keys() - FLUX3 - {"version"}):
        raise invalid(min(unknown), "Extra inputs are not permitted", "extra_forbidden")
    if model.id.endswith("-finetuned") and not body.get("finetune_id"):
        raise invalid("finetune_id", "Field required", "missing")
    said = words(body, needed=form in {"flux2", "flux3", "kontext"})
    number(body, "safety_tolerance", 0, {"flux2": 5, "flux3": 4}.get(form, 6), 2)
    kind = body.get("output_format") or ("png" if form == "kontext" else "jpeg")
    if kind not in FORMATS:
        raise invalid("output_format", "Input should be 'jpeg', 'png' or 'webp'", "enum")
    url = body.get("webhook_url") or ""
    if not isinstance(url, str) or len(url) > 2083:
        raise invalid("webhook_url", "URL should have at most 2083 characters", "url_too_long")
    given = pictures(form, body, model.limits.max_images or 1)
    width, height = size(form, body)
    asked = Asked(
        words=said,
        format=kind,
        width=width,
        height=height,
        seed=int(number(body, "seed", 0, 2**63, 42)),
        input_megapixels=Decimal(given),
        webhook_url=url,
        webhook_secret=str(body.get("webhook_secret") or ""),
    )
    return priced(asked, model)


def priced(asked: Asked, model: Model) -> Asked:
    """With the price, where the catalogue knows one: by picture and by megapixel, in and out."""
    if not model.prices:
        return asked
    units = {
        "images": Decimal(1),
        "megapixels": asked.output_megapixels + asked.input_megapixels,
    }
    usd = sum((one.usd * units[one.unit] for one in model.prices), Decimal(0))
    return Asked(**{name: getattr(asked, name) for name in NAMES} | {"usd": usd})


NAMES = tuple(Asked.__dataclass_fields__)


def clip(model: Model, body: Body) -> Asked:
    """A clip. Unknown fields, and fields of another mode, are refused."""
    mode = ALIASES.get(str(body.get("mode")), body.get("mode"))
    if mode not in MODES:
        raise invalid("mode", f"Input should be one of {', '.join(MODES)}", "enum")
    if unknown := body.keys() - MODES[mode] - {"mode", "safety_tolerance", "version"}:
        raise invalid(min(unknown), "Extra inputs are not permitted", "extra_forbidden")
    said = words(body, needed=mode != "draft_enhance")
    number(body, "safety_tolerance", 0, 4 if mode == "t2v" else 2, 2)
    if body.get("aspect_ratio", "auto") not in RATIOS:
        raise invalid("aspect_ratio", "Input should be a known ratio", "enum")
    if body.get("resolution", "hd") not in {"hd", "fhd"}:
        raise invalid("resolution", "Input should be 'hd' or 'fhd'", "enum")
    seconds = body.get("duration", "auto")
    if seconds != "auto" and (not isinstance(seconds, int) or not 5 <= seconds <= 20):
        raise invalid("duration", '"auto" or a whole number from 5 to 20')
    if mode == "i2v":
        keyframes(body, seconds)
    if mode == "v2v":
        media(body, "start_video", needed=True)
    if mode == "draft_enhance":
        media(body, "draft_cache", needed=True)
    draft, count = bool(body.get("draft")), body.get("batch", 1)
    if count != 1 and (not draft or count not in range(1, 5)):
        raise invalid("batch", "1 to 4, with `draft` only")
    fhd = body.get("resolution") == "fhd" and not draft
    wanted = {"resolution": "1080p" if fhd else "720p"}
    rate = next(one.usd for one in model.prices if one.when == wanted)
    usd = rate * (5 if seconds == "auto" else seconds) * count
    across, down = sides(wanted["resolution"], body.get("aspect_ratio", "16:9"))
    return Asked(
        words=said,
        count=count,
        draft=draft,
        usd=usd,
        width=across,
        height=down,
        seconds=5 if seconds == "auto" else seconds,
        sound=body.get("generate_audio") is not False,
    )


def keyframes(body: Body, seconds: Any) -> None:
    """One picture, up to ten of them, or pairs of a time and a picture."""
    given = body.get("keyframes")
    frames = [given] if isinstance(given, str) else given
    if not isinstance(frames, list) or not 1 <= len(frames) <= 10:
        raise invalid("keyframes", "1 to 10 pictures")
    if len(frames) > 2 and seconds == "auto":
        raise invalid("duration", "has to be said with three keyframes or more")
    latest = -1.0
    for frame in frames:
        timed = isinstance(frame, list)
        if timed and (len(frame) != 2 or frame[0] < latest + 1 / 24):
            raise invalid("keyframes", "times have to rise by a frame at least")
        latest = frame[0] if timed else latest
        media({"keyframes": frame[1] if timed else frame}, "keyframes")
