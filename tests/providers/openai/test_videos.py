"""Videos: the job that OpenAI had until 2026-09-24 and that servers of one's own still speak.

Answers are written after the OpenAI API description 2.3.0 and vllm-project/vllm-omni
docs/serving/videos (both read 2026-11-21).
"""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InvalidRequest,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.job import Failed, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.dialects.openai import videos
from anymedia.providers.dialects.openai.compatible import VIDEOS, compatible
from anymedia.providers.dialects.openai.videos import VideoQuirks
from anymedia.providers.spec import Brief, Job
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

SERVER = compatible("local", "http://127.0.0.1:8091/v1")
PNG = MediaBytes(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
CLIP: dict[str, Any] = {
    "id": "video_1",
    "object": "video",
    "model": "wan-2.2",
    "status": "queued",
    "progress": 0,
    "seconds": "4",
    "size": "1280x720",
    "error": None,
    "expires_at": None,
}


def job() -> Job:
    """The operation under test."""
    found = SERVER.operation("video", Job)
    assert isinstance(found, Job)
    return found


def clip(status: int = 200, headers: dict[str, str] | None = None, **more: Any) -> HttpResponse:
    """A job's answer."""
    return HttpResponse(status, json.dumps(CLIP | more).encode(), headers)


def submitted(request: VideoRequest, answer: HttpResponse) -> tuple[HttpRequest, Any]:
    """What was sent, and what came of it."""
    (sent,), found = replay(job().submit(request, Brief()), answer, explain=SERVER.explain)
    return sent, found


def polled(answer: HttpResponse) -> Any:
    """Where a job stands by that answer."""
    (sent,), found = replay(job().poll("video_1"), answer, explain=SERVER.explain)
    assert (sent.method, sent.path) == ("GET", "/videos/video_1")
    return found


def fields(sent: HttpRequest) -> dict[str, str]:
    """A form's plain fields."""
    return {part.name: part.content.decode() for part in sent.parts if part.filename is None}


def test_a_clip_is_asked_for_by_a_form() -> None:
    """Its length is text, and whole."""
    request = VideoRequest(
        model="wan-2.2",
        prompt="a paper boat",
        duration_seconds=4.4,
        aspect_ratio="9:16",
        resolution="720p",
        seed=7,
        audio=True,
        options={"guidance_scale": 5},
    )
    sent, found = submitted(request, clip(headers={"x-request-id": "req_1"}))
    assert (sent.method, sent.path) == ("POST", "/videos")
    assert fields(sent) == {
        "model": "wan-2.2",
        "prompt": "a paper boat",
        "seconds": "4",
        "size": "720x1280",
        "seed": "7",
        "generate_sound": "true",
        "guidance_scale": "5",
    }
    assert (found.handle, found.state, found.request_id) == ("video_1", Queued(), "req_1")
    assert [one.code for one in found.warnings] == ["option-rounded"]


def test_one_picture_goes_along_as_a_file() -> None:
    """As the first frame or as a reference."""
    for request in (
        VideoRequest(model="m", first_frame=PNG),
        VideoRequest(model="m", references=(PNG,)),
    ):
        sent, _ = submitted(request, clip())
        assert [(p.name, p.media_type) for p in sent.parts if p.filename] == [
            ("input_reference", "image/png")
        ]


@pytest.mark.parametrize(
    "more",
    [{"last_frame": PNG}, {"video": PNG}, {"references": (PNG, PNG)}, {"resolution": "huge"}],
)
def test_what_the_form_has_no_place_for_is_refused(more: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(UnsupportedOption):
        replay(
            job().submit(VideoRequest(model="m", prompt="x", **more), Brief()),
            explain=SERVER.explain,
        )


def test_a_service_without_a_field_for_an_option_says_so() -> None:
    """OpenAI's own form has none for a seed."""
    _, found = replay(
        videos.submit(VideoRequest(model="m", prompt="x", seed=1), Brief(), VideoQuirks()),
        clip(),
        explain=SERVER.explain,
    )
    assert [(one.code, one.option) for one in found.warnings] == [("option-dropped", "seed")]


def test_a_clip_can_be_made_anew_from_an_earlier_one() -> None:
    """Only the prompt can differ."""
    request = VideoRequest(
        model="m", prompt="at night", duration_seconds=8, options={"remix_of": "video_0"}
    )
    sent, found = submitted(request, clip(remixed_from_video_id="video_0"))
    assert (sent.path, sent.json) == ("/videos/video_0/remix", {"prompt": "at night"})
    assert [one.option for one in found.warnings] == ["duration_seconds"]
    wrong = VideoRequest(model="m", prompt="x", options={"remix_of": "../files"})
    with pytest.raises(InvalidRequest):
        replay(job().submit(wrong, Brief()), explain=SERVER.explain)


@pytest.mark.parametrize(
    ("ratio", "resolution", "pixels"),
    [
        (None, None, None),
        ("16:9", None, "1280x720"),
        (None, "1080p", "1920x1080"),
        ("1:1", "480p", "480x480"),
        ("9:16", "4k", "2160x3840"),
        ("1:1", "832x480", "832x480"),
    ],
)
def test_sizes_are_pixels(ratio: str | None, resolution: str | None, pixels: str | None) -> None:
    """The tier is the shorter side."""
    assert videos.size(ratio, resolution) == pixels


def test_a_job_goes_through_its_states() -> None:
    """A state that is not known yet is no failure."""
    assert polled(clip(headers={"openai-poll-after-ms": "1500"})) == Queued(poll_after_seconds=1.5)
    running = polled(HttpResponse(200, json.dumps(CLIP | {"status": "in_progress"}).encode()))
    assert running == Running(progress=0.0)
    for word, progress in (("warming_up", 140), ("in_progress", None)):
        body = json.dumps(CLIP | {"status": word, "progress": progress})
        state = polled(HttpResponse(200, body.encode()))
        assert isinstance(state, Running)
    body = json.dumps(CLIP | {"status": "cancelled"})
    assert isinstance(polled(HttpResponse(200, body.encode())), Stopped)


def test_a_finished_clip_is_fetched_below_the_service_with_its_key() -> None:
    """Wherever the service is configured to be."""
    done = polled(HttpResponse(200, json.dumps(CLIP | {"status": "completed"}).encode()))
    assert isinstance(done, Succeeded)
    (artifact,) = done.artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert (artifact.url, artifact.needs_key) == ("/videos/video_1/content", True)
    assert done.usage.seconds == Decimal(4)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "moderation_blocked", "message": "no"}, "CONTENT_POLICY_VIOLATION"),
        ({"code": 500, "message": "out of memory"}, "PROVIDER_ERROR"),
        (None, "PROVIDER_ERROR"),
    ],
)
def test_a_failed_job_says_why(error: Any, code: str) -> None:
    """It was taken on, so it is not sent again by itself."""
    body = json.dumps(CLIP | {"status": "failed", "error": error})
    state = polled(HttpResponse(200, body.encode()))
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.accepted) == (code, "yes")


