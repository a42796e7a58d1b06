"""A kept text as the stream that it once was, or would have been."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from anymedia.contracts.event import (
    ReasoningDelta,
    StreamEnd,
    TextDelta,
    TextEvent,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from anymedia.contracts.text import TextResult

PIECE = re.compile(r"\S{1,24}\s*|\s+")
"""A word and the space behind it. Where words are not set apart, as in Chinese, a short stretch."""


def replayed(result: TextResult) -> Iterator[TextEvent]:
    """The events of a text, in the order and of the kinds that a provider's stream has."""
    for piece in PIECE.findall(result.reasoning or ""):
        yield ReasoningDelta(text=piece)
    for piece in PIECE.findall(result.text):
        yield TextDelta(text=piece)
    for index, call in enumerate(result.tool_calls):
        yield ToolCallStart(index=index, id=call.id, name=call.name)
        arguments = call.raw_arguments
        if arguments is None:
            arguments = msgspec.json.encode(call.arguments).decode()
        if arguments:
            yield ToolCallDelta(index=index, arguments=arguments)
        yield ToolCallEnd(index=index)
    yield StreamEnd(result=result)
