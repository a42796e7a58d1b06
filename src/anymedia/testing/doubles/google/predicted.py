"""Vertex's older methods: `predict`, and operations that Veo's clips come from."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.model import Model
from anymedia.testing.doubles.google.failures import Failure
from anymedia.testing.doubles.google.generated import LATE
from anymedia.testing.doubles.google.interactions import encoded
from anymedia.testing.doubles.openai.mind import FORBIDDEN, tokens
from anymedia.testing.films import area, film, sides
from anymedia.testing.samples import png, wav

DIMENSIONS = 4


def vector(text: str, dimensions: int | None) -> list[float]:
    """The same vector for the same text."""
    return [float((len(text) + place) % 7) / 7 for place in range(dimensions or DIMENSIONS)]


def predicted(body: dict[str, Any], model: Model) -> dict[str, Any]:
    """The predictions of a model."""
    instances, parameters = body.get("instances") or [], body.get("parameters", {})
    if not instances:
        raise Failure(400, "instances: is required")
    if model.medium == "embedding":
        return {"predictions": [measured(one, parameters) for one in instances]}
    prompt = str(instances[0].get("prompt", ""))
    held = {"raiFilteredReason": "The prompt may violate our policies. Support codes: 1"}
    if model.medium == "audio":
        if "seed" in instances[0] and "sample_count" in parameters:
            raise Failure(400, "seed and sample_count cannot be set together")
        sound = {"bytesBase64Encoded": encoded(wav(1)), "mimeType": "audio/wav"}
        return {"predictions": [held if FORBIDDEN in prompt else sound]}
    if "seed" in parameters and parameters.get("addWatermark", True):
        raise Failure(400, "Seed is not supported when watermark is enabled.")
    side = 2048 if parameters.get("sampleImageSize") == "2K" else 1024
    drawn = png(*area(side, str(parameters.get("aspectRatio", "1:1"))))
    picture = {"bytesBase64Encoded": encoded(drawn), "mimeType": "image/png"}
    wanted = [picture] * int(parameters.get("sampleCount", 1))
    if LATE in prompt:
        return {"predictions": [held, *wanted[1:]]}
    return {} if FORBIDDEN in prompt else {"predictions": wanted}


def measured(instance: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """One text's vector."""
    text = str(instance.get("content", ""))
    found = vector(text, parameters.get("outputDimensionality"))
    statistics = {"truncated": False, "token_count": tokens(text)}
    return {"embeddings": {"values": found, "statistics": statistics}}


def filmed(parameters: dict[str, Any]) -> bytes:
    """A clip of Veo's."""
    size = sides(parameters.get("resolution", "720p"), parameters.get("aspectRatio", "16:9"))
    seconds = float(parameters.get("durationSeconds", 8))
    return film(*size, seconds, sound=parameters.get("generateAudio") is not False)


class Operations:
    """Long work by its name."""

    def __init__(self, *, slowness: int) -> None:
        self.slowness = slowness
        self._looks: dict[str, int] = {}
        self._bodies: dict[str, dict[str, Any]] = {}

    def start(self, body: dict[str, Any], prefix: str) -> dict[str, Any]:
        """Take one on."""
        if not body.get("instances"):
            raise Failure(400, "instances: is required")
        name = f"{prefix}/operations/double-{len(self._bodies) + 1}"
        self._bodies[name], self._looks[name] = body, 0
        return {"name": name}

    def look(self, name: str) -> dict[str, Any]:
        """Where one stands; there is no progress."""
        if name not in self._bodies:
            raise Failure(404, "Operation not found")
        self._looks[name] += 1
        if self._looks[name] <= self.slowness:
            return {"name": name}
        body = self._bodies[name]
        prompt = str(body["instances"][0].get("prompt", ""))
        if "broken" in prompt:
            return {"name": name, "done": True, "error": {"code": 13, "message": "Internal error"}}
        if FORBIDDEN in prompt:
            held = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["Support codes: 1"]}
            return {"name": name, "done": True, "response": held}
        parameters = body.get("parameters", {})
        bucket = parameters.get("storageUri")
        clips = [
            {"gcsUri": f"{bucket}sample_{place}.mp4", "mimeType": "video/mp4"}
            if bucket
            else {"bytesBase64Encoded": encoded(filmed(parameters)), "mimeType": "video/mp4"}
            for place in range(int(parameters.get("sampleCount", 1)))
        ]
        made = {"raiMediaFilteredCount": 0, "videos": clips}
        return {"name": name, "done": True, "response": made}

    def known(self, name: str) -> bool:
        """Whether there is such an operation."""
        return name in self._bodies
