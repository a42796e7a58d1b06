"""Token counts, under the several names that one dialect has for them.

Chat says `prompt_tokens`, responses, images and transcription say `input_tokens`; details hang
below in objects that may be missing or null. A count that is not a number is left out rather
than refused: the answer has been paid for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from anymedia.contracts.usage import Usage


def usage(raw: Any) -> Usage:
    """What an answer's `usage` says, and the object itself as `raw`."""
    if not isinstance(raw, dict):
        return Usage()
    into = (
        below(raw, "prompt_tokens_details")
        or below(raw, "input_tokens_details")
        or below(raw, "input_token_details")
    )
    out = below(raw, "completion_tokens_details") or below(raw, "output_tokens_details")
    return Usage(
        input_tokens=count(raw, "prompt_tokens", "input_tokens"),
        output_tokens=count(raw, "completion_tokens", "output_tokens"),
        cached_input_tokens=first(
            count(into, "cached_tokens"),
            count(raw, "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens"),
        ),
        cache_write_tokens=count(into, "cache_write_tokens"),
        reasoning_tokens=count(out, "reasoning_tokens"),
        input_image_tokens=count(into, "image_tokens"),
        input_audio_tokens=count(into, "audio_tokens"),
        output_image_tokens=count(out, "image_tokens"),
        output_audio_tokens=count(out, "audio_tokens"),
        seconds=amount(raw, "seconds") or amount(raw, "prompt_audio_seconds"),
        raw=raw,
    )


def reported_cost(raw: Any) -> Decimal | None:
    """What the service says it charged, where `usage.cost` is that.

    With a key of one's own (`is_byok`) that is only its fee; the rest goes to the provider below.
    """
    if not isinstance(raw, dict):
        return None
    charged = amount(raw, "cost")
    if charged is None or raw.get("is_byok") is not True:
        return charged
    return charged + (amount(below(raw, "cost_details"), "upstream_inference_cost") or Decimal(0))


def below(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside another; an empty one where it is missing, null or something else."""
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def count(raw: Mapping[str, Any], *names: str) -> int | None:
    """The first of these that is a whole number."""
    for name in names:
        if raw and (value := raw.get(name)) is not None and (found := whole(value)) is not None:
            return found
    return None


def first(*values: int | None) -> int | None:
    """The first that is known."""
    return next((value for value in values if value is not None), None)


def whole(value: Any) -> int | None:
    """A count, where it is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def amount(raw: Mapping[str, Any], name: str) -> Decimal | None:
    """A quantity that may be fractional."""
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return Decimal(str(value))
