"""What is sent to Ark, and what its answers mean.

The finished task is a recorded answer (github.com/vercel/ai, issue 17883, of 2026-08-28, its
addresses shortened); the others are written after public adapters and the vendor's table of
error codes, read 2026-11-21.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    OutcomeUnknown,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, MediaUrl, Medium, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.seedance import SEEDANCE, image, video
from anymedia.providers.adapters.seedance.task import (
    cancel,
    check,
    find,
    poll,
    poll_many,
    read_callback,
)
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Submitted
from anymedia.testing.samples import png
from anymedia.wire.exchange import Exchange, replay
from anymedia.wire.http import Headers, HttpRequest, HttpResponse

CLIP_MODEL, PICTURE_MODEL = "dreamina-seedance-2-0-260128", "seedream-5-0-260128"
TASKS = "/contents/generations/tasks"
PICTURE = MediaBytes(data=b"\x89PNG", media_type="image/png")
LINK = MediaUrl(url="https://example.com/fox.png")
CLIP = MediaUrl(url="https://example.com/fox.mp4", media_type="video/mp4")
SOUND = MediaUrl(url="https://example.com/fox.mp3", media_type="audio/mpeg")
SENT_AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
FINISHED = {
    "id": "cgt-20260828062711-hj94q",
    "model": "seedance-1-0-pro-250528",
    "status": "succeeded",
    "content": {
        "video_url": "https://ark.example/recorded-video.mp4",
        "last_frame_url": "https://ark.example/recorded-video_last-frame.png",
    },
    "usage": {"completion_tokens": 19845, "total_tokens": 19845},
    "created_at": 1787869631,
    "updated_at": 1787869648,
    "seed": 17918,
    "resolution": "480p",
    "ratio": "16:9",
    "duration": 2,
    "framespersecond": 24,
    "service_tier": "default",
    "execution_expires_after": 172800,
    "draft": False,
    "priority": 0,
    "output_format": "mp4",
}


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"x-request-id": "021", **headers})


def failure(status: int, code: str, words: str = "no", **headers: str) -> HttpResponse:
    """A failed one."""
    error = {"code": code, "message": words, "param": "", "type": "BadRequest"}
    return answer({"error": error}, status, **headers)


def brief(model: str, medium: Medium = "video", **more: Any) -> Brief:
    """What the engine would say, with the model's sheet."""
    sheets = (one for one in catalogued("seedance") if (one.id, one.medium) == (model, medium))
    return Brief(model=next(sheets), marker="att_1", **more)


def driven(exchange: Exchange[Any], *responses: HttpResponse) -> tuple[list[HttpRequest], Any]:
    """What an exchange sent, and what it returned."""
    return replay(exchange, *responses, explain=SEEDANCE.explain)


def filmed(callback_url: str | None = None, **fields: Any) -> tuple[dict[str, Any], Submitted]:
    """A clip's body, and what is kept of the answer."""
    request = VideoRequest(model=CLIP_MODEL, **fields)
    given = brief(CLIP_MODEL, callback_url=callback_url)
    (sent,), submitted = driven(video.submit(request, given), answer({"id": "cgt-1"}))
    assert sent.path == TASKS
    return sent.json, submitted


def polled(body: Any) -> JobState:
    """What a poll's answer means."""
    found: JobState
    (request,), found = driven(poll("cgt-1"), answer(body))
    assert (request.method, request.path) == ("GET", f"{TASKS}/cgt-1")
    return found


def drawn(told: Any = None, model: str = PICTURE_MODEL, **fields: Any) -> Any:
    """A picture's body, and what is made of the answer."""
    usual = {"model": model, "data": [{"url": "https://ark.example/1.png", "size": "2048x2048"}]}
    request = ImageRequest(model=model, prompt="a fox", **fields)
    (sent,), found = driven(image.draw(request, Brief()), answer(told or usual))
    assert sent.path == "/images/generations"
    return sent.json, found


