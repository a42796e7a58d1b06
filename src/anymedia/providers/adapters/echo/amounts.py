"""Numbers and files as answers carry them, kept only where they are what they say."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import as_bytes

Number = TypeVar("Number", bound=int | float | Decimal)
MOST = 10**12
"""Nothing that echo counts comes near."""


def amount(value: Number | None) -> Number | None:
    """The number, if it is a finite one from 0; else as good as not told."""
    if value is None or (isinstance(value, Decimal) and not value.is_finite()):
        return None
    return value if 0 <= value < MOST else None


def share(value: float | None) -> float | None:
    """The number, if it lies between 0 and 1."""
    found = amount(value)
    return found if found is not None and found <= 1 else None


def content(b64: str) -> bytes:
    """The bytes of a file."""
    try:
        data: bytes = as_bytes(b64)
    except ValueError:
        raise UnreadableResponse("a file is not valid base64", accepted="unknown") from None
    return data
