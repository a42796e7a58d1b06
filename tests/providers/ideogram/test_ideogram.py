"""What is sent to Ideogram, and what its answers mean.

Answers are written after the vendor's v2 reference (snapshots of 2026-10-02 and 2026-10-05, read
2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
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
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.ideogram import IDEOGRAM, check, image, video
from anymedia.providers.adapters.ideogram.generation import poll, read_callback
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpRequest, HttpResponse

PICTURE = MediaBytes(data=b"\x89PNG picture", media_type="image/png")
TAKEN = {"generation_id": "xtdZ-iq_P", "seed": 7}
ITEM = {
    "url": "https://ideogram.ai/api/images/ephemeral/x.png?exp=1&sig=2",
    "prompt": "a red kite",
    "resolution": "1024x1024",
    "is_image_safe": True,
    "seed": 7,
}
HOOK = "https://anymedia.example/webhooks/secret"


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON answer."""
    told = {"content-type": "application/json", **(headers or {})}
    return HttpResponse(status, json.dumps(body).encode(), told)


def brief(model: str, **more: Any) -> Brief:
    """What the engine would say, with the model's sheet."""
    return Brief(model=next(one for one in catalogued("ideogram") if one.id == model), **more)


def drawn(model: str, *, hook: str | None = None, **fields: Any) -> tuple[HttpRequest, Submitted]:
    """What a picture's submission sends, and what is kept of the answer."""
    exchange = image.submit(ImageRequest(model=model, **fields), brief(model, callback_url=hook))
    (sent,), submitted = replay(exchange, answer(TAKEN), explain=IDEOGRAM.explain)
    return sent, submitted


def filmed(model: str = "seedance-2", **fields: Any) -> HttpRequest:
    """What a clip's submission sends."""
    exchange = video.submit(VideoRequest(model=model, **fields), brief(model))
    (sent,), _ = replay(exchange, answer(TAKEN), explain=IDEOGRAM.explain)
    return sent


def polled(response: HttpResponse) -> JobState:
    """What a poll's answer means."""
    _, state = replay(poll("xtdZ-iq_P"), response, explain=IDEOGRAM.explain)
    return state


def form(sent: HttpRequest) -> list[tuple[str, str]]:
    """The plain fields of what was sent."""
    return [(part.name, part.content.decode()) for part in sent.parts if part.filename is None]


def files(sent: HttpRequest) -> list[str]:
    """The names of the files that were sent."""
    return [part.name for part in sent.parts if part.filename is not None]


# --- submitting -----------------------------------------------------------------------------


def test_a_picture_is_asked_for_as_a_job() -> None:
    """Sizes out of the vendor's list; the secret URL is where it may report."""
    sent, submitted = drawn(
        "ideogram-4-5",
        hook=HOOK,
        prompt="a poster",
        aspect_ratio="16:9",
        resolution="2k",
        seed=7,
        count=2,
        options={"quality": "low"},
    )
    assert (sent.method, sent.path) == ("POST", "/v2/image/generate/ideogram-4-5")
    assert sent.json == {
        "prompt": "a poster",
        "size": "2560x1440",
        "seed": 7,
        "num_images": 2,
        "async": True,
        "webhook_url": HOOK,
        "quality": "low",
    }
    assert submitted.handle == "xtdZ-iq_P"
    assert submitted.request_id == "xtdZ-iq_P"
    assert submitted.warnings == ()


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    """Whatever the vendor thinks best stays its choice."""
    sent, _ = drawn("ideogram-4-5", prompt="a poster")
    assert sent.json == {"prompt": "a poster", "async": True}


@pytest.mark.parametrize(
    ("model", "asked", "size"),
    [
        ("ideogram-4-5", {"aspect_ratio": "3:4"}, {"size": "864x1152"}),
        ("ideogram-4-5", {"resolution": "2k"}, {"size": "2048x2048"}),
        ("ideogram-4-5", {"resolution": "1536X640"}, {"size": "1536x640"}),
        ("ideogram-4", {"aspect_ratio": "1:3"}, {"resolution": "512x1536"}),
        ("ideogram-2a", {"aspect_ratio": "16:9"}, {"aspect_ratio": "16x9"}),
        ("p-image-ideogram", {"resolution": "1k"}, {"resolution": "1k"}),
    ],
)
def test_sizes_come_in_the_models_own_vocabulary(
    model: str, asked: dict[str, Any], size: dict[str, Any]
) -> None:
    """Pixels or a ratio, under one name or another."""
    sent, _ = drawn(model, prompt="a kite", **asked)
    assert sent.json == {"prompt": "a kite", "async": True, **size}


