"""Vectors: `batchEmbedContents` on the Gemini API, `embedContent` or `predict` on Vertex AI.

A model's sheet says which in `settings`, as `api`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.google import predict
from anymedia.providers.dialects.google.contents import OURS
from anymedia.providers.dialects.google.errors import failure_inside
from anymedia.providers.dialects.google.predict import TASKS, Vector
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.usage import added, usage
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from anymedia.wire.shape import Shape


def operation(surface: Surface) -> Call:
    """Vectors at once."""
    return Call(EmbeddingRequest, partial(exchange, surface=surface))


def exchange(
    request: EmbeddingRequest, brief: Brief, surface: Surface
) -> Exchange[EmbeddingAnswer]:
    """Have the texts measured."""
    api = brief.model.settings.get("api") if brief.model else None
    if api == "predict":
        return (yield from predict.embeddings(request, surface))
    if api == "embed":
        return (yield from one_by_one(request, surface))
    name = (request.model or "").removeprefix("models/")
    texts = [{"model": f"models/{name}", **measuring(request, text)} for text in request.inputs]
    response = yield post(
        surface.method(request.model, "batchEmbedContents"), json={"requests": texts}
    )
    return answer(response, len(texts))


def one_by_one(request: EmbeddingRequest, surface: Surface) -> Exchange[EmbeddingAnswer]:
    """Each text by itself: several parts would become one vector."""
    measured = []
    for text in request.inputs:
        body = measuring(request, text)
        response = yield post(surface.method(request.model, "embedContent"), json=body)
        measured.append(answer(response, 1))
    return EmbeddingAnswer(
        embeddings=tuple(vector for one in measured for vector in one.embeddings),
        usage=Usage(input_tokens=added(*(one.usage.input_tokens for one in measured))),
    )


def measuring(request: EmbeddingRequest, text: str) -> dict[str, Any]:
    """One text, and what its vector is for."""
    body: dict[str, Any] = {"content": {"parts": [{"text": text}]}}
    if request.purpose is not None:
        body["taskType"] = TASKS.get(request.purpose, request.purpose)
    if request.dimensions is not None:
        body["outputDimensionality"] = request.dimensions
    return merged(body, request.options, without=OURS)


class Embedded(Shape, rename="camel"):
    """The answer: one vector, or one for each text."""

    embeddings: tuple[Vector | None, ...] | None = None
    embedding: Vector | None = None
    usage_metadata: Any = None
    error: Any = None


def answer(response: HttpResponse, texts: int) -> EmbeddingAnswer:
    """The vectors in the order of the texts. Raises what a 200 says went wrong."""
    found = response.read(Embedded)
    if found.error:
        raise failure_inside({"error": found.error})
    listed = found.embeddings or ((found.embedding,) if found.embedding else ())
    vectors = [one.values for one in listed if one is not None and one.values]
    if len(vectors) != texts:
        raise UnreadableResponse(
            f"the answer has {len(vectors)} vectors for {texts} texts", accepted="unknown"
        )
    if not all(math.isfinite(number) for vector in vectors for number in vector):
        raise UnreadableResponse("a vector has a value that is no number", accepted="unknown")
    return EmbeddingAnswer(embeddings=tuple(vectors), usage=usage(found.usage_metadata))
