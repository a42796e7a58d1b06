"""Pictures, by Qwen Image: from words, or by changing other pictures; asked for as a message."""

from __future__ import annotations

import math
import re
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import GeneratedArtifact, InlineArtifact, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.wan.failures import TABLE
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.explain import Said
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post
from anymedia.wire.shape import Shape

GENERATION = "/api/v1/services/aigc/multimodal-generation/generation"
STEP = 16
SIDES = {"1k": 1024, "1.5k": 1536, "2k": 2048}
"""A tier is an area: that of a square with this side."""
PIXELS = re.compile(r"(\d{2,5})[xX*](\d{2,5})")


class Part(Shape):
    """A picture's address, the picture itself, or words."""

    image: str | None = None
    text: str | None = None


class Message(Shape):
    """What was answered."""

    content: tuple[Part, ...] | None = None


class Choice(Shape):
    """One answer."""

    finish_reason: str | None = None
    message: Message | None = None


class Output(Shape):
    """All answers."""

    choices: tuple[Choice, ...] | None = None


class Spent(Shape):
    """What is billed."""

    image_count: int | None = None
    output_image_count: int | None = None
    """The newer models' word for it."""
    input_image_count: int | None = None
    width: int | None = None
    height: int | None = None


class Drawn(Shape):
    """The answer; some failures come inside a 200."""

    output: Output | None = None
    usage: Spent | None = None
    request_id: str | None = None
    code: str | None = None
    message: str | None = None


def draw(request: ImageRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have pictures made."""
    content: list[dict[str, str]] = [{"image": reference(one)} for one in request.images]
    content.append({"text": request.prompt})
    parameters: dict[str, Any] = {"watermark": False, "n": request.count}
    if request.negative_prompt:
        parameters["negative_prompt"] = request.negative_prompt
    if wanted := size(request.aspect_ratio, request.resolution):
        parameters["size"] = wanted
    if request.seed is not None:
        parameters["seed"] = request.seed % 2**31
    body = {
        "model": request.model,
        "input": {"messages": [{"role": "user", "content": content}]},
        "parameters": parameters,
    }
    response = yield post(GENERATION, json=merged(body, request.options))
    drawn = response.read(Drawn)
    if drawn.code:
        said = Said(message=drawn.message or "", code=drawn.code)
        raise TABLE.decide(said, status=200, request_id=drawn.request_id)
    return answer(drawn)


def answer(drawn: Drawn) -> MediaAnswer:
    """The pictures: behind addresses that live for a day, or in the answer."""
    choices = (drawn.output or Output()).choices or ()
    parts = [part for one in choices for part in (one.message or Message()).content or ()]
    made = tuple(artifact(part.image) for part in parts if part.image)
    if not made:
        raise UnreadableResponse("the answer has no picture", accepted="yes")
    spent = drawn.usage or Spent()
    counts = (spent.image_count, spent.output_image_count)
    told = {name: getattr(spent, name) for name in Spent.__struct_fields__}
    reasons = [one.finish_reason for one in choices if one.finish_reason]
    return MediaAnswer(
        request_id=drawn.request_id,
        artifacts=made,
        usage=Usage(
            images=next((one for one in counts if one is not None and one > 0), len(made)),
            requests=1,
            raw={name: value for name, value in told.items() if value is not None},
        ),
        metadata={"finish_reason": reasons[0]} if reasons else {},
    )


def artifact(image: str) -> GeneratedArtifact:
    """A picture, wherever it is."""
    if image.startswith(("https://", "http://")):
        return RemoteArtifact(url=image)
    return InlineArtifact(data=decoded(image))


def size(aspect_ratio: str | None, resolution: str | None) -> str | None:
    """Pixels, with a star between them; `None` leaves it to the model."""
    if resolution and (exact := PIXELS.fullmatch(resolution)):
        return f"{exact[1]}*{exact[2]}"
    if aspect_ratio is None and resolution is None:
        return None
    width, _, height = (aspect_ratio or "1:1").partition(":")
    side = SIDES.get((resolution or "1k").lower(), SIDES["1k"])
    stretch = math.sqrt(max(int(width), 1) / max(int(height), 1))
    return f"{stepped(side * stretch)}*{stepped(side / stretch)}"


def stepped(side: float) -> int:
    """A side as a multiple of the step, never beyond the area."""
    return max(int(side) // STEP, 1) * STEP
