"""What is sent to Runway, and what its answers mean.

Answers are written after the vendor's SDK (runwayml 5.24.0) and pages, read 2026-11-21.
"""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.audio import AudioRequest
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
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.runway import RUNWAY, image, sound, video
from anymedia.providers.adapters.runway.account import check, upload
from anymedia.providers.adapters.runway.ratio import nearest
from anymedia.providers.adapters.runway.task import cancel, poll
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange, replay
from anymedia.wire.http import HttpRequest, HttpResponse

PICTURE = MediaBytes(data=b"\x89PNG", media_type="image/png", filename="fox.png")
LINK = MediaUrl(url="https://example.com/fox.png")
CLIP = MediaUrl(url="https://example.com/fox.mp4")
explain = RUNWAY.explain


def answer(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"x-request-id": "req-1"})


TAKEN = answer({"id": "17f2", "estimatedCost": {"credits": 60}})


def brief(model: str, medium: str) -> Brief:
    """What the engine would say, with the model's sheet."""
    sheets = (one for one in catalogued("runway") if (one.id, one.medium) == (model, medium))
    return Brief(model=next(sheets))


def sent(exchange: Exchange[Submitted]) -> tuple[HttpRequest, Submitted]:
    """What a submission sends, and what is kept of the answer."""
    (request,), submitted = replay(exchange, TAKEN, explain=explain)
    return request, submitted