# --- submitting --------------------------------------------------------------------------------


def test_a_clip_from_words() -> None:
    """What prices and defaults depend on is always said, and it is asked for without a mark."""
    body, submitted = filmed(prompt="a paper boat", options={"camera_fixed": True})
    assert body == {
        "model": CLIP_MODEL,
        "content": [{"type": "text", "text": "a paper boat"}],
        "watermark": False,
        "resolution": "720p",
        "generate_audio": False,
        "camera_fixed": True,
    }
    assert submitted == Submitted(handle="cgt-1", state=Queued(), request_id="021")


def test_everything_that_can_be_said_of_a_clip() -> None:
    """Under the vendor's names; each change may be reported."""
    body, _ = filmed(
        callback_url="https://anymedia.example/webhooks/token",
        prompt="day to night",
        first_frame=PICTURE,
        last_frame=LINK,
        aspect_ratio="9:16",
        resolution="1080p",
        duration_seconds=8,
        seed=7,
        audio=True,
    )
    assert body["content"][1:] == [
        {"type": "image_url", "image_url": {"url": PICTURE.data_uri()}, "role": "first_frame"},
        {"type": "image_url", "image_url": {"url": LINK.url}, "role": "last_frame"},
    ]
    del body["content"]
    assert body == {
        "model": CLIP_MODEL,
        "watermark": False,
        "resolution": "1080p",
        "ratio": "9:16",
        "duration": 8,
        "seed": 7,
        "generate_audio": True,
        "callback_url": "https://anymedia.example/webhooks/token",
    }


def test_a_clip_from_references() -> None:
    """Pictures, clips and sounds, each with its part."""
    body, _ = filmed(references=(LINK, CLIP, SOUND), video=CLIP)
    assert [one["role"] for one in body["content"]] == [
        "reference_image",
        "reference_video",
        "reference_audio",
        "reference_video",
    ]


def test_frames_and_references_are_not_mixed() -> None:
    """The service refuses it, so it is not sent."""
    with pytest.raises(UnsupportedOption):
        filmed(first_frame=LINK, references=(LINK,))


def test_a_task_without_a_name_may_have_been_taken_on() -> None:
    """It is never sent again."""
    request = VideoRequest(model=CLIP_MODEL, prompt="x")
    with pytest.raises(UnreadableResponse) as raised:
        driven(video.submit(request, brief(CLIP_MODEL)), answer({}))
    assert raised.value.accepted == "yes"


# --- polling -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [("queued", Queued()), ("running", Running()), ("paused", Running()), (None, Running())],
)
def test_a_task_that_has_not_ended_goes_on(status: str | None, state: JobState) -> None:
    """A state that nobody has heard of is still running."""
    assert polled({"id": "cgt-1", "status": status}) == state


def test_a_finished_task_tells_its_clip_and_what_it_used() -> None:
    """Tokens, by which the vendor bills, and seconds, by which our prices go."""
    state = polled(FINISHED)
    assert isinstance(state, Succeeded)
    assert state.artifacts == (
        RemoteArtifact(url="https://ark.example/recorded-video.mp4"),
        RemoteArtifact(url="https://ark.example/recorded-video_last-frame.png"),
    )
    assert (state.usage.output_tokens, state.usage.seconds) == (19845, Decimal(2))
    assert state.usage.raw == {"completion_tokens": 19845, "total_tokens": 19845}
    assert state.metadata == {
        "resolution": "480p",
        "ratio": "16:9",
        "seed": 17918,
        "fps": 24,
        "service_tier": "default",
    }
    assert (state.model, state.request_id) == ("seedance-1-0-pro-250528", "021")


@pytest.mark.parametrize("duration", ["NaN", -1, 0, None])
def test_a_length_that_is_none_is_not_known(duration: Any) -> None:
    """The vendor writes -1 where it chooses one itself."""
    state = polled({**FINISHED, "duration": duration})
    assert isinstance(state, Succeeded)
    assert state.usage.seconds is None


