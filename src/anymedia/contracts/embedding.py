"""Embeddings: texts in, vectors out."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from anymedia.contracts.media import Medium
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer, Result


class EmbeddingAnswer(Answer):
    """Vectors from one provider, in the order of the inputs."""

    embeddings: tuple[tuple[float, ...], ...]


class EmbeddingResult(Result):
    """Vectors, in the order of the inputs."""

    embeddings: tuple[tuple[float, ...], ...]


class EmbeddingRequest(Request[EmbeddingResult]):
    """Vectors wanted."""

    medium: ClassVar[Medium] = "embedding"
    result_type = EmbeddingResult

    inputs: tuple[str, ...] = Field(min_length=1)
    """Texts; one alone can be given as it is."""
    dimensions: int | None = Field(default=None, ge=1)
    purpose: str | None = None
    """Where a model tells queries from documents: `query` or `document`."""

    @field_validator("inputs", mode="before", json_schema_input_type=tuple[str, ...] | str)
    @classmethod
    def _one_is_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value
