"""What a provider wants back unchanged, packed into a text that clients hand back unread.

Clients return Anthropic's `redacted_thinking` and the encrypted content of OpenAI's reasoning as
they came. So whatever a provider's next turn needs (signed thoughts, encrypted reasoning) travels
in such a place, whoever the provider is.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

import msgspec

from anymedia.gateway.shared.document import encoded

MARK = "anymedia1."
MOST_BYTES = 32 * 1024 * 1024
"""Unpacked; what claims to be larger was not packed here."""


def packed(state: dict[str, Any]) -> str:
    """The state as text."""
    return MARK + base64.urlsafe_b64encode(zlib.compress(encoded(state))).decode()


def is_packed(text: Any) -> bool:
    """Whether it was packed here."""
    return isinstance(text, str) and text.startswith(MARK)


def unpacked(text: str) -> dict[str, Any] | None:
    """The state again; `None` where the text was tampered with."""
    try:
        raw = base64.b64decode(text.removeprefix(MARK), altchars=b"-_", validate=True)
        opening = zlib.decompressobj()
        content = opening.decompress(raw, MOST_BYTES)
        state = msgspec.json.decode(content) if opening.eof else None
    except (binascii.Error, ValueError, zlib.error, RecursionError):
        return None
    return state if isinstance(state, dict) else None
