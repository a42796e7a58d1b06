"""What is sent to Model Studio, and what its answers mean.

Answers are written after public adapters (npm @ai-sdk/alibaba 2.0.58, PyPI dashscope 2.0.2) and
the vendor's table of error codes, read 2026-11-21.
"""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
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
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.wan import WAN, image, video
from anymedia.providers.adapters.wan.task import cancel, check, poll
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Nothing, Submitted
from anymedia.testing.samples import png
from anymedia.wire.exchange import Exchange, replay
from anymedia.wire.http import HttpRequest, HttpResponse

PICTURE = MediaBytes(data=b"\x89PNG", media_type="image/png")
LINK = MediaUrl(url="https://example.com/fox.png")
CLIP = MediaUrl(url="https://example.com/fox.mp4", media_type="video/mp4")
SOUND = MediaUrl(url="https://example.com/fox.mp3", media_type="audio/mpeg")


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer; its exchange is named in the body."""
    return HttpResponse(status, json.dumps({"request_id": "req-1", **body}).encode(), headers)


def failure(status: int, code: str, words: str = "no", **headers: str) -> HttpResponse:
    """A failed one."""
    return answer({"code": code, "message": words}, status, **headers)


def brief(model: str, medium: Medium = "video") -> Brief:
    """What the engine would say, with the model's sheet."""
    sheets = (one for one in catalogued("wan") if (one.id, one.medium) == (model, medium))
    return Brief(model=next(sheets), marker="att_1")


def driven(exchange: Exchange[Any], *responses: HttpResponse) -> tuple[list[HttpRequest], Any]:
    """What an exchange sent, and what it returned."""
    return replay(exchange, *responses, explain=WAN.explain)


def filmed(model: str, given: Brief | None = None, **fields: Any) -> tuple[HttpRequest, Submitted]:
    """What a clip's submission sends, and what is kept of the answer."""
    taken = answer({"output": {"task_id": "t-1", "task_status": "PENDING"}})
    request = VideoRequest(model=model, **fields)
    (sent,), submitted = driven(video.submit(request, given or brief(model)), taken)
    return sent, submitted


def polled(output: dict[str, Any], **more: Any) -> JobState:
    """What a poll's answer means."""
    found: JobState
    (request,), found = driven(poll("t-1"), answer({"output": output, **more}))
    assert (request.method, request.path) == ("GET", "/api/v1/tasks/t-1")
    return found


# --- submitting --------------------------------------------------------------------------------


def test_a_clip_from_words() -> None:
    """As a task, which a header asks for; what prices depend on is always said."""
    sent, submitted = filmed("wan3.0-video", prompt="a boat", options={"input": {"x": 1}})
    assert sent.path == "/api/v1/services/aigc/video-generation/video-synthesis"
    assert sent.headers["X-DashScope-Async"] == "enable"
    assert sent.json == {
        "model": "wan3.0-video",
        "input": {"prompt": "a boat", "x": 1},
        "parameters": {"watermark": False, "resolution": "720P"},
    }
    assert submitted == Submitted(handle="t-1", state=Queued(), request_id="req-1")


def test_everything_that_can_be_said_of_a_clip() -> None:
    """Under the vendor's names; seeds have 31 bits."""
    sent, submitted = filmed(
        "wan3.0-video",
        prompt="a boat",
        negative_prompt="people",
        references=(LINK, CLIP, SOUND),
        aspect_ratio="9:16",
        resolution="1080P",
        duration_seconds=8,
        audio=True,
        seed=2**31 + 7,
        options={"parameters": {"prompt_extend": False}},
    )
    assert sent.json["input"] == {
        "prompt": "a boat",
        "negative_prompt": "people",
        "media": [
            {"type": "reference_image", "url": LINK.url},
            {"type": "reference_video", "url": CLIP.url},
            {"type": "reference_audio", "url": SOUND.url},
        ],
    }
    assert sent.json["parameters"] == {
        "watermark": False,
        "duration": 8,
        "audio": True,
        "seed": 7,
        "resolution": "1080P",
        "ratio": "9:16",
        "prompt_extend": False,
    }
    assert submitted.warnings == ()


def test_a_clip_from_frames_has_their_shape() -> None:
    """The one that was asked for is not sent, and that is told."""
    sent, submitted = filmed(
        "wan3.0-video", first_frame=PICTURE, last_frame=LINK, aspect_ratio="1:1"
    )
    assert sent.json["input"]["media"] == [
        {"type": "first_frame", "url": PICTURE.data_uri()},
        {"type": "last_frame", "url": LINK.url},
    ]
    assert "ratio" not in sent.json["parameters"]
    assert [one.option for one in submitted.warnings] == ["aspect_ratio"]


