"""Whatever Mistral sends, only our own errors come out."""

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
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.mistral import MISTRAL
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Call, Job, Stream
from anymedia.wire.exchange import step
from anymedia.wire.http import HttpResponse

NAMES = (
    *("error", "message", "metadata", "code", "choices", "delta", "content", "usage", "data", "id"),
    *("status", "unsigned_urls", "images", "url", "output", "outputs", "video", "text", "segments"),
    *("audio_data", "b64_json", "balance_infos", "detail", "reasoning_details", "thinking", "type"),
    *("response_url", "embedding", "index", "finish_reason", "cost", "total_balance", "currency"),
)
WORDS = (
    "completed",
    "COMPLETED",
    "failed",
    "stop",
    "error",
    "AAAA",
    "https://x.test/a",
    "nan",
    "/a",
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=20,
)
bodies = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
REQUESTS: dict[str, Any] = {
    "text": TextRequest.model_validate({"model": "m/n", "prompt": "Hi"}),
    "image": ImageRequest(model="m/n", prompt="Hi"),
    "video": VideoRequest(model="m/n", prompt="Hi"),
    "speech": SpeechRequest(model="m/n", text="Hi", voice="v"),
    "transcription": TranscriptionRequest(model="m/n", audio=MediaBytes(data=b"RIFF")),
    "embedding": EmbeddingRequest(model="m/n", inputs=("Hi",)),
}
BRIEFS = [
    (model.medium, Brief(model=model))
    for model in catalogued("mistral")
    if model.medium in REQUESTS
] + [(medium, Brief()) for medium in MISTRAL.media]


def driven(exchange: Any, responses: list[HttpResponse]) -> None:
    """Give an exchange its answers until it ends or there are no more."""
    with contextlib.suppress(GenerationError, StopIteration):
        request = next(exchange)
        for response in responses:
            request = step(exchange, request, response, MISTRAL.explain)


@settings(max_examples=300, deadline=None)
@given(
    answers=st.lists(
        st.builds(
            HttpResponse,
            st.sampled_from((200, 202, 400, 402, 422, 429, 500, 503)),
            bodies,
            st.sampled_from(({"content-type": "application/json"}, {"content-type": "audio/mpeg"})),
        ),
        min_size=1,
        max_size=3,
    ),
    case=st.sampled_from(BRIEFS),
)
def test_no_answer_crashes_an_exchange(
    answers: list[HttpResponse], case: tuple[str, Brief]
) -> None:
    """Calls, submissions, polls and the check."""
    medium, brief = case
    operation = MISTRAL.operation(REQUESTS[medium].medium, Call, Job)
    if isinstance(operation, Call):
        driven(operation.exchange(REQUESTS[medium], brief), answers)
    if isinstance(operation, Job):
        driven(operation.submit(REQUESTS[medium], brief), answers)
        for handle in ("gen-1", "/fal-ai/a/requests/1", "/together/v2/videos/1"):
            driven(operation.poll(handle), answers)
    assert MISTRAL.check is not None
    driven(MISTRAL.check(), answers)


@settings(max_examples=200, deadline=None)
@given(events=st.lists(values, max_size=6), tail=st.binary(max_size=20))
def test_no_stream_crashes_the_decoder(events: list[Any], tail: bytes) -> None:
    """Whether its events make sense, or it is cut, or is no stream at all."""
    operation = MISTRAL.operation("text", Stream)
    assert isinstance(operation, Stream)
    content = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    decoder = operation.decoder(REQUESTS["text"], Brief(), HttpResponse(200))
    with contextlib.suppress(GenerationError):
        streamed(decoder, content + tail, 7)


@settings(max_examples=200, deadline=None)
@given(body=bodies, status=st.integers(400, 599))
def test_no_failure_goes_unexplained(body: bytes, status: int) -> None:
    """`explain` never raises."""
    error = MISTRAL.explain(HttpResponse(status, body))
    assert error.problem().http_status == status
