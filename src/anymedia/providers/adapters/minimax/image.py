"""Pictures: from words, or of a person in another picture."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import GeneratedArtifact, InlineArtifact, RemoteArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.minimax.failures import TABLE, Base, request_id, well
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.explain import Said
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post
from anymedia.wire.shape import Shape


class Pictures(Shape):
    """What was made; the addresses live for a day."""

    image_urls: tuple[str, ...] | None = None
    image_base64: tuple[str, ...] | None = None
    failed_count: int | None = None
    """The vendor's client has the counts here, its pages beside this."""


class Counts(Shape):
    """How many came out, and how many were withheld. The vendor writes them as text."""

    success_count: int | None = None
    failed_count: int | None = None


class Drawn(Shape):
    """The answer."""

    id: str | None = None
    data: Pictures | None = None
    metadata: Counts | None = None
    base_resp: Base | None = None


def draw(request: ImageRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have pictures made."""
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": request.prompt,
        "n": request.count,
        "response_format": "url",
    }
    if request.aspect_ratio:
        body["aspect_ratio"] = request.aspect_ratio
    if request.seed is not None:
        body["seed"] = request.seed
    if request.images:
        body["subject_reference"] = [
            {"type": "character", "image_file": reference(one)} for one in request.images
        ]
    response = yield post("/v1/image_generation", json=merged(body, request.options))
    drawn = response.read(Drawn)
    well(drawn.base_resp, response)
    found = drawn.data or Pictures()
    made = artifacts(found)
    withheld = (drawn.metadata or Counts()).failed_count or found.failed_count or 0
    if not made and withheld:
        raise TABLE.decide(
            Said(message="every picture was withheld by the content check", code="1027"),
            status=200,
            request_id=drawn.id,
        )
    if not made:
        raise UnreadableResponse("the answer has no picture", accepted="yes")
    return MediaAnswer(
        request_id=drawn.id or request_id(response),
        artifacts=made,
        usage=Usage(images=len(made), requests=1),
        warnings=(noted(withheld),) if withheld > 0 else (),
    )


def artifacts(pictures: Pictures) -> tuple[GeneratedArtifact, ...]:
    """The pictures, wherever they are."""
    return (
        *(RemoteArtifact(url=url) for url in pictures.image_urls or () if url),
        *(InlineArtifact(data=decoded(one)) for one in pictures.image_base64 or () if one),
    )


def noted(withheld: int) -> Notice:
    """Some did not pass."""
    return Notice(
        code="delivered-differs",
        message=f"{withheld} of the pictures were withheld by the content check",
        option="count",
    )