def filmed(model: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Address and body of a clip."""
    request, _ = sent(video.submit(VideoRequest(model=model, **fields), brief(model, "video")))
    return request.path.removeprefix("/v1/"), request.json


def polled(body: Any, status: int = 200) -> JobState:
    """What a poll's answer means."""
    _, state = replay(poll("17f2"), answer(body, status), explain=explain)
    return state


# --- submitting -----------------------------------------------------------------------------


def test_a_clip_from_words() -> None:
    """The shape is a pair of pixels; what it may cost at most is told."""
    request, submitted = sent(
        video.submit(
            VideoRequest(
                model="gen4.5",
                prompt="a paper boat",
                aspect_ratio="9:16",
                resolution="720p",
                duration_seconds=5,
                seed=7,
                options={"outputFormat": "prores"},
            ),
            brief("gen4.5", "video"),
        )
    )
    assert (request.method, request.path) == ("POST", "/v1/text_to_video")
    assert request.json == {
        "model": "gen4.5",
        "promptText": "a paper boat",
        "ratio": "720:1280",
        "duration": 5,
        "seed": 7,
        "outputFormat": "prores",
    }
    assert submitted.handle == "17f2"
    assert submitted.reported_cost == Decimal("0.60")
    assert submitted.request_id == "req-1"


def test_what_a_model_requires_is_filled_in() -> None:
    """A shape and a length."""
    assert filmed("gen4.5", prompt="a boat")[1] == {
        "model": "gen4.5",
        "promptText": "a boat",
        "ratio": "1280:720",
        "duration": 5,
    }


def test_a_clip_from_a_picture() -> None:
    """One picture is a string, two have their places."""
    path, body = filmed("gen4_turbo", first_frame=PICTURE, aspect_ratio="4:3")
    assert path == "image_to_video"
    assert body == {
        "model": "gen4_turbo",
        "promptImage": PICTURE.data_uri(),
        "ratio": "1104:832",
    }
    path, body = filmed(
        "veo3.1_fast",
        prompt="day to night",
        first_frame=LINK,
        last_frame=LINK,
        resolution="1080p",
        audio=True,
        duration_seconds=8,
        negative_prompt="people",
    )
    assert path == "image_to_video"
    assert body == {
        "model": "veo3.1_fast",
        "promptText": "day to night",
        "negativePrompt": "people",
        "audio": True,
        "promptImage": [
            {"uri": LINK.url, "position": "first"},
            {"uri": LINK.url, "position": "last"},
        ],
        "ratio": "1920:1080",
        "duration": 8,
    }


def test_some_models_know_true_ratios() -> None:
    """And a resolution beside them."""
    _, body = filmed(
        "hailuo3", prompt="x", aspect_ratio="21:9", resolution="2k", duration_seconds=6
    )
    assert (body["ratio"], body["resolution"], body["duration"]) == ("21:9", "2k", 6)


def test_some_models_take_no_shape_with_a_picture() -> None:
    """They have the picture's own."""
    assert "ratio" not in filmed("kling2.5_turbo_pro", prompt="x", first_frame=LINK)[1]


def test_clips_are_changed_under_the_name_that_each_family_has() -> None:
    """`videoUri` here, `promptVideo` there."""
    path, body = filmed(
        "aleph2", prompt="at night", video=CLIP, first_frame=LINK, duration_seconds=5
    )
    assert path == "video_to_video"
    assert body == {
        "model": "aleph2",
        "promptText": "at night",
        "videoUri": CLIP.url,
        "keyframes": [{"uri": LINK.url, "seconds": 0}],
    }
    _, body = filmed("seedance2_5", prompt="on", video=CLIP, mode="extend", references=(LINK,))
    assert body["promptVideo"] == CLIP.url
    assert body["mode"] == "extend"
    assert body["references"] == [{"uri": LINK.url}]
    with pytest.raises(UnsupportedOption):
        filmed("aleph2", prompt="on", video=CLIP, mode="extend")


def test_pictures() -> None:
    """The nearest pair in shape, then in size."""
    request = ImageRequest(
        model="gen4_image", prompt="a fox", images=(LINK,), aspect_ratio="16:9", resolution="1080p"
    )
    found, _ = sent(image.submit(request, brief("gen4_image", "image")))
    assert found.path == "/v1/text_to_image"
    assert found.json == {
        "model": "gen4_image",
        "promptText": "a fox",
        "ratio": "1920:1080",
        "referenceImages": [{"uri": LINK.url}],
    }


def test_speech_and_effects() -> None:
    """A voice is required, so there is one."""
    request = SpeechRequest(model="eleven_v3", text="Good morning.", voice="Bernard", speed=1.1)
    found, _ = sent(sound.submit_speech(request, Brief()))
    assert found.path == "/v1/text_to_speech"
    assert found.json == {
        "model": "eleven_v3",
        "promptText": "Good morning.",
        "voice": {"type": "runway-preset", "presetId": "Bernard"},
        "speed": 1.1,
    }
    effect = AudioRequest(
        model="eleven_text_to_sound_v2", prompt="rain", kind="effect", duration_seconds=4, loop=True
    )
    found, _ = sent(sound.submit_effect(effect, Brief()))
    assert found.path == "/v1/sound_effect"
    assert found.json == {
        "model": "eleven_text_to_sound_v2",
        "promptText": "rain",
        "duration": 4.0,
        "loop": True,
    }


@pytest.mark.parametrize(
    ("aspect_ratio", "resolution", "pair"),
    [
        (None, None, "1280:720"),
        ("16:9", "1080p", "1920:1080"),
        ("9:16", None, "720:1280"),
        ("1:1", "480p", "960:960"),
        (None, "1920x1080", "1920:1080"),
        ("3:1", None, "1280:720"),
    ],
)
def test_the_nearest_pair_is_found(
    aspect_ratio: str | None, resolution: str | None, pair: str
) -> None:
    """Shape before size."""
    pairs = ["1280:720", "720:1280", "960:960", "1920:1080"]
    assert nearest(pairs, aspect_ratio, resolution) == pair


def test_every_model_finds_a_pair_for_every_shape_that_its_sheet_lists() -> None:
    """A sheet promises no shape that the list of pairs lacks."""
    for model in catalogued("runway"):
        pairs = model.settings.get("image_ratios") or model.settings.get("ratios") or ()
        for shape in model.limits.aspect_ratios if pairs else ():
            found = nearest(pairs, shape, None, still=model.medium == "image")
            assert found is not None
            wide, high = map(int, found.split(":"))
            wanted = int(shape.split(":")[0]) / int(shape.split(":")[1])
            assert abs(wide / high / wanted - 1) < 0.12, (model.id, shape, found)


# --- polling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "PENDING"}, Queued()),
        ({"status": "THROTTLED"}, Queued()),
        ({"status": "RUNNING", "progress": 0.4}, Running(progress=0.4)),
        ({"status": "RUNNING", "progress": 7}, Running()),
        ({"status": "DREAMING"}, Running()),
        ({"status": None}, Running()),
        ({}, Running()),
    ],
)
def test_a_task_that_has_not_ended_goes_on(body: dict[str, Any], state: JobState) -> None:
    """A state that nobody has heard of is still running."""
    assert polled(body) == state


