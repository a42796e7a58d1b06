"""What is sent to Luma's two services, and what their answers mean.

Answers are written after the vendor's SDKs (luma-agents 0.5.0, lumaai 1.21.0) and pages, read
2026-11-21.
"""

from __future__ import annotations

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
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.luma import LUMA, LUMA_DREAM_MACHINE, agents, dream_machine
from anymedia.providers.adapters.luma.failures import explain
from anymedia.providers.adapters.luma.files import check, upload
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange, replay
from anymedia.wire.http import Headers, HttpResponse

PICTURE = MediaBytes(data=b"\x89PNG", media_type="image/png", filename="fox.png")
LINK = MediaUrl(url="https://example.com/fox.png")
CLIP = MediaUrl(url="https://example.com/fox.mp4")
SECRET = "https://anymedia.example/webhooks/token"
SINCE = datetime(2026, 11, 21, 10, tzinfo=UTC)


def answer(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"x-request-id": "req-1"})


def sent(exchange: Exchange[Any]) -> tuple[str, dict[str, Any]]:
    """Path and body of a submission."""
    (request,), submitted = replay(
        exchange, answer({"id": "gen-1", "state": "queued"}, 201), explain=explain
    )
    assert submitted.handle == "gen-1"
    return request.path, request.json


# --- the current service --------------------------------------------------------------------


def test_a_clip_has_its_settings_inside_video() -> None:
    """Lengths are words."""
    request = VideoRequest(
        model="ray-3.2",
        prompt="a greenhouse",
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=5,
        first_frame=LINK,
        last_frame=PICTURE,
        options={"video": {"loop": True}, "user_id": "u-1"},
    )
    assert sent(agents.submit_video(request, Brief())) == (
        "/generations",
        {
            "model": "ray-3.2",
            "type": "video",
            "prompt": "a greenhouse",
            "aspect_ratio": "16:9",
            "video": {
                "resolution": "720p",
                "duration": "5s",
                "start_frame": {"url": LINK.url},
                "end_frame": {"data": "iVBORw==", "media_type": "image/png"},
                "loop": True,
            },
            "user_id": "u-1",
        },
    )


def test_long_clips_take_frames_on_the_grid() -> None:
    """Ten seconds at twenty-four pictures."""
    request = VideoRequest(
        model="ray-3.2", prompt="x", duration_seconds=10, first_frame=LINK, last_frame=LINK
    )
    _, body = sent(agents.submit_video(request, Brief()))
    assert body["video"]["keyframe_indexes"] == [0, 240]
    assert "start_frame" not in body["video"]


def test_a_clip_is_changed() -> None:
    """Its source says that it is one; its length is the source's."""
    request = VideoRequest(model="ray-3.2", prompt="at night", video=CLIP, duration_seconds=5)
    _, body = sent(agents.submit_video(request, Brief()))
    assert body["type"] == "video_edit"
    assert body["source"] == {"url": CLIP.url, "media_type": "video/mp4"}
    assert "video" not in body


def test_pictures_are_made_edited_and_gone_by() -> None:
    """The first is edited, the others are gone by."""
    _, body = sent(agents.submit_image(ImageRequest(model="uni-1", prompt="a fox"), Brief()))
    assert body == {"model": "uni-1", "type": "image", "prompt": "a fox"}
    request = ImageRequest(model="uni-1", prompt="in snow", images=(LINK, PICTURE), format="png")
    _, body = sent(agents.submit_image(request, Brief()))
    assert (body["type"], body["source"]) == ("image_edit", {"url": LINK.url})
    assert [one["media_type"] for one in body["image_ref"]] == ["image/png"]
    request = ImageRequest(model="uni-1", prompt="a fox", images=(LINK,), mode="variation")
    _, body = sent(agents.submit_image(request, Brief()))
    assert (body["type"], body["image_ref"]) == ("image", [{"url": LINK.url}])


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("luma://file/file-1", {"file_id": "file-1"}),
        ("luma://generation/gen-7", {"generation_id": "gen-7"}),
    ],
)
def test_what_luma_has_already_is_referred_to(url: str, given: dict[str, str]) -> None:
    """Uploads and earlier generations."""
    assert agents.ref(MediaUrl(url=url)) == given


def test_a_large_file_goes_into_a_slot_without_the_key() -> None:
    """Asked for, filled, closed."""
    slot = {"url": "https://store.example/put?sig=1", "method": "PUT", "headers": {"x-a": "1"}}
    requests, found = replay(
        upload(PICTURE),
        answer({"id": "file-1", "state": "pending", "upload": slot}),
        HttpResponse(200),
        answer({"id": "file-1", "state": "ready"}),
        explain=explain,
    )
    assert [(one.method, one.path, one.authorize) for one in requests] == [
        ("POST", "/files", True),
        ("PUT", "https://store.example/put?sig=1", False),
        ("POST", "/files/file-1/complete", True),
    ]
    assert requests[1].content == PICTURE.data
    assert found.url == "luma://file/file-1"


