"""What a stream says while it flows. Kinds are noun-verb; the last one carries the result."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract
from anymedia.contracts.text import TextAnswer, TextResult


class TextDelta(Contract):
    """More words."""

    kind: Literal["text-delta"] = "text-delta"
    text: str


class ReasoningDelta(Contract):
    """More of what the model thinks, or of its summary."""

    kind: Literal["reasoning-delta"] = "reasoning-delta"
    text: str


class ToolCallStart(Contract):
    """The model begins to ask for a tool."""

    kind: Literal["tool-call-start"] = "tool-call-start"
    index: int
    id: str
    name: str


class ToolCallDelta(Contract):
    """More of a tool call's arguments, as JSON text in pieces."""

    kind: Literal["tool-call-delta"] = "tool-call-delta"
    index: int
    arguments: str


class ToolCallEnd(Contract):
    """A tool call is complete."""

    kind: Literal["tool-call-end"] = "tool-call-end"
    index: int


class AnswerComplete(Contract):
    """A provider's stream has ended well; this is what it said as a whole.

    The engine turns it into `StreamEnd`.
    """

    kind: Literal["answer-complete"] = "answer-complete"
    answer: TextAnswer


class StreamRestart(Contract):
    """What came so far is void: its provider broke off, and another begins anew.

    Only where the route says `resume_streams`.
    """

    kind: Literal["stream-restart"] = "stream-restart"
    provider: str
    """Who broke off."""
    reason: str


class StreamEnd(Contract):
    """The last event: the same result that `text` would have returned."""

    kind: Literal["stream-end"] = "stream-end"
    result: TextResult


StreamPiece: TypeAlias = (
    TextDelta | ReasoningDelta | ToolCallStart | ToolCallDelta | ToolCallEnd | AnswerComplete
)
"""What a provider's decoder returns."""

TextEvent: TypeAlias = Annotated[
    TextDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | StreamRestart
    | StreamEnd,
    Field(discriminator="kind"),
]
"""What callers of `stream_text` receive."""
