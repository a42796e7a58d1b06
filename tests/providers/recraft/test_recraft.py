"""What is sent to Recraft, and what its answers mean.

Answers are written after the vendor's reference (tool pages, pricing and error pages of 2026-10,
read 2026-11-21). Only 401 and 404 are documented failures; the others are written from clients.
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
from anymedia.contracts.media import InlineArtifact, MediaBytes, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.adapters.recraft import RECRAFT, check, image
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

PICTURE = MediaBytes(data=b"\x89PNG picture", media_type="image/png")
DRAWN = {
    "created": 1763630000,
    "credits": 35,
    "data": [{"image_id": "8c2e", "url": "https://img.recraft.ai/x"}],
}


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON answer."""
    told = {"content-type": "application/json", **(headers or {})}
    return HttpResponse(status, json.dumps(body).encode(), told)


def plain(words: str, status: int) -> HttpResponse:
    """A failure in plain text, as the documented ones are."""
    return HttpResponse(status, words.encode(), {"content-type": "text/plain; charset=utf-8"})


def brief(model: str) -> Brief:
    """What the engine would say, with the model's sheet."""
    return Brief(model=next(one for one in catalogued("recraft") if one.id == model))


def drawn(
    model: str = "recraftv4_1", response: HttpResponse | None = None, **fields: Any
) -> tuple[HttpRequest, MediaAnswer]:
    """What a picture sends, and what is made of the answer."""
    exchange = image.draw(ImageRequest(model=model, **fields), brief(model))
    (sent,), made = replay(exchange, response or answer(DRAWN), explain=RECRAFT.explain)
    return sent, made


def form(sent: HttpRequest) -> dict[str, str]:
    """The plain fields of what was sent."""
    return {part.name: part.content.decode() for part in sent.parts if part.filename is None}


def files(sent: HttpRequest) -> list[str]:
    """The names of the files that were sent."""
    return [part.name for part in sent.parts if part.filename is not None]


# --- asking ---------------------------------------------------------------------------------


def test_a_picture_is_asked_for_with_its_ratio() -> None:
    """A tier is the model's own, so that only the ratio is sent."""
    sent, _ = drawn(
        prompt="two race cars",
        aspect_ratio="16:9",
        resolution="1k",
        count=2,
        options={"controls": {"colors": [{"rgb": [1, 2, 3]}]}},
    )
    assert (sent.method, sent.path) == ("POST", "/images/generations")
    assert sent.json == {
        "model": "recraftv4_1",
        "prompt": "two race cars",
        "size": "16:9",
        "n": 2,
        "response_format": "url",
        "controls": {"colors": [{"rgb": [1, 2, 3]}]},
    }


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    """But the form of the answer, which is ours to say."""
    sent, _ = drawn(prompt="a kite")
    assert sent.json == {"model": "recraftv4_1", "prompt": "a kite", "response_format": "url"}


def test_exact_pixels_are_sent_as_they_are() -> None:
    """To a model that no sheet limits."""
    request = ImageRequest(model="recraftv5", prompt="a kite", resolution="1280X832")
    (sent,), _ = replay(image.draw(request, Brief()), answer(DRAWN), explain=RECRAFT.explain)
    assert (sent.json["model"], sent.json["size"]) == ("recraftv5", "1280x832")


def test_older_models_know_styles() -> None:
    """And what should not be there."""
    sent, _ = drawn(
        "recraftv3", prompt="a kite", style="vector_illustration", negative_prompt="sky"
    )
    assert (sent.json["style"], sent.json["negative_prompt"]) == ("vector_illustration", "sky")


@pytest.mark.parametrize(
    ("mode", "options", "strength", "told"),
    [
        (None, {}, "0.5", ["provider-note"]),
        ("variation", {}, "0.8", ["provider-note"]),
        (None, {"strength": 0.1}, "0.1", []),
    ],
)
def test_a_picture_to_start_from_needs_a_strength(
    mode: Any, options: dict[str, Any], strength: str, told: list[str]
) -> None:
    """Ours is told, the caller's own wins."""
    sent, made = drawn(prompt="winter", images=(PICTURE,), mode=mode, options=options)
    assert sent.path == "/images/imageToImage"
    assert form(sent) == {
        "model": "recraftv4_1",
        "prompt": "winter",
        "response_format": "url",
        "strength": strength,
    }
    assert files(sent) == ["image"]
    assert [one.code for one in made.warnings] == told


