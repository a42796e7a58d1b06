"""A response answered as it comes: numbered events that open, fill and close items.

What only the whole answer tells comes at the end: a refusal, calls of the provider's own tools,
what it wants back. Once an answer has begun, a failure is an `error` and a `response.failed`, as
OpenAI sends them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from anymedia.contracts.errors import GenerationError
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
from anymedia.gateway.openai import responses_answer as answer
from anymedia.gateway.openai.completion import restarted
from anymedia.gateway.openai.responses_answer import Head
from anymedia.gateway.openai.responses_events import event_of, problem
from anymedia.providers.dialects.openai.responses import own_items

OURS = ("message", "function_call", "reasoning")
"""Kinds of items that are told while they come."""


async def told(
    events: AsyncGenerator[TextEvent, None], head: Head, model: str, now: Callable[[], int]
) -> AsyncGenerator[bytes, None]:
    """The events, each with who answers; `model` is what was asked for."""
    telling = Telling(head, model, now)
    begun = False
    async with aclosing(events):
        try:
            async for event in events:
                if not begun:
                    begun = True
                    yield telling.opening()
                said = b"".join(telling.tell(event))
                if said:
                    yield said
        except GenerationError as error:
            if not begun:
                raise
            yield telling.failed(error)


@dataclass(slots=True)
class Open:
    """An item that is not complete yet."""

    kind: str
    place: int
    identifier: str
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it says so far."""
        return "".join(self.pieces)

    def at(self, name: str) -> dict[str, Any]:
        """Where it is, for the events about its one part."""
        return {"item_id": self.identifier, "output_index": self.place, name: 0}

    def call(self, status: str) -> dict[str, Any]:
        """The function that is asked for, as far as it is told."""
        arguments = self.text or ("{}" if status == "completed" else "")
        return answer.a_call(self.identifier, self.call_id, self.name, arguments, status)


