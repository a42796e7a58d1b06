"""A message answered as it comes: named events that open, fill and close blocks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from anymedia.contracts.errors import ProviderUnavailable
from anymedia.contracts.event import (
    ReasoningDelta,
    StreamEnd,
    StreamRestart,
    TextDelta,
    TextEvent,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from anymedia.contracts.text import TextResult
from anymedia.gateway.anthropic.answer import Head, answered_by, besides, refusal, stop, usage
from anymedia.gateway.shared.document import encoded
from anymedia.gateway.shared.state import packed

WORDS = {"text": {"type": "text", "text": ""}, "thinking": {"type": "thinking", "thinking": ""}}


async def told(
    events: AsyncGenerator[TextEvent, None], head: Head, model: str
) -> AsyncGenerator[bytes, None]:
    """The events, the first of which says who answers; `model` is what was asked for."""
    telling = Telling(head)
    begun = False
    async with aclosing(events):
        async for event in events:
            if not begun:
                begun = True
                yield opening(head, head.speaker.name or model)
            said = b"".join(telling.tell(event))
            if said:
                yield said


def opening(head: Head, model: str) -> bytes:
    """The first event."""
    message: dict[str, Any] = {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    return event_of("message_start", {"message": message})


def event_of(name: str, fields: dict[str, Any]) -> bytes:
    """One event."""
    return f"event: {name}\ndata: ".encode() + encoded({"type": name, **fields}) + b"\n\n"


class Telling:
    """Which blocks are open while an answer is told."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._next = 0
        self._words: tuple[str, int] | None = None
        """The open block of words or thoughts, and its place."""
        self._calls: dict[int, int] = {}
        """The places of open tool calls."""
        self._spoke = False

    def tell(self, event: TextEvent) -> Iterator[bytes]:
        """What an event is in this dialect."""
        match event:
            case TextDelta(text=text):
                self._spoke = True
                yield from self._say("text", {"type": "text_delta", "text": text})
            case ReasoningDelta(text=text):
                yield from self._say("thinking", {"type": "thinking_delta", "thinking": text})
            case ToolCallStart(index=index, id=identifier, name=name):
                yield from self._hush()
                block = {"type": "tool_use", "id": identifier, "name": name, "input": {}}
                self._calls[index] = self._next
                yield self._open(block)
            case ToolCallDelta(index=index, arguments=arguments) if index in self._calls:
                piece = {"type": "input_json_delta", "partial_json": arguments}
                yield self._fill(self._calls[index], piece)
            case ToolCallEnd(index=index) if index in self._calls:
                yield self._close(self._calls.pop(index))
            case StreamRestart():
                raise ProviderUnavailable(
                    f"`{event.provider}` broke off in the middle of its answer: {event.reason}",
                    accepted="unknown",
                    provider=event.provider,
                )
            case StreamEnd(result=result):
                yield from self._end(result)
            case _:
                pass  # pieces of calls that nobody has begun

    def _say(self, kind: str, delta: dict[str, Any]) -> Iterator[bytes]:
        if self._words is None or self._words[0] != kind:
            yield from self._hush()
            self._words = (kind, self._next)
            yield self._open(WORDS[kind])
        yield self._fill(self._words[1], delta)

    def _hush(self) -> Iterator[bytes]:
        if self._words is not None:
            yield self._close(self._words[1])
            self._words = None

    def _end(self, result: TextResult) -> Iterator[bytes]:
        said = refusal(result)
        if said and not self._spoke:
            yield from self._say("text", {"type": "text_delta", "text": said})
        yield from self._hush()
        for place in self._calls.values():
            yield self._close(place)
        if result.provider_state:
            place = self._next
            yield self._open({"type": "redacted_thinking", "data": packed(result.provider_state)})
            yield self._close(place)
        delta = {**stop(result), **besides(result, self._head.notices)}
        yield event_of(
            "message_delta",
            {
                "delta": delta,
                "usage": usage(result),
                "model": self._head.speaker.name or answered_by(result),
            },
        )
        yield event_of("message_stop", {})

    def _open(self, block: dict[str, Any]) -> bytes:
        place = self._next
        self._next += 1
        return event_of("content_block_start", {"index": place, "content_block": block})

    def _fill(self, place: int, delta: dict[str, Any]) -> bytes:
        return event_of("content_block_delta", {"index": place, "delta": delta})

    def _close(self, place: int) -> bytes:
        return event_of("content_block_stop", {"index": place})