def test_a_file_that_was_refused_is_the_callers_to_mend() -> None:
    """By its own moderation, before anything is generated."""
    slot = {"url": "https://store.example/put"}
    with pytest.raises(RequestRejected, match="unsafe"):
        replay(
            upload(PICTURE),
            answer({"id": "f", "upload": slot}),
            HttpResponse(200),
            answer({"id": "f", "state": "failed", "failure_reason": "unsafe"}),
            explain=explain,
        )
    with pytest.raises(UnreadableResponse):
        replay(upload(PICTURE), answer({"id": "f"}), explain=explain)


def polled(body: Any, module: Any = agents) -> JobState:
    """What a poll's answer means."""
    exchange: Exchange[JobState] = module.poll("gen-1")
    _, state = replay(exchange, answer(body), explain=explain)
    return state


@pytest.mark.parametrize("module", [agents, dream_machine])
@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", Queued()),
        ("processing", Running()),
        ("dreaming", Running()),
        ("polishing", Running()),
        (None, Running()),
    ],
)
def test_a_generation_that_has_not_ended_goes_on(
    word: str | None, state: JobState, module: Any
) -> None:
    """A state that nobody has heard of is still running."""
    assert polled({"id": "gen-1", "state": word, "output": None}, module) == state


def test_a_complete_generation_brings_its_files() -> None:
    """With the request's id for the vendor's support."""
    output = [{"type": "video", "url": "https://cdn.example/1.mp4"}]
    state = polled({"id": "gen-1", "state": "completed", "model": "ray-3.2", "output": output})
    assert isinstance(state, Succeeded)
    assert state.artifacts == (RemoteArtifact(url="https://cdn.example/1.mp4"),)
    assert (state.model, state.request_id) == ("ray-3.2", "req-1")
    assets = {"video": "https://cdn.example/1.mp4", "image": None}
    state = polled({"id": "gen-1", "state": "completed", "assets": assets}, dream_machine)
    assert isinstance(state, Succeeded)
    assert state.artifacts == (RemoteArtifact(url="https://cdn.example/1.mp4"),)


@pytest.mark.parametrize("module", [agents, dream_machine])
def test_a_complete_generation_without_a_file_is_unreadable(module: Any) -> None:
    """It was made, and somebody has to look."""
    with pytest.raises(UnreadableResponse):
        polled({"id": "gen-1", "state": "completed"}, module)


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("content_moderated", "CONTENT_POLICY_VIOLATION"),
        ("budget_exhausted", "INSUFFICIENT_CREDITS"),
        ("rate_limited", "RATE_LIMIT_EXCEEDED"),
        ("corrupt_input", "INVALID_REQUEST"),
        ("generation_failed", "PROVIDER_ERROR"),
        ("something_new", "PROVIDER_ERROR"),
        (None, "PROVIDER_ERROR"),
    ],
)
def test_a_failed_generation_says_why(code: str | None, wanted: str) -> None:
    """By its code."""
    state = polled({"id": "gen-1", "state": "failed", "failure_code": code})
    assert isinstance(state, Failed)
    assert state.problem.code == wanted


def test_the_older_service_has_only_words_for_it() -> None:
    """So they are read."""
    body = {"id": "gen-1", "state": "failed", "failure_reason": "Prompt not allowed"}
    state = polled(body, dream_machine)
    assert isinstance(state, Failed)
    assert state.problem.code == "CONTENT_POLICY_VIOLATION"


@pytest.mark.parametrize(
    ("status", "detail", "error", "accepted"),
    [
        (400, "Insufficient credits", InsufficientCredits, "no"),
        (400, "Unknown model", ModelUnavailable, "no"),
        (401, "Invalid API key", AuthenticationFailed, "no"),
        (402, "No balance", InsufficientCredits, "no"),
        (403, "Account suspended", AuthenticationFailed, "no"),
        (413, "Too large", RequestRejected, "no"),
        (422, [{"loc": ["body", "prompt"], "msg": "required"}], RequestRejected, "no"),
        (422, "Prompt was moderated", ContentRefused, "no"),
        (429, "Too many requests", RateLimited, "no"),
        (503, "Unavailable", ProviderUnavailable, "unknown"),
    ],
)
def test_failures_are_told_apart(
    status: int, detail: Any, error: type[GenerationError], accepted: str
) -> None:
    """And each says whether the generation can have been taken on."""
    request = ImageRequest(model="uni-1", prompt="a fox")
    with pytest.raises(error) as raised:
        replay(
            agents.submit_image(request, Brief()),
            answer({"detail": detail}, status),
            explain=explain,
        )
    assert raised.value.accepted == accepted


