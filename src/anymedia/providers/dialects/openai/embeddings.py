"""Embeddings: `POST /embeddings`."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import UnreadableResponse
from anymedia.providers.dialects.openai.errors import (
    OPENAI_ERRORS,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.fields import OURS, merged
from anymedia.providers.dialects.openai.usage import reported_cost, usage
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape

FORMAT = "encoding_format"


def operation(
    errors: ErrorTable = OPENAI_ERRORS,
    *,
    dimensions: str = "dimensions",
    reports_cost: bool = False,
) -> Call:
    """Vectors at once; `dimensions` is what the service calls their length."""
    return Call(
        EmbeddingRequest,
        partial(exchange, errors=errors, dimensions=dimensions, reports_cost=reports_cost),
        dialect="openai",
    )


def exchange(
    request: EmbeddingRequest,
    _: Brief,
    errors: ErrorTable,
    dimensions: str = "dimensions",
    reports_cost: bool = False,
) -> Exchange[EmbeddingAnswer]:
    """Have the texts measured."""
    response = yield ask(request, dimensions)
    return answer(response, len(request.inputs), errors, reports_cost=reports_cost)


def ask(request: EmbeddingRequest, dimensions: str = "dimensions") -> HttpRequest:
    """The request. Vectors come as numbers: not every server knows the base64 form."""
    body: dict[str, Any] = {"model": request.model, "input": request.inputs, FORMAT: "float"}
    if request.dimensions is not None:
        body[dimensions] = request.dimensions
    return post("/embeddings", json=merged(body, request.options, without=OURS | {FORMAT}))


class Vector(Shape):
    """One text's vector, and which text that was."""

    embedding: tuple[float, ...]
    index: int | None = None


class Vectors(Shape):
    """The answer."""

    data: tuple[Vector, ...] | None = None
    object: str | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None


def answer(
    response: HttpResponse, inputs: int, errors: ErrorTable, *, reports_cost: bool = False
) -> EmbeddingAnswer:
    """The vectors in the order of the texts. Raises what a 200 says went wrong."""
    measured = response.read(Vectors)
    raise_failure_inside(response, measured.error, measured.object, errors)
    vectors = measured.data or ()
    if len(vectors) != inputs:
        raise UnreadableResponse(
            f"the answer has {len(vectors)} vectors for {inputs} texts", accepted="unknown"
        )
    if not all(math.isfinite(number) for vector in vectors for number in vector.embedding):
        raise UnreadableResponse("a vector has a value that is no number", accepted="unknown")
    ordered = sorted(
        enumerate(vectors), key=lambda pair: pair[0] if pair[1].index is None else pair[1].index
    )
    return EmbeddingAnswer(
        model=measured.model,
        request_id=request_id(response, errors),
        embeddings=tuple(vector.embedding for _, vector in ordered),
        usage=usage(measured.usage),
        reported_cost=reported_cost(measured.usage) if reports_cost else None,
    )
