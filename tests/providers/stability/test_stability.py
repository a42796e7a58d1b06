"""What is sent to Stability AI, and what its answers mean.

Answers are written after the vendor's REST reference, v2beta (read 2026-11-21).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
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
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, MediaBytes
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.adapters.stability import STABILITY, audio, check, image
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

PNG = b"\x89PNG\r\n\x1a\n picture"
PICTURE = MediaBytes(data=PNG, media_type="image/png")
PIECE = MediaBytes(data=b"ID3 piece", media_type="audio/mpeg", filename="hum.mp3")
DRAWN = {"image": base64.b64encode(PNG).decode(), "finish_reason": "SUCCESS", "seed": 7}


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON answer."""
    content = json.dumps(body).encode()
    return HttpResponse(status, content, {"content-type": "application/json", **(headers or {})})


def brief(model: str) -> Brief:
    """What the engine would say, with the model's sheet."""
    return Brief(model=next(one for one in catalogued("stability") if one.id == model))


def drawn(
    model: str, response: HttpResponse | None = None, **fields: Any
) -> tuple[HttpRequest, MediaAnswer]:
    """What a picture sends, and what is made of the answer."""
    exchange = image.draw(ImageRequest(model=model, **fields), brief(model))
    (sent,), made = replay(exchange, response or answer(DRAWN), explain=STABILITY.explain)
    return sent, made


def form(sent: HttpRequest) -> dict[str, str]:
    """The plain fields of what was sent."""
    return {part.name: part.content.decode() for part in sent.parts if part.filename is None}


def files(sent: HttpRequest) -> dict[str, bytes]:
    """The files of what was sent."""
    return {part.name: part.content for part in sent.parts if part.filename is not None}


# --- asking ---------------------------------------------------------------------------------


def test_a_picture_is_asked_for_as_a_multipart_form() -> None:
    """Even without a file; the answer is wanted as JSON."""
    sent, made = drawn(
        "core",
        answer(DRAWN, headers={"x-request-id": "r-1"}),
        prompt="a red kite",
        negative_prompt="birds",
        aspect_ratio="16:9",
        seed=7,
        format="png",
        style="anime",
        options={"extra": True},
    )
    assert (sent.method, sent.path) == ("POST", "/v2beta/stable-image/generate/core")
    assert sent.headers["Accept"] == "application/json"
    assert form(sent) == {
        "prompt": "a red kite",
        "negative_prompt": "birds",
        "style_preset": "anime",
        "output_format": "png",
        "aspect_ratio": "16:9",
        "seed": "7",
        "extra": "true",
    }
    assert made.artifacts == (
        InlineArtifact(data=PNG, media_type="image/png", metadata={"seed": 7}),
    )
    assert made.usage.images == 1
    assert made.request_id == "r-1"
    assert made.metadata == {"finish_reason": "SUCCESS"}
    assert made.warnings == ()


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    """Whatever the vendor thinks best stays its choice."""
    sent, _ = drawn("ultra", prompt="a red kite")
    assert sent.path == "/v2beta/stable-image/generate/ultra"
    assert form(sent) == {"prompt": "a red kite"}


def test_the_sd_3_family_shares_a_path() -> None:
    """The model is a field there."""
    sent, _ = drawn("sd3.5-medium", prompt="a red kite")
    assert sent.path == "/v2beta/stable-image/generate/sd3"
    assert form(sent) == {"prompt": "a red kite", "model": "sd3.5-medium"}


def test_a_model_without_a_sheet_is_asked_of_the_family() -> None:
    """New ones come there."""
    request = ImageRequest(model="sd4-large", prompt="a red kite")
    (sent,), _ = replay(image.draw(request, Brief()), answer(DRAWN), explain=STABILITY.explain)
    assert sent.path == "/v2beta/stable-image/generate/sd3"
    assert form(sent)["model"] == "sd4-large"


