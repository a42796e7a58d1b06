"""Pictures: `generateContent` with images in and out, or `predict` for Imagen.

A model's sheet says `api = "predict"` in `settings` where it is Imagen's. Gemini makes one
picture a call and answers with parts like any other; no picture means that a reason stands
where it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.notice import Notice, imitated
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.dialects.google import predict
from anymedia.providers.dialects.google.answers import first, kept, parts_of, words
from anymedia.providers.dialects.google.contents import OURS
from anymedia.providers.dialects.google.errors import refused
from anymedia.providers.dialects.google.parts import medium
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.usage import usage
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post

VARY = "Make a variation of this image: the same subject and style, another picture."
MASK = "Change only what the last image marks in white, and keep everything else as it is."


def operation(surface: Surface) -> Call:
    """Pictures at once."""
    return Call(ImageRequest, partial(exchange, surface=surface))


def exchange(request: ImageRequest, brief: Brief, surface: Surface) -> Exchange[MediaAnswer]:
    """Generate, or edit what was given."""
    if brief.model is not None and brief.model.settings.get("api") == "predict":
        return (yield from predict.images(request, surface))
    response = yield ask(request, brief, surface)
    return answer(response, noted(request))


def ask(request: ImageRequest, brief: Brief, surface: Surface) -> HttpRequest:
    """Words and pictures in, a picture out."""
    shape = {
        name: value
        for name, value in (
            ("aspectRatio", request.aspect_ratio),
            ("imageSize", size(request.resolution)),
        )
        if value is not None
    }
    configuration: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if shape:
        configuration["imageConfig"] = shape
    if request.seed is not None:
        configuration["seed"] = request.seed
    pictures = [medium(image) for image in request.images]
    if request.mask is not None:
        pictures.append(medium(request.mask))
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [*pictures, {"text": prompt(request)}]}],
        "generationConfig": configuration,
        **surface.labelled(brief.marker),
    }
    path = surface.method(request.model, "generateContent")
    return post(path, json=merged(body, request.options, without=OURS))


def size(resolution: str | None) -> str | None:
    """A tier in Google's spelling: `2k` is `2K` there."""
    return resolution.upper() if resolution and resolution[-1] in "kK" else resolution


def prompt(request: ImageRequest) -> str:
    """What is asked for, with what the API has no field for."""
    asked = [request.prompt]
    if request.task == "variation":
        asked.insert(0, VARY)
    if request.mask is not None:
        asked.append(MASK)
    return " ".join(words for words in asked if words)


def noted(request: ImageRequest) -> tuple[Notice, ...]:
    """What was brought about another way."""
    match request.task:
        case "variation":
            return (imitated("mode", "an edit whose prompt asks for a variation"),)
        case "inpaint":
            return (imitated("mask", "a further image that the prompt explains"),)
        case _:
            return ()


def answer(response: HttpResponse, notices: tuple[Notice, ...]) -> MediaAnswer:
    """The pictures, without those that are only thought of. Raises why there is none."""
    whole, candidate = first(response)
    parts = parts_of(candidate)
    artifacts = inline(parts)
    if not artifacts:
        raise refused(
            candidate.finish_reason or "NO_IMAGE",
            candidate.finish_message or "the model answered without an image",
            whole.response_id,
        )
    said = words(parts, thought=False)
    return MediaAnswer(
        model=whole.model_version,
        request_id=whole.response_id,
        artifacts=artifacts,
        usage=usage(whole.usage_metadata).model_copy(update={"images": len(artifacts)}),
        warnings=notices,
        metadata={**kept(candidate), **({"text": said} if said else {})},
    )


def inline(parts: Sequence[dict[str, Any]]) -> tuple[InlineArtifact, ...]:
    """The media inside an answer's parts."""
    found = []
    for part in parts:
        data = part.get("inlineData")
        if part.get("thought") is True or not isinstance(data, dict):
            continue
        if isinstance(data.get("data"), str) and data["data"]:
            content = decoded(data["data"])
            said = data.get("mimeType") if isinstance(data.get("mimeType"), str) else None
            found.append(InlineArtifact(data=content, media_type=said or sniffed(content)))
    return tuple(found)
