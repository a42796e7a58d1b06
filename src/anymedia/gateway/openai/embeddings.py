"""Embeddings: texts in, vectors out, as numbers or as base64 of their bytes."""

from __future__ import annotations

import base64
import sys
from array import array
from typing import Any, Literal

import msgspec

from anymedia.contracts.embedding import EmbeddingRequest, EmbeddingResult
from anymedia.gateway.openai.completion import answered_by, besides
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, wrong

NUMBERED = "(tokens)"
"""Stands for a text that came as a list of tokens, and goes along as it came."""


class Body(msgspec.Struct):
    """What is asked."""

    model: str
    input: Any
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None
    anymedia: dict[str, Any] | None = None


def asked(reading: Reading) -> tuple[EmbeddingRequest, bool]:
    """The request, and whether vectors are wanted as base64."""
    body = reading.top(Body)
    fields = {
        "model": body.model,
        "inputs": texts(reading, body.input),
        "dimensions": body.dimensions,
    }
    request = built(EmbeddingRequest, fields, body.anymedia, names={"inputs": "input"})
    return request, body.encoding_format == "base64"


def texts(reading: Reading, given: Any) -> list[str]:
    """The texts. Lists of tokens mean something only to those who share the vocabulary."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise wrong("input", "expected a text, or a list of at least one")
    if all(isinstance(one, str) for one in given):
        return given
    if not are_tokens(given) and not all(map(are_tokens, given)):
        raise wrong("input", "expected texts, or lists of tokens")
    reading.stranger("input")
    return [NUMBERED] * (1 if isinstance(given[0], int) else len(given))


def are_tokens(value: Any) -> bool:
    """Whether it is a text in numbers."""
    return isinstance(value, list) and bool(value) and all(type(one) is int for one in value)


def answer(result: EmbeddingResult, *, packed: bool) -> dict[str, Any]:
    """The vectors."""
    used = result.usage.input_tokens or 0
    usage: dict[str, Any] = {"prompt_tokens": used, "total_tokens": used}
    if result.cost.amount is not None:
        usage["cost"] = float(result.cost.amount)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": as_text(vector) if packed else vector,
            }
            for index, vector in enumerate(result.embeddings)
        ],
        "model": answered_by(result),
        "usage": usage,
        **besides(result, ()),
    }


def as_text(vector: tuple[float, ...]) -> str:
    """A vector as base64 of little-endian 32-bit floats."""
    packed = array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()