def test_a_picture_to_start_from_needs_a_strength() -> None:
    """Ours is told; the picture's ratio holds."""
    sent, made = drawn("sd3.5-large", prompt="as a woodcut", images=(PICTURE,), aspect_ratio="1:1")
    assert form(sent) == {
        "prompt": "as a woodcut",
        "model": "sd3.5-large",
        "mode": "image-to-image",
        "strength": "0.6",
    }
    assert files(sent) == {"image": PNG}
    assert [one.code for one in made.warnings] == ["option-dropped", "provider-note"]


def test_a_variation_goes_farther_from_its_picture_than_an_edit() -> None:
    """And a strength of the caller's own wins, without a word."""
    varied, _ = drawn("ultra", prompt="a kite", images=(PICTURE,), mode="variation")
    assert form(varied) == {"prompt": "a kite", "strength": "0.8"}
    own, made = drawn("ultra", prompt="a kite", images=(PICTURE,), options={"strength": 0.2})
    assert form(own) == {"prompt": "a kite", "strength": "0.2"}
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("model", "fields", "path", "sent_fields", "sent_files"),
    [
        (
            "inpaint",
            {"prompt": "a hat", "images": (PICTURE,), "mask": PICTURE},
            "edit/inpaint",
            {"prompt": "a hat"},
            {"image", "mask"},
        ),
        (
            "erase",
            {"images": (PICTURE,), "mask": PICTURE},
            "edit/erase",
            {},
            {"image", "mask"},
        ),
        (
            "outpaint",
            {"images": (PICTURE,), "mode": "edit", "options": {"left": 200}},
            "edit/outpaint",
            {"left": "200"},
            {"image"},
        ),
        (
            "search-and-replace",
            {"prompt": "a cat", "images": (PICTURE,), "options": {"search_prompt": "dog"}},
            "edit/search-and-replace",
            {"prompt": "a cat", "search_prompt": "dog"},
            {"image"},
        ),
        (
            "remove-background",
            {"images": (PICTURE,), "mode": "edit"},
            "edit/remove-background",
            {},
            {"image"},
        ),
        (
            "style-transfer",
            {"images": (PICTURE, PICTURE), "mode": "edit"},
            "control/style-transfer",
            {},
            {"init_image", "style_image"},
        ),
        (
            "style",
            {"prompt": "a cat", "images": (PICTURE,), "aspect_ratio": "4:5"},
            "control/style",
            {"prompt": "a cat", "aspect_ratio": "4:5"},
            {"image"},
        ),
    ],
)
def test_every_tool_has_a_path_of_its_own(
    model: str,
    fields: dict[str, Any],
    path: str,
    sent_fields: dict[str, str],
    sent_files: set[str],
) -> None:
    """Under its own names."""
    sent, _ = drawn(model, **fields)
    assert sent.path == f"/v2beta/stable-image/{path}"
    assert form(sent) == sent_fields
    assert set(files(sent)) == sent_files


@pytest.mark.parametrize(
    ("model", "fields", "named"),
    [
        ("core", {"prompt": "a cat", "images": (PICTURE,)}, "no pictures"),
        ("ultra", {"prompt": "a cat", "images": (PICTURE, PICTURE)}, "1 pictures at most"),
        ("style-transfer", {"prompt": "a cat", "images": (PICTURE,)}, "style_image"),
        ("search-and-recolor", {"prompt": "red", "images": (PICTURE,)}, "select_prompt"),
        ("outpaint", {"prompt": "sky", "images": (PICTURE,)}, "left"),
        ("erase", {"prompt": "sky", "images": (PICTURE,), "mask": PICTURE}, "no words"),
        ("ultra", {"images": (PICTURE,)}, "prompt"),
    ],
)
def test_what_a_tool_lacks_is_said_before_it_is_sent(
    model: str, fields: dict[str, Any], named: str
) -> None:
    """In words that say what to do."""
    with pytest.raises(UnsupportedOption, match=named):
        drawn(model, **fields)


