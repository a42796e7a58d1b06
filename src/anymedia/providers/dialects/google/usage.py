"""Token counts. `candidatesTokenCount` leaves out thoughts, which are billed as output all the same.

Interactions count the same things under other names, by modality in lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.openai.usage import count, whole


def usage(raw: Any) -> Usage:
    """What an answer's `usageMetadata` says, and the object itself as `raw`."""
    if not isinstance(raw, dict):
        return Usage()
    thoughts = count(raw, "thoughtsTokenCount")
    into, out = by_modality(raw, "promptTokensDetails"), by_modality(raw, "candidatesTokensDetails")
    return Usage(
        input_tokens=added(count(raw, "promptTokenCount"), count(raw, "toolUsePromptTokenCount")),
        output_tokens=added(count(raw, "candidatesTokenCount"), thoughts),
        cached_input_tokens=count(raw, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        input_image_tokens=into.get("IMAGE"),
        input_audio_tokens=into.get("AUDIO"),
        output_image_tokens=out.get("IMAGE"),
        output_audio_tokens=out.get("AUDIO"),
        cached_image_tokens=by_modality(raw, "cacheTokensDetails").get("IMAGE"),
        raw=raw,
    )


def interaction_usage(raw: Any) -> Usage:
    """The same of an interaction. Its total tells whether thoughts stand beside the output."""
    if not isinstance(raw, dict):
        return Usage()
    prompt = added(count(raw, "total_input_tokens"), count(raw, "total_tool_use_tokens"))
    output, thoughts = count(raw, "total_output_tokens"), count(raw, "total_thought_tokens")
    beside = (prompt or 0) + (output or 0) + (thoughts or 0) == count(raw, "total_tokens")
    into = by_modality(raw, "input_tokens_by_modality")
    out = by_modality(raw, "output_tokens_by_modality")
    return Usage(
        input_tokens=prompt,
        output_tokens=added(output, thoughts if beside or output is None else None),
        cached_input_tokens=count(raw, "total_cached_tokens"),
        reasoning_tokens=thoughts,
        input_image_tokens=into.get("IMAGE"),
        input_audio_tokens=into.get("AUDIO"),
        output_image_tokens=out.get("IMAGE"),
        output_audio_tokens=out.get("AUDIO"),
        raw=raw,
    )


def added(*counts: int | None) -> int | None:
    """The sum of those that are known; nothing if none is."""
    known = [one for one in counts if one is not None]
    return sum(known) if known else None


def by_modality(raw: Mapping[str, Any], name: str) -> dict[str, int]:
    """Counts by kind of content."""
    listed = raw.get(name)
    found: dict[str, int] = {}
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict) or not isinstance(one.get("modality"), str):
            continue
        tokens = whole(one.get("tokenCount", one.get("tokens")))
        if tokens is not None:
            kind = one["modality"].upper()
            found[kind] = found.get(kind, 0) + tokens
    return found