def test_some_models_want_a_form_even_for_words() -> None:
    """Lists repeat their name there, objects are JSON."""
    sent, _ = drawn(
        "ideogram-3",
        prompt="a kite",
        aspect_ratio="16:9",
        negative_prompt="birds",
        style="design",
        options={"style_codes": ["AB", "CD"], "color_palette": {"name": "ember"}, "seed": None},
    )
    assert sent.json is None
    assert form(sent) == [
        ("prompt", "a kite"),
        ("negative_prompt", "birds"),
        ("style_type", "design"),
        ("aspect_ratio", "16x9"),
        ("async", "true"),
        ("style_codes", "AB"),
        ("style_codes", "CD"),
        ("color_palette", '{"name":"ember"}'),
    ]


def test_hosted_models_write_ratios_with_a_colon() -> None:
    """As their makers do."""
    sent, _ = drawn("nano-banana-2", prompt="a kite", aspect_ratio="16:9", images=(PICTURE,) * 2)
    assert sent.path == "/v2/image/generate/nano-banana-2"
    assert ("aspect_ratio", "16:9") in form(sent)
    assert files(sent) == ["images", "images"]


@pytest.mark.parametrize(
    ("model", "fields", "path", "names"),
    [
        (
            "ideogram-4-5",
            {"images": (PICTURE,) * 3},
            "precise-edit/ideogram-4-5",
            ["image", "reference_images", "reference_images"],
        ),
        (
            "ideogram-4-5",
            {"images": (PICTURE,) * 2, "mask": PICTURE},
            "precise-edit/ideogram-4-5",
            ["image", "reference_images", "mask"],
        ),
        (
            "ideogram-4-5",
            {"images": (PICTURE,) * 2, "mode": "variation"},
            "generate/ideogram-4-5",
            ["images", "images"],
        ),
        (
            "ideogram-3",
            {"images": (PICTURE,), "mask": PICTURE},
            "inpaint/ideogram-3",
            ["image", "mask"],
        ),
        (
            "ideogram-3",
            {"images": (PICTURE,), "mode": "variation"},
            "remix/ideogram-3",
            ["image"],
        ),
        (
            "ideogram-3-replace-background",
            {"images": (PICTURE,)},
            "replace-background/ideogram-3",
            ["image"],
        ),
    ],
)
def test_pictures_choose_the_path(
    model: str, fields: dict[str, Any], path: str, names: list[str]
) -> None:
    """An edit, a masked one, and a remix are different actions."""
    sent, _ = drawn(model, prompt="a kite", **fields)
    assert sent.path == f"/v2/image/{path}"
    assert files(sent) == names
    assert ("async", "true") in form(sent)


def test_a_background_is_removed_without_words() -> None:
    """With words it would be something else."""
    sent, _ = drawn("ideogram-1-remove-background", images=(PICTURE,), mode="edit")
    assert form(sent) == [("async", "true")]
    with pytest.raises(UnsupportedOption):
        drawn("ideogram-1-remove-background", images=(PICTURE,), prompt="a kite")


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("ideogram-4-5", {"prompt": "a kite", "images": (PICTURE,) * 6}),
        ("ideogram-4-5", {"prompt": "a kite", "images": (PICTURE,) * 5, "mask": PICTURE}),
        ("ideogram-3", {"prompt": "a kite", "images": (PICTURE,) * 2, "mode": "variation"}),
        ("ideogram-4", {"images": (PICTURE,)}),
    ],
)
def test_what_would_be_refused_is_not_sent(model: str, fields: dict[str, Any]) -> None:
    """Too many pictures, or none of the words it needs."""
    with pytest.raises(UnsupportedOption):
        drawn(model, **fields)


def test_an_edit_keeps_the_pictures_size_and_says_so() -> None:
    """It would be ignored without a word."""
    sent, submitted = drawn(
        "ideogram-4-5",
        prompt="a kite",
        images=(PICTURE,),
        aspect_ratio="16:9",
        resolution="2k",
    )
    assert form(sent) == [("prompt", "a kite"), ("async", "true")]
    assert [one.option for one in submitted.warnings] == ["aspect_ratio", "resolution"]