# --- the older service ----------------------------------------------------------------------


def test_a_clip_in_the_older_service() -> None:
    """Frames by public address, and the secret one to report to."""
    request = VideoRequest(
        model="ray-2",
        prompt="a paper boat",
        resolution="720p",
        duration_seconds=5,
        aspect_ratio="16:9",
        first_frame=LINK,
    )
    assert sent(dream_machine.submit_video(request, Brief(callback_url=SECRET))) == (
        "/generations/video",
        {
            "model": "ray-2",
            "prompt": "a paper boat",
            "generation_type": "video",
            "aspect_ratio": "16:9",
            "resolution": "720p",
            "duration": "5s",
            "keyframes": {"frame0": {"type": "image", "url": LINK.url}},
            "callback_url": SECRET,
        },
    )
    request = VideoRequest(
        model="ray-2", prompt="at night", video=CLIP, options={"mode": "adhere_1"}
    )
    path, body = sent(dream_machine.submit_video(request, Brief()))
    assert path == "/generations/video/modify"
    assert (body["media"], body["mode"]) == ({"url": CLIP.url}, "adhere_1")


def test_pictures_in_the_older_service() -> None:
    """JPEG has another name there."""
    request = ImageRequest(
        model="photon-1", prompt="in snow", images=(LINK, LINK), format="jpeg", aspect_ratio="1:1"
    )
    path, body = sent(dream_machine.submit_image(request, Brief()))
    assert path == "/generations/image"
    assert body == {
        "model": "photon-1",
        "generation_type": "image",
        "prompt": "in snow",
        "aspect_ratio": "1:1",
        "format": "jpg",
        "modify_image_ref": {"url": LINK.url},
        "image_ref": [{"url": LINK.url}],
    }


def listed(*generations: dict[str, Any], has_more: bool = False) -> HttpResponse:
    """A page of generations."""
    return answer({"generations": list(generations), "has_more": has_more})


def test_a_lost_generation_is_recognised_by_where_it_was_to_report() -> None:
    """Page by page, down to the time it was sent."""
    other = {"id": "gen-9", "created_at": "2026-11-21T10:00:05Z", "request": {}}
    ours = {"id": "gen-8", "created_at": "2026-11-21T10:00:01", "request": {"callback_url": SECRET}}
    old = {"id": "gen-1", "created_at": "2026-11-21T08:00:00Z", "request": None}
    brief = Brief(callback_url=SECRET)
    requests, found = replay(
        dream_machine.find(brief, SINCE),
        listed(other, has_more=True),
        listed(ours),
        explain=explain,
    )
    assert [one.query["offset"] for one in requests] == [0, 100]
    assert found is not None
    assert found.handle == "gen-8"
    _, found = replay(
        dream_machine.find(brief, SINCE), listed(other, old, has_more=True), explain=explain
    )
    assert found is None
    _, found = replay(dream_machine.find(Brief(), SINCE), explain=explain)
    assert found is None


def test_a_callback_only_makes_us_ask() -> None:
    """It carries no signature."""
    called = dream_machine.read_callback(b'{"id": "gen-1", "state": "completed"}', Headers())
    assert (called.handle, called.state) == ("gen-1", None)


def test_checks_cost_nothing() -> None:
    """A page of files; the balance in cents."""
    replay(check(), answer({"data": []}), explain=explain)
    _, account = replay(dream_machine.check(), answer({"credit_balance": 1234}), explain=explain)
    assert account.balance == Decimal("12.34")


def test_both_are_known_by_their_own_keys() -> None:
    """A key of one does not open the other."""
    assert LUMA.auth.secrets[0].environment != LUMA_DREAM_MACHINE.auth.secrets[0].environment


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "state", "output", "url", "assets", "generations", "created_at", "request"]
            ),
            inner | st.sampled_from(["completed", "failed", "queued"]),
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
    exchanges: list[Exchange[Any]] = [
        agents.submit_image(ImageRequest(model="uni-1", prompt="a fox"), Brief()),
        agents.poll("gen-1"),
        dream_machine.submit_video(VideoRequest(model="ray-2", prompt="a fox"), Brief()),
        dream_machine.poll("gen-1"),
        dream_machine.check(),
        check(),
    ]
    for exchange in exchanges:
        with suppress(GenerationError):
            replay(exchange, response, explain=explain)
    with suppress(GenerationError):
        dream_machine.read_callback(content, Headers())
