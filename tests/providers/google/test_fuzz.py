"""Whatever Google sends, only our own errors come out; on both surfaces."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings, strategies as st
from tests.support.recordings import streamed

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.google import GOOGLE
from anymedia.providers.adapters.google.files import upload
from anymedia.providers.adapters.vertex import VERTEX
from anymedia.providers.adapters.vertex.auth import GoogleCloud
from anymedia.providers.catalog import catalogued
from anymedia.providers.dialects.google.errors import failure_inside
from anymedia.providers.dialects.google.webhook import read_callback
from anymedia.providers.spec import Brief, Call, Job, Provider, Stream
from anymedia.wire.exchange import step
from anymedia.wire.http import Headers, HttpResponse

NAMES = (
    *(
        "candidates",
        "content",
        "parts",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "id",
    ),
    *("name", "args", "inlineData", "mimeType", "data", "finishReason", "promptFeedback", "error"),
    *("blockReason", "usageMetadata", "promptTokenCount", "thoughtsTokenCount", "modelVersion"),
    *("promptTokensDetails", "modality", "tokenCount", "predictions", "bytesBase64Encoded", "done"),
    *("raiFilteredReason", "embeddings", "values", "statistics", "token_count", "response", "code"),
    *("videos", "gcsUri", "generateVideoResponse", "generatedSamples", "video", "uri", "status"),
    *("raiMediaFilteredCount", "raiMediaFilteredReasons", "steps", "type", "outputs", "errors"),
    *("message", "usage", "total_input_tokens", "output_tokens_by_modality", "details", "reason"),
    *("retryDelay", "violations", "quotaId", "models", "nextPageToken", "file", "state"),
    *("access_token", "expires_in", "output_video", "model", "responseId", "finishMessage"),
)
WORDS = (
    *("", "STOP", "SAFETY", "model_output", "video", "completed", "failed", "in_progress", "AAAA"),
    *("gs://b/o", "23s", "nan", "IMAGE", "audio/L16;rate=24000", "PROCESSING", "ACTIVE", "queued"),
    *("projects/p/locations/l/publishers/google/models/m/operations/1", "incomplete", "cancelled"),
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
SOUND = MediaBytes(data=b"RIFF", media_type="audio/wav")
REQUESTS: dict[str, Any] = {
    "text": TextRequest(model="m", prompt="Hi"),
    "image": ImageRequest(model="m", prompt="Hi"),
    "video": VideoRequest(model="m", prompt="Hi"),
    "audio": AudioRequest(model="m", prompt="Hi"),
    "speech": SpeechRequest(model="m", text="Hi"),
    "transcription": TranscriptionRequest(model="m", audio=SOUND),
    "embedding": EmbeddingRequest(model="m", inputs=("Hi",)),
}
PROVIDERS = {"google": GOOGLE, "vertex": VERTEX}
CASES = [
    (name, medium, Brief(marker="att_1", callback_url="https://us.test/hook"))
    for name in PROVIDERS
    for medium in REQUESTS
] + [
    (name, model.medium, Brief(model=model))
    for name in PROVIDERS
    for model in catalogued(name)
    if model.settings.get("api")
]
HANDLES = ("v1_abc", WORDS[-3], "models/veo/operations/1")
COUNTS = {
    "promptTokenCount": 1,
    "candidatesTokenCount": 2,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}],
}
CALL = {"functionCall": {"name": "look", "args": {"at": "it"}, "id": "f"}, "thoughtSignature": "AA"}
GENERATED: Any = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "Hm", "thought": True},
                    {"text": "Hi"},
                    CALL,
                    {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AAAA"}},
                ]
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": COUNTS,
    "modelVersion": "m",
    "responseId": "r",
}
INTERACTION: Any = {
    "id": "v1_a",
    "status": "completed",
    "steps": [
        {
            "type": "model_output",
            "content": [{"type": "video", "uri": "gs://b/o"}, {"type": "audio", "data": "AAAA"}],
        }
    ],
    "errors": [{"code": "x/y", "message": "no"}],
    "usage": {"total_output_tokens": 3},
}
OPERATION: Any = {
    "name": WORDS[-3],
    "done": True,
    "response": {
        "videos": [{"gcsUri": "gs://b/o", "mimeType": "video/mp4"}],
        "raiMediaFilteredReasons": ["no"],
    },
}
PREDICTED: Any = {
    "predictions": [
        {"bytesBase64Encoded": "AAAA", "embeddings": {"values": [1], "statistics": {}}}
    ],
    "embeddings": [{"values": [1.0]}],
}
WHOLE: Any = {**GENERATED, **INTERACTION, **OPERATION, **PREDICTED}


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


def driven(exchange: Any, responses: list[HttpResponse]) -> None:
    """Give an exchange its answers until it ends or there are no more."""
    with contextlib.suppress(GenerationError, StopIteration):
        request = next(exchange)
        for response in responses:
            request = step(exchange, request, response, GOOGLE.explain)


def everything(case: tuple[str, str, Brief], answers: list[HttpResponse]) -> None:
    """A call, or a submission with its polls and a cancellation."""
    name, medium, brief = case
    provider: Provider = PROVIDERS[name]
    operation = provider.operation(REQUESTS[medium].medium, Call, Job)
    if isinstance(operation, Call):
        driven(operation.exchange(REQUESTS[medium], brief), answers)
    if isinstance(operation, Job):
        assert operation.cancel is not None
        driven(operation.submit(REQUESTS[medium], brief), answers)
        for handle in HANDLES:
            driven(operation.poll(handle), answers)
            driven(operation.cancel(handle), answers)


@settings(max_examples=400, deadline=None)
@given(
    answers=st.lists(
        st.builds(HttpResponse, st.sampled_from((200, 400, 404, 429, 500, 503)), bodies),
        min_size=1,
        max_size=3,
    ),
    case=st.sampled_from(CASES),
)
def test_no_answer_crashes_an_exchange(
    answers: list[HttpResponse], case: tuple[str, str, Brief]
) -> None:
    """Calls, submissions, polls, cancellations, checks, uploads and tokens."""
    everything(case, answers)
    for provider in PROVIDERS.values():
        assert provider.check is not None
        driven(provider.check(), answers)
    addressed = HttpResponse(200, b"{}", {"x-goog-upload-url": "https://u.test/1"})
    driven(upload(SOUND), [addressed, *answers, *answers])
    secrets = {"credentials": '{"refresh_token": "r"}'}
    driven(GoogleCloud().grant(secrets, datetime(2026, 11, 21, tzinfo=UTC)), answers)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), new=values, case=st.sampled_from(CASES))
def test_one_odd_field_does_not_crash(
    data: st.DataObject, new: Any, case: tuple[str, str, Brief]
) -> None:
    """Wherever it is, whatever it is."""
    odd = changed(WHOLE, data.draw(st.sampled_from(places(WHOLE))), new)
    everything(case, [HttpResponse(200, json.dumps(odd).encode())])
    decode([GENERATED, odd], 4096)


def decode(events: list[Any], size: int, tail: bytes = b"") -> None:
    """A stream."""
    operation = GOOGLE.operation("text", Stream)
    assert isinstance(operation, Stream)
    content = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    decoder = operation.decoder(REQUESTS["text"], Brief(), HttpResponse(200))
    with contextlib.suppress(GenerationError):
        streamed(decoder, content + tail, size)


@settings(max_examples=300, deadline=None)
@given(
    events=st.lists(values, max_size=6),
    tail=st.binary(max_size=20),
    size=st.sampled_from((1, 7, 4096)),
)
def test_no_stream_crashes_the_decoder(events: list[Any], tail: bytes, size: int) -> None:
    """Whether its events make sense, or it is cut, or is no stream at all."""
    decode(events, size, tail)


@settings(max_examples=300, deadline=None)
@given(body=bodies, status=st.integers(400, 599), inside=values)
def test_no_failure_goes_unexplained(body: bytes, status: int, inside: Any) -> None:
    """`explain` never raises, and its message is short."""
    error = GOOGLE.explain(HttpResponse(status, body))
    assert isinstance(error, GenerationError)
    assert len(error.message) <= 600
    assert error.problem().http_status == status
    assert failure_inside(inside).problem().http_status is None


@settings(max_examples=200, deadline=None)
@given(body=bodies, text=st.text(max_size=40))
def test_no_call_of_theirs_and_no_credentials_crash(body: bytes, text: str) -> None:
    """Webhooks come from anywhere, and secrets are typed by people."""
    with contextlib.suppress(GenerationError):
        assert read_callback(body, Headers()).handle
    now = datetime(2026, 11, 21, tzinfo=UTC)
    for given_ in ({"credentials": text}, {"client_email": "a", "private_key": text}):
        driven(GoogleCloud().grant(given_, now), [])