def test_a_mask_goes_beside_its_picture() -> None:
    """Objects among the options go as JSON; the picture's size is kept, which is told."""
    sent, made = drawn(
        "recraftv3",
        prompt="a bicycle",
        images=(PICTURE,),
        mask=PICTURE,
        aspect_ratio="1:1",
        resolution="1024x1024",
        options={"controls": {"no_text": True}, "style_id": None},
    )
    assert sent.path == "/images/inpaint"
    assert form(sent) == {
        "model": "recraftv3",
        "prompt": "a bicycle",
        "response_format": "url",
        "controls": '{"no_text":true}',
    }
    assert files(sent) == ["image", "mask"]
    assert [one.option for one in made.warnings] == ["aspect_ratio", "resolution"]


@pytest.mark.parametrize(
    ("model", "fields", "path", "sent_fields", "name"),
    [
        (
            "recraftv3-replace-background",
            {"prompt": "a beach"},
            "replaceBackground",
            {"model": "recraftv3", "prompt": "a beach"},
            "image",
        ),
        ("remove-background", {"mode": "edit"}, "removeBackground", {}, "file"),
        ("remix", {}, "variateImage", {"size": "1:1"}, "image"),
        ("remix", {"aspect_ratio": "16:9"}, "variateImage", {"size": "16:9"}, "image"),
    ],
)
def test_every_tool_has_a_path_of_its_own(
    model: str, fields: dict[str, Any], path: str, sent_fields: dict[str, str], name: str
) -> None:
    """Under its own names."""
    sent, made = drawn(model, images=(PICTURE,), **fields)
    assert sent.path == f"/images/{path}"
    assert form(sent) == {"response_format": "url", **sent_fields}
    assert files(sent) == [name]
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("model", "fields", "named"),
    [
        ("recraftv4_1", {"prompt": "a kite", "images": (PICTURE, PICTURE)}, "one picture"),
        ("recraftv4_1", {"images": (PICTURE,)}, "prompt"),
        ("remove-background", {"prompt": "a kite", "images": (PICTURE,)}, "no words"),
        ("recraftv4_styles", {"prompt": "a kite"}, "style_id"),
    ],
)
def test_what_would_be_refused_is_not_sent(model: str, fields: dict[str, Any], named: str) -> None:
    """In words that say what to do."""
    with pytest.raises(UnsupportedOption, match=named):
        drawn(model, **fields)


def test_a_style_of_ones_own_is_an_option() -> None:
    """Either of the two will do."""
    sent, _ = drawn("recraftv4_styles", prompt="a kite", options={"style_id": "s-1"})
    assert sent.json["style_id"] == "s-1"


# --- being answered -------------------------------------------------------------------------


def test_the_answer_says_what_it_cost() -> None:
    """A thousand units are a dollar."""
    _, made = drawn(response=answer(DRAWN, headers={"x-request-id": "r-1"}), prompt="a kite")
    assert made.artifacts == (
        RemoteArtifact(url="https://img.recraft.ai/x", metadata={"image_id": "8c2e"}),
    )
    assert made.reported_cost == Decimal("0.035")
    assert (made.usage.images, made.usage.credits) == (1, Decimal(35))
    assert made.usage.raw == {"credits": "35"}
    assert made.request_id == "r-1"


def test_tools_name_their_one_picture() -> None:
    """Not in a list; without a cost none is reported."""
    said = answer({"image": {"url": "https://img.recraft.ai/y"}, "credits": None, "new": 1})
    _, made = drawn("remove-background", said, images=(PICTURE,), mode="edit")
    assert made.artifacts == (RemoteArtifact(url="https://img.recraft.ai/y"),)
    assert made.reported_cost is None


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"RIFF0000WEBP", "image/webp"),
    ],
)
def test_pictures_may_come_inside_the_answer(data: bytes, media_type: str) -> None:
    """Where the caller asked for it; vectors are told by their first bytes too."""
    said = answer({"data": [{"b64_json": base64.b64encode(data).decode()}, None]})
    _, made = drawn(response=said, prompt="a kite", options={"response_format": "b64_json"})
    assert made.artifacts == (InlineArtifact(data=data, media_type=media_type),)


