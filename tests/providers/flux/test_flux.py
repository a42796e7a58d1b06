"""What is sent to Black Forest Labs, and what its answers mean.

Answers are written after the vendor's OpenAPI (2026-05-01 and later revisions, read 2026-11-21)
unless they are recorded.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.support.recordings import Recording, recordings

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.flux import FLUX, check, image, video
from anymedia.providers.adapters.flux.task import poll, read_callback
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpRequest, HttpResponse

PICTURE = MediaBytes(data=b"\x89PNG picture", media_type="image/png")
LINK = MediaUrl(url="https://example.com/fox.png")
TAKEN = {
    "id": "b6a1",
    "polling_url": "https://api.us1.bfl.ai/v1/get_result?id=b6a1",
    "cost": 3.0,
    "input_mp": 0.0,
    "output_mp": 1.05,
}


def answer(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"content-type": "application/json"})


def brief(model: str, **more: Any) -> Brief:
    """What the engine would say, with the model's sheet."""
    return Brief(model=next(one for one in catalogued("flux") if one.id == model), **more)


def drawn(request: ImageRequest, **more: Any) -> tuple[HttpRequest, Submitted]:
    """What a picture's submission sends, and what is kept of the answer."""
    assert request.model is not None
    exchange = image.submit(request, brief(request.model, **more))
    (sent,), submitted = replay(exchange, answer(TAKEN), explain=FLUX.explain)
    return sent, submitted


def filmed(**fields: Any) -> dict[str, Any]:
    """The body that a clip's submission sends."""
    request = VideoRequest(model="flux-3-video", **fields)
    exchange = video.submit(request, brief("flux-3-video"))
    (sent,), _ = replay(exchange, answer(TAKEN), explain=FLUX.explain)
    assert sent.path == "/v1/flux-3-video"
    found: dict[str, Any] = sent.json
    return found


def polled(response: HttpResponse, handle: str = '{"id":"b6a1","credits":"3.0"}') -> JobState:
    """What a poll's answer means."""
    _, state = replay(poll(handle), response, explain=FLUX.explain)
    return state


# --- submitting -----------------------------------------------------------------------------


def test_a_picture_is_asked_for_at_its_models_path() -> None:
    """Pixels in steps of 16, pictures numbered; the secret URL is where it may report."""
    sent, submitted = drawn(
        ImageRequest(
            model="flux-2-pro",
            prompt="a red kite",
            images=(PICTURE, LINK),
            aspect_ratio="16:9",
            resolution="1k",
            seed=7,
            format="png",
            options={"safety_tolerance": 1},
        ),
        callback_url="https://anymedia.example/webhooks/secret",
    )
    assert (sent.method, sent.path) == ("POST", "/v1/flux-2-pro")
    assert sent.json == {
        "prompt": "a red kite",
        "input_image": base64.b64encode(PICTURE.data).decode(),
        "input_image_2": LINK.url,
        "width": 1360,
        "height": 768,
        "seed": 7,
        "output_format": "png",
        "webhook_url": "https://anymedia.example/webhooks/secret",
        "safety_tolerance": 1,
    }
    assert submitted.reported_cost == Decimal("0.03")
    assert submitted.request_id == "b6a1"
    assert isinstance(submitted.state, Queued)


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    """Whatever the vendor thinks best stays its choice."""
    sent, _ = drawn(ImageRequest(model="flux-2-klein-4b", prompt="a red kite"))
    assert sent.json == {"prompt": "a red kite"}


@pytest.mark.parametrize(
    ("model", "fields", "body"),
    [
        (
            "flux-kontext-pro",
            {"images": (LINK,), "aspect_ratio": "21:9"},
            {"input_image": LINK.url, "aspect_ratio": "21:9"},
        ),
        (
            "flux-pro-1.1-ultra",
            {"images": (LINK,), "mode": "variation", "aspect_ratio": "4:3"},
            {"image_prompt": LINK.url, "aspect_ratio": "4:3"},
        ),
        ("flux-dev", {"resolution": "1000x500"}, {"width": 992, "height": 512}),
        (
            "flux-3-image",
            {"images": (LINK,), "resolution": "2k"},
            {"images": [LINK.url], "resolution": "2k", "aspect_ratio": "auto"},
        ),
        (
            "flux-pro-1.0-fill",
            {"images": (LINK,), "mask": LINK},
            {"image": LINK.url, "mask": LINK.url},
        ),
    ],
)
def test_every_generation_has_its_own_names(
    model: str, fields: dict[str, Any], body: dict[str, Any]
) -> None:
    """The same request in five vocabularies."""
    sent, _ = drawn(ImageRequest(model=model, prompt="a kite", **fields))
    assert sent.json == {"prompt": "a kite", **body}


def test_a_size_that_had_to_be_rounded_is_told() -> None:
    """Steps of 32 pixels, between 256 and 1440."""
    _, submitted = drawn(ImageRequest(model="flux-dev", prompt="a kite", resolution="1000x500"))
    assert [(one.option, one.given) for one in submitted.warnings] == [("resolution", "992x512")]