def test_a_finished_task_tells_its_files_and_what_it_cost() -> None:
    """In credits, each a cent."""
    state = polled(
        {
            "status": "SUCCEEDED",
            "output": ["https://cdn.example/1.mp4?_jwt=x"],
            "cost": {"credits": 60},
        }
    )
    assert isinstance(state, Succeeded)
    assert state.artifacts == (RemoteArtifact(url="https://cdn.example/1.mp4?_jwt=x"),)
    assert state.reported_cost == Decimal("0.60")
    assert state.usage.credits == 60


@pytest.mark.parametrize("word", ["CANCELLED", "CANCELED"])
def test_both_spellings_are_cancelled(word: str) -> None:
    """One of them is in older pages."""
    assert polled({"status": word, "cost": {"credits": 0}}) == Stopped(
        usage=polled_usage(0), charged=False
    )


def polled_usage(credits_used: int) -> Any:
    """The usage of a task."""
    from anymedia.contracts.usage import Usage

    return Usage(credits=Decimal(credits_used), raw={"credits": str(credits_used)})


@pytest.mark.parametrize(
    ("code", "wanted", "retryable", "charged"),
    [
        ("SAFETY.INPUT.TEXT", "CONTENT_POLICY_VIOLATION", False, True),
        ("SAFETY.OUTPUT.VIDEO", "CONTENT_POLICY_VIOLATION", False, None),
        ("ASSET.INVALID", "INVALID_REQUEST", False, None),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", "CONTENT_POLICY_VIOLATION", False, None),
        ("INPUT_PREPROCESSING.INTERNAL", "INVALID_REQUEST", False, None),
        ("SAFETY.NEW", "CONTENT_POLICY_VIOLATION", False, None),
        ("INTERNAL.BAD_OUTPUT.CODE01", "PROVIDER_ERROR", True, None),
        ("INTERNAL", "PROVIDER_ERROR", True, None),
        (None, "PROVIDER_ERROR", True, None),
    ],
)
def test_a_failed_task_says_why_and_whether_it_is_charged(
    code: str | None, wanted: str, retryable: bool, charged: bool | None
) -> None:
    """Moderation on the way in is charged, the vendor's pages say."""
    state = polled({"status": "FAILED", "failure": "It failed.", "failureCode": code})
    assert isinstance(state, Failed)
    assert state.problem.code == wanted
    assert state.problem.retryable is retryable
    assert state.charged is charged


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", -5, None])
def test_a_cost_that_is_no_amount_is_not_known(amount: Any) -> None:
    """The task's end is believed, the number is not."""
    told = {"cost": {"credits": amount}}
    state = polled({"status": "SUCCEEDED", "output": ["https://cdn.example/1.mp4"], **told})
    assert isinstance(state, Succeeded)
    assert (state.usage.credits, state.reported_cost) == (None, None)
    state = polled({"status": "FAILED", "failureCode": "INTERNAL", **told})
    assert isinstance(state, Failed)
    assert state.charged is None


def test_a_clip_that_keeps_its_length_and_sound_is_not_asked_for_others() -> None:
    """The service refuses the fields, so the caller is told instead."""
    request = VideoRequest(
        model="klingO3_pro", prompt="at night", video=CLIP, duration_seconds=5, audio=True
    )
    found, submitted = sent(video.submit(request, brief("klingO3_pro", "video")))
    assert found.json == {
        "model": "klingO3_pro",
        "promptText": "at night",
        "promptVideo": CLIP.url,
    }
    assert [one.option for one in submitted.warnings] == ["duration_seconds", "audio"]


def test_what_a_failed_task_cost_is_believed() -> None:
    """Over what the pages say."""
    state = polled({"status": "FAILED", "failureCode": "SAFETY.INPUT.TEXT", "cost": {"credits": 0}})
    assert isinstance(state, Failed)
    assert state.charged is False