def test_beside_pictures_sizes_go_in_steps() -> None:
    """The list's own are not all allowed there."""
    sent, submitted = drawn(
        "ideogram-4-5", prompt="a kite", images=(PICTURE,), mode="variation", aspect_ratio="16:9"
    )
    assert ("size", "1280x704") in form(sent)
    assert [(one.asked, one.given) for one in submitted.warnings] == [("1280x720", "1280x704")]


def test_a_seed_that_would_be_ignored_is_told() -> None:
    """And one out of range is brought into it."""
    sent, submitted = drawn(
        "ideogram-4", prompt="a kite", images=(PICTURE,), mode="variation", seed=7
    )
    assert "seed" not in dict(form(sent))
    assert [one.code for one in submitted.warnings] == ["option-dropped"]
    sent, submitted = drawn("ideogram-4", prompt="a kite", seed=2**31)
    assert sent.json["seed"] == 0
    assert [one.code for one in submitted.warnings] == ["option-rounded"]


def test_a_model_without_a_sheet_is_asked_at_its_own_path() -> None:
    """New ones come there."""
    request = ImageRequest(model="ideogram-5", prompt="a kite", aspect_ratio="1:1")
    (sent,), _ = replay(image.submit(request, Brief()), answer(TAKEN), explain=IDEOGRAM.explain)
    assert sent.path == "/v2/image/generate/ideogram-5"
    assert sent.json == {"prompt": "a kite", "aspect_ratio": "1x1", "async": True}


def test_clips_are_asked_for_by_what_they_go_by() -> None:
    """Words, frames or references each have a path."""
    sent = filmed(
        prompt="a kite", aspect_ratio="16:9", resolution="720p", duration_seconds=5, audio=False
    )
    assert sent.path == "/v2/video/generate/seedance-2-text-to-video"
    assert sent.json == {
        "prompt": "a kite",
        "duration": 5,
        "aspect_ratio": "16x9",
        "resolution": "720p",
        "generate_audio": False,
    }
    sent = filmed("kling-3-standard", prompt="a kite", first_frame=PICTURE, last_frame=PICTURE)
    assert sent.path == "/v2/video/generate/kling-3-standard-image-to-video"
    assert files(sent) == ["image", "end_image"]
    sent = filmed(prompt="a kite", references=(PICTURE, PICTURE))
    assert sent.path == "/v2/video/generate/seedance-2-reference-to-video"
    assert files(sent) == ["reference_images", "reference_images"]


def test_clips_carry_the_webhook_too() -> None:
    """It is the only way to find a lost submission."""
    request = VideoRequest(model="minimax-h3", prompt="a kite")
    exchange = video.submit(request, brief("minimax-h3", callback_url=HOOK))
    (sent,), _ = replay(exchange, answer(TAKEN), explain=IDEOGRAM.explain)
    assert sent.json == {"prompt": "a kite", "webhook_url": HOOK}


@pytest.mark.parametrize(
    "fields",
    [
        {"last_frame": PICTURE},
        {"video": PICTURE},
        {"first_frame": PICTURE, "references": (PICTURE,)},
        {"first_frame": PICTURE, "last_frame": PICTURE, "references": (PICTURE,)},
    ],
)
def test_what_clips_cannot_go_by_is_refused(fields: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(UnsupportedOption):
        filmed(prompt="a kite", **fields)


@pytest.mark.parametrize(
    "response",
    [
        answer({}),
        answer({"generation_id": None}),
        answer([]),
        HttpResponse(200, b""),
        HttpResponse(200, b"<html>hello</html>"),
        HttpResponse(200, b'{"generation_id": "xt'),
    ],
)
def test_a_submission_that_names_nothing_may_have_been_taken_on(response: HttpResponse) -> None:
    """So it is not sent again."""
    request = ImageRequest(model="ideogram-4", prompt="a kite")
    with pytest.raises(UnreadableResponse) as raised:
        replay(image.submit(request, brief("ideogram-4")), response, explain=IDEOGRAM.explain)
    assert raised.value.accepted == "unknown"


# --- polling --------------------------------------------------------------------------------


def test_a_generation_is_polled_by_its_id() -> None:
    """Which cannot lead elsewhere."""
    (sent,), _ = replay(poll("../x"), answer({"status": "pending"}), explain=IDEOGRAM.explain)
    assert (sent.method, sent.path) == ("GET", "/v2/generations/..%2Fx")


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "pending", "created": "2026-11-21", "data": None}, Queued()),
        ({"status": "dreaming", "generation_kind": "workflow"}, Running()),
        ({"status": None}, Running()),
        ({}, Running()),
    ],
)
def test_a_generation_that_has_not_ended_goes_on(body: dict[str, Any], state: JobState) -> None:
    """A state that nobody has heard of is still running."""
    assert polled(answer(body)) == state


