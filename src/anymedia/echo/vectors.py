"""Embeddings: hashed words and pieces of words, so that texts alike lie close together."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter

import msgspec

from anymedia.echo.chance import digest
from anymedia.echo.refusal import invalid
from anymedia.echo.script import Script, refuse_forbidden
from anymedia.echo.words import STOPWORDS, tokens

MODEL = "vectors-1"
USUAL = 256
MOST = 4096


class EmbeddingBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    inputs: tuple[str, ...]
    dimensions: int | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was read."""

    input_tokens: int


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    id: str
    embeddings: tuple[tuple[float, ...], ...]
    usage: Usage
    model: str = MODEL
    cost: str | None = None


def answer(body: EmbeddingBody, script: Script, id_: str) -> Vectors:
    """A vector for every text."""
    if not body.inputs:
        raise invalid("`inputs` is empty")
    dimensions = USUAL if body.dimensions is None else body.dimensions
    if not 1 <= dimensions <= MOST:
        raise invalid(f"`dimensions` is {dimensions} and should be from 1 to {MOST}")
    refuse_forbidden(*body.inputs)
    return Vectors(
        id=id_,
        embeddings=tuple(embedded(text, dimensions) for text in body.inputs),
        usage=Usage(input_tokens=sum(map(tokens, body.inputs))),
        cost=script.reported,
    )


def embedded(text: str, dimensions: int) -> tuple[float, ...]:
    """A text as a vector of length one."""
    vector = [0.0] * dimensions
    for feature, weight in features(text).items():
        place = digest(feature)
        vector[place % dimensions] += weight if place >> 63 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:  # features that cancel each other out
        return (1.0, *[0.0] * (dimensions - 1))
    return tuple(round(value / length, 7) for value in vector)


def features(text: str) -> dict[str, float]:
    """Words, and pieces of three letters that words alike share, each with its weight."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    found: Counter[str] = Counter()
    for word in re.findall(r"\w+|[^\w\s]", plain):
        weight = 0.2 if word in STOPWORDS or not word.isalnum() else 1.0
        found[word] += weight  # type: ignore[assignment]  # counters count in halves as well
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            found[f"3:{padded[start : start + 3]}"] += weight * 0.35  # type: ignore[assignment]
    return {
        feature: 1 + math.log(1 + amount) if amount > 1 else amount
        for feature, amount in found.items()
    } or {"": 1.0}
