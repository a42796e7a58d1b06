"""A stream for providers that answer in one piece."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from anymedia.contracts.event import (
    AnswerComplete,
    ReasoningDelta,
    StreamPiece,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from anymedia.contracts.text import TextAnswer


def as_events(answer: TextAnswer) -> Iterator[StreamPiece]:
    """A whole answer as the events that a stream of it would have."""
    if answer.reasoning:
        yield ReasoningDelta(text=answer.reasoning)
    if answer.text:
        yield TextDelta(text=answer.text)
    for index, call in enumerate(answer.tool_calls):
        yield ToolCallStart(index=index, id=call.id, name=call.name)
        arguments = call.raw_arguments or msgspec.json.encode(call.arguments).decode()
        yield ToolCallDelta(index=index, arguments=arguments)
        yield ToolCallEnd(index=index)
    yield AnswerComplete(answer=answer)
