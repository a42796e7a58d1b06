"""What the double's models take, make and cost: as the catalogue says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model
from anymedia.contracts.usage import Usage
from anymedia.engine.pricing import priced
from anymedia.providers.catalog import catalogued
from anymedia.testing.doubles.replicate.failures import invalid
from anymedia.testing.samples import png, wav

PREDICT_SECONDS = 1.5
MACHINE_SECOND = Decimal("0.000225")
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00\x00\x00\x08free"


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
                return [(f"out-{n}.png", "image/png", png(64, 64)) for n in range(count)]
            case "video":
                return [("output.mp4", "video/mp4", MP4)]
            case _:
                return [("output.wav", "audio/wav", wav(0.5))]

    def output(self, urls: list[str]) -> Any:
        """In the form of the model: pictures in a list, others alone."""
        return urls if self.sheet.medium == "image" else urls[0]

    def cost(self, given: dict[str, Any]) -> Decimal:
        """US dollars by the catalogue's price, else by the second of the machine."""
        lengths = self.sheet.limits.durations_seconds
        seconds = Decimal(str(given.get("duration", lengths[0] if lengths else 0)))
        resolutions = self.sheet.limits.resolutions
        facts = {"resolution": resolutions[0] if resolutions else None, **given}
        picture = self.sheet.medium == "image"
        usage = (
            Usage(images=int(given.get("num_outputs", 1))) if picture else Usage(seconds=seconds)
        )
        amount = priced(self.sheet, usage, facts).amount
        return Decimal(str(PREDICT_SECONDS)) * MACHINE_SECOND if amount is None else amount


def runnable() -> dict[str, Runnable]:
    """Every model of the catalogue: official ones by name, others by version."""
    found = {}
    for sheet in catalogued("replicate"):
        name, _, version = str(sheet.settings.get("endpoint", sheet.id)).partition(":")
        found[version or name] = Runnable(name, version or None, sheet)
    return found
