"""Whatever a server sends, only our own errors come out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings, strategies as st
from tests.support.recordings import streamed

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.request import Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.openai import OPENAI
from anymedia.providers.dialects.openai.compatible import compatible
from anymedia.providers.spec import Brief, Call, Stream
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

NAMES = (
    *("id", "object", "model", "choices", "index", "message", "delta", "content", "refusal"),
    *("reasoning", "reasoning_content", "tool_calls", "function", "name", "arguments", "audio"),
    *("finish_reason", "usage", "prompt_tokens", "completion_tokens_details", "cost", "error"),
    *("code", "type", "param", "status", "output", "incomplete_details", "reason", "summary"),
    *("encrypted_content", "call_id", "text", "item", "response", "output_index", "data"),
    *("b64_json", "url", "revised_prompt", "embedding", "segments", "words", "start", "end"),
    *("duration", "language", "output_format", "is_byok", "cost_details", "loc", "thinking"),
)
WORDS = (
    *("", "stop", "error", "failed", "completed", "message", "function_call", "reasoning"),
    *("response.completed", "response.output_item.added", "response.output_item.done"),
    *("response.function_call_arguments.delta", "response.failed", "speech.audio.done"),
    *(
        "{}",
        "[",
        "nan",
        "inf",
        "429",
        "AAAA",
        "data:,",
        "\ud800x".encode("utf-8", "replace").decode(),
    ),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=20,
)
bodies = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)

CHAT = {"model": "m", "prompt": "Hi"}
REQUESTS: tuple[Request[Any], ...] = (
    TextRequest.model_validate(CHAT),
    TextRequest.model_validate(CHAT | {"options": {"api": "responses"}, "seed": 3}),
    ImageRequest(model="m", prompt="Hi"),
    SpeechRequest(model="m", text="Hi"),
    TranscriptionRequest(model="m", audio=MediaBytes(data=b"RIFF")),
    EmbeddingRequest(model="m", inputs=("Hi",)),
)
TYPES = ("application/json", "text/event-stream", "audio/mpeg", "text/plain", "")
PROVIDERS = (OPENAI, compatible("local", ""))


@settings(max_examples=300, deadline=None)
@given(body=bodies, request=st.sampled_from(REQUESTS), media_type=st.sampled_from(TYPES))
def test_no_body_crashes_a_call(body: bytes, request: Request[Any], media_type: str) -> None:
    """It is an answer, or one of our errors."""
    operation = OPENAI.operation(request.medium, Call)
    assert isinstance(operation, Call)
    response = HttpResponse(200, body, {"content-type": media_type})
    with contextlib.suppress(GenerationError):
        replay(operation.exchange(request, Brief()), response, explain=OPENAI.explain)


@settings(max_examples=300, deadline=None)
@given(
    events=st.lists(values, max_size=6),
    request=st.sampled_from(REQUESTS[:2]),
    tail=st.binary(max_size=20),
    size=st.sampled_from((1, 7, 4096)),
)
def test_no_stream_crashes_a_decoder(
    events: list[Any], request: TextRequest, tail: bytes, size: int
) -> None:
    """Whether its events make sense, or it is cut, or is no stream at all."""
    operation = OPENAI.operation("text", Stream)
    assert isinstance(operation, Stream)
    content = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    decoder = operation.decoder(request, Brief(), HttpResponse(200))
    with contextlib.suppress(GenerationError):
        streamed(decoder, content + tail, size)


@settings(max_examples=300, deadline=None)
@given(
    body=bodies,
    status=st.integers(400, 599),
    provider=st.sampled_from(PROVIDERS),
    after=st.sampled_from(("", "1", "-3", "soon", "nan", "1e999")),
)
def test_no_failure_goes_unexplained(body: bytes, status: int, provider: Any, after: str) -> None:
    """`explain` never raises, and its message is short."""
    headers = {"retry-after": after, "x-should-retry": after, "content-type": "text/plain"}
    error = provider.explain(HttpResponse(status, body, headers))
    assert isinstance(error, GenerationError)
    assert len(error.message) <= 600
    assert error.problem().http_status == status


def test_deep_nesting_is_an_error_of_ours() -> None:
    """Deeper than any decoder follows."""
    deep = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    error = b'{"error": {"message": ' + b"[" * 900 + b"]" * 900 + b"}}"
    for body in (deep, error):
        assert isinstance(OPENAI.explain(HttpResponse(500, body)), GenerationError)
        operation = OPENAI.operation("text", Call)
        assert isinstance(operation, Call)
        with contextlib.suppress(GenerationError):
            replay(
                operation.exchange(REQUESTS[0], Brief()),
                HttpResponse(200, body),
                explain=OPENAI.explain,
            )


def test_large_numbers_are_an_error_of_ours_or_a_count() -> None:
    """Python refuses to write integers beyond some thousand digits."""
    body = b'{"error": {"code": ' + b"9" * 6000 + b"}}"
    assert isinstance(OPENAI.explain(HttpResponse(400, body)), GenerationError)


USAGE = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}, "cost": 0.1}
CALL = {"type": "function_call", "call_id": "c", "name": "x", "arguments": "{}"}
GOOD: tuple[tuple[Request[Any], Any], ...] = (
    (
        REQUESTS[0],
        {
            "id": "1",
            "choices": [
                {
                    "message": {
                        "content": [{"type": "text", "text": "Hi", "thinking": [{"text": "Hm"}]}],
                        "tool_calls": [{"id": "c", "function": {"name": "x", "arguments": "{}"}}],
                        "audio": {"id": "a", "data": "AA==", "transcript": "Hi"},
                    },
                    "finish_reason": "stop",
                }
            ],
            "usage": USAGE,
        },
    ),
    (
        REQUESTS[1],
        {
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [
                {"type": "reasoning", "summary": [{"text": "Hm"}], "encrypted_content": "g"},
                {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
                CALL,
            ],
            "usage": {"input_tokens": 3, "output_tokens_details": {"reasoning_tokens": 1}},
        },
    ),
    (REQUESTS[2], {"data": [{"b64_json": "AAAA", "revised_prompt": "x"}], "usage": USAGE}),
    (
        REQUESTS[4],
        {
            "text": "Hi",
            "duration": 1.5,
            "segments": [{"text": "Hi", "start": 0, "end": 1, "speaker": "A"}],
            "usage": {"type": "duration", "seconds": 2},
        },
    ),
    (REQUESTS[5], {"data": [{"index": 0, "embedding": [0.5, 1]}], "usage": USAGE}),
)
EVENTS = (
    {"choices": [{"index": 0, "delta": {"content": "Hi", "tool_calls": [{"index": 0}]}}]},
    {"type": "response.output_item.added", "output_index": 0, "item": CALL},
    {"type": "response.output_item.done", "output_index": 0, "item": CALL},
    {"type": "response.output_text.delta", "delta": "Hi"},
    {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE},
    {"type": "response.completed", "response": GOOD[1][1]},
)


def places(value: Any) -> list[tuple[Any, ...]]:
    """Every path into a JSON value."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [(), *((key, *path) for key, below in inner for path in places(below))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The same value with something else at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=400, deadline=None)
@given(data=st.data(), good=st.sampled_from(GOOD), new=values)
def test_one_odd_field_in_a_good_answer_does_not_crash(
    data: st.DataObject, good: tuple[Request[Any], Any], new: Any
) -> None:
    """Wherever it is, whatever it is."""
    request, body = good
    odd = changed(body, data.draw(st.sampled_from(places(body))), new)
    operation = OPENAI.operation(request.medium, Call)
    assert isinstance(operation, Call)
    response = HttpResponse(200, json.dumps(odd).encode())
    with contextlib.suppress(GenerationError):
        replay(operation.exchange(request, Brief()), response, explain=OPENAI.explain)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), request=st.sampled_from(REQUESTS[:2]), new=values)
def test_one_odd_field_in_a_good_stream_does_not_crash(
    data: st.DataObject, request: TextRequest, new: Any
) -> None:
    """The same for streams."""
    events = list(EVENTS)
    odd = changed(events, data.draw(st.sampled_from(places(events)[1:])), new)
    content = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in odd)
    operation = OPENAI.operation("text", Stream)
    assert isinstance(operation, Stream)
    with contextlib.suppress(GenerationError):
        streamed(operation.decoder(request, Brief(), HttpResponse(200)), content)
