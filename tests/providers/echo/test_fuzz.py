"""Whatever arrives, on either side, only our own errors come out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings, strategies as st
from tests.providers.echo.driving import answered

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.request import Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.echo import ECHO, failures, text, work
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse
from anymedia.wire.sse import ServerEvent

NAMES = (
    *("id", "text", "finish", "model", "reasoning", "tool_calls", "usage", "cost", "error"),
    *("images", "audio", "b64", "media_type", "seed", "handle", "status", "progress", "artifacts"),
    *("url", "expires_at", "charged", "cancel", "seconds", "input_tokens", "megapixels"),
    *("embeddings", "segments", "words", "start_seconds", "end_seconds", "code", "message"),
    *("name", "arguments", "poll_after_seconds", "models", "missing", "language", "count"),
)
WORDS = ("", "stop", "succeeded", "failed", "NaN", "1e999", "-1", "AAAA", "é", "{}", "server_error")
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=7)
    ),
    max_leaves=20,
)
bodies = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
amounts = st.sampled_from(("NaN", "sNaN", "inf", "-1", "1e999", "0.5", 3, -3, None))
REQUESTS: tuple[Request[Any], ...] = (
    TextRequest(model="m", prompt="Hi"),
    ImageRequest(model="m", prompt="Hi"),
    SpeechRequest(model="m", text="Hi"),
    TranscriptionRequest(model="m", audio=MediaBytes(data=b"RIFF")),
    EmbeddingRequest(model="m", inputs=("Hi",)),
)
EVENTS = ("answer-start", "text", "reasoning", "tool-call", "tool-arguments", "answer-end", "error")


def answer(request: Request[Any], body: bytes) -> None:
    """Read an answer to a request."""
    operation = ECHO.operation(request.medium, Call)
    assert isinstance(operation, Call)
    with contextlib.suppress(GenerationError):
        replay(operation.exchange(request, Brief()), HttpResponse(200, body), explain=ECHO.explain)


@settings(max_examples=250)
@given(body=bodies, request=st.sampled_from(REQUESTS))
def test_no_body_crashes_a_call(body: bytes, request: Request[Any]) -> None:
    """It is an answer, or one of our errors."""
    answer(request, body)


@settings(max_examples=150)
@given(cost=amounts, amount=amounts, b64=st.text(max_size=5), request=st.sampled_from(REQUESTS))
def test_no_amount_crashes_a_call(cost: Any, amount: Any, b64: str, request: Request[Any]) -> None:
    """Numbers that are none, files that are none, where all the rest is right."""
    usage = {"images": amount, "seconds": amount, "input_tokens": amount, "megapixels": amount}
    body = {
        "text": "Hi",
        "finish": "stop",
        "embeddings": [[1]],
        "images": [{"b64": b64, "media_type": "image/png"}],
        "usage": usage,
        "cost": cost,
    }
    answer(request, json.dumps(body).encode())


@settings(max_examples=250)
@given(body=bodies)
def test_no_body_crashes_a_job(body: bytes) -> None:
    """Submission, poll, cancellation and check."""
    exchanges = (
        work.submit(AudioRequest(model="m", prompt="Hi"), Brief()),
        work.poll("h"),
        work.cancel("h"),
        failures.check(),
    )
    for exchange in exchanges:
        with contextlib.suppress(GenerationError):
            replay(exchange, HttpResponse(200, body), explain=ECHO.explain)


@settings(max_examples=150)
@given(
    status=st.sampled_from(("queued", "running", "succeeded", "failed", "cancelled", "new")),
    amount=amounts,
    cost=amounts,
    artifact=values,
    error=values,
)
def test_no_amount_crashes_a_job(
    status: str, amount: Any, cost: Any, artifact: Any, error: Any
) -> None:
    """Numbers that are none, where all the rest is right."""
    receipt = {
        "id": "e",
        "handle": "h",
        "status": status,
        "progress": amount,
        "poll_after_seconds": amount,
        "usage": {"seconds": amount},
        "cost": cost,
        "error": error,
        "artifacts": [artifact, {"url": "", "expires_at": "2026-11-21T00:00:00"}],
    }
    for body in (receipt, receipt | {"artifacts": []}, receipt | {"artifacts": [{"url": "u"}]}):
        with contextlib.suppress(GenerationError):
            replay(
                work.poll("h"),
                HttpResponse(200, json.dumps(body).encode()),
                explain=ECHO.explain,
            )


@settings(max_examples=250)
@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), bodies), max_size=6))
def test_no_event_crashes_a_stream(events: list[tuple[str, bytes]]) -> None:
    """Pieces, or one of our errors."""
    decoder = text.Decoder(TextRequest(model="m", prompt="Hi"), Brief(), HttpResponse(200))
    with contextlib.suppress(GenerationError):
        for name, data in events:
            list(decoder.feed(ServerEvent(name=name, data=data.decode("utf-8", "replace"))))
        list(decoder.end())


@settings(max_examples=200)
@given(
    kind=st.sampled_from(("text", "video", "audio", "transcription", "embedding", "speech")),
    body=values,
    handle=st.text(max_size=12),
)
def test_no_request_crashes_the_server(kind: str, body: Any, handle: str) -> None:
    """It answers, and with a status of the caller's where nothing can be made of it."""
    assert answered(HttpRequest(method="POST", path=f"/v1/{kind}", json=body)).status < 500
    assert answered(HttpRequest(method="GET", path=f"/v1/jobs/{handle}")).status < 500
    assert answered(HttpRequest(method="GET", path=f"/artifacts/{handle}/0.wav")).status < 500