@pytest.mark.parametrize(
    "response",
    [
        answer({}),
        answer({"data": []}),
        answer({"data": [None]}),
        answer({"data": [{"url": None}]}),
        answer({"data": [{"b64_json": "not base64!"}]}),
        answer(["data"]),
        HttpResponse(200, b""),
        HttpResponse(200, b"<html>hello</html>"),
        HttpResponse(200, b'{"data": [{"ur'),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(response: HttpResponse) -> None:
    """It may have been paid for, so it is not passed over."""
    with pytest.raises(UnreadableResponse) as raised:
        drawn(response=response, prompt="a kite")
    assert raised.value.accepted != "no"


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "error", "accepted"),
    [
        (plain("request unauthorized", 401), AuthenticationFailed, "no"),
        (plain("404 page not found", 404), RequestRejected, "no"),
        (answer({"code": "bad_size", "message": "size"}, 400), RequestRejected, "no"),
        (answer({"code": "not_enough_credits", "message": "x"}, 400), InsufficientCredits, "no"),
        (plain("your balance is too low", 400), InsufficientCredits, "no"),
        (answer({"message": "x"}, 402), InsufficientCredits, "no"),
        (plain("prompt is NSFW", 400), ContentRefused, "no"),
        (answer({"message": "violates our content policy"}, 422), ContentRefused, "no"),
        (answer({"message": "unknown model `x`"}, 400), ModelUnavailable, "no"),
        (answer({"message": "forbidden"}, 403), AuthenticationFailed, "no"),
        (plain("too large", 413), RequestRejected, "no"),
        (answer({"message": "n"}, 422), RequestRejected, "no"),
        (answer({"message": "slow down"}, 429, {"retry-after": "2"}), RateLimited, "no"),
        (plain("oh", 500), ProviderUnavailable, "unknown"),
        (HttpResponse(502, b"<html>bad gateway</html>"), ProviderUnavailable, "unknown"),
        (HttpResponse(504, b""), ProviderTimeout, "unknown"),
    ],
)
@pytest.mark.parametrize("images", [(), (PICTURE,)])
def test_failures_are_told_apart(
    response: HttpResponse, error: type[GenerationError], accepted: str, images: Any
) -> None:
    """By the status, then by the words, whether they are JSON or not."""
    with pytest.raises(error) as raised:
        drawn(response=response, prompt="a kite", images=images)
    assert type(raised.value) is error
    assert raised.value.accepted == accepted


def test_a_failures_words_are_kept() -> None:
    """And how long to wait."""
    assert RECRAFT.explain(plain("404 page not found", 404)).args == ("404 page not found",)
    said = RECRAFT.explain(answer({"message": "slow down"}, 429, {"retry-after": "2"}))
    assert (said.message, said.retry_after) == ("slow down", 2)


# --- the rest -------------------------------------------------------------------------------


def test_the_check_tells_the_balance() -> None:
    """A free call; nothing of the owner is kept."""
    owner = {"id": "u", "email": "x@example.com", "name": "x", "credits": 1200}
    (sent,), account = replay(check(), answer(owner), explain=RECRAFT.explain)
    assert sent.path == "/users/me"
    assert (account.balance, account.unit, account.details) == (Decimal(1200), "credits", {})


def test_only_models_that_take_pictures_say_so() -> None:
    """A task with pictures and a limit of none would contradict each other."""
    for model in catalogued("recraft"):
        takes = set(model.tasks) - {"text_to_image"}
        assert bool(takes) == bool(model.limits.max_images), model.id


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "image", "url", "b64_json", "credits", "code", "message"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(body=json_values | st.binary(max_size=40), status=st.sampled_from([200, 400, 429, 500]))
def test_no_answer_raises_anything_but_ours(body: Any, status: int) -> None:
    """Whatever comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status, content)
    request = ImageRequest(model="recraftv4_1", prompt="a kite")
    for exchange in (image.draw(request, brief("recraftv4_1")), check()):
        with suppress(GenerationError):
            replay(exchange, response, explain=RECRAFT.explain)