@pytest.mark.parametrize(
    ("model", "fields", "given", "parameters"),
    [
        (
            "wan2.6-t2v",
            {"prompt": "x", "aspect_ratio": "4:3", "resolution": "1080P"},
            {"prompt": "x"},
            {"size": "1632*1248"},
        ),
        ("wan2.6-t2v", {"prompt": "x"}, {"prompt": "x"}, {"size": "1280*720"}),
        (
            "wan2.6-i2v",
            {"first_frame": LINK, "references": (SOUND,)},
            {"img_url": LINK.url, "audio_url": SOUND.url},
            {"resolution": "720P"},
        ),
        (
            "wan2.6-r2v",
            {"prompt": "x", "references": (LINK,), "video": CLIP},
            {"prompt": "x", "reference_urls": [LINK.url, CLIP.url]},
            {"size": "1280*720"},
        ),
    ],
)
def test_older_models_have_a_field_for_each(
    model: str, fields: dict[str, Any], given: dict[str, Any], parameters: dict[str, Any]
) -> None:
    """And pixels in place of a shape."""
    sent, _ = filmed(model, **fields)
    assert sent.json["input"] == given
    assert sent.json["parameters"] == {"watermark": False, **parameters}


@pytest.mark.parametrize(
    ("model", "field"), [("wan2.2-kf2v-flash", "first_frame_url"), ("wan4.0-video", "media")]
)
def test_models_that_no_sheet_lists_are_known_by_their_names(model: str, field: str) -> None:
    """Older ones have flat fields; exact pixels are written with a star."""
    sent, _ = filmed(model, Brief(), first_frame=LINK, last_frame=LINK)
    assert field in sent.json["input"]
    sent, _ = filmed("wan2.2-t2v-plus", Brief(), prompt="x", resolution="832x480")
    assert sent.json["parameters"]["size"] == "832*480"


def test_older_models_take_one_sound() -> None:
    """There is one field for it."""
    with pytest.raises(UnsupportedOption):
        filmed("wan2.6-r2v", prompt="x", references=(SOUND, SOUND))


@pytest.mark.parametrize("body", [{}, {"output": {}}, {"output": {"task_id": ""}}])
def test_a_task_without_a_name_may_have_been_taken_on(body: dict[str, Any]) -> None:
    """It is never sent again."""
    request = VideoRequest(model="wan3.0-video", prompt="x")
    with pytest.raises(UnreadableResponse) as raised:
        driven(video.submit(request, Brief()), answer(body))
    assert raised.value.accepted == "yes"


def test_a_lost_submission_stays_lost() -> None:
    """There is no list of tasks, no label and no key that makes a repetition harmless."""
    assert WAN.operations[0].recovery == Nothing()  # type: ignore[union-attr]  # it is a job


# --- polling -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PENDING", Queued()),
        ("RUNNING", Running()),
        ("SUSPENDED", Running()),
        ("DREAMING", Running()),
        (None, Running()),
    ],
)
def test_a_task_that_has_not_ended_goes_on(status: str | None, state: JobState) -> None:
    """A state that nobody has heard of is still running."""
    assert polled({"task_id": "t-1", "task_status": status}) == state


def test_a_finished_task_tells_its_clip_and_the_seconds_that_are_billed() -> None:
    """Those of clips that went in as well."""
    usage = {
        "duration": 8,
        "input_video_duration": 3,
        "output_video_duration": 5,
        "fps": 30,
        "SR": 720,
        "ratio": "16:9",
        "video_count": 1,
    }
    url = "https://dashscope.example/1.mp4?Expires=1"
    state = polled({"task_status": "SUCCEEDED", "video_url": url}, usage=usage)
    assert isinstance(state, Succeeded)
    assert state.artifacts == (RemoteArtifact(url=url),)
    assert state.usage.seconds == Decimal(8)
    assert state.usage.raw == {
        "duration": "8",
        "input_video_duration": "3",
        "output_video_duration": "5",
        "fps": "30",
        "SR": 720,
        "ratio": "16:9",
        "video_count": 1,
    }
    assert state.request_id == "req-1"


@pytest.mark.parametrize("seconds", ["NaN", -1, 0, None])
def test_seconds_that_are_no_amount_are_not_known(seconds: Any) -> None:
    """The task's end is believed, the number is not."""
    told = {"task_status": "SUCCEEDED", "video_url": "https://dashscope.example/1.mp4"}
    state = polled(told, usage={"duration": seconds})
    assert isinstance(state, Succeeded)
    assert state.usage.seconds is None


