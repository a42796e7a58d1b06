"""Chat in this dialect passed on as it is: what may be, and what is read of the answer.

A caller who speaks it already has said everything in the words that the service takes. So the
body goes on with its model's name exchanged, and of the answer only the usage is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from anymedia.contracts.errors import NetworkFailed, UnreadableResponse
from anymedia.contracts.model import Model
from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.openai.errors import (
    failure_inside,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.usage import reported_cost, usage
from anymedia.providers.spec import Fields, Listener, Receipt, Relay
from anymedia.wire.http import HttpResponse
from anymedia.wire.large import LARGE_BYTES, Body, in_brief, is_large, is_string, put_together
from anymedia.wire.shape import Shape, read
from anymedia.wire.sse import MAX_EVENT_BYTES, too_large

PLAIN = frozenset({"model", "messages", "stream", "stream_options"})
LIMITS = ("max_completion_tokens", "max_tokens")
"""The new name and the old one for the most that is written: a service takes one of them."""
WITH_USAGE = Raw(b'{"include_usage":true}')
TELLING = re.compile(rb'"(?:usage|error)"\s*:\s*[{\["]|"finish_reason"\s*:\s*"')
"""What an event that has to be looked at holds. Quotes inside a text are escaped, so words of the
model cannot look like it."""


MODEL = re.compile(rb'"model"\s*:\s*"[^"\\]*"')
"""Who answers, as an event says it."""


class Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A message in plain words; any other is looked at elsewhere."""

    role: Literal["system", "user", "assistant"]
    content: str
    name: str | None = None


class Long(msgspec.Struct, forbid_unknown_fields=True):
    """The same of what is long, with its words left where they are."""

    role: Literal["system", "user", "assistant"]
    content: Raw
    name: str | None = None


WORDS = msgspec.json.Decoder(Annotated[list[Plain], Meta(min_length=1)])
LONG_WORDS = msgspec.json.Decoder(Annotated[list[Long], Meta(min_length=1)])
OBJECT = msgspec.json.Decoder(dict[str, Raw])
NULL = Raw(b"null")
ERROR = Raw(b'"error"')
NOTHING = re.compile(rb"\[\s*\]|[^\[].*", re.DOTALL)
"""What is no list, or an empty one."""
USUAL = re.compile(rb'(?!.*"cost")(\{.*[^\s{])\s*\}', re.DOTALL)
"""An object that says something and nothing of a cost, up to where more can be said."""
USAGE = re.compile(rb'"include_usage"\s*:\s*true')
ENCODER = msgspec.json.Encoder()


class Choice(Shape):
    """One of the answers."""

    finish_reason: str | None = None


class Completion(Shape):
    """An event of an answer, as far as it is read."""

    object: str | None = None
    model: str | None = None
    id: str | None = None
    choices: tuple[Choice, ...] | None = None
    usage: Any = None
    error: Any = None


class Into(msgspec.Struct):
    """Parts of what went in."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    image_tokens: int | None = None
    audio_tokens: int | None = None


class Out(msgspec.Struct):
    """Parts of what came out."""

    reasoning_tokens: int | None = None
    image_tokens: int | None = None
    audio_tokens: int | None = None


class Counted(msgspec.Struct):
    """Usage as nearly everybody tells it. Whatever is told otherwise is read by `usage.usage`."""

    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: Into | None = None
    completion_tokens_details: Out | None = None
    prompt_cache_hit_tokens: None = None
    num_cached_tokens: None = None
    cached_tokens: None = None
    seconds: None = None
    prompt_audio_seconds: None = None


COUNTED = msgspec.json.Decoder(Counted)
UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What comes of JSON that is none, or other than was expected."""


class Told(msgspec.Struct):
    """A good answer as nearly everybody gives it. Whatever is told otherwise is looked at closely."""

    choices: Annotated[list[Raw], Meta(min_length=1)]
    usage: Counted
    model: str | None = None
    id: str | None = None
    object: str | None = None
    error: None = None


TOLD = msgspec.json.Decoder(Told)


