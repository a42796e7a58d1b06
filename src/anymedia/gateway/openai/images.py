"""Images made or edited: a JSON body or a form in, pictures out, inside the answer or behind links.

A picture's `quality` goes by OpenAI's words and by ours; `size` is exact pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from anymedia.contracts.image import ImageRequest, ImageResult
from anymedia.contracts.media import StoredArtifact, as_base64
from anymedia.contracts.notice import Notice
from anymedia.gateway.openai.completion import answered_by, besides
from anymedia.gateway.shared.body import Form
from anymedia.gateway.shared.document import encoded
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, wrong

QUALITIES = {
    "low": "draft",
    "medium": "standard",
    "hd": "high",
    "xhigh": "cinematic",
    "max": "cinematic",
    "auto": None,
}
"""OpenAI's words in ours; the others are the same."""
NAMES = {
    "count": "n",
    "resolution": "size",
    "format": "output_format",
    "images": "image",
}
Kind: TypeAlias = Literal["generation", "edit"]


class Body(msgspec.Struct):
    """What is asked."""

    prompt: str
    model: str | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    style: str | None = None
    response_format: Literal["url", "b64_json"] | None = None
    stream: bool | None = None
    partial_images: int | None = None
    """At most so many pictures on the way; there are none."""
    anymedia: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and in which form the answer should come."""

    request: ImageRequest
    kind: Kind
    links: bool
    stream: bool


def generation(reading: Reading) -> Asked:
    """From words alone."""
    return asked(reading, "generation", {})


def edit(reading: Reading, form: Form) -> Asked:
    """From words and pictures."""
    for name in form.files.keys() - {"image", "mask"}:
        raise wrong(name[:60], "there is no such file in an edit; there are `image` and `mask`")
    images, masks = form.files.get("image"), form.files.get("mask", [])
    if not images:
        raise wrong("image", "is missing: attach one picture or several")
    if len(masks) > 1:
        raise wrong("mask", "there can be one")
    return asked(reading, "edit", {"images": tuple(images), "mask": next(iter(masks), None)})


def asked(reading: Reading, kind: Kind, given: dict[str, Any]) -> Asked:
    """The request that a body stands for."""
    body = reading.top(Body)
    fields = {
        "model": body.model,
        "prompt": body.prompt,
        "count": body.n,
        "resolution": None if body.size == "auto" else body.size,
        "quality": QUALITIES.get(body.quality or "auto", body.quality),
        "background": body.background,
        "format": body.output_format,
        "style": body.style,
        "mode": "edit" if kind == "edit" else None,
        **given,
    }
    return Asked(
        request=built(ImageRequest, fields, body.anymedia, names=NAMES),
        kind=kind,
        links=body.response_format == "url",
        stream=bool(body.stream),
    )


# --- answering ------------------------------------------------------------------------------


def answer(
    result: ImageResult,
    pictures: Sequence[dict[str, Any]],
    created: int,
    notices: tuple[Notice, ...],
) -> dict[str, Any]:
    """The pictures, whole or as links, and what they took."""
    return {
        "created": created,
        "data": [
            {**picture, **revised(artifact)}
            for picture, artifact in zip(pictures, result.artifacts, strict=True)
        ],
        **look(result),
        "usage": usage(result),
        "model": answered_by(result),
        "job": result.job_id,
        **besides(result, notices),
    }


def inside(data: bytes) -> dict[str, Any]:
    """A picture in the answer."""
    return {"b64_json": as_base64(data)}


def behind(link: str) -> dict[str, Any]:
    """A picture behind a link."""
    return {"url": link}


def revised(artifact: StoredArtifact) -> dict[str, Any]:
    """How the provider has read the prompt, if it says."""
    words = artifact.metadata.get("revised_prompt")
    return {"revised_prompt": words} if isinstance(words, str) else {}


def look(result: ImageResult) -> dict[str, Any]:
    """What the pictures are, as far as that is known."""
    told = result.provider_metadata
    first = result.artifacts[0] if result.artifacts else None
    facts = {
        "background": told.get("background"),
        "quality": told.get("quality"),
        "output_format": first.media_type.rpartition("/")[2] if first else None,
        "size": f"{first.width}x{first.height}" if first and first.width and first.height else None,
    }
    return {name: value for name, value in facts.items() if isinstance(value, str)}


def usage(result: ImageResult) -> dict[str, Any] | None:
    """Tokens, where the provider counts in them."""
    used = result.usage
    if used.input_tokens is None and used.output_tokens is None:
        return None
    into, out = used.input_tokens or 0, used.output_tokens or 0
    pictured = used.input_image_tokens or 0
    told: dict[str, Any] = {
        "input_tokens": into,
        "output_tokens": out,
        "total_tokens": into + out,
        "input_tokens_details": {"image_tokens": pictured, "text_tokens": into - pictured},
    }
    if result.cost.amount is not None:
        told["cost"] = float(result.cost.amount)
    return told


def events(
    result: ImageResult, pictures: Iterable[bytes], kind: Kind, created: int
) -> Iterable[bytes]:
    """The pictures as events; there are no unfinished ones before them."""
    name = f"image_{kind}.completed"
    unknown = {"background": "auto", "quality": "auto", "size": "auto", "output_format": "png"}
    for data in pictures:
        told = {
            "type": name,
            **inside(data),
            "created_at": created,
            **unknown,
            **look(result),
            "usage": usage(result),
            "model": answered_by(result),
        }
        yield f"event: {name}\ndata: ".encode() + encoded(told) + b"\n\n"