@pytest.mark.parametrize(
    ("code", "wanted", "retryable"),
    [
        ("DataInspectionFailed", "CONTENT_POLICY_VIOLATION", False),
        ("IPInfringementSuspect", "CONTENT_POLICY_VIOLATION", False),
        ("InvalidParameter.DataInspection", "INVALID_REQUEST", False),
        ("InternalError.Algo", "PROVIDER_ERROR", True),
        ("SomethingNew", "PROVIDER_ERROR", True),
        (None, "PROVIDER_ERROR", True),
    ],
)
def test_a_failed_task_says_why(code: str | None, wanted: str, *, retryable: bool) -> None:
    """Inside a 200."""
    state = polled({"task_status": "FAILED", "code": code, "message": "no"})
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (wanted, retryable)
    assert (state.problem.request_id, state.charged) == ("req-1", None)


@pytest.mark.parametrize("word", ["CANCELED", "CANCELLED"])
def test_a_stopped_task_costs_nothing(word: str) -> None:
    """It can only be stopped while it waits."""
    assert polled({"task_status": word}) == Stopped(charged=False)


def test_a_task_that_is_unknown_is_told_as_a_404() -> None:
    """So that a fresh one is asked for again, and one that is gone not for ever."""
    with pytest.raises(ProviderError) as raised:
        polled({"task_id": "t-1", "task_status": "UNKNOWN"})
    found = raised.value
    assert (found.http_status, found.provider_code, found.accepted) == (404, "UNKNOWN", "yes")


@pytest.mark.parametrize(
    "response",
    [
        answer({"output": {"task_status": "SUCCEEDED"}}),
        answer({"output": "SUCCEEDED"}),
        HttpResponse(200, b"<html></html>"),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(response: HttpResponse) -> None:
    """One clear error, and the task is not given up for it."""
    with pytest.raises(UnreadableResponse):
        driven(poll("t-1"), response)


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer({}), "confirmed"),
        (failure(400, "UnsupportedOperation"), "impossible"),
        (failure(404, "NotFound"), "impossible"),
    ],
)
def test_only_what_waits_can_be_stopped(response: HttpResponse, outcome: str) -> None:
    """The vendor refuses the rest."""
    (request,), found = driven(cancel("t-1"), response)
    assert (request.method, request.path) == ("POST", "/api/v1/tasks/t-1/cancel")
    assert found == outcome


def test_the_check_asks_for_a_task_that_there_is_not() -> None:
    """Whoever has a key is told so, whoever has none is refused."""
    (request,), _ = driven(check(), answer({"output": {"task_status": "UNKNOWN"}}))
    assert request.path.startswith("/api/v1/tasks/00000000-")
    driven(check(), failure(404, "NotFound"))
    for refusal in (failure(401, "InvalidApiKey"), failure(400, "InvalidApiKey")):
        with pytest.raises(AuthenticationFailed):
            driven(check(), refusal)


# --- pictures ----------------------------------------------------------------------------------


def drawn(told: Any = None, **fields: Any) -> Any:
    """A picture's body, and what is made of the answer."""
    request = ImageRequest(model="qwen-image-3.0", prompt="a fox", **fields)
    exchange = image.draw(request, brief("qwen-image-3.0", "image"))
    (sent,), found = driven(exchange, answer(told or made("https://x.example/1.png")))
    assert sent.path == "/api/v1/services/aigc/multimodal-generation/generation"
    assert "X-DashScope-Async" not in sent.headers
    return sent.json, found


def made(*images: str, **usage: Any) -> dict[str, Any]:
    """An answer with pictures."""
    content = [{"image": one} for one in images]
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    return {"output": {"choices": [choice]}, "usage": usage}


def test_pictures_from_words() -> None:
    """Asked for as a message; sizes are written with a star."""
    body, found = drawn(
        made("https://x.example/1.png", "https://x.example/2.png", image_count=2, width=1024),
        count=2,
        negative_prompt="people",
        aspect_ratio="16:9",
        resolution="1k",
        seed=7,
    )
    assert body == {
        "model": "qwen-image-3.0",
        "input": {"messages": [{"role": "user", "content": [{"text": "a fox"}]}]},
        "parameters": {
            "watermark": False,
            "n": 2,
            "negative_prompt": "people",
            "size": "1360*768",
            "seed": 7,
        },
    }
    assert [one.url for one in found.artifacts] == [
        "https://x.example/1.png",
        "https://x.example/2.png",
    ]
    assert (found.usage.images, found.request_id) == (2, "req-1")
    assert found.usage.raw == {"image_count": 2, "width": 1024}
    assert found.metadata == {"finish_reason": "stop"}


