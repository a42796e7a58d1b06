"""Answers as they come: every event is a piece of one answer, and nothing marks the end.

The stream just closes, so only a finish reason tells a whole answer from one that was cut. Counts
are cumulative: the last ones said hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from anymedia.contracts.errors import NetworkFailed, UnreadableResponse
from anymedia.contracts.event import (
    AnswerComplete,
    ReasoningDelta,
    StreamPiece,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from anymedia.contracts.notice import Notice
from anymedia.providers.dialects.google.answers import (
    Candidate,
    Generated,
    absent,
    call_in,
    gathered,
    generated,
    identity,
    parts_of,
)
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.openai.chat import written_out
from anymedia.wire.sse import ServerEvent

T = TypeVar("T", Generated, Candidate)
TOLD = ("usage_metadata", "model_version", "response_id")
ENDING = (
    "finish_reason",
    "finish_message",
    "grounding_metadata",
    "citation_metadata",
    "safety_ratings",
)


class GeneratedDecoder:
    """Puts an answer together from its pieces, and passes them on."""

    def __init__(self, surface: Surface, notices: tuple[Notice, ...] = ()) -> None:
        self._surface = surface
        self._notices = notices
        self._whole = Generated()
        self._ending = Candidate()
        self._parts: list[dict[str, Any]] = []
        self._calls = 0

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]:
        """What one event adds."""
        if not event.data or event.data == "[DONE]":
            return ()
        try:
            piece = generated(event.data)
        except UnreadableResponse:
            if not event.complete:  # cut in its middle; `end` says so
                return ()
            raise
        self._whole = last(self._whole, piece, TOLD)
        candidate = piece.candidate()
        if candidate is None:
            if piece.prompt_feedback is not None and piece.prompt_feedback.block_reason:
                raise absent(piece.prompt_feedback, piece.response_id)
            return ()
        self._ending = last(self._ending, candidate, ENDING)
        return [one for part in parts_of(candidate) for one in self._added(part)]

    def end(self) -> Iterable[StreamPiece]:
        """The answer, if the model said why it ended; else the stream was cut."""
        if not self._ending.finish_reason:
            raise NetworkFailed(
                "the stream ended without a finish reason: the answer is cut short",
                accepted="unknown",
                request_id=self._whole.response_id,
            )
        answer = gathered(self._whole, self._ending, self._parts, self._surface, self._notices)
        return (AnswerComplete(answer=answer),)

    def _added(self, part: dict[str, Any]) -> Iterable[StreamPiece]:
        self._keep(part)
        if (call := call_in(part)) is not None:
            place = self._calls
            self._calls += 1
            yield ToolCallStart(index=place, id=identity(call, place), name=call["name"])
            yield ToolCallDelta(index=place, arguments=written_out(call.get("args")) or "{}")
            yield ToolCallEnd(index=place)
        text = part.get("text")
        if isinstance(text, str) and text:
            thought = part.get("thought") is True
            yield ReasoningDelta(text=text) if thought else TextDelta(text=text)

    def _keep(self, part: dict[str, Any]) -> None:
        """Pieces of one text become one part; what is signed stays by itself."""
        before = self._parts[-1] if self._parts else {}
        alike = ({"text"}, {"text", "thought"})
        if (
            part.keys() == before.keys()
            and part.keys() in alike
            and isinstance(part["text"], str)
            and isinstance(before["text"], str)
            and part.get("thought") == before.get("thought")
        ):
            before["text"] += part["text"]
        else:
            self._parts.append(dict(part))


def last(known: T, news: T, names: Iterable[str]) -> T:
    """The last word on each fact holds."""
    said = {name: value for name in names if (value := getattr(news, name)) is not None}
    return msgspec.structs.replace(known, **said)
