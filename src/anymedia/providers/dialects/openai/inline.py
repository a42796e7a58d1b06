"""Media inside answers."""

from __future__ import annotations

import base64
import binascii

from anymedia.contracts.errors import UnreadableResponse


def decoded(text: str) -> bytes:
    """Base64, with or without a data URI's head. `UnreadableResponse` when it is neither."""
    _, _, bare = text.rpartition(",")
    try:
        return base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableResponse("the media in the answer is not base64", accepted="yes") from None