@pytest.mark.parametrize(
    ("seed", "sent_seed"), [(1, "1"), (4294967294, "4294967294"), (0, "1"), (4294967295, "2")]
)
def test_seeds_are_kept_in_range(seed: int, sent_seed: str) -> None:
    """Nought would mean any seed."""
    sent, made = drawn("core", prompt="a kite", seed=seed)
    assert form(sent)["seed"] == sent_seed
    assert bool(made.warnings) == (str(seed) != sent_seed)


def test_sound_is_asked_for_with_its_model() -> None:
    """One price whatever its length, so requests are counted."""
    request = AudioRequest(
        model="stable-audio-2.5",
        prompt="rain on tin",
        kind="effect",
        duration_seconds=12,
        seed=3,
        format="wav",
        options={"steps": 8},
    )
    said = answer({"audio": base64.b64encode(b"sound").decode(), "finish_reason": "SUCCESS"})
    (sent,), made = replay(audio.sound(request, Brief()), said, explain=STABILITY.explain)
    assert sent.path == "/v2beta/audio/stable-audio-2/text-to-audio"
    assert form(sent) == {
        "prompt": "rain on tin",
        "model": "stable-audio-2.5",
        "duration": "12",
        "output_format": "wav",
        "seed": "3",
        "steps": "8",
    }
    assert made.artifacts == (InlineArtifact(data=b"sound", media_type="audio/wav"),)
    assert (made.usage.requests, made.usage.seconds) == (1, Decimal(12))


def test_sound_can_start_from_a_piece() -> None:
    """From one; more are refused before anything is sent."""
    request = AudioRequest(model="stable-audio-2.5", prompt="as a march", references=(PIECE,))
    said = answer({"audio": base64.b64encode(b"ID3 sound").decode(), "seed": None})
    (sent,), made = replay(audio.sound(request, Brief()), said, explain=STABILITY.explain)
    assert sent.path == "/v2beta/audio/stable-audio-2/audio-to-audio"
    assert files(sent) == {"audio": PIECE.data}
    assert made.artifacts[0].media_type == "audio/mpeg"
    with pytest.raises(UnsupportedOption):
        next(audio.sound(request.model_copy(update={"references": (PIECE, PIECE)}), Brief()))


# --- being answered -------------------------------------------------------------------------


def test_a_blurred_picture_is_a_refusal() -> None:
    """Though it is answered 200 and holds a picture."""
    with pytest.raises(ContentRefused) as raised:
        drawn("core", answer(DRAWN | {"finish_reason": "CONTENT_FILTERED"}), prompt="a kite")
    assert raised.value.accepted == "no"
    assert raised.value.provider_code == "CONTENT_FILTERED"


def test_a_generation_that_broke_may_be_tried_again() -> None:
    """The word stands in an answer with status 200."""
    with pytest.raises(ProviderError) as raised:
        drawn("core", answer({"finish_reason": "ERROR"}), prompt="a kite")
    assert raised.value.retryable


@pytest.mark.parametrize("word", [None, "SUCCESS", "MARVELLOUS"])
def test_other_finish_words_are_kept_and_believed(word: str | None) -> None:
    """The vendor adds words without notice, and fields."""
    _, made = drawn("core", answer(DRAWN | {"finish_reason": word, "new": {}}), prompt="a kite")
    assert made.metadata == ({"finish_reason": word} if word else {})


