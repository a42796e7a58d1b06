"""What is sent to Kling in its two contracts, and what its answers mean.

Answers are written after copies of the vendor's manual (early 2026) and public adapters of the
newer contract, read 2026-11-21.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, Medium, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.kling import KLING, image, video
from anymedia.providers.adapters.kling.task import check, poll, poll_many, read_callback
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpRequest, HttpResponse, get

PICTURE = MediaBytes(data=b"\xff\xd8\xffpicture", media_type="image/jpeg")
LINK = MediaUrl(url="https://example.com/fox.png")
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def answer(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"content-type": "application/json"})


def fine(data: Any) -> HttpResponse:
    """An answer without a failure in it."""
    return answer({"code": 0, "message": "SUCCEED", "request_id": "Cl6", "data": data})


def failure(code: int, status: int, message: str = "no") -> HttpResponse:
    """An answer with one."""
    return answer({"code": code, "message": message, "request_id": "Cl6"}, status)


def brief(model: str, medium: Medium = "video", **more: Any) -> Brief:
    """What the engine would say, with the model's sheet."""
    sheets = (one for one in catalogued("kling") if (one.id, one.medium) == (model, medium))
    return Brief(model=next(sheets), marker="att_1", **more)


TAKEN = fine({"task_id": "831", "task_status": "submitted"})


def filmed(
    model: str, response: HttpResponse = TAKEN, **fields: Any
) -> tuple[HttpRequest, Submitted]:
    """What a clip's submission sends, and what is kept of the answer."""
    request = VideoRequest(model=model, **fields)
    (sent,), submitted = replay(
        video.submit(request, brief(model)), response, explain=KLING.explain
    )
    return sent, submitted


def polled(response: HttpResponse, path: str = "/v1/videos/text2video") -> JobState:
    """What a poll's answer means."""
    handle = json.dumps({"path": path, "id": "831"})
    _, state = replay(poll(handle), response, explain=KLING.explain)
    return state


# --- credentials ----------------------------------------------------------------------------


def test_one_key_goes_as_it_is() -> None:
    """And wins over the pair."""
    secrets = {"api_key": "api-key-kling-1", "access_key": "ak", "secret_key": "sk"}
    sent = KLING.auth.authorize(get("/tasks"), secrets, NOW)
    assert sent.headers["Authorization"] == "Bearer api-key-kling-1"


def test_a_pair_signs_a_token_for_half_an_hour() -> None:
    """By HS256, as RFC 7519 has it; valid a little before now, for clocks that run ahead."""
    sent = KLING.auth.authorize(get("/tasks"), {"access_key": "ak", "secret_key": "sk"}, NOW)
    head, claims, signature = sent.headers["Authorization"].removeprefix("Bearer ").split(".")

    def decoded(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    at = int(NOW.timestamp())
    assert json.loads(decoded(head)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(decoded(claims)) == {"iss": "ak", "exp": at + 1800, "nbf": at - 60}
    wanted = hmac.new(b"sk", f"{head}.{claims}".encode(), hashlib.sha256).digest()
    assert decoded(signature) == wanted


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, True),
        ({"api_key": "k"}, False),
        ({"access_key": "ak", "secret_key": "sk"}, False),
        ({"access_key": "ak"}, True),
    ],
)
def test_either_the_key_or_the_whole_pair_is_needed(given: dict[str, str], missing: bool) -> None:
    """Half a pair proves nothing."""
    assert any(secret.missing_from(given) for secret in KLING.auth.secrets) is missing


# --- submitting -----------------------------------------------------------------------------


def test_a_clip_from_words() -> None:
    """The model in the body, the length as text, our id by which it is found again."""
    sent, submitted = filmed(
        "kling-v2-6",
        prompt="a heron takes off",
        resolution="1080p",
        duration_seconds=5,
        aspect_ratio="16:9",
        audio=True,
    )
    assert (sent.method, sent.path) == ("POST", "/v1/videos/text2video")
    assert sent.json == {
        "model_name": "kling-v2-6",
        "prompt": "a heron takes off",
        "mode": "pro",
        "duration": "5",
        "aspect_ratio": "16:9",
        "sound": "on",
        "external_task_id": "att_1",
    }
    assert json.loads(submitted.handle) == {"path": "/v1/videos/text2video", "id": "831"}
    assert submitted.request_id == "Cl6"
    assert submitted.warnings == ()