def test_flux_3_pictures_take_no_webhook() -> None:
    """Its schema refuses unknown fields."""
    request = ImageRequest(model="flux-3-image", prompt="a kite")
    sent, _ = drawn(request, callback_url="https://anymedia.example/webhooks/secret")
    assert "webhook_url" not in sent.json


def test_filling_in_wants_a_picture() -> None:
    """Before anything is sent."""
    with pytest.raises(UnsupportedOption, match="images"):
        drawn(ImageRequest(model="flux-pro-1.0-fill", prompt="a kite"))


def test_clips_say_their_mode() -> None:
    """A field of another mode would be refused."""
    assert filmed(prompt="a kite", duration_seconds=6, resolution="1080p", audio=False) == {
        "mode": "t2v",
        "prompt": "a kite",
        "duration": 6,
        "resolution": "fhd",
        "generate_audio": False,
    }
    assert filmed(prompt="a kite", first_frame=LINK, last_frame=LINK, aspect_ratio="16:9") == {
        "mode": "i2v",
        "prompt": "a kite",
        "keyframes": [LINK.url, LINK.url],
        "aspect_ratio": "16:9",
    }
    assert filmed(video=LINK, mode="extend") == {"mode": "v2v", "start_video": LINK.url}


@pytest.mark.parametrize("fields", [{"references": (LINK,)}, {"last_frame": LINK}])
def test_what_clips_cannot_go_by_is_refused(fields: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(UnsupportedOption):
        filmed(prompt="a kite", **fields)


# --- polling --------------------------------------------------------------------------------


def test_a_task_is_polled_where_the_answer_said() -> None:
    """Another region does not know it."""
    _, submitted = drawn(ImageRequest(model="flux-2-pro", prompt="a kite"))
    (sent,), state = replay(
        poll(submitted.handle), answer({"id": "b6a1", "status": "Pending"}), explain=FLUX.explain
    )
    assert sent.path == TAKEN["polling_url"]
    assert state == Queued()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/v1/get_result?id=b6a1",
        "https://bfl.ai.evil.test/x",
        "https://evilbfl.ai/x",
        "http://[",
        None,
    ],
)
def test_a_polling_url_elsewhere_is_not_followed(url: str | None) -> None:
    """The key stays at home; a server that stands in for the vendor is asked at its own address."""
    request = ImageRequest(model="flux-2-pro", prompt="a kite")
    exchange = image.submit(request, brief("flux-2-pro"))
    response = answer({**TAKEN, "polling_url": url})
    _, submitted = replay(exchange, response, explain=FLUX.explain)
    (sent,), _ = replay(poll(submitted.handle), answer({"status": "Pending"}), explain=FLUX.explain)
    assert (sent.path, sent.query) == ("/v1/get_result", {"id": "b6a1"})


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "Pending"}, Queued()),
        ({"status": "Pending", "progress": 0.6}, Running(progress=0.6)),
        ({"status": "Generating", "progress": 40}, Running(progress=0.4)),
        ({"status": "Reasoning"}, Running()),
        ({"state": "Dreaming", "progress": None}, Running()),
        ({"status": None}, Running()),
        ({}, Running()),
        ({"status": "Generating", "progress": -4}, Running()),
    ],
)
def test_a_task_that_has_not_ended_goes_on(body: dict[str, Any], state: JobState) -> None:
    """A state that nobody has heard of is still running."""
    assert polled(answer(body)) == state


def test_a_finished_task_brings_its_file_and_what_it_cost() -> None:
    """What the clip's result says wins over what the submission expected."""
    result = {"sample": "https://delivery.bfl.ai/x.png?sig=1", "seed": 7, "prompt": "a red kite"}
    state = polled(answer({"id": "b6a1", "status": "Ready", "result": result, "cost": 85}))
    assert isinstance(state, Succeeded)
    assert state.artifacts == (
        RemoteArtifact(url=result["sample"], metadata={"seed": 7, "revised_prompt": "a red kite"}),
    )
    assert state.reported_cost == Decimal("0.85")
    assert state.usage.credits == 85
    quiet = polled(answer({"status": "Ready", "result": result}))
    assert isinstance(quiet, Succeeded)
    assert quiet.reported_cost == Decimal("0.03")


@pytest.mark.parametrize("word", ["Request Moderated", "Content Moderated"])
def test_a_moderated_task_is_a_refusal(word: str) -> None:
    """It is answered 200."""
    state = polled(answer({"status": word, "details": {"Moderation Reasons": ["likeness"]}}))
    assert isinstance(state, Failed)
    assert state.problem.code == "CONTENT_POLICY_VIOLATION"
    assert state.problem.retryable is False


@pytest.mark.parametrize("word", ["Error", "Failed"])
def test_a_task_that_broke_has_failed(word: str) -> None:
    """Worth another try."""
    state = polled(answer({"status": word, "details": "worker lost"}))
    assert isinstance(state, Failed)
    assert state.problem.code == "PROVIDER_ERROR"
    assert state.problem.retryable is True
    assert "worker lost" in state.problem.message