@pytest.mark.parametrize(
    ("status", "error", "code", "retryable"),
    [
        ("failed", "OutputVideoSensitiveContentDetected", "CONTENT_POLICY_VIOLATION", False),
        ("failed", "InputImageSensitiveContentDetected.Privacy", "CONTENT_POLICY_VIOLATION", False),
        ("failed", "InternalServiceError", "PROVIDER_ERROR", True),
        ("failed", "InvalidParameter.Image", "INVALID_REQUEST", False),
        ("failed", "ServerOverloaded", "RATE_LIMIT_EXCEEDED", True),
        ("failed", "SomethingNew", "PROVIDER_ERROR", True),
        ("failed", None, "PROVIDER_ERROR", True),
        ("expired", None, "TIMEOUT", True),
        ("expired", "TaskExpired", "TIMEOUT", True),
    ],
)
def test_a_failed_task_says_why(
    status: str, error: str | None, code: str, *, retryable: bool
) -> None:
    """By its code, else by how it ended; a length that was only asked for is not used up."""
    told = {"code": error, "message": "no"} if error else None
    state = polled({"id": "cgt-1", "status": status, "error": told, "duration": 5})
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)
    assert state.problem.request_id == "021"
    assert (state.charged, state.usage.seconds) == (None, None)


def test_a_stopped_task_costs_nothing() -> None:
    """It can only be stopped while it waits."""
    assert polled({"status": "cancelled"}) == Stopped(charged=False)