@pytest.mark.parametrize(
    "response",
    [
        answer({"status": "SUCCEEDED", "output": []}),
        answer(["SUCCEEDED"]),
        HttpResponse(200, b""),
        HttpResponse(200, b"<html></html>"),
        HttpResponse(200, b'{"status": "SUCC'),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(response: HttpResponse) -> None:
    """One clear error, and the task is not given up for it."""
    with pytest.raises(UnreadableResponse):
        replay(poll("17f2"), response, explain=explain)


@pytest.mark.parametrize(
    ("status", "outcome", "deletes"),
    [
        ("PENDING", "confirmed", True),
        ("RUNNING", "confirmed", True),
        ("SUCCEEDED", "impossible", False),
        ("FAILED", "impossible", False),
    ],
)
def test_cancelling_never_deletes_what_has_ended(status: str, outcome: str, deletes: bool) -> None:
    """The same call would delete a finished task, and with it the file that was paid for."""
    answers = [answer({"status": status}), *([HttpResponse(204)] if deletes else [])]
    requests, found = replay(cancel("17f2"), *answers, explain=explain)
    assert found == outcome
    assert [one.method for one in requests] == ["GET", "DELETE"][: len(answers)]


def test_cancelling_what_is_gone_is_done() -> None:
    """A 404 can be ignored."""
    _, found = replay(cancel("17f2"), answer({"error": "not found"}, 404), explain=explain)
    assert found == "confirmed"


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "error", "accepted"),
    [
        (400, {"error": "You do not have enough credits"}, InsufficientCredits, "no"),
        (
            400,
            {"error": "Validation failed", "issues": [{"path": ["model"], "message": "unknown"}]},
            ModelUnavailable,
            "no",
        ),
        (
            400,
            {"error": "Validation failed", "issues": [{"path": ["ratio"], "message": "wrong"}]},
            RequestRejected,
            "no",
        ),
        (400, {"error": "No model", "code": "no_eligible_model"}, ModelUnavailable, "no"),
        (401, {"error": "The key is not valid"}, AuthenticationFailed, "no"),
        (429, {"error": "Daily limit"}, RateLimited, "no"),
        (500, {"error": "oops"}, ProviderUnavailable, "unknown"),
        (502, "<html>", ProviderUnavailable, "unknown"),
        (504, {"error": "late"}, ProviderTimeout, "unknown"),
    ],
)
def test_failures_are_told_apart(
    status: int, body: Any, error: type[GenerationError], accepted: str
) -> None:
    """And each says whether the task can have been taken on."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = VideoRequest(model="gen4.5", prompt="a boat")
    with pytest.raises(error) as raised:
        replay(
            video.submit(request, brief("gen4.5", "video")),
            HttpResponse(status, content),
            explain=explain,
        )
    assert raised.value.accepted == accepted


def test_every_mistake_in_a_body_is_told() -> None:
    """With its path."""
    issues = [{"path": ["ratio"], "message": "wrong"}, {"path": ["duration"], "message": "long"}]
    said = explain(answer({"error": "Validation failed", "issues": issues}, 400))
    assert "ratio: wrong" in said.message
    assert "duration: long" in said.message
    assert not isinstance(said, ContentRefused)


# --- the rest -------------------------------------------------------------------------------


def test_a_file_goes_into_a_slot_without_the_key() -> None:
    """With every field that was given."""
    slot = {
        "uploadUrl": "https://store.example/up",
        "fields": {"key": "k", "policy": "p"},
        "runwayUri": "runway://1",
    }
    requests, found = replay(upload(PICTURE), answer(slot), HttpResponse(204), explain=explain)
    assert requests[0].json == {"filename": "fox.png", "type": "ephemeral"}
    assert requests[1].path == "https://store.example/up"
    assert requests[1].authorize is False
    assert [part.name for part in requests[1].parts] == ["key", "policy", "file"]
    assert found.url == "runway://1"


def test_the_check_tells_the_balance() -> None:
    """In credits."""
    (request,), account = replay(check(), answer({"creditBalance": 1234}), explain=explain)
    assert request.path == "/v1/organization"
    assert (account.balance, account.unit) == (Decimal(1234), "credits")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "status",
                    "output",
                    "cost",
                    "credits",
                    "error",
                    "issues",
                    "path",
                    "failureCode",
                    "estimatedCost",
                ]
            ),
            inner | st.sampled_from(["SUCCEEDED", "FAILED", "RUNNING", "NaN", "sNaN"]),
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(body=json_values | st.binary(max_size=40), status=st.sampled_from([200, 400, 404, 500]))
def test_no_answer_raises_anything_but_ours(body: Any, status: int) -> None:
    """Whatever comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status, content)
    exchanges: list[Exchange[Any]] = [
        video.submit(VideoRequest(model="gen4.5", prompt="x"), brief("gen4.5", "video")),
        poll("17f2"),
        check(),
    ]
    for exchange in exchanges:
        with suppress(GenerationError):
            replay(exchange, response, explain=explain)
