"""Text: a conversation in, words and tool calls out, whole or in pieces."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from anymedia.contracts.errors import NetworkFailed
from anymedia.contracts.event import (
    AnswerComplete,
    ReasoningDelta,
    StreamPiece,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from anymedia.contracts.result import Answer
from anymedia.contracts.text import (
    Finish,
    FinishReason,
    Message,
    Part,
    TextAnswer,
    TextRequest,
    ToolCall,
    UserMessage,
)
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.echo.amounts import amount
from anymedia.providers.adapters.echo.body import body_of, plain
from anymedia.providers.adapters.echo.failures import explain, opened
from anymedia.providers.explain import said_in
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape, read
from anymedia.wire.sse import ServerEvent

FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


class Counted(Shape):
    """Tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


class Asked(Shape):
    """A tool that is asked for."""

    id: str
    name: str
    arguments: str
    """JSON."""


class Said(Shape):
    """The whole answer."""

    text: str
    finish: str
    model: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[Asked, ...] = ()
    usage: Counted = Counted()
    cost: Decimal | None = None


def body(request: TextRequest, brief: Brief) -> dict[str, Any]:
    """The request in echo's words, which are ours but for messages and tools."""
    asked = body_of(request, brief)
    asked["messages"] = [message(one) for one in request.messages]
    if request.tools:
        asked["tools"] = [one.model_dump(exclude_none=True) for one in request.tools]
    if request.output is not None:
        asked["output"] = request.output.model_dump(exclude_none=True)
    if request.tool_choice is not None and not isinstance(request.tool_choice, str):
        asked["tool_choice"] = {"name": request.tool_choice.name}
    return asked


def message(one: Message) -> dict[str, Any]:
    """Somebody's turn."""
    if isinstance(one, UserMessage):
        return {"role": "user", "content": [part(piece) for piece in one.parts()]}
    return {"role": one.role, "content": one.content, "name": getattr(one, "name", None)} | (
        {"is_error": one.is_error} if one.role == "tool" else {}
    )


def part(piece: Part) -> dict[str, Any]:
    """A piece of what the user says and shows."""
    return {name: plain(value) for name, value in piece if value is not None}


def answer(request: TextRequest, brief: Brief) -> Exchange[Answer]:
    """The whole answer at once."""
    response = yield post("/v1/text", json=body(request, brief))
    said = opened(response).read(Said)
    return TextAnswer(
        text=said.text,
        reasoning=said.reasoning,
        tool_calls=tuple(call(one.id, one.name, one.arguments) for one in said.tool_calls),
        finish=finish(said.finish),
        model=said.model,
        request_id=response.headers.get("x-request-id"),
        usage=usage(said.usage),
        reported_cost=amount(said.cost),
    )


def call(identifier: str, name: str, arguments: str) -> ToolCall:
    """A tool call; what is no JSON object is kept as it was written."""
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        found = None
    if isinstance(found, dict):
        return ToolCall(id=identifier, name=name, arguments=found)
    return ToolCall(id=identifier, name=name, arguments={}, raw_arguments=arguments)


def finish(word: str) -> Finish:
    """Why it stopped."""
    return Finish(unified=FINISHES.get(word, "stop"), raw=word)


def usage(said: Counted) -> Usage:
    """Consumption in our words."""
    return Usage(
        input_tokens=amount(said.input_tokens),
        output_tokens=amount(said.output_tokens),
        reasoning_tokens=amount(said.reasoning_tokens),
        raw=msgspec.to_builtins(said),
    )


# --- in pieces ------------------------------------------------------------------------------


def start(request: TextRequest, brief: Brief) -> HttpRequest:
    """The same question, answered as it comes."""
    return post("/v1/text", json={**body(request, brief), "stream": True})


class Event(Shape):
    """The data of any event."""

    model: str | None = None
    text: str = ""
    index: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""
    finish: str = ""
    usage: Counted = Counted()
    cost: Decimal | None = None
    error: Any = None


class Decoder:
    """Puts the answer together while it is told."""

    def __init__(self, _: TextRequest, __: Brief, head: HttpResponse) -> None:
        self._request_id = head.headers.get("x-request-id")
        self._status = head.status
        self._model: str | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[tuple[str, str, list[str]]] = []
        self._complete = False

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]:
        """What an event adds."""
        data = read(event.data, Event)
        match event.name:
            case "answer-start":
                self._model = data.model
            case "text":
                self._text.append(data.text)
                yield TextDelta(text=data.text)
            case "reasoning":
                self._reasoning.append(data.text)
                yield ReasoningDelta(text=data.text)
            case "tool-call":
                if self._calls:
                    yield ToolCallEnd(index=len(self._calls) - 1)
                self._calls.append((data.id, data.name, []))
                yield ToolCallStart(index=len(self._calls) - 1, id=data.id, name=data.name)
            case "tool-arguments" if self._calls:
                self._calls[-1][2].append(data.arguments)
                yield ToolCallDelta(index=len(self._calls) - 1, arguments=data.arguments)
            case "answer-end":
                yield from self._ended(data)
            case "error":
                raise explain.decide(said_in({"error": data.error}), status=self._status)
            case _:
                pass

    def _ended(self, data: Event) -> Iterable[StreamPiece]:
        if self._calls:
            yield ToolCallEnd(index=len(self._calls) - 1)
        self._complete = True
        yield AnswerComplete(
            answer=TextAnswer(
                text="".join(self._text),
                reasoning="".join(self._reasoning) or None,
                tool_calls=tuple(call(id_, name, "".join(js)) for id_, name, js in self._calls),
                finish=finish(data.finish),
                model=self._model,
                request_id=self._request_id,
                usage=usage(data.usage),
                reported_cost=amount(data.cost),
            )
        )

    def end(self) -> Iterable[StreamPiece]:
        """Nothing more; unless it broke off."""
        if not self._complete:
            raise NetworkFailed("the stream ended before the answer did", accepted="unknown")
        return ()