@pytest.mark.parametrize(
    "response",
    [
        answer({"status": "succeeded"}),
        answer({"status": "succeeded", "content": {"video_url": ""}}),
        answer(["succeeded"]),
        HttpResponse(200, b"<html></html>"),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(response: HttpResponse) -> None:
    """One clear error, and the task is not given up for it."""
    with pytest.raises(UnreadableResponse):
        driven(poll("cgt-1"), response)


# --- stopping, calls, looking for what was lost ------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answers", "outcome"),
    [
        ("queued", [answer({})], "confirmed"),
        ("queued", [failure(409, "InvalidAction.RunningTaskDeletion")], "impossible"),
        ("running", [], "impossible"),
        ("succeeded", [], "impossible"),
        ("failed", [], "impossible"),
        ("cancelled", [], "confirmed"),
    ],
)
def test_cancelling_never_deletes_what_has_ended(
    status: str, answers: list[Any], outcome: str
) -> None:
    """The same call would delete a finished task, and with it the clip that was paid for."""
    requests, found = driven(cancel("cgt-1"), answer({"status": status}), *answers)
    assert found == outcome
    assert [one.method for one in requests[1:]] == ["DELETE"] * len(answers)


def test_who_still_goes_on_is_read_from_one_page() -> None:
    """Who has ended is asked about apart, and so is whoever the page does not show."""
    items = [
        {"id": "cgt-1", "status": "running"},
        {"id": "cgt-2", "status": "queued"},
        {"id": "cgt-3", "status": "succeeded"},
        {"id": "cgt-9", "status": "running"},
        {"status": "running"},
    ]
    handles = ("cgt-1", "cgt-2", "cgt-3", "cgt-4")
    (request,), told = driven(poll_many(handles), answer({"items": items, "total": 5}))
    assert (request.path, request.query) == (TASKS, {"page_num": 1, "page_size": 100})
    assert told == {"cgt-1": Running(), "cgt-2": Queued()}
    assert driven(poll_many(handles), answer({}))[1] == {}


def test_what_is_provably_absent_was_not_taken_on() -> None:
    """The list has nothing that is new enough."""
    old = {"id": "cgt-1", "created_at": SENT_AT.timestamp() - 3600}
    (request,), found = driven(find(Brief(), SENT_AT), answer({"items": [old], "total": 1}))
    assert (request.path, request.query) == (TASKS, {"page_num": 1, "page_size": 100})
    assert found is None


@pytest.mark.parametrize(
    ("hours_ago", "total", "proven"),
    [([2, 3], 2, True), ([2, 3], 900, True), ([3, 2], 900, False), ([2, 3], None, True),
     ([2], 900, False), ([2, 2], 900, False), ([], 0, True), ([], 900, False)],
)  # fmt: skip
def test_only_a_page_that_shows_the_newest_proves_anything(
    hours_ago: list[int], total: int | None, *, proven: bool
) -> None:
    """Or one that is all there is: that the newest come first is not promised."""
    items = [{"created_at": SENT_AT.timestamp() - 3600 * hours} for hours in hours_ago]
    exchange = find(Brief(), SENT_AT)
    if proven:
        assert driven(exchange, answer({"items": items, "total": total}))[1] is None
        return
    with pytest.raises(OutcomeUnknown):
        driven(exchange, answer({"items": items, "total": total}))


@pytest.mark.parametrize("task", [{}, {"id": "1", "created_at": SENT_AT.timestamp() + 1}])
def test_what_may_be_there_stays_unknown(task: dict[str, Any]) -> None:
    """Tasks carry no label: none is adopted by its looks."""
    with pytest.raises(OutcomeUnknown):
        driven(find(Brief(), SENT_AT), answer({"items": [task]}))
    with pytest.raises(UnreadableResponse):
        driven(find(Brief(), SENT_AT), answer({}))


def test_a_call_only_makes_us_ask() -> None:
    """It is not signed, so what it says is not believed."""
    called = read_callback(json.dumps(FINISHED).encode(), Headers())
    assert (called.handle, called.state) == ("cgt-20260828062711-hj94q", None)
    with pytest.raises(UnreadableResponse):
        read_callback(b"{}", Headers())


def test_the_check_asks_for_old_tasks() -> None:
    """Free, and only for those with a key."""
    (request,), _ = driven(check(), answer({"items": [], "total": 0}))
    assert request.path == TASKS
    with pytest.raises(AuthenticationFailed):
        driven(check(), failure(401, "AuthenticationError"))


# --- pictures ----------------------------------------------------------------------------------


def test_a_picture_from_words() -> None:
    """At once; shape and tier become pixels."""
    body, found = drawn(aspect_ratio="16:9", resolution="2k")
    assert body == {
        "model": PICTURE_MODEL,
        "prompt": "a fox",
        "response_format": "url",
        "watermark": False,
        "size": "2720x1536",
    }
    assert isinstance(found, MediaAnswer)
    assert found.artifacts == (
        RemoteArtifact(url="https://ark.example/1.png", metadata={"size": "2048x2048"}),
    )
    assert (found.usage.images, found.model) == (1, PICTURE_MODEL)


@pytest.mark.parametrize(
    ("aspect_ratio", "resolution", "size"),
    [
        (None, None, None),
        (None, "2k", "2K"),
        ("1:1", None, "2048x2048"),
        ("1:1", "4k", "4096x4096"),
        ("9:16", "1k", "768x1360"),
        (None, "1280x720", "1280x720"),
        ("1:1", "1280x720", "1280x720"),
    ],
)
def test_sizes(aspect_ratio: str | None, resolution: str | None, size: str | None) -> None:
    """A tier is an area; exact pixels go as they are."""
    assert image.size(aspect_ratio, resolution) == size


def test_a_picture_by_other_pictures() -> None:
    """One is a text, several are a list; those inside the answer are taken out."""
    inside = base64.b64encode(png(1, 1)).decode()
    told = {
        "data": [{"b64_json": inside}],
        "usage": {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384},
    }
    body, found = drawn(told, images=(LINK,), seed=7, options={"response_format": "b64_json"})
    assert (body["image"], body["seed"]) == (LINK.url, 7)
    assert found.artifacts == (InlineArtifact(data=png(1, 1)),)
    assert found.usage.output_tokens == 16384
    assert drawn(images=(LINK, PICTURE))[0]["image"] == [LINK.url, PICTURE.data_uri()]


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"data": [{"error": {"code": "OutputImageSensitiveContentDetected"}}]}, ContentRefused),
        ({"error": {"code": "InternalServiceError", "message": "x"}}, ProviderUnavailable),
        ({"data": []}, UnreadableResponse),
        ({"data": [{"url": ""}]}, UnreadableResponse),
    ],
)
def test_a_picture_that_is_missing(told: Any, error: type[GenerationError]) -> None:
    """For a reason that is told inside a 200, or for none."""
    with pytest.raises(error):
        drawn(told)