def test_sound_that_needs_the_better_mode_gets_it_and_says_so() -> None:
    """2.6 has sound at 1080p only."""
    sent, submitted = filmed("kling-v2-6", prompt="a heron", resolution="720p", audio=True)
    assert (sent.json["mode"], sent.json["sound"]) == ("pro", "on")
    assert [(one.option, one.given) for one in submitted.warnings] == [("resolution", "1080p")]


def test_a_clip_from_frames_has_no_ratio() -> None:
    """It has the picture's own; base64 goes without its head."""
    sent, _ = filmed("kling-v3", first_frame=PICTURE, last_frame=LINK, aspect_ratio="16:9")
    assert sent.path == "/v1/videos/image2video"
    assert sent.json == {
        "model_name": "kling-v3",
        "image": base64.b64encode(PICTURE.data).decode(),
        "image_tail": LINK.url,
        "sound": "off",
        "external_task_id": "att_1",
    }


def test_the_newer_contract_has_the_model_in_the_path() -> None:
    """The same wish in its words."""
    response = fine({"id": "902", "status": "submitted"})
    sent, submitted = filmed(
        "kling-3.0",
        response,
        prompt="a heron",
        resolution="1080p",
        duration_seconds=7,
        aspect_ratio="9:16",
        audio=True,
    )
    assert sent.path == "/text-to-video/kling-3.0"
    assert sent.json == {
        "prompt": "a heron",
        "settings": {
            "resolution": "1080p",
            "duration": 7,
            "aspect_ratio": "9:16",
            "audio": "native",
        },
        "options": {"external_task_id": "att_1"},
    }
    assert json.loads(submitted.handle) == {"path": "/tasks", "id": "902"}


def test_references_and_clips_are_contents_of_the_omni_model() -> None:
    """Each with its part."""
    sent, _ = filmed("kling-3.0-omni", prompt="in snow", references=(LINK, PICTURE))
    assert sent.path == "/omni-video/kling-3.0-omni"
    assert [one["type"] for one in sent.json["contents"]] == [
        "prompt",
        "refer_image",
        "refer_image",
    ]
    sent, _ = filmed("kling-3.0-omni", prompt="in snow", video=LINK)
    assert sent.json["contents"][1] == {"type": "base_video", "url": LINK.url}
    sent, _ = filmed("kling-3.0-turbo", first_frame=LINK)
    assert sent.path == "/image-to-video/kling-3.0-turbo"
    assert sent.json["contents"] == [{"type": "first_frame", "url": LINK.url}]


def test_pictures() -> None:
    """Several at once, by words or by a picture."""
    request = ImageRequest(
        model="kling-v2-1", prompt="a heron", count=3, aspect_ratio="21:9", images=(LINK,)
    )
    (sent,), submitted = replay(
        image.submit(request, brief("kling-v2-1", "image")), TAKEN, explain=KLING.explain
    )
    assert sent.path == "/v1/images/generations"
    assert sent.json == {
        "model_name": "kling-v2-1",
        "prompt": "a heron",
        "n": 3,
        "image": LINK.url,
        "aspect_ratio": "21:9",
        "external_task_id": "att_1",
    }
    assert json.loads(submitted.handle)["path"] == "/v1/images/generations"


def test_a_task_that_is_not_named_was_taken_on_all_the_same() -> None:
    """It may cost, so it must not be sent again."""
    with pytest.raises(UnreadableResponse) as raised:
        filmed("kling-v3", fine({"task_status": "submitted"}), prompt="a heron")
    assert raised.value.accepted == "yes"


# --- finding again --------------------------------------------------------------------------