def relay(quirks: Quirks) -> Relay | None:
    """How a service passes chat on; not at all where it has words of its own."""
    if quirks.reword is not None or quirks.show is not None or quirks.empty_is_failure:
        return None
    limit = quirks.fields.get("max_output_tokens", "")
    allowed = PLAIN | (set(quirks.fields.values()) - {"reasoning_effort"})
    other = ""
    """The name for the most that is written which the service does not take."""
    if limit in LIMITS:
        allowed |= set(LIMITS)
        other = next(name for name in LIMITS if name != limit)

    def suits(fields: Fields, model: Model | None) -> bool:
        if not allowed.issuperset(fields):
            return False
        if "max_tokens" in fields and "max_completion_tokens" in fields:
            return False
        if "stream_options" in fields and not wants_usage(fields):
            return False
        if model is not None and model.settings.get("api", "chat") != "chat":
            return False
        try:
            messages = in_brief(fields, "messages")
            if is_large(messages):
                return all(is_string(one.content) for one in LONG_WORDS.decode(messages))
            WORDS.decode(messages)
        except (KeyError, *UNREADABLE):
            return False  # the long way says what is wrong, or can do it
        return True

    def ask(body: bytes, fields: Fields, model_id: str) -> Body:
        changed: dict[str, Raw | None] = {}
        if other in fields:
            changed |= {other: None, limit: fields[other]}
        if "stream" in fields and quirks.asks_for_usage:
            changed |= with_usage(fields)
        return rewritten(body, fields, model_id, changed)

    def receipt(response: HttpResponse) -> Receipt:
        try:
            told = TOLD.decode(response.content)
            answer = OBJECT.decode(response.content)
        except UNREADABLE:
            return looked_at(response, quirks)
        if told.object == "error":
            return looked_at(response, quirks)
        return Receipt(
            counts=counted(told.usage),
            raw=answer["usage"],
            reported_cost=reported_cost(said(answer, "usage")) if quirks.reports_cost else None,
            model=told.model,
            request_id=response.headers.first(quirks.errors.request_id_headers) or told.id,
            answer=answer,
        )

    def listen(fields: Fields, head: HttpResponse, name: str = "") -> Listener:
        return Overhearing(quirks, head, name, tells_usage=wants_usage(fields))

    return Relay(
        path=quirks.path,
        suits=suits,
        ask=ask,
        most=most_written,
        read=receipt,
        signed=signed,
        listen=listen,
    )


# --- bodies -----------------------------------------------------------------------------------


def rewritten(body: bytes, fields: Fields, model_id: str, changed: Mapping[str, Any]) -> Body:
    """A body with another model, and with fields replaced, or left out where they are `None`."""
    model = written(model_id)
    if not changed and fields["model"] == model:
        return body
    news: dict[str, Any] = {**fields, "model": model}
    if changed:
        news |= changed
        news = {name: one for name, one in news.items() if one is not None}
    return ENCODER.encode(news) if len(body) <= LARGE_BYTES else put_together(news)


@lru_cache(maxsize=1024)
def written(name: str) -> Raw:
    """A name as it is in a body."""
    return Raw(ENCODER.encode(name))


def most_written(fields: Fields) -> int | None:
    """How many tokens may be written at most."""
    said = fields.get("max_completion_tokens") or fields.get("max_tokens")
    if said is None:
        return None
    digits = bytes(said)
    return int(digits[:9]) if digits.isdigit() else None


