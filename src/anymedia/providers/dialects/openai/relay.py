"""Chat in this dialect passed on as it is: what may be, and what is read of the answer.

A caller who speaks it already has said everything in the words that the service takes. So the
body goes on with its model's name exchanged, and of the answer only the usage is read.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Raw

from anymedia.contracts.errors import NetworkFailed, UnreadableResponse
from anymedia.contracts.model import Model
from anymedia.providers.dialects.openai.errors import (
    failure_inside,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.usage import reported_cost, usage
from anymedia.providers.spec import Fields, Listener, Receipt, Relay
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape, read

PLAIN = frozenset({"model", "messages", "stream", "stream_options"})
WITH_USAGE = Raw(b'{"include_usage":true}')
TELLING = re.compile(rb'"(?:usage|error)"\s*:\s*[{\["]|"finish_reason"\s*:\s*"')
"""What an event that has to be looked at holds. Quotes inside a text are escaped, so words of the
model cannot look like it."""


class Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A message in plain words; any other is looked at elsewhere."""

    role: Literal["system", "user", "assistant"]
    content: str
    name: str | None = None


DECODER = msgspec.json.Decoder(list[Plain])
OBJECT = msgspec.json.Decoder(dict[str, Raw])
USAGE = re.compile(rb'"include_usage"\s*:\s*true')
ENCODER = msgspec.json.Encoder()


class Choice(Shape):
    """One of the answers."""

    finish_reason: str | None = None


class Completion(Shape):
    """An answer, as far as it is read."""

    object: str | None = None
    model: str | None = None
    id: str | None = None
    choices: tuple[Choice, ...] | None = None
    usage: Any = None
    error: Any = None


def relay(quirks: Quirks) -> Relay | None:
    """How a service passes chat on; not at all where it has words of its own."""
    if quirks.reword is not None or quirks.show is not None or quirks.empty_is_failure:
        return None
    allowed = PLAIN | (set(quirks.fields.values()) - {"reasoning_effort"})

    def suits(fields: Fields, model: Model | None) -> bool:
        if not allowed.issuperset(fields) or "messages" not in fields:
            return False
        if "stream_options" in fields and not wants_usage(fields):
            return False
        if model is not None and model.settings.get("api", "chat") != "chat":
            return False
        try:
            return bool(DECODER.decode(fields["messages"]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False  # the long way says what is wrong, or can do it

    def ask(fields: Fields, model_id: str) -> HttpRequest:
        body = {**fields, "model": model_id}
        if quirks.asks_for_usage and is_streamed(fields) and not wants_usage(fields):
            body["stream_options"] = WITH_USAGE
        return post(quirks.path, content=ENCODER.encode(body), content_type="application/json")

    def receipt(response: HttpResponse) -> Receipt:
        said = response.read(Completion)
        raise_failure_inside(response, said.error, said.object, quirks.errors)
        if not said.choices:
            raise UnreadableResponse("the answer has no `choices`", accepted="unknown")
        return receipt_of(said, response, quirks)

    def listen(fields: Fields, head: HttpResponse) -> Listener:
        return Overhearing(quirks, head, tells_usage=wants_usage(fields))

    return Relay(suits=suits, ask=ask, read=receipt, signed=signed, listen=listen)


def signed(answer: bytes, name: str, cost: Decimal | None) -> bytes:
    """An answer, or an event's data, with who gave it and what it cost."""
    fields: dict[str, Any] = OBJECT.decode(answer)
    fields["model"] = name
    counted = fields.get("usage")
    if cost is not None and counted is not None and bytes(counted)[:1] == b"{":
        fields["usage"] = {**OBJECT.decode(counted), "cost": float(cost)}
    return ENCODER.encode(fields)


def is_streamed(fields: Fields) -> bool:
    """Whether the answer is wanted bit by bit."""
    return bytes(fields.get("stream", b"")) == b"true"


def wants_usage(fields: Fields) -> bool:
    """Whether the caller asked for the usage at the end of a stream."""
    options = fields.get("stream_options")
    return options is not None and USAGE.search(bytes(options)) is not None


def receipt_of(said: Completion, response: HttpResponse, quirks: Quirks) -> Receipt:
    """What is kept of an answer."""
    return Receipt(
        usage=usage(said.usage),
        reported_cost=reported_cost(said.usage) if quirks.reports_cost else None,
        model=said.model,
        request_id=request_id(response, quirks.errors) or said.id,
    )


class Overhearing:
    """Passes events on and keeps the last word on usage; what was added for that stays here."""

    def __init__(self, quirks: Quirks, head: HttpResponse, *, tells_usage: bool) -> None:
        self._quirks = quirks
        self._head = head
        self._tells_usage = tells_usage
        self._rest = b""
        self._said = Completion()
        self._finished = False
        self._waiting = b""
        """From the usage on: it is told with what it costs."""

    def feed(self, chunk: bytes) -> bytes:
        """Whole events, without the one about usage where nobody asked for it."""
        data = self._rest + chunk if self._rest else chunk
        end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
        if end < 4:
            self._rest = data
            return b""
        self._rest = data[end:]
        events = data if end == len(data) else data[:end]
        if self._waiting:
            self._waiting += events
            return b""
        if TELLING.search(events) is None:
            return events
        return b"".join(event for event in split(events) if self._passes(event))

    def end(self) -> Receipt:
        """What was heard. `NetworkFailed` where the model never came to its end."""
        if not self._finished:
            raise NetworkFailed("the stream ended before the answer did", accepted="unknown")
        return receipt_of(self._said, self._head, self._quirks)

    def last(self, name: str, cost: Decimal | None) -> bytes:
        """The usage, with what it cost, and whatever came after it."""
        if not self._waiting:
            return self._rest
        event, *after = split(self._waiting + self._rest)
        data = signed(data_of(event), name, cost)
        return b"data: " + data + b"\n\n" + b"".join(after)

    def _passes(self, event: bytes) -> bool:
        if self._waiting:
            self._waiting += event
            return False
        if TELLING.search(event) is None:
            return True
        data = data_of(event)
        said = read(data, Completion)
        if said.error is not None:
            raise failure_inside(read(data, dict), self._quirks.errors)
        choices = said.choices or ()
        self._finished = self._finished or any(one.finish_reason for one in choices)
        if said.usage is None:
            return True
        self._said = said
        if self._tells_usage and not choices:
            self._waiting = event
            return False
        return bool(choices)


def data_of(event: bytes) -> bytes:
    """What an event says."""
    return b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))


def split(events: bytes) -> list[bytes]:
    """Events one by one, each with the empty line that ends it."""
    found = []
    start = 0
    for gap in re.finditer(rb"\r?\n\r?\n", events):
        found.append(events[start : gap.end()])
        start = gap.end()
    return found