def test_a_lost_clip_is_looked_for_wherever_it_may_be() -> None:
    """By our id, at each path that makes clips."""
    found = fine({"task_id": "831", "task_status": "processing"})
    sent, submitted = replay(
        video.find(brief("kling-v3"), NOW), failure(1203, 404), found, explain=KLING.explain
    )
    assert [one.path for one in sent] == [
        "/v1/videos/text2video/att_1",
        "/v1/videos/image2video/att_1",
    ]
    assert submitted is not None
    assert json.loads(submitted.handle) == {"path": "/v1/videos/image2video", "id": "831"}


def test_only_not_found_proves_that_it_is_not_there() -> None:
    """Anything else is no proof."""
    gone = failure(1203, 404)
    _, submitted = replay(video.find(brief("kling-v3"), NOW), gone, gone, explain=KLING.explain)
    assert submitted is None
    for response in (failure(1200, 400), HttpResponse(404, b"<html></html>")):
        with pytest.raises(GenerationError):
            replay(video.find(brief("kling-v3"), NOW), response, explain=KLING.explain)
    _, submitted = replay(
        image.find(brief("kling-v2-1", "image"), NOW), gone, explain=KLING.explain
    )
    assert submitted is None


def test_the_newer_contract_is_asked_by_our_ids() -> None:
    """An empty list is an answer."""
    (sent,), submitted = replay(
        video.find(brief("kling-3.0"), NOW), fine([]), explain=KLING.explain
    )
    assert (sent.path, sent.query) == ("/tasks", {"external_task_ids": "att_1"})
    assert submitted is None
    _, submitted = replay(
        video.find(brief("kling-3.0"), NOW), fine([{"id": "902"}]), explain=KLING.explain
    )
    assert submitted is not None
    assert json.loads(submitted.handle) == {"path": "/tasks", "id": "902"}


# --- polling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"task_id": "831", "task_status": "submitted"}, Queued()),
        ({"task_id": "831", "task_status": "processing"}, Running()),
        ({"task_id": "831", "task_status": "polishing"}, Running()),
        ({"task_id": "831", "task_status": None}, Running()),
        ([{"id": "902", "status": "processing"}], Running()),
        ({}, Running()),
    ],
)
def test_a_task_that_has_not_ended_goes_on(data: Any, state: JobState) -> None:
    """A state that nobody has heard of is still running."""
    assert polled(fine(data)) == state


def test_a_finished_clip_in_the_older_contract() -> None:
    """Its units are kept; they are not dollars."""
    state = polled(
        fine(
            {
                "task_id": "831",
                "task_status": "succeed",
                "final_unit_deduction": "3.5",
                "task_result": {
                    "videos": [{"id": "v", "url": "https://cdn.example/v.mp4", "duration": "5.1"}]
                },
            }
        )
    )
    assert isinstance(state, Succeeded)
    assert [one.url for one in state.artifacts if isinstance(one, RemoteArtifact)] == [
        "https://cdn.example/v.mp4"
    ]
    assert state.usage.credits == Decimal("3.5")
    assert state.reported_cost is None


def test_a_finished_clip_in_the_newer_contract() -> None:
    """What it was billed in dollars is what it cost."""
    state = polled(
        fine(
            [
                {
                    "id": "902",
                    "status": "succeeded",
                    "outputs": [{"type": "video", "url": "https://cdn.example/v.mp4"}],
                    "billing": [
                        {"charge_type": "cash", "amount": "0.84", "currency": "USD"},
                        {"charge_type": "unit", "amount": "2"},
                    ],
                }
            ]
        ),
        "/tasks",
    )
    assert isinstance(state, Succeeded)
    assert state.reported_cost == Decimal("0.84")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Failure to pass the risk control system", "CONTENT_POLICY_VIOLATION"),
        ("worker lost", "PROVIDER_ERROR"),
        (None, "PROVIDER_ERROR"),
    ],
)
def test_a_failed_task_says_why(words: str | None, code: str) -> None:
    """Its words are all the evidence there is."""
    state = polled(fine({"task_status": "failed", "task_status_msg": words}))
    assert isinstance(state, Failed)
    assert state.problem.code == code


def test_a_success_without_a_file_is_unreadable() -> None:
    """It was made, and somebody has to look."""
    with pytest.raises(UnreadableResponse):
        polled(fine({"task_status": "succeed", "task_result": {"videos": []}}))