def test_a_server_that_forgot_the_job_has_failed_it() -> None:
    """Its jobs lie in memory."""
    state = polled(HttpResponse(404, b'{"detail": "Video not found"}'))
    assert isinstance(state, Failed)
    assert not state.problem.retryable


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (
            401,
            b'{"error": {"message": "bad key", "code": "invalid_api_key"}}',
            AuthenticationFailed,
        ),
        (429, b'{"error": {"message": "slow", "code": "rate_limit_exceeded"}}', RateLimited),
        (422, b'{"detail": [{"loc": ["body", "prompt"], "msg": "missing"}]}', RequestRejected),
        (503, b'{"detail": "Diffusion engine not initialized"}', ProviderUnavailable),
        (200, b"", UnreadableResponse),
        (200, b"<html>", UnreadableResponse),
        (200, b'{"id": null, "status": "queued"}', UnreadableResponse),
        (200, b'{"error": {"message": "no", "type": "invalid_request_error"}}', RequestRejected),
    ],
)
def test_failures_of_submission(status: int, body: bytes, error: type[GenerationError]) -> None:
    """Each to its own error."""
    with pytest.raises(error):
        submitted(VideoRequest(model="m", prompt="x"), HttpResponse(status, body))


def test_deleting_is_stopping() -> None:
    """Where the service does that."""
    cancel = job().cancel
    assert cancel is not None
    for status, body, outcome in (
        (200, b'{"id": "video_1", "deleted": true}', "confirmed"),
        (200, b"{}", "requested"),
        (404, b"", "impossible"),
    ):
        (sent,), found = replay(
            cancel("video_1"), HttpResponse(status, body), explain=SERVER.explain
        )
        assert (sent.method, sent.path, found) == ("DELETE", "/videos/video_1", outcome)


@given(st.binary() | st.recursive(st.none() | st.text() | st.floats() | st.integers(),
       lambda inner: st.dictionaries(st.sampled_from([*CLIP]), inner)).map(
           lambda body: json.dumps(body).encode()))  # fmt: skip
def test_whatever_comes_ends_in_errors_of_ours(body: bytes) -> None:
    """Never in a crash."""
    for exchange in (
        videos.submit(VideoRequest(model="m", prompt="x"), Brief(), VIDEOS),
        videos.poll("video_1", VIDEOS),
        videos.cancel("video_1"),
    ):
        with contextlib.suppress(GenerationError):
            replay(exchange, HttpResponse(200, body), explain=SERVER.explain)
