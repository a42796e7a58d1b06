"""What the models on Bedrock take, in their own words, and what they charge."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model

PICTURED = frozenset(
    {
        *("prompt", "negative_prompt", "aspect_ratio", "mode", "output_format", "seed"),
        *("image", "strength"),
    }
)
FILMED = frozenset({"prompt", "aspect_ratio", "loop", "duration", "resolution", "keyframes"})
LENGTHS = {"5s": 5, "9s": 9}
PER_SECOND = {"540p": Decimal("0.75"), "720p": Decimal("1.5")}
"""US dollars, as AWS Marketplace was remembered to charge; nobody could check it."""
MEGAPIXEL = 1024


class Mistake(Exception):
    """A failed request: its status, its kind and its words."""

    def __init__(self, message: str, kind: str = "ValidationException", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status


def model(name: str, models: Mapping[str, Model], medium: str) -> Model:
    """The model that is asked for. Those that have ended are told apart from those never known."""
    found = models.get(name)
    if found is not None and found.retires_on is not None:
        raise Mistake(
            "This model version has reached the end of its life.", "ResourceNotFoundException", 404
        )
    if found is None or found.medium != medium:
        raise Mistake("The provided model identifier is invalid.")
    return found


def only(body: Any, known: frozenset[str]) -> dict[str, Any]:
    """The body, if it has nothing that the model does not know."""
    if not isinstance(body, dict):
        raise Mistake("Malformed input request, please reformat your input and try again.")
    if unknown := body.keys() - known:
        raise Mistake(f"Malformed input request: extraneous key [{min(unknown)}] is not permitted")
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise Mistake("Malformed input request: required key [prompt] not found")
    return body


def chosen(body: dict[str, Any], name: str, values: tuple[str, ...]) -> str:
    """A field that has to be one of some values; the first where it is not said."""
    value = body.get(name, values[0])
    if value not in values:
        raise Mistake(f"Malformed input request: #/{name}: {value} is not a valid enum value")
    return str(value)


def picture(body: Any, model: Model) -> tuple[int, int]:
    """The width and height of what a body asks for."""
    body = only(body, PICTURED)
    chosen(body, "output_format", ("PNG", "JPEG"))
    mode = chosen(body, "mode", ("text-to-image", "image-to-image"))
    if mode == "image-to-image":
        if "edit" not in model.tasks:
            raise Mistake("Malformed input request: #/mode: image-to-image is not supported")
        if not body.get("image") or "aspect_ratio" in body:
            raise Mistake("Malformed input request: image-to-image takes an image and no ratio")
        if not 0 <= float(body.get("strength", -1)) <= 1:
            raise Mistake("Malformed input request: #/strength: should be from 0 to 1")
    ratio = chosen(body, "aspect_ratio", ("1:1", *model.limits.aspect_ratios))
    wide, high = (int(side) for side in ratio.split(":"))
    scale = MEGAPIXEL / (wide * high) ** 0.5
    return round(wide * scale / 64) * 64, round(high * scale / 64) * 64


def clip(body: Any, model: Model) -> Decimal:
    """What a clip of the body's length and size costs."""
    body = only(body, FILMED)
    if len(body["prompt"]) > (model.limits.prompt_characters or 5000):
        raise Mistake("Malformed input request: #/prompt: expected maxLength: 5000")
    chosen(body, "aspect_ratio", ("16:9", *model.limits.aspect_ratios))
    length = LENGTHS[chosen(body, "duration", tuple(LENGTHS))]
    size = chosen(body, "resolution", ("720p", "540p"))
    for name, frame in (body.get("keyframes") or {}).items():
        source = frame.get("source") or {}
        if name not in {"frame0", "frame1"} or not (
            source.get("data") and source.get("media_type")
        ):
            raise Mistake(f"Malformed input request: #/keyframes/{name}: is not a picture")
    return length * PER_SECOND[size]