def test_a_finished_generation_brings_its_files() -> None:
    """With what is said about each."""
    state = polled(answer({"status": "completed", "data": [ITEM, ITEM | {"new": 1}]}))
    assert isinstance(state, Succeeded)
    told = {"seed": 7, "revised_prompt": "a red kite", "resolution": "1024x1024"}
    assert state.artifacts == (RemoteArtifact(url=str(ITEM["url"]), metadata=told),) * 2
    assert state.usage.images == 2
    assert state.warnings == ()


def test_a_finished_clip_tells_its_length() -> None:
    """Its seconds are what was made."""
    clip = {"object_type": "video.generation", "url": "https://ideogram.ai/v.mp4", "duration": 5}
    state = polled(answer({"status": "completed", "data": [clip]}))
    assert isinstance(state, Succeeded)
    assert (state.usage.seconds, state.usage.images) == (Decimal(5), None)


def test_what_was_withheld_is_told() -> None:
    """All of it is a refusal, some of it a warning."""
    withheld = ITEM | {"url": "", "is_image_safe": False}
    state = polled(answer({"status": "completed", "data": [withheld, ITEM, None]}))
    assert isinstance(state, Succeeded)
    assert [one.code for one in state.warnings] == ["delivered-differs"]
    assert len(state.artifacts) == 1
    state = polled(answer({"status": "completed", "data": [withheld | {"url": None}]}))
    assert isinstance(state, Failed)
    assert state.problem.code == "CONTENT_POLICY_VIOLATION"


@pytest.mark.parametrize(
    ("reason", "code", "retryable"),
    [
        ("content_policy_violation", "CONTENT_POLICY_VIOLATION", False),
        ("output_content_policy", "CONTENT_POLICY_VIOLATION", False),
        ("internal_error", "PROVIDER_ERROR", True),
        (None, "PROVIDER_ERROR", True),
    ],
)
def test_a_generation_that_failed_says_why(reason: str | None, code: str, retryable: bool) -> None:
    """A refusal is not worth another try here."""
    state = polled(answer({"status": "failed", "failure_reason": reason}))
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)


def test_a_generation_that_is_not_found_is_asked_for_again() -> None:
    """The engine counts how often."""
    with pytest.raises(ProviderUnavailable) as raised:
        polled(answer({"title": "Not Found", "status": 404}, 404))
    assert raised.value.http_status == 404