@pytest.mark.parametrize(
    "response",
    [
        answer({}),
        answer({"image": None, "seed": None}),
        answer({"image": ""}),
        answer({"image": "not base64!"}),
        answer(["image"]),
        HttpResponse(200, b""),
        HttpResponse(200, b"<html>hello</html>"),
        HttpResponse(200, b'{"image": "iVBO'),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(response: HttpResponse) -> None:
    """It may have been paid for, so it is not passed over."""
    with pytest.raises(UnreadableResponse) as raised:
        drawn("core", response, prompt="a kite")
    assert raised.value.accepted != "no"


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "name", "error", "accepted"),
    [
        (400, "bad_request", RequestRejected, "no"),
        (401, "unauthorized", AuthenticationFailed, "no"),
        (402, "payment_required", InsufficientCredits, "no"),
        (403, "content_moderation", ContentRefused, "no"),
        (403, "permission_denied", AuthenticationFailed, "no"),
        (404, "not_found", ModelUnavailable, "no"),
        (413, "payload_too_large", RequestRejected, "no"),
        (415, None, RequestRejected, "no"),
        (422, "invalid_language", RequestRejected, "no"),
        (429, "rate_limit_exceeded", RateLimited, "no"),
        (500, "internal_error", ProviderUnavailable, "no"),
        (502, None, ProviderUnavailable, "unknown"),
        (503, None, ProviderUnavailable, "unknown"),
        (504, None, ProviderTimeout, "unknown"),
    ],
)
@pytest.mark.parametrize("medium", ["image", "audio"])
def test_failures_are_told_apart(
    status: int, name: str | None, error: type[GenerationError], accepted: str, medium: str
) -> None:
    """And each says whether it can have been taken on."""
    exchange = (
        image.draw(ImageRequest(model="core", prompt="a kite"), brief("core"))
        if medium == "image"
        else audio.sound(AudioRequest(model="stable-audio-2.5", prompt="rain"), Brief())
    )
    body = {"id": "4b1c", "name": name, "errors": ["it went wrong", "badly"]}
    with pytest.raises(error) as raised:
        replay(exchange, answer(body, status), explain=STABILITY.explain)
    assert raised.value.accepted == accepted
    assert raised.value.message == "it went wrong; badly"
    assert raised.value.request_id == "4b1c"


def test_an_unknown_model_is_told_from_other_mistakes() -> None:
    """By the sentence, as the code is the same."""
    said = {"name": "bad_request", "errors": ["model: must be one of sd3.5-large"]}
    assert isinstance(STABILITY.explain(answer(said, 400)), ModelUnavailable)


def test_a_rate_limit_waits_as_long_as_the_key_is_locked_out() -> None:
    """Unless a header says otherwise."""
    assert STABILITY.explain(answer({}, 429)).retry_after == 60
    assert STABILITY.explain(answer({}, 429, {"retry-after": "3"})).retry_after == 3


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"errors": 7}', b'{"errors": "no"}'])
def test_a_proxys_page_is_explained_by_its_status(content: bytes) -> None:
    """Without quoting it."""
    assert isinstance(STABILITY.explain(HttpResponse(503, content)), ProviderUnavailable)


# --- the rest -------------------------------------------------------------------------------


def test_the_check_tells_the_balance() -> None:
    """A free call."""
    (sent,), account = replay(check(), answer({"credits": 12.3}), explain=STABILITY.explain)
    assert sent.path == "/v1/user/balance"
    assert (account.balance, account.unit) == (Decimal("12.3"), "credits")


def test_every_model_says_where_it_is_asked() -> None:
    """A sheet without a path could not be sent."""
    for model in catalogued("stability"):
        if model.medium == "image":
            assert model.settings["path"].partition("/")[0] in {"generate", "edit", "control"}
            assert len(model.settings.get("pictures", ())) == model.limits.max_images


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["image", "audio", "finish_reason", "seed", "credits", "errors", "name", "id"]
            ),
            inner | st.sampled_from(["SUCCESS", "CONTENT_FILTERED", "iVBO"]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(body=json_values | st.binary(max_size=40), status=st.sampled_from([200, 403, 429, 500]))
def test_no_answer_raises_anything_but_ours(body: Any, status: int) -> None:
    """Whatever comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status, content)
    for exchange in (
        image.draw(ImageRequest(model="core", prompt="a kite"), brief("core")),
        audio.sound(AudioRequest(model="stable-audio-2.5", prompt="rain"), Brief()),
        check(),
    ):
        with suppress(GenerationError):
            replay(exchange, response, explain=STABILITY.explain)
