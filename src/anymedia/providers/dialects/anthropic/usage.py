"""Token counts. Here `input_tokens` are only those that no cache had a part in; ours are all."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.openai.usage import below, count


def usage(raw: Any) -> Usage:
    """What an answer's `usage` says, and the object itself as `raw`."""
    if not isinstance(raw, dict):
        return Usage()
    plain = count(raw, "input_tokens")
    read = count(raw, "cache_read_input_tokens")
    written = count(raw, "cache_creation_input_tokens")
    return Usage(
        input_tokens=None if plain is None else plain + (read or 0) + (written or 0),
        output_tokens=count(raw, "output_tokens"),
        cached_input_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count(below(raw, "output_tokens_details"), "thinking_tokens"),
        raw=raw,
    )
