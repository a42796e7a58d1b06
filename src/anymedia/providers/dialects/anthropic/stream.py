"""Messages as they come: named events that build the blocks, closed by `message_stop`.

Counts are cumulative: the last one said of each holds. Events and deltas of unknown kinds are
skipped, as the provider asks (docs, "Streaming", 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
from anymedia.providers.dialects.anthropic.answers import Message, gathered, is_call, words
from anymedia.providers.dialects.anthropic.errors import failure_inside, request_id
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.dialects.openai.chat import understood, written_out
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape, convert, read
from anymedia.wire.sse import ServerEvent


class Delta(Shape):
    """What an event adds to a block."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    citation: Any = None


class Event(Shape):
    """One event's data. Parts that only some kinds have are read when such a kind comes."""

    type: str | None = None
    index: int | None = None
    message: Any = None
    content_block: Any = None
    delta: Any = None
    usage: Any = None
    error: Any = None


class Block:
    """One block while its pieces come in."""

    __slots__ = ("arguments", "content", "open", "position")

    def __init__(self, content: dict[str, Any], position: int | None) -> None:
        self.content = content
        self.position = position
        """Its place among the tool calls, if it is one."""
        self.arguments: list[str] = []
        self.open = True

    def add(self, delta: Delta) -> None:
        """One more piece."""
        for name, more in (("text", delta.text), ("thinking", delta.thinking)):
            if more:
                before = self.content.get(name)
                self.content[name] = (before if isinstance(before, str) else "") + more
        if delta.signature:
            self.content["signature"] = delta.signature
        if delta.partial_json:
            self.arguments.append(delta.partial_json)
        if delta.citation is not None:
            before = self.content.get("citations")
            earlier = before if isinstance(before, list) else []
            self.content["citations"] = [*earlier, delta.citation]

    def close(self) -> Iterable[StreamPiece]:
        """The block is whole; arguments that are no JSON object stay as they were written."""
        if not self.open:
            return
        self.open = False
        if self.arguments:
            written = "".join(self.arguments)
            fields, raw = understood(written)
            # Only the caller of a tool can make something of what is no object.
            self.content["input"] = fields if raw is None or self.position is None else raw
        elif self.position is not None and (
            whole := written_out(self.content.get("input"))
        ) not in {
            "",
            "{}",
        }:
            yield ToolCallDelta(index=self.position, arguments=whole)
        if self.position is not None:
            yield ToolCallEnd(index=self.position)


class MessagesDecoder:
    """Puts an answer together from its pieces, and passes them on."""

    def __init__(
        self, quirks: Quirks, head: HttpResponse, notices: tuple[Notice, ...] = ()
    ) -> None:
        self._quirks = quirks
        self._notices = notices
        self._request_id = request_id(head, quirks.errors)
        self._told: dict[str, Any] = {}
        """What is known of the message beside its blocks."""
        self._usage: dict[str, Any] = {}
        self._blocks: list[Block] = []
        self._by_index: dict[int, Block] = {}
        self._thought: Block | None = None
        self._calls = 0
        self._closed = False

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]:
        """What one event adds."""
        if self._closed or not event.data:
            return ()
        try:
            told = read(event.data, Event)
        except UnreadableResponse:
            if not event.complete:  # cut in its middle; `end` says so
                return ()
            raise
        match told.type or event.name:
            case "message_start":
                self._begin(told.message)
            case "content_block_start":
                return self._open(told)
            case "content_block_delta":
                return self._more(told)
            case "content_block_stop":
                block = self._by_index.get(-1 if told.index is None else told.index)
                return list(block.close()) if block else ()
            case "message_delta":
                self._tell(told.delta, told.usage)
            case "message_stop":
                return self._complete()
            case "error":
                raise failure_inside(read(event.data, dict), self._quirks.errors, self._request_id)
            case _ if told.error:  # a gateway's error, which has no kind
                raise failure_inside(read(event.data, dict), self._quirks.errors, self._request_id)
            case _:
                pass  # `ping`, and kinds to come
        return ()

    def end(self) -> Iterable[StreamPiece]:
        """Nothing, if the closing event was there; else the stream was cut."""
        if self._closed:
            return ()
        raise NetworkFailed(
            "the stream ended before its close (`message_stop`): the answer is cut short",
            accepted="unknown",
            request_id=self._request_id,
        )

    def _begin(self, message: Any) -> None:
        if isinstance(message, dict):
            fields = {name: value for name, value in message.items() if name != "content"}
            self._tell(fields, fields.pop("usage", None))

    def _tell(self, fields: Any, counts: Any) -> None:
        """The last word on each fact holds."""
        for into, news in ((self._told, fields), (self._usage, counts)):
            if isinstance(news, dict):
                into |= {name: value for name, value in news.items() if value is not None}

    def _open(self, told: Event) -> Iterable[StreamPiece]:
        content = dict(told.content_block) if isinstance(told.content_block, dict) else {}
        position = self._calls if is_call(content) else None
        block = Block(content, position)
        self._blocks.append(block)
        self._by_index[len(self._by_index) if told.index is None else told.index] = block
        if position is not None:
            self._calls += 1
            identifier = words(content.get("id")) or f"call_{position}"
            return (ToolCallStart(index=position, id=identifier, name=str(content["name"])),)
        return self._passed(block, words(content.get("text")), words(content.get("thinking")))

    def _more(self, told: Event) -> Iterable[StreamPiece]:
        block = self._by_index.get(-1 if told.index is None else told.index)
        if block is None or not block.open or not isinstance(told.delta, dict):
            return ()
        delta = convert(told.delta, Delta)
        block.add(delta)
        if block.position is not None:
            more = delta.partial_json
            return (ToolCallDelta(index=block.position, arguments=more),) if more else ()
        return self._passed(block, delta.text, delta.thinking)

    def _passed(self, block: Block, text: str | None, thought: str | None) -> Iterable[StreamPiece]:
        """Words and thoughts for the caller; thoughts of several blocks are set apart."""
        kind = block.content.get("type")
        if kind == "text" and text:
            return (TextDelta(text=text),)
        if kind == "thinking" and thought:
            apart = self._thought not in {None, block}
            self._thought = block
            return (ReasoningDelta(text=f"\n\n{thought}" if apart else thought),)
        return ()

    def _complete(self) -> Iterable[StreamPiece]:
        if not self._told and not self._blocks:
            raise UnreadableResponse(
                "the stream was closed without an answer",
                accepted="unknown",
                request_id=self._request_id,
            )
        self._closed = True
        ends = [piece for block in self._blocks for piece in block.close()]
        message = convert({**self._told, "usage": self._usage or None}, Message)
        contents = [block.content for block in self._blocks]
        answer = gathered(message, contents, self._quirks, self._request_id, self._notices)
        return [*ends, AnswerComplete(answer=answer)]