@pytest.mark.parametrize(
    "response",
    [
        answer({"status": "Task not found"}),
        answer({"id": "b6a1", "status": "Task not found"}, 404),
        answer({"detail": "Not Found"}, 404),
        HttpResponse(404, b"<html>gone</html>"),
    ],
)
def test_a_task_that_is_not_found_is_asked_for_again(response: HttpResponse) -> None:
    """A region may not know it yet: that proves nothing about the money."""
    with pytest.raises(ProviderUnavailable) as raised:
        polled(response)
    assert raised.value.retryable


@pytest.mark.parametrize(
    "response",
    [
        answer({"status": "Ready"}),
        answer({"status": "Ready", "result": {"sample": None}}),
        answer({"status": "Ready", "result": {"sample": [7]}}),
        answer(["Ready"]),
        HttpResponse(200, b""),
        HttpResponse(200, b"<html>hello</html>"),
        HttpResponse(200, b'{"status": "Rea'),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(response: HttpResponse) -> None:
    """One clear error, and the task is not given up for it."""
    with pytest.raises(UnreadableResponse):
        polled(response)


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error", "accepted"),
    [
        (402, {"detail": "Insufficient credits"}, InsufficientCredits, "no"),
        (403, {"detail": "Not authenticated"}, AuthenticationFailed, "no"),
        (404, {"detail": "Not Found"}, ModelUnavailable, "no"),
        (
            422,
            {"detail": [{"loc": ["body", "width"], "msg": "too small", "type": "ge"}]},
            RequestRejected,
            "no",
        ),
        (429, {"error": "rate_limit_exceeded", "message": "24 active"}, RateLimited, "no"),
        (500, {"detail": "Internal Server Error"}, ProviderUnavailable, "unknown"),
        (503, {"detail": "No capacity"}, ProviderUnavailable, "no"),
    ],
)
def test_failures_are_told_apart(
    status: int, body: dict[str, Any], error: type[GenerationError], accepted: str
) -> None:
    """And each says whether the task can have been taken on."""
    request = ImageRequest(model="flux-2-pro", prompt="a kite")
    with pytest.raises(error) as raised:
        replay(
            image.submit(request, brief("flux-2-pro")), answer(body, status), explain=FLUX.explain
        )
    assert raised.value.accepted == accepted


def test_a_refused_field_is_named() -> None:
    """By its path."""
    said = FLUX.explain(
        answer({"detail": [{"loc": ["body", "width"], "msg": "too small", "type": "ge"}]}, 422)
    )
    assert "width" in said.message


# --- the rest -------------------------------------------------------------------------------


def test_the_check_tells_the_balance() -> None:
    """A free call."""
    (sent,), account = replay(check(), answer({"credits": 1234.5}), explain=FLUX.explain)
    assert sent.path == "/v1/credits"
    assert account.balance == Decimal("1234.5")


def test_a_webhook_only_makes_us_ask() -> None:
    """Its form is not documented, so nothing is believed but the id."""
    called = read_callback(b'{"id": "b6a1", "status": "Ready", "result": {}}', Headers())
    assert json.loads(called.handle)["id"] == "b6a1"
    assert called.state is None
    with pytest.raises(UnreadableResponse):
        read_callback(b"{}", Headers())


RECORDED = [one for one in recordings("bfl") if one.group]


@pytest.mark.skipif(not RECORDED, reason="no recordings of bfl beside the repository")
@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.name)
def test_recorded_answers_are_understood(case: Recording) -> None:
    """Submissions give a handle, polls the state that was expected."""
    expected = case.expect["job"]
    if case.request["method"] == "POST":
        request = ImageRequest(model="flux-2-pro", prompt="a kite")
        exchange = image.submit(request, brief("flux-2-pro"))
        _, submitted = replay(exchange, case.response, explain=FLUX.explain)
        assert json.loads(submitted.handle)["url"] == expected["poll_url"]
        return
    state = polled(case.response)
    if expected["state"] == "succeeded":
        assert isinstance(state, Succeeded)
        urls = [one.url for one in state.artifacts if isinstance(one, RemoteArtifact)]
        assert urls == [one["url"] for one in case.expect["artifacts"]]
    else:
        assert isinstance(state, Queued | Running)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "status", "result", "sample", "cost", "progress", "details"]),
            inner | st.sampled_from(["Ready", "Pending", "Error"]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(body=json_values | st.binary(max_size=40), status=st.sampled_from([200, 404, 500]))
def test_no_answer_raises_anything_but_ours(body: Any, status: int) -> None:
    """Whatever comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status, content)
    request = ImageRequest(model="flux-2-pro", prompt="a kite")
    for exchange in (
        image.submit(request, brief("flux-2-pro")),
        poll('{"id":"b6a1"}'),
        check(),
    ):
        with suppress(GenerationError):
            replay(exchange, response, explain=FLUX.explain)
    with suppress(GenerationError):
        read_callback(content, Headers())


def test_every_model_has_a_form_of_request() -> None:
    """A model without one would go out in another's words."""
    forms = {
        one.id: one.settings.get("form") for one in catalogued("flux") if one.medium == "image"
    }
    assert set(forms.values()) <= set(image.FORMS)
