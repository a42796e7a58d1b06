"""What the double's models take, make and cost: as the catalogue says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.doubles.fal.failures import Failure, model as problem
from anymedia.testing.films import area, film, sides as frame
from anymedia.testing.samples import mp3, png
from anymedia.testing.tariff import line, owed

SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
TEXT_DURATIONS = ("text", "seconds")
MEGAPIXEL = 1024 * 1024
UNPUBLISHED = Decimal("0.05")
"""Made up: what models without a public price cost."""
TIERS = {"512": 512, "1k": 1024, "2k": 2048, "4k": 4096}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of one family."""

    name: str
    sheet: Model
    required: tuple[str, ...]
    duration_form: str | None

    def check(self, body: dict[str, Any]) -> None:
        """Refuse what the real model refuses."""
        for name in self.required:
            if not body.get(name):
                raise Failure(422, problem("missing", "Field required", name))
        duration = body.get("duration")
        if duration is None or self.duration_form is None:
            return
        legal = [f"{seconds:g}" for seconds in self.sheet.limits.durations_seconds]
        if self.duration_form == "seconds":
            legal = [f"{one}s" for one in legal]
        expected: list[Any] = (
            list(legal) if self.duration_form in TEXT_DURATIONS else [*map(int, legal)]
        )
        if duration not in expected:
            message = f"unexpected value; permitted: {expected}"
            raise Failure(422, problem("literal_error", message, "duration", permitted=expected))

    def seconds(self, body: dict[str, Any]) -> Decimal:
        """How long the result is."""
        for name, per in (("music_length_ms", 1000), ("duration_seconds", 1), ("seconds_total", 1)):
            if name in body:
                return Decimal(str(body[name])) / per
        said = str(body.get("duration", "")).removesuffix("s")
        lengths = self.sheet.limits.durations_seconds
        return Decimal(said) if said else Decimal(str(lengths[0] if lengths else 5))

    @property
    def usual(self) -> str:
        """The resolution where none is asked for."""
        return next(iter(self.sheet.limits.resolutions), "720p")

    def heard(self, body: dict[str, Any]) -> bool:
        """Whether a clip has sound."""
        has = self.sheet.limits.audio
        return has == "always" or (has == "optional" and body.get("generate_audio") is not False)

    def sides(self, body: dict[str, Any]) -> tuple[int, int]:
        """Width and height of a picture: as said, or by its ratio and tier."""
        if "image_size" in body or "aspect_ratio" not in body:
            return sides(body.get("image_size", "landscape_4_3"))
        tier = str(body.get("resolution", self.usual)).lower()
        return area(TIERS.get(tier, 1024), str(body["aspect_ratio"]))

    def cost(self, body: dict[str, Any]) -> tuple[Decimal, Decimal]:
        """Billable units and US dollars, by the catalogue's price."""
        images = int(body.get("num_images", 1))
        seconds = self.seconds(body)
        limits = self.sheet.limits
        facts: dict[str, Any] = {
            "resolution": body.get(
                "resolution", limits.resolutions[0] if limits.resolutions else None
            ),
            "audio": self.heard(body),
        }
        if self.sheet.medium != "image":
            amount = owed(self.sheet, facts, seconds=seconds)
            return seconds, UNPUBLISHED if amount is None else amount
        width, height = sides(body.get("image_size", "landscape_4_3"))
        area = (Decimal(width * height * images) / MEGAPIXEL).quantize(Decimal("0.0001"))
        amount = owed(self.sheet, facts, images=images, megapixels=area)
        units = Decimal(images) if line(self.sheet, "megapixels", **facts) is None else area
        return units, UNPUBLISHED if amount is None else amount


def endpoints() -> dict[str, Endpoint]:
    """Every endpoint that the catalogues name, of fal and of whoever serves through it."""
    found: dict[str, Endpoint] = {}
    for sheet in (*catalogued("fal"), *catalogued("pika")):
        shared = sheet.settings.get("input", {})
        tasks = sheet.settings.get("tasks", {})
        for task in sheet.tasks:
            own = tasks.get(task, {})
            name = own.get("endpoint") or sheet.settings.get("endpoint") or sheet.id
            fields = {**shared, **own.get("input", {})}
            words = fields.get("text") or fields.get("prompt", "prompt")
            duration = fields.get("duration_seconds")
            form = duration.get("form") if isinstance(duration, dict) else None
            required = (words if isinstance(words, str) else words["name"],)
            found.setdefault(name, Endpoint(name, sheet, required, form))
    return found


def files(endpoint: Endpoint, body: dict[str, Any]) -> list[tuple[str, bytes, dict[str, Any]]]:
    """What is made: a name, the bytes, and what fal says of them."""
    match endpoint.sheet.medium:
        case "image":
            width, height = endpoint.sides(body)
            about = {"width": width, "height": height, "content_type": "image/png"}
            count = int(body.get("num_images", 1))
            return [(f"{index}.png", png(width, height), about) for index in range(count)]
        case "video":
            clip = film(
                *frame(
                    str(body.get("resolution", endpoint.usual)),
                    str(body.get("aspect_ratio", "16:9")),
                ),
                float(endpoint.seconds(body)),
                sound=endpoint.heard(body),
            )
            return [("output.mp4", clip, {"content_type": "video/mp4"})]
        case _:
            sound = mp3(float(endpoint.seconds(body)))
            return [("output.mp3", sound, {"content_type": "audio/mpeg"})]


def sides(size: Any) -> tuple[int, int]:
    """Width and height of an `image_size`."""
    if isinstance(size, dict):
        return math.floor(size["width"]), math.floor(size["height"])
    if "x" in str(size):
        width, _, height = str(size).partition("x")
        return int(width), int(height)
    if size not in SIZES:
        raise Failure(422, problem("literal_error", "unexpected value", "image_size"))
    return SIZES[size]