# --- failures, of both operations --------------------------------------------------------------

ASKED: dict[str, Any] = {
    "clip": lambda: video.submit(VideoRequest(model=CLIP_MODEL, prompt="x"), brief(CLIP_MODEL)),
    "picture": lambda: image.draw(
        ImageRequest(model=PICTURE_MODEL, prompt="x"), brief(PICTURE_MODEL, "image")
    ),
}


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize(
    ("status", "code", "words", "error", "accepted"),
    [
        (400, "InvalidParameter", "no", RequestRejected, "no"),
        (400, "MissingParameter", "no", RequestRejected, "no"),
        (400, "InputTextSensitiveContentDetected", "no", ContentRefused, "no"),
        (400, "SensitiveContentDetected", "no", ContentRefused, "no"),
        (401, "AuthenticationError", "no", AuthenticationFailed, "no"),
        (403, "AccessDenied", "no", AuthenticationFailed, "no"),
        (403, "AccountOverdueError", "no", InsufficientCredits, "no"),
        (404, "ModelNotOpen", "no", ModelUnavailable, "no"),
        (404, "InvalidEndpointOrModel.NotFound", "no", ModelUnavailable, "no"),
        (404, "NotFound", "The model is not there", ModelUnavailable, "no"),
        (404, "ResourceNotFound", "The task is not there", RequestRejected, "no"),
        (429, "RateLimitExceeded.EndpointRPMExceeded", "no", RateLimited, "no"),
        (429, "ServerOverloaded", "no", RateLimited, "no"),
        (429, "QuotaExceeded", "too many tasks", RateLimited, "no"),
        (429, "QuotaExceeded", "Your free trial is used up", InsufficientCredits, "no"),
        (429, "Whatever", "your account is in arrears", InsufficientCredits, "no"),
        (500, "InternalServiceError", "oops", ProviderUnavailable, "unknown"),
        (503, "", "oops", ProviderUnavailable, "unknown"),
        (504, "", "late", ProviderTimeout, "unknown"),
    ],
)
def test_failures_are_told_apart(
    operation: str,
    status: int,
    code: str,
    words: str,
    error: type[GenerationError],
    accepted: str,
) -> None:
    """And each says whether it can have been taken on."""
    response = failure(status, code, words, **{"retry-after": "3"})
    with pytest.raises(GenerationError) as raised:
        driven(ASKED[operation](), response)
    found = raised.value
    assert type(found) is error
    assert (found.accepted, found.http_status, found.request_id) == (accepted, status, "021")
    assert found.retry_after == 3
    assert not code or found.provider_code == code


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"id', b"[]", b'{"id": {}, "data": 1}'])
def test_answers_that_make_no_sense_are_unreadable(operation: str, body: bytes) -> None:
    """And nothing proves that nothing was made."""
    with pytest.raises(UnreadableResponse) as raised:
        driven(ASKED[operation](), HttpResponse(200, body))
    assert raised.value.accepted != "no"


def test_every_model_has_its_twin() -> None:
    """What one service has under its name costs the same in the other under its own."""
    sheets = {one.id: one for one in catalogued("seedance") if one.medium == "video"}
    for name, sheet in sheets.items():
        if name.startswith("dreamina-"):
            twin = sheets[name.replace("dreamina-", "doubao-")]
            assert (twin.prices, twin.limits) == (sheet.prices, sheet.limits)
