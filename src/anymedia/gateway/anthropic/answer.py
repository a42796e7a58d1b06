"""A message answered, whole.

Anthropic's own blocks are passed on as they are. Of others' answers, thoughts, words and tool calls
become blocks, and what the provider wants back goes along packed. Beyond Anthropic's
fields, which its clients keep and pass over: `usage.cost` in US dollars, and `warnings` where
something differs from what was asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from anymedia.contracts.notice import Notice
from anymedia.contracts.text import FinishReason, TextResult
from anymedia.engine.speaker import Speaker
from anymedia.gateway.anthropic.turns import OWN
from anymedia.gateway.shared.state import packed

STOPS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "end_turn",
}
OWN_STOPS = frozenset(
    {
        *("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"),
        "model_context_window_exceeded",
    }
)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands at the top of every answer."""

    id: str
    notices: tuple[Notice, ...] = ()
    """What the translation itself left behind."""
    speaker: Speaker = field(default_factory=Speaker)
    """Who answers, while it comes."""


def message(result: TextResult, head: Head) -> dict[str, Any]:
    """The whole answer."""
    return {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": answered_by(result),
        "content": list(blocks(result)),
        **stop(result),
        "usage": usage(result),
        **besides(result, head.notices),
    }


def blocks(result: TextResult) -> Iterable[dict[str, Any]]:
    """What the model thinks, says and asks for."""
    own = result.provider_state.get(OWN)
    if isinstance(own, dict) and isinstance(own.get("content"), list | tuple):
        yield from own["content"]
        return
    if result.reasoning:
        yield {"type": "thinking", "thinking": result.reasoning, "signature": ""}
    if said := result.text or refusal(result):
        yield {"type": "text", "text": said}
    for call in result.tool_calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
    if result.provider_state:
        yield {"type": "redacted_thinking", "data": packed(result.provider_state)}


def refusal(result: TextResult) -> str | None:
    """What the model said instead of an answer; Anthropic's models say nothing then."""
    return None if result.finish.raw == "refusal" else result.refusal


def answered_by(result: TextResult) -> str:
    """Who really answered."""
    return f"{result.provider}/{result.model}"


def stop(result: TextResult) -> dict[str, Any]:
    """Why it stopped; in Anthropic's own finer words, where they are known."""
    raw = result.finish.raw
    sequence = result.provider_metadata.get("stop_sequence")
    reason = raw if raw in OWN_STOPS else STOPS[result.finish.unified]
    return {
        "stop_reason": "stop_sequence" if sequence else reason,
        "stop_sequence": sequence if isinstance(sequence, str) else None,
    }


def usage(result: TextResult) -> dict[str, Any]:
    """Tokens, those of the cache apart; and what they cost."""
    used = result.usage
    read, written = used.cached_input_tokens or 0, used.cache_write_tokens or 0
    told: dict[str, Any] = {
        "input_tokens": max(0, (used.input_tokens or 0) - read - written),
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": used.output_tokens or 0,
    }
    if used.reasoning_tokens is not None:
        told["output_tokens_details"] = {"thinking_tokens": used.reasoning_tokens}
    if result.cost.amount is not None:
        told["cost"] = float(result.cost.amount)
    return told


def besides(result: TextResult, notices: Iterable[Notice]) -> dict[str, Any]:
    """What differs from what was asked, if anything does; and the provider's own facts."""
    told: dict[str, Any] = {
        name: value
        for name in ("stop_details", "container")
        if (value := result.provider_metadata.get(name)) is not None
    }
    if warnings := (*notices, *result.warnings):
        told["warnings"] = [one.model_dump(exclude_none=True) for one in warnings]
    return told