def test_a_picture_by_other_pictures() -> None:
    """They come before the words."""
    body, _ = drawn(images=(LINK, PICTURE))
    assert body["input"]["messages"][0]["content"] == [
        {"image": LINK.url},
        {"image": PICTURE.data_uri()},
        {"text": "a fox"},
    ]


@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_a_picture_inside_the_answer(head: str) -> None:
    """Newer models may send the picture itself where others send its address."""
    inside = head + base64.b64encode(png(1, 1)).decode()
    _, found = drawn(made(inside, output_image_count=1, input_image_count=1))
    assert found.artifacts == (InlineArtifact(data=png(1, 1)),)
    assert found.usage.images == 1


@pytest.mark.parametrize(
    ("aspect_ratio", "resolution", "size"),
    [
        (None, None, None),
        (None, "2k", "2048*2048"),
        ("1:1", None, "1024*1024"),
        ("1:1", "1328x1328", "1328*1328"),
    ],
)
def test_sizes(aspect_ratio: str | None, resolution: str | None, size: str | None) -> None:
    """A tier is an area; exact pixels go as they are."""
    assert image.size(aspect_ratio, resolution) == size


@pytest.mark.parametrize(
    "told", [{"output": {"choices": []}}, {"output": {}}, made(), made(""), made("no base64!")]
)
def test_an_answer_without_pictures_is_unreadable(told: Any) -> None:
    """And has been paid for."""
    with pytest.raises(UnreadableResponse) as raised:
        drawn(told)
    assert raised.value.accepted == "yes"


# --- failures, of both operations --------------------------------------------------------------

ASKED: dict[str, Any] = {
    "clip": lambda: video.submit(
        VideoRequest(model="wan3.0-video", prompt="x"), brief("wan3.0-video")
    ),
    "picture": lambda: image.draw(
        ImageRequest(model="qwen-image-3.0", prompt="x"), brief("qwen-image-3.0", "image")
    ),
}


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize(
    ("status", "code", "words", "error", "accepted"),
    [
        (400, "InvalidParameter", "no", RequestRejected, "no"),
        (400, "DataInspectionFailed", "no", ContentRefused, "no"),
        (200, "DataInspectionFailed", "no", ContentRefused, "no"),
        (400, "Arrearage", "no", InsufficientCredits, "no"),
        (
            403,
            "AllocationQuota.FreeTierOnly",
            "The free tier is used up",
            InsufficientCredits,
            "no",
        ),
        (401, "InvalidApiKey", "no", AuthenticationFailed, "no"),
        (403, "AccessDenied", "no", AuthenticationFailed, "no"),
        (403, "Model.AccessDenied", "no", ModelUnavailable, "no"),
        (404, "ModelNotFound", "no", ModelUnavailable, "no"),
        (429, "Throttling.RateQuota", "no", RateLimited, "no"),
        (429, "Throttling", "no", RateLimited, "no"),
        (200, "Throttling.RateQuota", "no", RateLimited, "no"),
        (200, "LimitRequests", "no", RateLimited, "no"),
        (429, "LimitRequests", "no", RateLimited, "no"),
        (500, "InternalError", "oops", ProviderUnavailable, "unknown"),
        (500, "RequestTimeOut", "late", ProviderTimeout, "unknown"),
        (503, "ServiceUnavailable", "oops", ProviderUnavailable, "unknown"),
        (502, "", "oops", ProviderUnavailable, "unknown"),
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
    """And each says whether it can have been taken on; some come inside a 200."""
    response = failure(status, code, words, **{"retry-after": "3"})
    with pytest.raises(GenerationError) as raised:
        driven(ASKED[operation](), response)
    found = raised.value
    assert type(found) is error
    assert (found.accepted, found.http_status, found.request_id) == (accepted, status, "req-1")
    assert found.retry_after == (None if status == 200 else 3)
    assert not code or found.provider_code == code


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"out', b"[]", b'{"output": 1}'])
def test_answers_that_make_no_sense_are_unreadable(operation: str, body: bytes) -> None:
    """And nothing proves that nothing was made."""
    with pytest.raises(UnreadableResponse) as raised:
        driven(ASKED[operation](), HttpResponse(200, body))
    assert raised.value.accepted != "no"
