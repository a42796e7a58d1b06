"""Whatever a server sends, only our own errors come out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings, strategies as st
from tests.support.recordings import streamed

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.text import TextRequest
from anymedia.providers.adapters.anthropic import ANTHROPIC
from anymedia.providers.dialects.anthropic.schema import loses, strict
from anymedia.providers.spec import Brief, Call, Stream
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

NAMES = (
    *("id", "type", "model", "content", "stop_reason", "stop_details", "usage", "error", "text"),
    *("thinking", "signature", "name", "input", "index", "message", "content_block", "delta"),
    *("partial_json", "citations", "citation", "explanation", "category", "input_tokens"),
    *("cache_read_input_tokens", "output_tokens_details", "data", "has_more", "last_id", "details"),
    *("error_code", "properties", "anyOf", "oneOf", "items", "minItems", "format", "$ref", "$defs"),
)
WORDS = (
    *("", "message", "error", "text", "thinking", "tool_use", "refusal", "pause_turn", "{", "[1]"),
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "input_json_delta", "object", "{}"),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=20,
)
bodies = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
REQUEST = TextRequest(model="any", prompt="Hi", max_output_tokens=100)
CALL = {"type": "tool_use", "id": "t", "name": "x", "input": {}}
USAGE = {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens_details": {}}
WHOLE: dict[str, Any] = {
    "id": "m",
    "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}, CALL],
    "stop_reason": "refusal",
    "stop_details": {"category": "bio"},
    "usage": USAGE,
}
EVENTS: list[Any] = [
    {"type": "message_start", "message": {"id": "m", "content": [], "usage": USAGE}},
    {"type": "content_block_start", "index": 0, "content_block": CALL},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": "{}"},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
    {"type": "message_stop"},
]


def places(value: Any) -> list[tuple[Any, ...]]:
    """Every path into a JSON value."""
    inner: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    return [(), *((key, *path) for key, below in inner for path in places(below))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The same value with something else at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def read(body: bytes) -> None:
    """A whole answer."""
    operation = ANTHROPIC.operation("text", Call)
    assert isinstance(operation, Call)
    with contextlib.suppress(GenerationError):
        replay(
            operation.exchange(REQUEST, Brief()),
            HttpResponse(200, body),
            explain=ANTHROPIC.explain,
        )


def decode(events: list[Any], size: int, tail: bytes = b"") -> None:
    """A stream."""
    operation = ANTHROPIC.operation("text", Stream)
    assert isinstance(operation, Stream)
    content = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    with contextlib.suppress(GenerationError):
        streamed(operation.decoder(REQUEST, Brief(), HttpResponse(200)), content + tail, size)


@settings(max_examples=300, deadline=None)
@given(body=bodies)
def test_no_body_crashes_a_call_or_the_check(body: bytes) -> None:
    """It is an answer, or one of our errors."""
    read(body)
    assert ANTHROPIC.check is not None
    with contextlib.suppress(GenerationError):
        pages = [HttpResponse(200, body), HttpResponse(200, b"{}")]
        with contextlib.suppress(AssertionError):  # a page that is left over
            replay(ANTHROPIC.check(), *pages, explain=ANTHROPIC.explain)


@settings(max_examples=300, deadline=None)
@given(
    events=st.lists(values, max_size=6),
    tail=st.binary(max_size=20),
    size=st.sampled_from((1, 7, 4096)),
)
def test_no_stream_crashes_the_decoder(events: list[Any], tail: bytes, size: int) -> None:
    """Whether its events make sense, or it is cut, or is no stream at all."""
    decode(events, size, tail)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), new=values)
def test_one_odd_field_does_not_crash(data: st.DataObject, new: Any) -> None:
    """Wherever it is, whatever it is, whole or streamed."""
    read(json.dumps(changed(WHOLE, data.draw(st.sampled_from(places(WHOLE))), new)).encode())
    decode(changed(EVENTS, data.draw(st.sampled_from(places(EVENTS)[1:])), new), 4096)


@settings(max_examples=300, deadline=None)
@given(body=bodies, status=st.integers(400, 599), after=st.sampled_from(("", "-3", "nan", "true")))
def test_no_failure_goes_unexplained(body: bytes, status: int, after: str) -> None:
    """`explain` never raises, and its message is short."""
    headers = {"retry-after": after, "x-should-retry": after}
    error = ANTHROPIC.explain(HttpResponse(status, body, headers))
    assert isinstance(error, GenerationError)
    assert len(error.message) <= 600
    assert error.problem().http_status == status


@settings(max_examples=200, deadline=None)
@given(schema=st.dictionaries(st.sampled_from(NAMES), values, max_size=5))
def test_no_schema_crashes_its_closing(schema: dict[str, Any]) -> None:
    """Odd ones are the provider's to refuse."""
    assert isinstance(strict(schema), dict)
    assert loses(schema) in {True, False}