def test_a_callback_leads_to_asking_wherever_the_task_may_be() -> None:
    """It carries no signature and does not say where the task was made."""
    called = read_callback(b'{"task_id": "831", "task_status": "succeed"}', Headers())
    assert called.state is None
    sent, state = replay(
        poll(called.handle),
        failure(1203, 404),
        fine({"task_id": "831", "task_status": "processing"}),
        explain=KLING.explain,
    )
    assert [one.path for one in sent] == [
        "/v1/videos/text2video/831",
        "/v1/videos/image2video/831",
    ]
    assert state == Running()


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [None, 200])
@pytest.mark.parametrize(
    ("code", "usual", "error", "accepted"),
    [
        (1000, 401, AuthenticationFailed, "no"),
        (1004, 401, AuthenticationFailed, "no"),
        (1100, 429, AuthenticationFailed, "no"),
        (1101, 429, InsufficientCredits, "no"),
        (1102, 429, InsufficientCredits, "no"),
        (1103, 403, ModelUnavailable, "no"),
        (1201, 400, RequestRejected, "no"),
        (1203, 404, ModelUnavailable, "no"),
        (1300, 400, RequestRejected, "no"),
        (1301, 400, ContentRefused, "no"),
        (1302, 429, RateLimited, "no"),
        (1303, 429, RateLimited, "no"),
        (1304, 429, AuthenticationFailed, "no"),
        (5000, 500, ProviderUnavailable, "unknown"),
        (5001, 503, ProviderUnavailable, "unknown"),
        (5002, 504, ProviderTimeout, "unknown"),
    ],
)
def test_codes_decide_and_not_the_status(
    code: int, usual: int, error: type[GenerationError], accepted: str, status: int | None
) -> None:
    """429 stands for six things, and a failure may come inside a 200."""
    with pytest.raises(error) as raised:
        filmed("kling-v3", failure(code, status or usual), prompt="a heron")
    assert raised.value.accepted == accepted
    assert raised.value.provider_code == str(code)


def test_a_check_asks_for_a_page_of_old_tasks() -> None:
    """Free, and refused to those without a key."""
    (sent,), _ = replay(check(), fine([]), explain=KLING.explain)
    assert sent.method == "GET"
    with pytest.raises(AuthenticationFailed):
        replay(check(), failure(1002, 401), explain=KLING.explain)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "code",
                    "data",
                    "task_id",
                    "id",
                    "task_status",
                    "status",
                    "task_result",
                    "videos",
                    "url",
                ]
            ),
            inner | st.sampled_from(["succeed", "succeeded", "failed", 0, 1203]),
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(body=json_values | st.binary(max_size=40), status=st.sampled_from([200, 404, 500]))
def test_no_answer_raises_anything_but_ours(body: Any, status: int) -> None:
    """Whatever comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status, content)
    request = VideoRequest(model="kling-v3", prompt="a heron")
    for exchange in (
        video.submit(request, brief("kling-v3")),
        poll('{"path":"/tasks","id":"831"}'),
        poll('{"path":"/v1/videos/text2video","id":"831"}'),
        image.find(brief("kling-v2-1", "image"), NOW),
        video.find(brief("kling-3.0"), NOW),
        check(),
    ):
        with suppress(GenerationError):
            replay(exchange, response, explain=KLING.explain)
    with suppress(GenerationError):
        read_callback(content, Headers())


def test_many_clips_of_the_newer_contract_are_asked_about_in_one_question() -> None:
    """Those of the older one are asked about one by one."""
    newer = [json.dumps({"path": "/tasks", "id": name}) for name in ("831", "832")]
    older = json.dumps({"path": "/v1/videos/text2video", "id": "833"})
    listed = fine([{"id": "831", "status": "processing"}])
    (request,), told = replay(poll_many((*newer, older)), listed, explain=KLING.explain)
    assert (request.path, request.query["task_ids"]) == ("/tasks", "831,832")
    assert told == {newer[0]: Running()}
    assert replay(poll_many((older,)), explain=KLING.explain) == ([], {})
