"""Messages in this dialect passed on as they are: which may be, and what is read of the answer.

As for chat (`dialects/openai/relay.py`): the body goes on with its model's name exchanged. Models
that think unasked are left to the long way, which knows how thoughts come back in the next turn.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from anymedia.contracts.errors import NetworkFailed, UnreadableResponse
from anymedia.contracts.model import Model
from anymedia.providers.dialects.anthropic.errors import failure_inside, request_id
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.dialects.anthropic.usage import usage
from anymedia.providers.dialects.openai.relay import (
    OBJECT,
    UNREADABLE,
    Named,
    counts_of,
    data_of,
    is_streamed,
    rewritten,
    said,
    signed,
    split,
    text_in,
    whole,
)
from anymedia.providers.spec import Fields, Listener, Receipt, Relay
from anymedia.wire.http import HttpResponse
from anymedia.wire.large import Body, in_brief, is_large, is_string
from anymedia.wire.shape import Shape, read
from anymedia.wire.sse import MAX_EVENT_BYTES, too_large

PLAIN = frozenset({"model", "messages", "max_tokens", "system", "stop_sequences", "stream"})
PATH = "/v1/messages"
NOTHING_ELSE: dict[str, Any] = {}
"""Is changed of a body but its model."""
TELLING = re.compile(rb'"type"\s*:\s*"(?:message_start|message_delta|message_stop|error)"|"error"')
"""What an event that has to be looked at holds. Quotes inside a text are escaped."""


class Words(msgspec.Struct, forbid_unknown_fields=True):
    """A block of plain words."""

    type: Literal["text"]
    text: str
    cache_control: dict[str, Any] | None = None


class Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A turn in plain words; any other is looked at elsewhere."""

    role: Literal["user", "assistant"]
    content: str | list[Words]


class Long(msgspec.Struct, forbid_unknown_fields=True):
    """The same of what is long, with its words left where they are."""

    role: Literal["user", "assistant"]
    content: Raw


LONG_TURNS = msgspec.json.Decoder(Annotated[list[Long], Meta(min_length=1)])
WORDS = msgspec.json.Decoder(list[Words])
TURNS = msgspec.json.Decoder(Annotated[list[Plain], Meta(min_length=1)])
SYSTEM = msgspec.json.Decoder(str | list[Words])
STOPS = msgspec.json.Decoder(list[str])


