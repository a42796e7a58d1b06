"""Whatever Replicate sends, only our own errors come out."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings, strategies as st

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.providers.adapters.replicate import LANGUAGE, REPLICATE, check, predictions, webhook
from anymedia.providers.adapters.replicate.files import upload
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpResponse

NAMES = (
    *("id", "status", "model", "version", "output", "error", "logs", "metrics", "data_removed"),
    *("created_at", "completed_at", "deadline", "source", "webhook", "results", "next", "urls"),
    *("get", "key", "detail", "title", "predict_time", "username", "type"),
    "video_output_duration_seconds",
)
WORDS = (
    *("", "starting", "processing", "succeeded", "failed", "canceled", "aborted", "web", "p1"),
    *("https://x/a.mp4", "https://[", "data:,", "data:x;base64,?", "../x", "50%|", "hidden"),
    *("2026-11-20T10:00:00Z", "2026-11-20", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00Z"),
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
statuses = st.sampled_from((200, 201, 400, 401, 402, 404, 422, 429, 500, 504))
told = st.sampled_from(("", "1", "-3", "soon", "nan", "1e999"))
NOW = datetime(2026, 11, 21, tzinfo=UTC)
WAITING = ImageRequest(model="a/b", prompt="x", options={"prefer_wait": True})


def driven(response: HttpResponse) -> None:
    """Every exchange with this answer."""
    exchanges: tuple[Any, ...] = (
        predictions.submit(WAITING, Brief(), LANGUAGE),
        predictions.poll("p1", "image"),
        predictions.poll("p1", "video"),
        predictions.cancel("p1"),
        predictions.find(Brief(callback_url="https://x/hook"), NOW),
        upload(MediaBytes(data=b"x")),
        webhook.secret(),
        check(),
    )
    for exchange in exchanges:
        try:
            replay(exchange, response, explain=REPLICATE.explain)
        except GenerationError:
            pass
        except AssertionError as error:  # it wanted another number of answers
            if "written" not in str(error):
                raise


@settings(max_examples=300, deadline=None)
@given(body=bodies, status=statuses, word=told)
def test_no_answer_crashes_an_exchange(body: bytes, status: int, word: str) -> None:
    """Creating, asking, cancelling, finding, uploading."""
    driven(HttpResponse(status, body, {"retry-after": word, "ratelimit-reset": word}))
    with contextlib.suppress(GenerationError):
        predictions.read_callback(body, Headers({}), "image")


@settings(max_examples=300, deadline=None)
@given(body=bodies, status=st.integers(400, 599), word=told)
def test_no_failure_goes_unexplained(body: bytes, status: int, word: str) -> None:
    """`explain` never raises, and its message is short."""
    response = HttpResponse(status, body, {"retry-after": word, "ratelimit-reset": word})
    error = REPLICATE.explain(response)
    assert isinstance(error, GenerationError)
    assert len(error.message) <= 600
    assert error.problem().http_status == status


GOOD: dict[str, Any] = {
    "id": "p1",
    "status": "succeeded",
    "model": "a/b",
    "version": "hidden",
    "output": ["https://x/a.png"],
    "metrics": {"predict_time": 1.5},
    "created_at": "2026-11-20T10:00:00Z",
    "completed_at": "2026-11-20T10:01:00Z",
    "deadline": None,
    "logs": "50%|",
    "error": None,
    "source": "api",
    "data_removed": False,
}


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(GOOD)),
    new=values,
    state=st.sampled_from(("starting", "succeeded", "failed", "canceled", "aborted")),
)
def test_one_odd_field_in_a_good_prediction_does_not_crash(name: str, new: Any, state: str) -> None:
    """Whichever it is, whatever it is, alone or in a list."""
    odd = {**GOOD, "status": state, name: new}
    driven(HttpResponse(200, json.dumps(odd).encode()))
    driven(HttpResponse(200, json.dumps({"results": [odd], "next": None}).encode()))


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=20), header=st.text(max_size=20), secret=st.text(max_size=12))
def test_no_call_crashes_the_check_of_its_signature(body: bytes, header: str, secret: str) -> None:
    """Whoever calls."""
    names = ("id", "timestamp", "signature")
    headers = Headers({f"webhook-{name}": header for name in names} | {"webhook-timestamp": "0"})
    signature = webhook.WEBHOOK.signature
    assert signature is not None
    assert not signature.genuine(body, headers, (secret,), 0)