class Telling:
    """Which items are open while an answer is told."""

    def __init__(self, head: Head, model: str, now: Callable[[], int]) -> None:
        self._head = head
        self._asked = model
        self._now = now
        self._number = -1
        self._next = 0
        self._words: Open | None = None
        """The message or the thought that is being said."""
        self._calls: dict[int, Open] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._messages = 0

    @property
    def _model(self) -> str:
        return self._head.speaker.name or self._asked

    def opening(self) -> bytes:
        """The first events."""
        response = answer.beginning(self._head, self._model)
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def tell(self, event: TextEvent) -> Iterator[bytes]:
        """What an event is in this dialect."""
        match event:
            case TextDelta(text=text):
                yield from self._say("message", text)
            case ReasoningDelta(text=text):
                yield from self._say("reasoning", text)
            case ToolCallStart(index=index, id=identifier, name=name):
                yield from self._hush()
                call = self._opened("function_call", "fc")
                call.call_id, call.name = identifier, name
                self._calls[index] = call
                yield self._added(call.place, call.call("in_progress"))
            case ToolCallDelta(index=index, arguments=arguments) if index in self._calls:
                call = self._calls[index]
                call.pieces.append(arguments)
                yield self._event(
                    "response.function_call_arguments.delta",
                    item_id=call.identifier,
                    output_index=call.place,
                    delta=arguments,
                )
            case ToolCallEnd(index=index) if index in self._calls:
                yield from self._called(self._calls.pop(index))
            case StreamRestart():
                raise restarted(event)
            case StreamEnd(result=result):
                yield from self._end(result)
            case _:
                pass  # pieces of calls that nobody has begun

    def failed(self, error: GenerationError) -> bytes:
        """It broke off: what was said is all there is."""
        said = problem(error)
        yet = self._words
        if yet is not None and yet.kind == "message":
            piece = [answer.words(yet.text)]
            self._items[yet.place] = answer.message(yet.identifier, piece, "incomplete")
        for call in self._calls.values():
            self._items[call.place] = call.call("incomplete")
        response = {
            **answer.beginning(self._head, self._model),
            "status": "failed",
            "output": self._output(),
            "error": {"code": said["code"] or "server_error", "message": said["message"]},
        }
        return self._event("error", **said) + self._event("response.failed", response=response)

    # --- words ----------------------------------------------------------------------------

    def _say(self, kind: str, text: str) -> Iterator[bytes]:
        yet = self._words
        if yet is None or yet.kind != kind:
            yield from self._hush()
            yet = self._words = self._opened(kind, "msg" if kind == "message" else "rs")
            if kind == "message":
                empty = answer.message(yet.identifier, [], "in_progress")
                yield self._added(yet.place, empty)
                yield self._part("added", yet, answer.words(""))
            else:
                yield self._added(yet.place, answer.thought(yet.identifier, ""))
                yield self._summary("part.added", yet, part={"type": "summary_text", "text": ""})
        yet.pieces.append(text)
        if kind == "reasoning":
            yield self._summary("text.delta", yet, delta=text)
        elif text:
            yield self._event(
                "response.output_text.delta", **yet.at("content_index"), delta=text, logprobs=[]
            )

    def _hush(self, result: TextResult | None = None) -> Iterator[bytes]:
        yet, self._words = self._words, None
        if yet is None:
            return
        if yet.kind == "reasoning":
            part = {"type": "summary_text", "text": yet.text}
            yield self._summary("text.done", yet, text=yet.text)
            yield self._summary("part.done", yet, part=part)
            yield self._done(yet.place, answer.thought(yet.identifier, yet.text))
            return
        self._messages += 1
        piece = self._annotated(yet.text, result)
        told = {"text": yet.text, "logprobs": piece.get("logprobs") or []}
        yield self._event("response.output_text.done", **yet.at("content_index"), **told)
        yield self._part("done", yet, piece)
        pieces = [piece]
        if result is not None and result.refusal:
            pieces.append({"type": "refusal", "refusal": result.refusal})
            yield from self._refuse(yet, 1, result.refusal)
        status = "completed" if result is None else answer.status_of(result)
        yield self._done(yet.place, answer.message(yet.identifier, pieces, status))

    def _annotated(self, text: str, result: TextResult | None) -> dict[str, Any]:
        """The words with their sources, where the provider names any at the end."""
        own = own_items(result.provider_state) if result is not None else ()
        messages = [one for one in own if one.get("type") == "message"]
        if len(messages) >= self._messages:
            for piece in messages[self._messages - 1].get("content") or ():
                if isinstance(piece, dict) and piece.get("text") == text:
                    return {**answer.words(text), **piece}
        return answer.words(text)

    def _refuse(self, yet: Open, place: int, words: str) -> Iterator[bytes]:
        at = {"item_id": yet.identifier, "output_index": yet.place, "content_index": place}
        part = {"type": "refusal", "refusal": words}
        empty = {"type": "refusal", "refusal": ""}
        yield self._event("response.content_part.added", **at, part=empty)
        yield self._event("response.refusal.delta", **at, delta=words)
        yield self._event("response.refusal.done", **at, refusal=words)
        yield self._event("response.content_part.done", **at, part=part)

    # --- the end --------------------------------------------------------------------------

    def _called(self, call: Open) -> Iterator[bytes]:
        item = call.call("completed")
        yield self._event(
            "response.function_call_arguments.done",
            item_id=call.identifier,
            output_index=call.place,
            arguments=item["arguments"],
            name=call.name,
        )
        yield self._done(call.place, item)

    def _end(self, result: TextResult) -> Iterator[bytes]:
        if self._words is not None and self._words.kind == "message":
            yield from self._hush(result)
        else:
            yield from self._hush()
            yield from self._unsaid(result)
        for call in self._calls.values():
            yield from self._called(call)
        self._calls.clear()
        for item in own_items(result.provider_state):
            if item.get("type") not in OURS:
                yield from self._shown(item)
        if result.provider_state:
            yield from self._shown(answer.sealed(result, self._head, self._next))
        response = answer.ended(result, self._head, self._output(), self._now())
        yield self._event(f"response.{response['status']}", response=response)

    def _unsaid(self, result: TextResult) -> Iterator[bytes]:
        """What an answer without words says: that it refuses, or nothing at all."""
        if result.refusal:
            yet = self._opened("message", "msg")
            yield self._added(yet.place, answer.message(yet.identifier, [], "in_progress"))
            yield from self._refuse(yet, 0, result.refusal)
            piece = {"type": "refusal", "refusal": result.refusal}
            status = answer.status_of(result)
            yield self._done(yet.place, answer.message(yet.identifier, [piece], status))
        elif not (self._messages or result.tool_calls):
            yield from self._say("message", "")
            yield from self._hush(result)

    def _shown(self, item: dict[str, Any]) -> Iterable[bytes]:
        place = self._next
        self._next += 1
        return (self._added(place, item), self._done(place, item))

    # --- events ---------------------------------------------------------------------------

    def _opened(self, kind: str, prefix: str) -> Open:
        place = self._next
        self._next += 1
        return Open(kind, place, self._head.item(prefix, place))

    def _output(self) -> list[dict[str, Any]]:
        return [self._items[place] for place in sorted(self._items)]

    def _added(self, place: int, item: dict[str, Any]) -> bytes:
        return self._event("response.output_item.added", output_index=place, item=item)

    def _done(self, place: int, item: dict[str, Any]) -> bytes:
        self._items[place] = item
        return self._event("response.output_item.done", output_index=place, item=item)

    def _part(self, what: str, yet: Open, part: dict[str, Any]) -> bytes:
        return self._event(f"response.content_part.{what}", **yet.at("content_index"), part=part)

    def _summary(self, what: str, yet: Open, **fields: Any) -> bytes:
        kind = f"response.reasoning_summary_{what}"
        return self._event(kind, **yet.at("summary_index"), **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return event_of(kind, self._number, fields)
