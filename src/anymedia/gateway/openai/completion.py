"""A chat completion answered: whole, or as chunks.

Beyond OpenAI's fields, which its clients keep and pass over: `usage.cost` in US dollars,
`warnings` where something differs from what was asked, `reasoning_content` for thoughts, and in a
message `provider_state`, which helps the next turn if it comes back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from anymedia.contracts.errors import ProviderUnavailable
from anymedia.contracts.event import (
    ReasoningDelta,
    StreamEnd,
    StreamRestart,
    TextDelta,
    TextEvent,
    ToolCallDelta,
    ToolCallStart,
)
from anymedia.contracts.notice import Notice
from anymedia.contracts.result import Result
from anymedia.contracts.text import TextResult
from anymedia.engine.speaker import Speaker
from anymedia.gateway.shared.document import encoded
from anymedia.providers.dialects.openai.chat import written

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Head:
    """What stands at the top of every answer."""

    id: str
    created: int
    notices: tuple[Notice, ...] = ()
    """What the translation itself left behind."""
    speaker: Speaker = field(default_factory=Speaker)
    """Who answers, while it comes."""


def completion(result: TextResult, head: Head) -> dict[str, Any]:
    """The whole answer."""
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": answered_by(result),
        "choices": [
            {
                "index": 0,
                "message": message(result),
                "logprobs": None,
                "finish_reason": result.finish.unified,
            }
        ],
        "usage": usage(result),
        **besides(result, head.notices),
    }


def message(result: TextResult) -> dict[str, Any]:
    """What the model says."""
    said: dict[str, Any] = {
        "role": "assistant",
        "content": result.text or (None if result.tool_calls or result.refusal else ""),
        "refusal": result.refusal,
    }
    if result.reasoning:
        said["reasoning_content"] = result.reasoning
    if result.tool_calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": written(call)},
            }
            for call in result.tool_calls
        ]
    if isinstance(sound := result.provider_metadata.get("audio"), Mapping):
        said["audio"] = {**sound, "transcript": result.text}
    if result.provider_state:
        said["provider_state"] = result.provider_state
    return said


def answered_by(result: Result) -> str:
    """Who really answered."""
    return f"{result.provider}/{result.model}"


def usage(result: Result) -> dict[str, Any] | None:
    """Tokens, and what they cost; nothing where nobody counted."""
    used = result.usage
    if used.input_tokens is None and used.output_tokens is None:
        return None
    into, out = used.input_tokens or 0, used.output_tokens or 0
    told: dict[str, Any] = {
        "prompt_tokens": into,
        "completion_tokens": out,
        "total_tokens": into + out,
        "prompt_tokens_details": {
            "cached_tokens": used.cached_input_tokens or 0,
            "audio_tokens": used.input_audio_tokens or 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": used.reasoning_tokens or 0,
            "audio_tokens": used.output_audio_tokens or 0,
        },
    }
    if used.cache_write_tokens is not None:
        told["prompt_tokens_details"]["cache_write_tokens"] = used.cache_write_tokens
    if result.cost.amount is not None:
        told["cost"] = float(result.cost.amount)
    return told


def besides(result: Result, notices: Iterable[Notice]) -> dict[str, Any]:
    """What differs from what was asked, if anything does; and the provider's own facts."""
    told: dict[str, Any] = {}
    if warnings := (*notices, *result.warnings):
        told["warnings"] = [one.model_dump(exclude_none=True) for one in warnings]
    if isinstance(tier := result.provider_metadata.get("service_tier"), str):
        told["service_tier"] = tier
    return told


async def chunks(
    events: AsyncGenerator[TextEvent, None], head: Head, model: str, *, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    """The answer as it comes, each piece with who gives it; `model` is what was asked for."""
    start = b""
    end = b',"logprobs":null,"finish_reason":null}]}\n\n'
    begun = False
    async with aclosing(events):
        async for event in events:
            if not begun:
                begun = True
                start = beginning(head, head.speaker.name or model)
                yield start + b'{"role":"assistant","content":""}' + end
            match event:
                case TextDelta(text=text):
                    yield start + b'{"content":' + encoded(text) + b"}" + end
                case ReasoningDelta(text=text):
                    yield start + b'{"reasoning_content":' + encoded(text) + b"}" + end
                case ToolCallStart() | ToolCallDelta():
                    yield start + encoded({"tool_calls": [fragment(event)]}) + end
                case StreamRestart():
                    raise restarted(event)
                case StreamEnd(result=result):
                    for last in ending(result, head, with_usage=with_usage):
                        yield b"data: " + encoded(last) + b"\n\n"
                    yield DONE
                case _:
                    pass  # the end of a tool call goes without saying here


def beginning(head: Head, name: str) -> bytes:
    """How every chunk begins."""
    top = {"id": head.id, "object": "chat.completion.chunk", "created": head.created, "model": name}
    return b"data: " + encoded(top)[:-1] + b',"choices":[{"index":0,"delta":'


def fragment(event: ToolCallStart | ToolCallDelta) -> dict[str, Any]:
    """A piece of a tool call."""
    if isinstance(event, ToolCallStart):
        function = {"name": event.name, "arguments": ""}
        return {"index": event.index, "id": event.id, "type": "function", "function": function}
    return {"index": event.index, "function": {"arguments": event.arguments}}


def restarted(event: StreamRestart) -> ProviderUnavailable:
    """This language has no word for taking back what was said."""
    return ProviderUnavailable(
        f"`{event.provider}` broke off in the middle of its answer: {event.reason}",
        accepted="unknown",
        provider=event.provider,
    )


def ending(result: TextResult, head: Head, *, with_usage: bool) -> Iterable[dict[str, Any]]:
    """Why it stopped, who it was, and what it took."""
    delta: dict[str, Any] = {}
    if result.refusal:
        delta["refusal"] = result.refusal
    if result.provider_state:
        delta["provider_state"] = result.provider_state
    top = {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.speaker.name or answered_by(result),
    }
    choice = {
        "index": 0,
        "delta": delta,
        "logprobs": None,
        "finish_reason": result.finish.unified,
    }
    yield {**top, "choices": [choice], **besides(result, head.notices)}
    if with_usage:
        yield {**top, "choices": [], "usage": usage(result)}