@pytest.mark.parametrize(
    "response",
    [
        answer({"status": "completed"}),
        answer({"status": "completed", "data": []}),
        answer({"status": "completed", "data": [{"url": None}]}),
        answer(["completed"]),
        HttpResponse(200, b""),
        HttpResponse(200, b"<html>hello</html>"),
        HttpResponse(200, b'{"status": "comp'),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(response: HttpResponse) -> None:
    """One clear error, and the generation is not given up for it."""
    with pytest.raises(UnreadableResponse):
        polled(response)


# --- failures -------------------------------------------------------------------------------

PROBLEM = {"type": "about:blank", "title": "Bad Request", "detail": "quality: no such", "status": 1}


@pytest.mark.parametrize(
    ("status", "body", "error", "accepted", "retryable"),
    [
        (400, PROBLEM, RequestRejected, "no", False),
        (400, {"error": "seed is too large"}, RequestRejected, "no", False),
        (401, {"message": "Access denied."}, AuthenticationFailed, "no", False),
        (
            402,
            {"error": "x", "reject_reason": "insufficient_funds"},
            InsufficientCredits,
            "no",
            False,
        ),
        (429, {"error": "x", "reject_reason": "feature_limit"}, InsufficientCredits, "no", False),
        (402, {"error": "x", "reject_reason": "inflight_limit"}, RateLimited, "no", True),
        (429, {"error": "x", "reject_reason": "daily_limit"}, RateLimited, "no", False),
        (402, {"error": "x", "reject_reason": "new_limit"}, InsufficientCredits, "no", False),
        (403, {"message": "not authorized"}, AuthenticationFailed, "no", False),
        (404, PROBLEM, ModelUnavailable, "no", False),
        (422, None, ContentRefused, "no", False),
        (429, {"error": "slow down"}, RateLimited, "no", True),
        (500, {"error": "oh"}, ProviderUnavailable, "unknown", True),
        (503, {"error": "oh"}, ProviderUnavailable, "no", True),
    ],
)
@pytest.mark.parametrize("medium", ["image", "video"])
def test_failures_are_told_apart(
    status: int,
    body: Any,
    error: type[GenerationError],
    accepted: str,
    retryable: bool,
    medium: str,
) -> None:
    """By the reason first, as one status serves several; each says whether work was taken on."""
    exchange = (
        image.submit(ImageRequest(model="ideogram-4", prompt="a kite"), brief("ideogram-4"))
        if medium == "image"
        else video.submit(VideoRequest(model="seedance-2", prompt="a kite"), brief("seedance-2"))
    )
    response = HttpResponse(status, b"") if body is None else answer(body, status)
    with pytest.raises(error) as raised:
        replay(exchange, response, explain=IDEOGRAM.explain)
    assert (raised.value.accepted, raised.value.retryable) == (accepted, retryable)


def test_a_failure_carries_its_words_and_the_id_that_support_asks_for() -> None:
    """Whichever form they came in."""
    said = IDEOGRAM.explain(answer(PROBLEM, 400, {"x-request-id": "r-1"}))
    assert (said.message, said.request_id) == ("quality: no such", "r-1")
    said = IDEOGRAM.explain(answer({"error": "slow down"}, 429, {"retry-after": "3"}))
    assert (said.message, said.retry_after) == ("slow down", 3)


# --- the rest -------------------------------------------------------------------------------


def test_the_check_asks_for_a_price() -> None:
    """Nothing is made and nothing is billed."""
    quote = answer({"object": "price_quote", "usd_micros": 60000})
    (sent,), account = replay(check(), quote, explain=IDEOGRAM.explain)
    assert (sent.path, sent.query) == ("/v2/image/generate/ideogram-4", {"dry_run": True})
    assert sent.url("https://x.test").endswith("?dry_run=true")
    assert account.details == {"quoted_usd_micros": 60000}


def test_a_webhook_only_makes_us_ask() -> None:
    """Its signature is not checked here, so nothing is believed but the id."""
    body = json.dumps({"generation_id": "xtdZ", "created": "x", "data": [ITEM]}).encode()
    called = read_callback(body, Headers())
    assert (called.handle, called.state) == ("xtdZ", None)
    with pytest.raises(UnreadableResponse):
        read_callback(b"{}", Headers())


def test_every_task_of_a_model_has_a_path() -> None:
    """Another model's words would be ignored without a word."""
    for model in catalogued("ideogram"):
        if paths := model.settings.get("paths"):
            assert set(paths) == set(model.tasks)
        elif model.medium == "image":
            assert set(model.tasks) <= {"text_to_image", "edit"}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["generation_id", "status", "data", "url", "duration", "is_image_safe", "error"]
            ),
            inner | st.sampled_from(["completed", "pending", "failed"]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(body=json_values | st.binary(max_size=40), status=st.sampled_from([200, 402, 404, 500]))
def test_no_answer_raises_anything_but_ours(body: Any, status: int) -> None:
    """Whatever comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status, content)
    for exchange in (
        image.submit(ImageRequest(model="ideogram-4", prompt="a kite"), brief("ideogram-4")),
        video.submit(VideoRequest(model="seedance-2", prompt="a kite"), brief("seedance-2")),
        poll("xtdZ"),
        check(),
    ):
        with suppress(GenerationError):
            replay(exchange, response, explain=IDEOGRAM.explain)
    with suppress(GenerationError):
        read_callback(content, Headers())
