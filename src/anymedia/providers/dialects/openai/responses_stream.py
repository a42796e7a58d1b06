"""Responses as they come: named events, closed by the one that carries the whole response."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
from anymedia.contracts.text import TextRequest
from anymedia.providers.dialects.openai.errors import failure_inside, request_id
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.responses import (
    CallItem,
    Response,
    gathered,
    raise_unfinished,
)
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape, convert, read
from anymedia.wire.sse import ServerEvent


class Event(Shape):
    """One event's data. Parts that only some kinds have are read when such a kind comes."""

    type: str | None = None
    output_index: int | None = None
    delta: Any = None
    item: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    error: Any = None
    code: Any = None
    message: Any = None
    param: Any = None


class ResponsesDecoder:
    """Passes fragments on, and gathers the items in case the closing event leaves them out."""

    def __init__(self, request: TextRequest, quirks: Quirks, head: HttpResponse) -> None:
        self._request = request
        self._quirks = quirks
        self._request_id = request_id(head, quirks.errors)
        self._items: dict[int, dict[str, Any]] = {}
        self._calls: dict[int, int] = {}
        """Our position of each tool call, by its place in the output."""
        self._text: list[str] = []
        self._thought = False
        self._closed = False

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]:
        """What one event adds. Kinds that we do not know add nothing."""
        if self._closed or not event.data or event.data == "[DONE]":
            return ()
        try:
            told = read(event.data, Event)
        except UnreadableResponse:
            if not event.complete:  # cut in its middle; `end` says so
                return ()
            raise
        match told.type or event.name:
            case "response.output_text.delta" if isinstance(told.delta, str):
                self._text.append(told.delta)
                return (TextDelta(text=told.delta),)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if (
                isinstance(told.delta, str)
            ):
                self._thought = True
                return (ReasoningDelta(text=told.delta),)
            case "response.reasoning_summary_part.added" if self._thought:
                return (ReasoningDelta(text="\n\n"),)
            case "response.output_item.added":
                return self._begun(told)
            case "response.function_call_arguments.delta" if isinstance(told.delta, str):
                return self._more(told.output_index, told.delta)
            case "response.output_item.done":
                return self._done(told)
            case "response.completed" | "response.incomplete" | "response.failed":
                return self._complete(told)
            case "error":
                raise self._failure(told)
            case _ if told.error:  # a gateway's error, which has no kind
                raise self._failure(told)
            case _:
                return ()

    def end(self) -> Iterable[StreamPiece]:
        """Nothing, if the closing event was there; else the stream was cut."""
        if self._closed:
            return ()
        raise NetworkFailed(
            "the stream ended before its close (`response.completed`): the answer is cut short",
            accepted="unknown",
            request_id=self._request_id,
        )

    def _begun(self, told: Event) -> Iterable[StreamPiece]:
        item = item_of(told)
        if item.get("type") != "function_call" or told.output_index is None:
            return ()
        call = convert(item, CallItem)
        position = self._calls[told.output_index] = len(self._calls)
        identifier = call.call_id or call.id or f"call_{position}"
        return (ToolCallStart(index=position, id=identifier, name=call.name or ""),)

    def _more(self, place: int | None, arguments: str) -> Iterable[StreamPiece]:
        position = self._calls.get(-1 if place is None else place)
        if position is None or not arguments:
            return ()
        return (ToolCallDelta(index=position, arguments=arguments),)

    def _done(self, told: Event) -> Iterable[StreamPiece]:
        place = len(self._items) if told.output_index is None else told.output_index
        self._items[place] = item_of(told)
        position = self._calls.get(place)
        return () if position is None else (ToolCallEnd(index=position),)

    def _complete(self, told: Event) -> Iterable[StreamPiece]:
        if nothing(told.response):
            raise UnreadableResponse(
                "the closing event has no `response`",
                accepted="unknown",
                request_id=self._request_id,
            )
        whole = read(bytes(told.response), Response)
        raise_unfinished(whole, self._quirks, self._request_id)
        self._closed = True
        items = whole.output or tuple(self._items[place] for place in sorted(self._items))
        answer = gathered(whole, items, self._request, self._quirks, self._request_id)
        if not answer.text and self._text:
            answer = answer.model_copy(update={"text": "".join(self._text)})
        return (AnswerComplete(answer=answer),)

    def _failure(self, told: Event) -> Exception:
        """OpenAI nests the error; its client also knows it flat."""
        error = told.error or {"message": told.message, "code": told.code, "param": told.param}
        return failure_inside({"error": error}, self._quirks.errors, self._request_id)


def item_of(told: Event) -> dict[str, Any]:
    """The output item that an event is about; an empty one where there is none."""
    return {} if nothing(told.item) else read(bytes(told.item), dict)


def nothing(raw: msgspec.Raw) -> bool:
    """Whether a part is missing or null."""
    return bytes(raw) in {b"", b"null"}
