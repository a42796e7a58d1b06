"""fal's queue: what is sent, and what answers mean.

Answers are written from https://docs.fal.ai/model-apis/model-endpoints/queue and
https://docs.fal.ai/model-apis/errors (read 2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    ModelUnavailable,
    RateLimited,
    UnknownModel,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.fal import FAL, LANGUAGE, check, queue
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

ID = "764cabcf-b745-4b3e-ae38-1200304cf45b"
HOME = f"/fal-ai/veo3.1/requests/{ID}"
URL = f"https://queue.fal.run{HOME}"
TICKET = {
    "request_id": ID,
    "response_url": URL,
    "status_url": f"{URL}/status",
    "cancel_url": f"{URL}/cancel",
    "status": "IN_QUEUE",
    "queue_position": 0,
}
CLIP = {
    "url": "https://v3b.fal.media/files/b/x/output.mp4",
    "content_type": "video/mp4",
    "file_name": "output.mp4",
    "file_size": 1234567,
}
FOX = VideoRequest(model="fal-ai/veo3.1/fast", prompt="a fox")


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A written answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, content, {"content-type": "application/json"} | named)


def submitted(
    body: Any = TICKET, request: VideoRequest = FOX, brief: Brief | None = None, status: int = 200
) -> tuple[HttpRequest, Submitted]:
    """What goes out, and how the answer is read."""
    sent, found = replay(
        queue.submit(request, brief or Brief(), LANGUAGE), answer(body, status), explain=FAL.explain
    )
    return sent[0], found


def polled(*answers: HttpResponse, handle: str = HOME) -> JobState:
    """Where it stands."""
    return replay(queue.poll(handle), *answers, explain=FAL.explain)[1]


DONE = answer({"status": "COMPLETED", "logs": None, "metrics": {"inference_time": 61.5}})


# --- submitting -----------------------------------------------------------------------------


def test_a_request_is_put_into_the_queue_of_its_model() -> None:
    """One POST with the model's input; the handle is the request's path."""
    sent, found = submitted()
    assert (sent.method, sent.path, sent.query) == ("POST", "/fal-ai/veo3.1/fast", {})
    assert sent.json == {"prompt": "a fox"}
    assert found == Submitted(handle=HOME, state=Queued(), request_id=ID)


def test_a_callback_url_goes_along() -> None:
    """In the query, as fal wants it."""
    sent, _ = submitted(brief=Brief(callback_url="https://gw.example/webhooks/fal/t0k3n"))
    assert sent.query == {"fal_webhook": "https://gw.example/webhooks/fal/t0k3n"}


def test_options_of_the_queue_become_headers_and_others_go_into_the_input() -> None:
    """So both can be set."""
    options: dict[str, Any] = {"queue_priority": "low", "store_io": False, "auto_fix": True}
    sent, _ = submitted(request=FOX.model_copy(update={"options": options}))
    assert sent.headers == {"X-Fal-Queue-Priority": "low", "X-Fal-Store-IO": "0"}
    assert sent.json == {"prompt": "a fox", "auto_fix": True}


def test_urls_that_are_laid_out_otherwise_are_kept_as_they_are() -> None:
    """Three paths in the handle; the key goes to our own host whatever the URLs say."""
    odd = {
        "request_id": "r",
        "response_url": "https://evil.example/fal-ai/wizper/requests/r/result",
        "status_url": "https://evil.example/fal-ai/wizper/requests/r",
        "cancel_url": "https://evil.example/fal-ai/wizper/requests/r/stop",
    }
    _, found = submitted(odd)
    below = "/fal-ai/wizper/requests/r"
    assert found.handle == f"{below} {below}/result {below}/stop"
    sent, _ = replay(queue.poll(found.handle), DONE, answer({"video": CLIP}), explain=FAL.explain)
    assert [one.path for one in sent] == [below, f"{below}/result"]


@pytest.mark.parametrize(
    "ticket",
    [
        {"request_id": ID},
        {**TICKET, "status_url": None},
        {**TICKET, "cancel_url": "https://queue.fal.run"},
        {**TICKET, "response_url": "https://[broken"},
    ],
)
def test_missing_urls_are_rebuilt_from_two_segments_of_the_model(ticket: dict[str, Any]) -> None:
    """As fal lays them out."""
    assert submitted(ticket)[1].handle == HOME


def test_workflows_have_three_segments() -> None:
    """`workflows` and `comfy` are namespaces of users."""
    assert queue.app("workflows/me/mine/deep") == "workflows/me/mine"
    assert queue.app("comfy/me/mine") == "comfy/me/mine"
    assert queue.app("fal-ai/veo3.1/fast/image-to-video") == "fal-ai/veo3.1"


@pytest.mark.parametrize("name", ["../secrets", "fal-ai/../x", "a b", "x?y=1", "", "/fal-ai"])
def test_what_is_no_name_of_a_model_is_not_sent(name: str) -> None:
    """It would become part of a path."""
    with pytest.raises(UnknownModel):
        submitted(request=VideoRequest(model=name, prompt="a fox"))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"[]", b"null", b"{}", b'{"request_id": {}}']
)
def test_a_submission_without_an_id_may_have_been_accepted(body: bytes) -> None:
    """Nobody knows, so nobody repeats it."""
    with pytest.raises(UnreadableResponse) as caught:
        submitted(body)
    assert caught.value.accepted == "unknown"


def test_an_id_that_is_no_path_segment_is_refused() -> None:
    """It was accepted all the same."""
    with pytest.raises(UnreadableResponse) as caught:
        submitted({"request_id": "../../x"})
    assert caught.value.accepted == "yes"


# --- asking ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "IN_QUEUE", "queue_position": 3}, Queued()),
        ({"status": "IN_QUEUE"}, Queued()),
        ({"status": "IN_PROGRESS", "logs": None}, Running()),
        ({"status": "POLISHING"}, Running()),
        ({"status": None}, Running()),
        ({}, Running()),
    ],
)
def test_a_request_waits_then_runs(body: dict[str, Any], state: JobState) -> None:
    """Unknown states are not failures. fal answers 202 until it is over."""
    assert polled(answer(body, 202)) == state


def test_a_clip_is_fetched_when_it_is_done() -> None:
    """Where it is, what it is, and what fal says about it."""
    body = {"video": CLIP | {"duration": 8.0, "width": 1280}, "seed": 7, "extra": {"a": 1}}
    state = polled(
        DONE, answer(body, x_fal_request_id="req_9", x_fal_billable_units="8"), handle=HOME
    )
    assert isinstance(state, Succeeded)
    assert state.request_id == "req_9"
    assert state.artifacts == (
        RemoteArtifact(
            url=CLIP["url"],
            media_type="video/mp4",
            metadata={"file_name": "output.mp4", "width": 1280, "duration": 8.0, "seed": 7},
        ),
    )
    assert state.usage.seconds == 8
    assert state.usage.raw == {"billable_units": "8", "metrics": {"inference_time": 61.5}}


def test_sound_and_pictures_are_read_likewise() -> None:
    """Every model has its own key; some give bare URLs."""
    sound = polled(DONE, answer({"audio": {"url": "https://x/a.mp3"}, "duration_ms": 1500}))
    assert isinstance(sound, Succeeded)
    assert str(sound.usage.seconds) == "1.5"
    pictures = polled(DONE, answer({"images": ["https://x/1.png", None, {"url": "https://x/2"}]}))
    assert isinstance(pictures, Succeeded)
    assert len(pictures.artifacts) == pictures.usage.images == 2
    inline = polled(DONE, answer({"images": [{"url": "data:image/png;base64,iVBORw=="}]}))
    assert isinstance(inline, Succeeded)
    assert inline.artifacts == (InlineArtifact(data=b"\x89PNG", media_type="image/png"),)


def test_a_picture_that_was_blacked_out_is_a_refusal() -> None:
    """It comes with a 200 and is charged."""
    state = polled(
        DONE, answer({"images": [{"url": "https://x/1.png"}], "has_nsfw_concepts": [True]})
    )
    assert isinstance(state, Failed)
    assert state.problem.code == "CONTENT_POLICY_VIOLATION"
    assert state.charged is True


def test_of_several_pictures_the_clean_ones_are_kept() -> None:
    """And the others are told of."""
    body = {
        "images": [{"url": "https://x/1.png"}, {"url": "https://x/2.png"}],
        "has_nsfw_concepts": [True, False],
    }
    state = polled(DONE, answer(body))
    assert isinstance(state, Succeeded)
    assert [getattr(one, "url", "") for one in state.artifacts] == ["https://x/2.png"]
    assert [one.code for one in state.warnings] == ["delivered-differs"]
    assert state.usage.images == 2


@pytest.mark.parametrize(
    ("body", "code", "retryable", "charged"),
    [
        ({"error": "Timed out", "error_type": "request_timeout"}, "TIMEOUT", True, None),
        ({"error": "gone", "error_type": "runner_disconnected"}, "PROVIDER_ERROR", True, False),
        ({"error": None, "error_type": "startup_timeout"}, "TIMEOUT", True, False),
        ({"error": "odd"}, "PROVIDER_ERROR", False, None),
        ({"error": {"detail": "odd"}, "error_type": "brand_new"}, "PROVIDER_ERROR", False, None),
    ],
)
def test_the_platform_may_say_in_the_status_that_it_gave_up(
    body: dict[str, Any], code: str, retryable: bool, charged: bool | None
) -> None:
    """No result is fetched then."""
    state = polled(answer({"status": "COMPLETED", **body}))
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)
    assert state.charged is charged


def test_a_cancelled_request_is_stopped() -> None:
    """However fal spells it."""
    body = {"status": "COMPLETED", "error": "cancelled", "error_type": "request_cancelled"}
    assert polled(answer(body)) == Stopped()


def problem(kind: str, message: str = "no") -> dict[str, Any]:
    """A model's own error."""
    return {"detail": [{"loc": ["body", "prompt"], "msg": message, "type": kind, "ctx": {}}]}


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable", "charged"),
    [
        (422, problem("content_policy_violation"), "CONTENT_POLICY_VIOLATION", False, None),
        (422, problem("no_media_generated"), "PROVIDER_ERROR", True, None),
        (422, problem("image_too_small"), "INVALID_REQUEST", False, None),
        (422, problem("file_download_error"), "INVALID_REQUEST", True, None),
        (422, problem("literal_error"), "INVALID_REQUEST", False, None),
        (422, problem("brand_new_type"), "INVALID_REQUEST", False, None),
        (422, {"detail": "as text"}, "INVALID_REQUEST", False, None),
        (500, problem("internal_server_error"), "PROVIDER_ERROR", True, False),
        (500, problem("downstream_service_error"), "PROVIDER_ERROR", True, False),
        (504, problem("generation_timeout"), "TIMEOUT", True, False),
        (503, {"detail": "x", "error_type": "runner_disconnected"}, "PROVIDER_ERROR", True, False),
    ],
)
def test_the_model_may_say_in_the_result_that_it_failed(
    status: int, body: dict[str, Any], code: str, retryable: bool, charged: bool | None
) -> None:
    """`COMPLETED` is not success."""
    state = polled(DONE, answer(body, status))
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)
    assert state.charged is charged


