"""Whatever fal sends, only our own errors come out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings, strategies as st

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.fal import FAL, LANGUAGE, queue
from anymedia.providers.adapters.fal.storage import upload
from anymedia.providers.adapters.fal.webhook import SIGNATURE
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpResponse
from anymedia.wire.signature import key_set

NAMES = (
    *("request_id", "response_url", "status_url", "cancel_url", "status", "queue_position"),
    *("error", "error_type", "metrics", "logs", "video", "videos", "images", "image", "audio"),
    *("url", "content_type", "file_name", "file_size", "width", "duration", "duration_ms", "seed"),
    *("has_nsfw_concepts", "timings", "detail", "loc", "msg", "type", "payload", "keys", "x"),
    *("upload_url", "file_url", "kty", "crv", "prompt", "fps"),
)
WORDS = (
    *("", "COMPLETED", "IN_QUEUE", "IN_PROGRESS", "https://x/a.mp4", "data:,", "data:x;base64,?"),
    *("OKP", "Ed25519", "content_policy_violation", "r", "../x", "http://[", "nan", "1e999"),
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
statuses = st.sampled_from((200, 202, 400, 401, 404, 422, 429, 500, 504))
told = st.sampled_from(("", "1", "-3", "soon", "nan", "1e999", "false", "user"))
DONE = HttpResponse(200, b'{"status": "COMPLETED"}')
PLACE = "/fal-ai/x/requests/r"


def response(status: int, body: bytes, word: str) -> HttpResponse:
    """An answer with odd headers."""
    names = (
        *("retry-after", "x-fal-billable-units", "x-fal-error-type", "x-fal-retryable"),
        *("x-fal-request-timeout-type", "x-fal-request-id"),
    )
    return HttpResponse(status, body, dict.fromkeys(names, word))


@settings(max_examples=300, deadline=None)
@given(body=bodies, status=statuses, word=told)
def test_no_answer_crashes_an_exchange(body: bytes, status: int, word: str) -> None:
    """Submitting, asking, fetching, cancelling, uploading, keys."""
    odd = response(status, body, word)
    clip, picture = VideoRequest(model="a/b", prompt="x"), ImageRequest(model="a/b", prompt="x")
    exchanges: tuple[tuple[Any, tuple[HttpResponse, ...]], ...] = (
        (queue.submit(clip, Brief(), LANGUAGE), (odd,)),
        (queue.submit(picture, Brief(), LANGUAGE), (odd,)),
        (queue.poll(PLACE), (odd,)),
        (queue.poll(PLACE), (DONE, odd)),
        (queue.cancel(PLACE), (odd,)),
        (upload(MediaBytes(data=b"x")), (odd,)),
        (key_set("https://rest.fal.ai/keys"), (odd,)),
    )
    for exchange, answers in exchanges:
        try:
            replay(exchange, *answers, explain=FAL.explain)
        except GenerationError:
            pass
        except AssertionError as error:  # it wanted another number of answers
            if "written" not in str(error):
                raise


@settings(max_examples=300, deadline=None)
@given(body=bodies, status=st.integers(400, 599), word=told)
def test_no_failure_goes_unexplained(body: bytes, status: int, word: str) -> None:
    """`explain` never raises, and its message is short."""
    error = FAL.explain(response(status, body, word))
    assert isinstance(error, GenerationError)
    assert len(error.message) <= 600
    assert error.problem().http_status == status


@settings(max_examples=200, deadline=None)
@given(body=bodies, header=st.text(max_size=20), key=st.text(max_size=44))
def test_no_call_crashes_a_reader(body: bytes, header: str, key: str) -> None:
    """Whoever calls."""
    names = ("request-id", "user-id", "timestamp", "signature")
    headers = Headers({f"x-fal-webhook-{name}": header for name in names})
    assert not SIGNATURE.genuine(body, headers, (key,), 0)
    signed = Headers(
        {**headers, "x-fal-webhook-timestamp": "0", "x-fal-webhook-signature": "0" * 128}
    )
    assert not SIGNATURE.genuine(body, signed, ("Bw" * 21 + "c", "_" * 43), 0)
    with contextlib.suppress(GenerationError):
        queue.read_callback(body, headers)


GOOD: dict[str, Any] = {
    "video": {"url": "https://x/a.mp4", "content_type": "video/mp4", "file_size": 3, "duration": 5},
    "images": [{"url": "https://x/a.png", "width": 4, "height": 4}],
    "audio": {"url": "https://x/a.mp3"},
    "has_nsfw_concepts": [False],
    "timings": {"inference": 1.5},
    "seed": 3,
    "duration_ms": 1500,
}


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(GOOD)), inner=st.sampled_from(NAMES), new=values)
def test_one_odd_field_in_a_good_result_does_not_crash(name: str, inner: str, new: Any) -> None:
    """Whichever it is, whatever it is."""
    there = GOOD[name]
    variants = [new] + ([{**there, inner: new}] if isinstance(there, dict) else [[new]])
    for variant in variants:
        odd = HttpResponse(200, json.dumps({**GOOD, name: variant}).encode())
        with contextlib.suppress(GenerationError):
            replay(queue.poll(PLACE), DONE, odd, explain=FAL.explain)
