"""What the double's models take, make and cost: as the catalogue says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.doubles.replicate.failures import invalid
from anymedia.testing.films import area, film, sides as frame
from anymedia.testing.samples import png, wav
from anymedia.testing.tariff import owed

TIERS = {"512": 512, "1k": 1024, "2k": 2048, "4k": 4096}
PREDICT_SECONDS = 1.5
MACHINE_SECOND = Decimal("0.000225")


@dataclass(frozen=True, slots=True)
class Runnable:
    """A model that can be run."""

    name: str
    version: str | None
    """Of a community model; official ones hide theirs."""
    sheet: Model

    def check(self, given: dict[str, Any]) -> None:
        """Refuse what the model's schema refuses."""
        words = "text" if self.sheet.medium == "speech" else "prompt"
        if not given.get(words):
            raise invalid(f"input: {words} is required", "input")
        legal = [int(one) for one in self.sheet.limits.durations_seconds]
        duration = given.get("duration")
        if duration is not None and legal and duration not in legal:
            raise invalid(f"input.duration: must be one of {legal}", "input.duration")

    def files(self, given: dict[str, Any]) -> list[tuple[str, str, bytes]]:
        """What is made: names, types and bytes."""
        match self.sheet.medium:
            case "image":
                count = int(given.get("num_outputs", 1))
                picture = png(*self.sides(given))
                return [(f"out-{n}.png", "image/png", picture) for n in range(count)]
            case "video":
                resolutions = self.sheet.limits.resolutions
                resolution = given.get("resolution", next(iter(resolutions), "720p"))
                size = frame(str(resolution), str(given.get("aspect_ratio", "16:9")))
                sound = self.sheet.limits.audio in {"always", "optional"}
                heard = sound and given.get("generate_audio") is not False
                clip = film(*size, float(self.seconds(given)), sound=heard)
                return [("output.mp4", "video/mp4", clip)]
            case _:
                return [("output.wav", "audio/wav", wav(0.5))]

    def seconds(self, given: dict[str, Any]) -> Decimal:
        """How long a clip is."""
        lengths = self.sheet.limits.durations_seconds
        return Decimal(str(given.get("duration", lengths[0] if lengths else 5)))

    def sides(self, given: dict[str, Any]) -> tuple[int, int]:
        """Width and height of a picture: as said, or by its ratio and tier."""
        if given.get("width") and given.get("height"):
            return int(given["width"]), int(given["height"])
        tier = str(given.get("resolution", next(iter(self.sheet.limits.resolutions), "1k")))
        return area(TIERS.get(tier.lower(), 1024), str(given.get("aspect_ratio", "1:1")))

    def output(self, urls: list[str]) -> Any:
        """In the form of the model: pictures in a list, others alone."""
        return urls if self.sheet.medium == "image" else urls[0]

    def cost(self, given: dict[str, Any]) -> Decimal:
        """US dollars by the catalogue's price, else by the second of the machine."""
        resolutions = self.sheet.limits.resolutions
        facts = {"resolution": resolutions[0] if resolutions else None, **given}
        if self.sheet.medium == "image":
            amount = owed(self.sheet, facts, images=int(given.get("num_outputs", 1)))
        else:
            amount = owed(self.sheet, facts, seconds=self.seconds(given))
        return Decimal(str(PREDICT_SECONDS)) * MACHINE_SECOND if amount is None else amount


def runnable() -> dict[str, Runnable]:
    """Every model of the catalogue: official ones by name, others by version."""
    found = {}
    for sheet in catalogued("replicate"):
        name, _, version = str(sheet.settings.get("endpoint", sheet.id)).partition(":")
        found[version or name] = Runnable(name, version or None, sheet)
    return found