@pytest.mark.parametrize(("units", "charged"), [("0", False), ("1.5", True), ("many", None)])
def test_a_failure_says_by_its_units_whether_it_costs(units: str, charged: bool | None) -> None:
    """As far as it says so."""
    body = problem("content_policy_violation")
    state = polled(DONE, answer(body, 422, x_fal_billable_units=units))
    assert isinstance(state, Failed)
    assert state.charged is charged


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"detail": "Unauthorized"}, AuthenticationFailed),
        (404, {"detail": "Request not found"}, GenerationError),
        (429, {"detail": "slow down"}, RateLimited),
        (500, b"", GenerationError),
        (502, b"<html>nginx</html>", GenerationError),
        (503, {"detail": "try again"}, GenerationError),
    ],
)
def test_trouble_on_the_way_to_the_result_says_nothing_about_the_work(
    status: int, body: Any, error: type[GenerationError]
) -> None:
    """It is raised, and asked again."""
    with pytest.raises(error):
        polled(DONE, answer(body, status))


def test_a_result_that_is_not_there_yet_is_waited_for() -> None:
    """Fal says so with a 400."""
    assert polled(DONE, answer({"detail": "Request is still in progress"}, 400)) == Running()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"{", b"[]", b"null", b"{}", b'{"images": []}', b'{"video": {}}'),
        b'{"video": 3}',
        b'{"images": [{"url": "data:image/png;base64,?"}]}',
        b'{"images": [{"url": "data:"}]}',
    ],
)
def test_a_result_without_a_file_is_unreadable(body: bytes) -> None:
    """And nothing else escapes."""
    with pytest.raises(UnreadableResponse):
        polled(DONE, answer(body))


