"""Stability's pictures on Bedrock: `POST /model/{id}/invoke`, in the model's own words."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from anymedia.contracts.errors import ContentRefused, UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.bedrock.video import OUTPUT
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.inputs import held
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post
from anymedia.wire.shape import Shape

STRENGTH = 0.7
"""How far a picture may go from the one it is made after, unless `options.strength` says."""


class Made(Shape):
    """The answer; a picture that was withheld has a reason beside it."""

    images: tuple[str | None, ...] | None = None
    seeds: tuple[int | None, ...] | None = None
    finish_reasons: tuple[str | None, ...] | None = None


def exchange(request: ImageRequest, _: Brief) -> Exchange[MediaAnswer]:
    """One picture."""
    fields: dict[str, Any] = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    fields |= {"aspect_ratio": request.aspect_ratio, "seed": request.seed}
    if request.format is not None:
        fields["output_format"] = request.format.upper()
    if request.images:
        picture = base64.b64encode(held(request.images[0]).data).decode()
        fields |= {"mode": "image-to-image", "image": picture, "strength": STRENGTH}
        fields.pop("aspect_ratio")
    body = {name: value for name, value in fields.items() if value is not None}
    response = yield post(
        f"/model/{quote(request.model or '', safe='')}/invoke",
        json=merged(body, request.options, without=frozenset({OUTPUT})),
    )
    made = response.read(Made)
    request_id = response.headers.get("x-amzn-requestid")
    reason = next((one for one in made.finish_reasons or () if one), None)
    if reason is not None:
        raise ContentRefused(
            f"the picture was withheld ({reason[:200]})",
            accepted="yes",
            http_status=response.status,
            request_id=request_id,
        )
    pictures = [one for one in made.images or () if one]
    if not pictures:
        raise UnreadableResponse("the answer has no `images`", accepted="yes")
    seeds = made.seeds or ()
    artifacts = []
    for position, picture in enumerate(pictures):
        data = decoded(picture)
        seed = seeds[position] if position < len(seeds) else None
        about = {} if seed is None else {"seed": seed}
        artifacts.append(InlineArtifact(data=data, media_type=sniffed(data), metadata=about))
    return MediaAnswer(
        request_id=request_id, artifacts=tuple(artifacts), usage=Usage(images=len(artifacts))
    )
