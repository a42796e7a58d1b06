"""`predict`: Vertex's older form, with instances in and predictions out.

Imagen's pictures, Lyria 2's music and the older embeddings are made so. What the safety system
holds back is missing, or is a prediction with a reason and no bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.notice import Notice
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.google.contents import OURS
from anymedia.providers.dialects.google.errors import failure_inside, refused
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from anymedia.wire.shape import Shape

TASKS = {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"}


class Statistics(Shape):
    """What a text came to."""

    token_count: float | None = None


class Vector(Shape):
    """One text's vector."""

    values: tuple[float, ...] | None = None
    statistics: Statistics | None = None


class Prediction(Shape, rename="camel"):
    """One of the things predicted."""

    bytes_base64_encoded: str | None = None
    audio_content: str | None = None
    mime_type: str | None = None
    rai_filtered_reason: str | None = None
    prompt: str | None = None
    embeddings: Vector | None = None


class Predictions(Shape, rename="camel"):
    """The answer."""

    predictions: tuple[Prediction | None, ...] | None = None
    model_display_name: str | None = None
    error: Any = None

    def found(self) -> list[Prediction]:
        """Those that are there."""
        return [one for one in self.predictions or () if one is not None]


def predictions(response: HttpResponse) -> Predictions:
    """The answer, without its failures: those are raised."""
    found = response.read(Predictions)
    if found.error:
        raise failure_inside({"error": found.error})
    return found


# --- pictures -------------------------------------------------------------------------------


def images(request: ImageRequest, surface: Surface) -> Exchange[MediaAnswer]:
    """Pictures by Imagen."""
    parameters = {
        "sampleCount": request.count,
        "aspectRatio": request.aspect_ratio,
        "sampleImageSize": request.resolution.upper() if request.resolution else None,
        "negativePrompt": request.negative_prompt,
        "seed": request.seed,
        # A watermark excludes a seed.
        "addWatermark": False if request.seed is not None else None,
        "outputOptions": {"mimeType": f"image/{request.format}"} if request.format else None,
        "includeRaiReason": True,
    }
    body = asked({"prompt": request.prompt}, parameters, request.options)
    response = yield post(surface.method(request.model, "predict"), json=body)
    return media(response, usage=lambda made: Usage(images=made))


def asked(instance: dict[str, Any], parameters: dict[str, Any], options: Any) -> dict[str, Any]:
    """The body; options are parameters, unless they name a part of the body."""
    said = {name: value for name, value in parameters.items() if value is not None}
    body = {"instances": [instance], "parameters": said}
    whole = {name: value for name, value in options.items() if name in {"instances", "labels"}}
    given = options.get("parameters")
    more = {name: value for name, value in options.items() if name not in {*whole, "parameters"}}
    body["parameters"] = merged(
        said, {**(given if isinstance(given, dict) else {}), **more}, without=OURS
    )
    return merged(body, whole)


def media(response: HttpResponse, usage: Callable[[int], Usage]) -> MediaAnswer:
    """The media of an answer; `usage` counts them. Raises why there are none."""
    found = predictions(response).found()
    artifacts = tuple(made for one in found if (made := artifact(one)) is not None)
    reasons = [one.rai_filtered_reason for one in found if one.rai_filtered_reason]
    if not artifacts:
        # What is held back may leave no trace at all (docs, "Responsible AI", 2026-11).
        raise refused(
            "SAFETY", "; ".join(reasons) or "everything was held back by the safety filter"
        )
    return MediaAnswer(
        artifacts=artifacts,
        usage=usage(len(artifacts)),
        warnings=tuple(held_back(reason) for reason in reasons),
    )


def held_back(reason: str) -> Notice:
    """Some of what was asked for was refused."""
    return Notice(code="provider-note", message=f"one result was held back: {reason}")


def artifact(one: Prediction) -> InlineArtifact | None:
    """One result; none where it is held back or about the prompt."""
    encoded = one.bytes_base64_encoded or one.audio_content
    if not encoded:
        return None
    data = decoded(encoded)
    about = {"revised_prompt": one.prompt} if one.prompt else {}
    return InlineArtifact(data=data, media_type=one.mime_type or sniffed(data), metadata=about)


# --- music ----------------------------------------------------------------------------------


def music(request: AudioRequest, surface: Surface) -> Exchange[MediaAnswer]:
    """Music by Lyria 2. A seed and a number of samples exclude each other."""
    instance: dict[str, Any] = {"prompt": request.prompt}
    parameters: dict[str, Any] = {}
    if request.seed is not None:
        instance["seed"] = request.seed
    else:
        parameters["sample_count"] = request.count
    if isinstance(negative := request.options.get("negative_prompt"), str):
        instance["negative_prompt"] = negative
    options = {name: v for name, v in request.options.items() if name != "negative_prompt"}
    response = yield post(
        surface.method(request.model, "predict"), json=asked(instance, parameters, options)
    )
    return media(response, usage=lambda made: Usage(requests=made))


# --- vectors --------------------------------------------------------------------------------


def embeddings(request: EmbeddingRequest, surface: Surface) -> Exchange[EmbeddingAnswer]:
    """Vectors, one text a call: the newer of these models take no more."""
    vectors: list[tuple[float, ...]] = []
    tokens = 0.0
    for text in request.inputs:
        instance: dict[str, Any] = {"content": text}
        if request.purpose is not None:
            instance["task_type"] = TASKS.get(request.purpose, request.purpose)
        parameters = {"outputDimensionality": request.dimensions}
        response = yield post(
            surface.method(request.model, "predict"),
            json=asked(instance, parameters, request.options),
        )
        vector = measured(response)
        tokens += counted(vector)
        vectors.append(vector.values or ())
    return EmbeddingAnswer(
        embeddings=tuple(vectors), usage=Usage(input_tokens=int(tokens) if tokens else None)
    )


def measured(response: HttpResponse) -> Vector:
    """The one vector of an answer."""
    found = predictions(response).found()
    vector = found[0].embeddings if found else None
    if vector is None or not vector.values or not all(map(math.isfinite, vector.values)):
        raise UnreadableResponse("the answer has no vector", accepted="unknown")
    return vector


def counted(vector: Vector) -> float:
    """The tokens of its text, where they are told."""
    tokens = vector.statistics.token_count if vector.statistics else None
    return tokens if tokens is not None and 0 <= tokens < 1e9 else 0.0
