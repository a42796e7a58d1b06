"""Embeddings: vectors of length 1, the same for the same text."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any

from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.openai import mind
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure, missing_parameter

KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
SIZES = {"text-embedding-3-large": 3072}


def answer(asked: Asked) -> Response:
    """`POST /v1/embeddings`."""
    model = asked.model("embedding")
    asked.refuse_unknown(KNOWN)
    given = asked.fields.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise missing_parameter("input")
    size = asked.fields.get("dimensions") or SIZES.get(model.id, 1536)
    if "dimensions" in asked.fields and "dimensions" not in model.features:
        raise Failure(400, "This model does not support specifying dimensions.")
    read = sum(mind.tokens(str(text)) for text in texts)
    asked.charge(f"emb_{asked.number}", model, input_tokens=read)
    packed = asked.fields.get("encoding_format") == "base64"
    return JSONResponse(
        {
            "object": "list",
            "model": model.id,
            "data": [
                {
                    "object": "embedding",
                    "index": place,
                    "embedding": encoded(vector(str(text), size), packed=packed),
                }
                for place, text in enumerate(texts)
            ],
            "usage": {"prompt_tokens": read, "total_tokens": read},
        }
    )


def vector(text: str, size: int) -> list[float]:
    """A direction that a text stands for."""
    seed = hashlib.shake_256(text.encode()).digest(size)
    raw = [byte - 127.5 for byte in seed]
    length = math.sqrt(sum(value * value for value in raw))
    return [value / length for value in raw]


def encoded(values: list[float], *, packed: bool) -> Any:
    """As numbers, or as the base64 of 32-bit floats that the official client asks for."""
    if not packed:
        return values
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