def test_a_handle_may_be_a_whole_url_and_must_be_one_of_ours() -> None:
    """As a person copies it from fal's pages."""
    handle = f"https://queue.fal.run{HOME}/status"
    sent, _ = replay(queue.poll(handle), answer({}, 202), explain=FAL.explain)
    assert sent[0].path == f"{HOME}/status"
    for wrong in ("", ID, "a b"):
        with pytest.raises(UnreadableResponse):
            polled(handle=wrong)


# --- cancelling and checking ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (202, {"status": "CANCELLATION_REQUESTED"}, "requested"),
        (200, {"status": "OK"}, "requested"),
        (202, b"", "requested"),
        (200, {"status": "ALREADY_COMPLETED"}, "impossible"),
        (400, {"status": "ALREADY_COMPLETED"}, "impossible"),
        (404, {"status": "NOT_FOUND"}, "impossible"),
    ],
)
def test_cancelling_asks_and_polling_shows(status: int, body: Any, outcome: str) -> None:
    """A running request may still end."""
    sent, said = replay(queue.cancel(HOME), answer(body, status), explain=FAL.explain)
    assert (sent[0].method, sent[0].path) == ("PUT", f"{HOME}/cancel")
    assert said == outcome


def test_the_check_tells_a_good_key_from_a_bad_one() -> None:
    """A request that nobody has is not found with a good key."""
    replay(check(), answer({"detail": "not found"}, 404), explain=FAL.explain)
    with pytest.raises(AuthenticationFailed):
        replay(check(), answer({"detail": "No user found"}, 401), explain=FAL.explain)


def test_an_unknown_model_is_told_at_submission() -> None:
    """Nothing was accepted."""
    with pytest.raises(ModelUnavailable) as caught:
        submitted({"detail": 'Application "nope" not found'}, status=404)
    assert caught.value.accepted == "no"


def test_pictures_take_the_same_way() -> None:
    """Only the words differ."""
    request = ImageRequest(model="fal-ai/flux/dev", prompt="a fox", aspect_ratio="16:9", count=2)
    sent, _ = replay(queue.submit(request, Brief(), LANGUAGE), answer(TICKET), explain=FAL.explain)
    assert sent[0].json == {"prompt": "a fox", "image_size": "landscape_16_9", "num_images": 2}