def whole(response: HttpResponse) -> dict[str, Raw]:
    """An answer's fields as they were written."""
    try:
        return OBJECT.decode(response.content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return response.read(dict[str, Raw])  # which says what is wrong


def said(answer: Mapping[str, Raw], name: str) -> Any:
    """What a field says."""
    found = answer.get(name)
    return None if found is None else read(bytes(found), object)


def text_in(answer: Mapping[str, Raw], name: str) -> str | None:
    """A field, where it is text."""
    raw = bytes(answer.get(name, b""))
    if raw[:1] != b'"':
        return None
    if b"\\" not in raw:  # nothing has to be unescaped
        return raw[1:-1].decode("utf-8", "replace")
    found: str = read(raw, str)
    return found


def signed(answer: Fields, name: str, cost: Decimal | None) -> bytes:
    """An answer, or an event of one, with who gave it and what it cost."""
    news: dict[str, Any] = {**answer, "model": name}
    if cost is not None and "usage" in news:
        news["usage"] = priced(news["usage"], cost)
    return ENCODER.encode(news)


def priced(told: Raw, cost: Decimal) -> Any:
    """A usage with what it cost, whatever the provider said of that."""
    usual = USUAL.fullmatch(told)
    if usual is not None:
        return Raw(b'%b,"cost":%b}' % (usual[1], ENCODER.encode(float(cost))))
    if bytes(told)[:1] != b"{":
        return told
    return {**OBJECT.decode(told), "cost": float(cost)}


def is_streamed(fields: Fields) -> bool:
    """Whether the answer is wanted bit by bit."""
    return bytes(fields.get("stream", b"")) == b"true"


def with_usage(fields: Fields) -> dict[str, Raw]:
    """What a body has to say besides, so that a stream tells its usage."""
    wanted = is_streamed(fields) and not wants_usage(fields)
    return {"stream_options": WITH_USAGE} if wanted else {}


def wants_usage(fields: Fields) -> bool:
    """Whether the caller asked for the usage at the end of a stream."""
    options = fields.get("stream_options")
    return options is not None and USAGE.search(bytes(options)) is not None


def looked_at(response: HttpResponse, quirks: Quirks) -> Receipt:
    """What is kept of an answer that may be none, field by field. Raises the failure it tells."""
    answer = whole(response)
    if "error" in answer or answer.get("object") == ERROR:
        kind = text_in(answer, "object")
        raise_failure_inside(response, said(answer, "error"), kind, quirks.errors)
    if NOTHING.fullmatch(answer.get("choices", NULL)):
        raise UnreadableResponse("the answer has no `choices`", accepted="unknown")
    return receipt_of(answer, response, quirks)


def receipt_of(answer: dict[str, Raw], response: HttpResponse, quirks: Quirks) -> Receipt:
    """What is kept of an answer, or of a stream's last word."""
    told = answer.get("usage")
    raw = bytes(told) if told is not None else b"null"
    return Receipt(
        counts=counts(raw),
        raw=Raw(raw) if raw[:1] == b"{" else None,
        reported_cost=reported_cost(said(answer, "usage")) if quirks.reports_cost else None,
        model=text_in(answer, "model"),
        request_id=request_id(response, quirks.errors) or text_in(answer, "id"),
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
    found = {"input_tokens": told.prompt_tokens, "output_tokens": told.completion_tokens}
    if (into := told.prompt_tokens_details) is not None:
        if into.cached_tokens is not None:
            found["cached_input_tokens"] = into.cached_tokens
        if into.cache_write_tokens is not None:
            found["cache_write_tokens"] = into.cache_write_tokens
        if into.image_tokens is not None:
            found["input_image_tokens"] = into.image_tokens
        if into.audio_tokens is not None:
            found["input_audio_tokens"] = into.audio_tokens
    if (out := told.completion_tokens_details) is not None:
        if out.reasoning_tokens is not None:
            found["reasoning_tokens"] = out.reasoning_tokens
        if out.image_tokens is not None:
            found["output_image_tokens"] = out.image_tokens
        if out.audio_tokens is not None:
            found["output_audio_tokens"] = out.audio_tokens
    return found


def counts_of(told: Usage) -> dict[str, int]:
    """The whole numbers of a usage."""
    stated = ((name, value) for name, value in told if name not in {"raw", "estimated"})
    return {name: value for name, value in stated if isinstance(value, int)}


# --- streams ----------------------------------------------------------------------------------


class Named:
    """Puts who answers where events have the provider's own name for it."""

    __slots__ = ("_ours", "_theirs")

    def __init__(self, name: str) -> None:
        self._ours = b'"model":' + ENCODER.encode(name) if name else b""
        self._theirs = b""

    def __call__(self, events: bytes) -> bytes:
        """The events with our name for it."""
        if not self._ours:
            return events
        if not self._theirs or self._theirs not in events:
            found = MODEL.search(events)
            if found is None:
                return events
            self._theirs = found[0]
        return events.replace(self._theirs, self._ours)


class Overhearing:
    """Passes events on and keeps the last word on usage; what was added for that stays here."""

    def __init__(self, quirks: Quirks, head: HttpResponse, name: str, *, tells_usage: bool) -> None:
        self._named = Named(name)
        self._quirks = quirks
        self._head = head
        self._tells_usage = tells_usage
        self._rest = b""
        self._said: dict[str, Raw] = {}
        self._finished = False
        self._waiting = b""
        """From the usage on: it is told with what it costs."""

    def feed(self, chunk: bytes) -> bytes:
        """Whole events, without the one about usage where nobody asked for it."""
        data = self._rest + chunk if self._rest else chunk
        end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
        if end < 4:
            if len(data) > MAX_EVENT_BYTES:
                raise too_large()
            self._rest = data
            return b""
        self._rest = data[end:]
        events = data if end == len(data) else data[:end]
        if self._waiting:
            self._waiting += events
            return b""
        if TELLING.search(events) is None:
            return self._named(events)
        return self._named(b"".join(event for event in split(events) if self._passes(event)))

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
        data = signed(OBJECT.decode(data_of(event)), name, cost)
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
        self._said = OBJECT.decode(data)
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