class Counted(msgspec.Struct):
    """Usage as the service tells it; whatever is told otherwise is read by `usage.usage`."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: None = None


COUNTED = msgspec.json.Decoder(Counted)


class Told(msgspec.Struct):
    """A good answer as nearly everybody gives it. Whatever is told otherwise is looked at closely."""

    content: list[Raw]
    usage: Counted
    model: str | None = None
    id: str | None = None
    type: str | None = None
    error: None = None


TOLD = msgspec.json.Decoder(Told)


class Event(Shape):
    """An event that is looked at."""

    type: str | None = None
    message: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


def relay(quirks: Quirks) -> Relay:
    """How a service passes messages on."""
    allowed = PLAIN | set(quirks.sampling.values())

    def suits(fields: Fields, model: Model | None) -> bool:
        if not allowed.issuperset(fields):
            return False
        most = most_written(fields)
        cap = model.limits.output_tokens if model is not None else None
        if most is None or not 0 < most <= (cap or most):
            return False
        if most > quirks.whole_tokens and not is_streamed(fields):
            return False
        if thinks(model, quirks):
            return False
        try:
            messages = in_brief(fields, "messages")
            system = in_brief(fields, "system") if "system" in fields else None
            stops = fields.get("stop_sequences")
            if is_large(messages):
                for one in LONG_TURNS.decode(messages):
                    if not is_string(one.content):
                        WORDS.decode(one.content)
            else:
                TURNS.decode(messages)
            if stops is not None:
                STOPS.decode(stops)
            return system is None or bool(SYSTEM.decode(system))
        except (KeyError, *UNREADABLE):
            return False  # the long way says what is wrong, or can do it

    def ask(body: bytes, fields: Fields, model_id: str) -> Body:
        return rewritten(body, fields, model_id, NOTHING_ELSE)

    def receipt(response: HttpResponse) -> Receipt:
        try:
            told = TOLD.decode(response.content)
            answer = OBJECT.decode(response.content)
        except UNREADABLE:
            return looked_at(response, quirks)
        if told.type == "error":
            return looked_at(response, quirks)
        return Receipt(
            counts=counted(told.usage),
            raw=answer["usage"],
            model=told.model,
            request_id=response.headers.first(quirks.errors.request_id_headers) or told.id,
            answer=answer,
        )

    def listen(_: Fields, head: HttpResponse, name: str = "") -> Listener:
        return Overhearing(quirks, head, name)

    return Relay(
        path=PATH,
        headers={"anthropic-version": quirks.version},
        suits=suits,
        ask=ask,
        most=most_written,
        read=receipt,
        signed=signed,
        listen=listen,
    )


def thinks(model: Model | None, quirks: Quirks) -> bool:
    """Whether a model may think without being asked to."""
    settings = model.settings if model is not None else {}
    form = settings.get("thinking") or quirks.thinking
    return form == "always" or bool(settings.get("thinking_by_default"))


def most_written(fields: Fields) -> int | None:
    """How many tokens may be written at most."""
    digits = bytes(fields.get("max_tokens", b""))
    return int(digits[:9]) if digits.isdigit() else None


def looked_at(response: HttpResponse, quirks: Quirks) -> Receipt:
    """What is kept of an answer that may be none, field by field. Raises the failure it tells."""
    answer = whole(response)
    identifier = request_id(response, quirks.errors)
    if said(answer, "error") or text_in(answer, "type") == "error":
        raise failure_inside(response.read(dict), quirks.errors, identifier)
    if bytes(answer.get("content", b""))[:1] != b"[":
        raise UnreadableResponse(
            "the answer has no `content`", accepted="unknown", request_id=identifier
        )
    raw = bytes(answer.get("usage", b"null"))
    return Receipt(
        counts=counts(raw),
        raw=Raw(raw) if raw[:1] == b"{" else None,
        model=text_in(answer, "model"),
        request_id=identifier or text_in(answer, "id"),
        answer=answer,
    )


def counts(raw: bytes) -> dict[str, int]:
    """Whole numbers of a usage, by our names for them."""
    try:
        return counted(COUNTED.decode(raw))
    except UNREADABLE:
        return counts_of(usage(read(raw, object)))


def counted(told: Counted) -> dict[str, int]:
    """The same of one that was told as usual."""
    cached, written = told.cache_read_input_tokens, told.cache_creation_input_tokens
    found = {
        "input_tokens": told.input_tokens + (cached or 0) + (written or 0),
        "output_tokens": told.output_tokens,
    }
    if cached is not None:
        found["cached_input_tokens"] = cached
    if written is not None:
        found["cache_write_tokens"] = written
    return found


class Overhearing:
    """Passes events on, and keeps the counts; the last of them wait for what they cost."""

    def __init__(self, quirks: Quirks, head: HttpResponse, name: str) -> None:
        self._named = Named(name)
        self._quirks = quirks
        self._request_id = request_id(head, quirks.errors)
        self._rest = b""
        self._usage: dict[str, Any] = {}
        self._model: str | None = None
        self._id: str | None = None
        self._closed = False
        self._waiting = b""
        """From the last word on usage on: it is told with what it costs."""

    def feed(self, chunk: bytes) -> bytes:
        """Whole events."""
        data = self._rest + chunk if self._rest else chunk
        end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
        if end < 4:  # nothing was found
            if len(data) > MAX_EVENT_BYTES:
                raise too_large()
            self._rest = data
            return b""
        self._rest = data[end:]
        events = data if end == len(data) else data[:end]
        if not self._waiting and TELLING.search(events) is None:
            return events
        return self._named(b"".join(self._passed(event) for event in split(events)))

    def end(self) -> Receipt:
        """What was heard. `NetworkFailed` where the close never came."""
        if not self._closed:
            raise NetworkFailed(
                "the stream ended before its close (`message_stop`): the answer is cut short",
                accepted="unknown",
                request_id=self._request_id,
            )
        raw = msgspec.json.encode(self._usage)
        return Receipt(
            counts=counts(raw),
            raw=self._usage,
            model=self._model,
            request_id=self._request_id or self._id,
        )

    def last(self, name: str, cost: Decimal | None) -> bytes:
        """The last word on usage with what it cost, and the close."""
        if not self._waiting:
            return self._rest
        event, *after = split(self._waiting + self._rest)
        data = signed(OBJECT.decode(data_of(event)), name, cost)
        return b"event: message_delta\ndata: " + data + b"\n\n" + b"".join(after)

    def _passed(self, event: bytes) -> bytes:
        kind = self._heard(event) if TELLING.search(event) is not None else None
        if kind == "message_delta":
            before, self._waiting = self._waiting, event
            return before
        if self._waiting:
            self._waiting += event
            return b""
        return event

    def _heard(self, event: bytes) -> str | None:
        """What kind of event it is, and what it tells."""
        data = data_of(event)
        told = read(data, Event)
        if told.error or told.type == "error":
            raise failure_inside(read(data, dict), self._quirks.errors, self._request_id)
        match told.type:
            case "message_start" if told.message is not None:
                self._model = text(told.message.get("model"))
                self._id = text(told.message.get("id"))
                self._count(told.message.get("usage"))
            case "message_delta":
                self._count(told.usage)
            case "message_stop":
                self._closed = True
            case _:
                pass
        return told.type

    def _count(self, counted: Any) -> None:
        """Counts are cumulative: the last one said of each holds."""
        if isinstance(counted, dict):
            self._usage |= {name: value for name, value in counted.items() if value is not None}


def text(value: Any) -> str | None:
    """Text, where it is that."""
    return value if isinstance(value, str) else None
