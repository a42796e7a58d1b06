"""Chat completions as they come: `data:` events with fragments, closed by `[DONE]`.

A stream counts as whole when the model has given its finish word; `[DONE]` and the usage come
after that, and some servers send neither.
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
from anymedia.contracts.text import TextAnswer
from anymedia.providers.dialects.openai.chat import (
    Call,
    Said,
    finished,
    flat,
    kept,
    listed,
    raise_empty,
    raise_failed_finish,
    state,
    tool_call,
    written_out,
)
from anymedia.providers.dialects.openai.errors import failure_inside, request_id
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.usage import reported_cost, usage
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape, read
from anymedia.wire.sse import ServerEvent

CLOSE = "[DONE]"


class ChunkChoice(Shape):
    """A fragment of one of the answers that were asked for."""

    index: int | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    error: Any = None


class Chunk(Shape):
    """One event's data."""

    id: str | None = None
    model: str | None = None
    choices: tuple[ChunkChoice, ...] | None = None
    usage: Any = None
    service_tier: str | None = None
    provider: Any = None
    error: Any = None


class CallSoFar:
    """A tool call while its fragments come in."""

    __slots__ = ("arguments", "id", "name", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: list[str] = []

    def take(self, fragment: Call) -> Iterable[StreamPiece]:
        """What a fragment adds; nothing is told before the tool's name is known."""
        function = fragment.function
        more = written_out(function.arguments) if function else ""
        if more:
            self.arguments.append(more)
        if self.name is not None:
            if more:
                yield ToolCallDelta(index=self.position, arguments=more)
            return
        self.id = self.id or fragment.id
        if function and function.name:
            self.id = self.id or f"call_{self.position}"
            self.name = function.name
            yield ToolCallStart(index=self.position, id=self.id, name=self.name)
            if self.arguments:
                yield ToolCallDelta(index=self.position, arguments="".join(self.arguments))


class ChatDecoder:
    """Puts an answer together from its fragments, and passes them on."""

    def __init__(
        self, quirks: Quirks, head: HttpResponse, notices: tuple[Notice, ...] = ()
    ) -> None:
        self._quirks = quirks
        self._notices = notices
        self._request_id = request_id(head, quirks.errors)
        self._id: str | None = None
        self._model: str | None = None
        self._service_tier: str | None = None
        self._provider: Any = None
        self._details: list[Any] = []
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[CallSoFar] = []
        self._by_index: dict[int, CallSoFar] = {}
        self._spoke = False
        self._finish: str | None = None
        self._usage: Any = None
        self._closed = False

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]:
        """What one event adds."""
        data = event.data
        if self._closed or not data:
            return ()
        if data == CLOSE:
            return self._complete()
        try:
            chunk = read(data, Chunk)
        except UnreadableResponse:
            if not event.complete:  # cut in its middle; `end` says so
                return ()
            raise
        if chunk.error:
            raise failure_inside({"error": chunk.error}, self._quirks.errors, self._request_id)
        self._id = self._id or chunk.id
        self._model = self._model or chunk.model
        self._service_tier = chunk.service_tier or self._service_tier
        self._provider = chunk.provider or self._provider
        self._usage = chunk.usage or self._usage
        pieces: list[StreamPiece] = []
        for choice in chunk.choices or ():
            if not choice.index:  # of several answers, the first is the answer
                self._take(choice, pieces)
        return pieces

    def end(self) -> Iterable[StreamPiece]:
        """The close, where the service does not send one; a cut is a failure."""
        if self._closed:
            return ()
        if self._finish is not None:
            return self._complete()
        raise NetworkFailed(
            f"the stream ended before its close (`{CLOSE}`): the answer is cut short",
            accepted="unknown",
            request_id=self._request_id,
        )

    def _take(self, choice: ChunkChoice, pieces: list[StreamPiece]) -> None:
        raise_failed_finish(choice.finish_reason, choice.error, self._quirks)
        self._finish = choice.finish_reason or self._finish
        said = choice.delta
        if said is None:
            return
        words, thoughts = flat(said.content)
        thoughts = said.reasoning_content or said.reasoning or thoughts
        if said.audio is not None:
            self._spoke = True
            words = words or said.audio.transcript or ""
        if thoughts:
            self._reasoning.append(thoughts)
            pieces.append(ReasoningDelta(text=thoughts))
        if words:
            self._text.append(words)
            pieces.append(TextDelta(text=words))
        for detail in listed(said.reasoning_details):
            gathered(self._details, detail)
        if said.refusal:
            self._refusal.append(said.refusal)
        for fragment in said.tool_calls or ():
            if fragment is not None:
                pieces.extend(self._call(fragment).take(fragment))

    def _call(self, fragment: Call) -> CallSoFar:
        """The call that a fragment belongs to.

        Usually `index` says so. Some servers leave it out, or give every call the index 0; there
        a new id begins a new call.
        """
        index = fragment.index
        call = self._calls[-1] if index is None and self._calls else self._by_index.get(index or 0)
        other = call is not None and fragment.id and call.id and fragment.id != call.id
        if call is None or other:
            call = CallSoFar(len(self._calls))
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        return call

    def _complete(self) -> Iterable[StreamPiece]:
        self._closed = True
        called = [call for call in self._calls if call.name is not None]
        said = self._text or self._reasoning or self._refusal or called
        if self._finish is None and not said:
            raise UnreadableResponse("the stream was closed without an answer", accepted="unknown")
        if not (self._text or self._refusal or called):
            raise_empty(self._finish, self._quirks)
        ends = [ToolCallEnd(index=call.position) for call in called]
        return [*ends, AnswerComplete(answer=self._answer(called))]

    def _answer(self, called: list[CallSoFar]) -> TextAnswer:
        refusal = "".join(self._refusal) or None
        return TextAnswer(
            model=self._model,
            request_id=self._request_id or self._id,
            text="".join(self._text),
            reasoning="".join(self._reasoning) or None,
            refusal=refusal,
            tool_calls=tuple(
                tool_call(call.id, call.position, call.name or "", "".join(call.arguments))
                for call in called
            ),
            finish=finished(self._finish, called=bool(called), refused=refusal is not None),
            usage=usage(self._usage),
            reported_cost=reported_cost(self._usage) if self._quirks.reports_cost else None,
            warnings=(*self._notices, *((UNHEARD,) if self._spoke else ())),
            metadata=kept(self._id, self._service_tier, self._provider),
            provider_state=state(self._details, self._quirks),
        )


GROWING = ("text", "summary", "data")
"""Fields of a reasoning detail that come in fragments."""


def gathered(details: list[Any], fragment: Any) -> None:
    """Add a fragment to the detail it goes on with, or begin a new one."""
    last = details[-1] if details else None
    if (
        isinstance(last, dict)
        and isinstance(fragment, dict)
        and all(last.get(name) == fragment.get(name) for name in ("type", "index"))
        and isinstance(fragment.get("index"), int)
    ):
        grown = {
            name: last[name] + fragment[name]
            for name in GROWING
            if isinstance(last.get(name), str) and isinstance(fragment.get(name), str)
        }
        news = {name: value for name, value in fragment.items() if value is not None}
        details[-1] = {**last, **news, **grown}
    else:
        details.append(fragment)


UNHEARD = Notice(
    code="provider-note",
    message="the spoken audio of a stream is not kept, only its words; ask without streaming",
)
