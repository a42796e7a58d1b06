"""Embeddings: texts alike lie close together."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.providers.echo.driving import called

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import RequestRejected


def asked(*inputs: str, **more: Any) -> EmbeddingRequest:
    """Vectors wanted."""
    return EmbeddingRequest.model_validate({"model": "vectors", "inputs": inputs} | more)


def test_vectors_have_length_one_and_the_dimensions_asked() -> None:
    """One for every text, in order."""
    answer = called(asked("a fox", "a boat", dimensions=64))
    assert [len(vector) for vector in answer.embeddings] == [64, 64]
    for vector in answer.embeddings:
        assert math.fsum(value * value for value in vector) == pytest.approx(1, abs=1e-4)
    assert answer.usage.input_tokens == 4


def test_what_is_alike_lies_close() -> None:
    """A search over it finds what it should."""
    question, near, far = called(
        asked("foxes in the snow", "a fox in deep snow", "quarterly tax report")
    ).embeddings

    def together(one: tuple[float, ...], other: tuple[float, ...]) -> float:
        return math.fsum(a * b for a, b in zip(one, other, strict=True))

    assert together(question, near) > together(question, far) + 0.2


def test_too_many_dimensions_are_rejected() -> None:
    """As the caller's to fix."""
    with pytest.raises(RequestRejected):
        called(asked("a fox", dimensions=100_000))
