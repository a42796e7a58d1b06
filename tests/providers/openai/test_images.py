"""Images: what is sent, and what an answer means."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    ContentRefused,
    GenerationError,
    ProviderError,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.dialects.openai import images
from anymedia.providers.dialects.openai.compatible import IMAGES
from anymedia.providers.dialects.openai.errors import explain
from anymedia.providers.dialects.openai.images import ImageQuirks
from anymedia.providers.spec import Brief
from anymedia.testing.samples import png
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

PICTURE = png(4, 4)
B64 = base64.b64encode(PICTURE).decode()


def asked(**fields: Any) -> ImageRequest:
    """A request; a plain one unless more is said."""
    return ImageRequest.model_validate({"model": "gpt-image-2.5-flare", "prompt": "a fox"} | fields)


def exchanged(
    request: ImageRequest, body: Any = None, quirks: ImageQuirks | None = None
) -> tuple[HttpRequest, MediaAnswer]:
    """What goes out for a request, and what this answer is read as."""
    body = {"data": [{"b64_json": B64}]} if body is None else body
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent, answer = replay(
        images.exchange(request, Brief(), quirks or ImageQuirks()),
        HttpResponse(200, content, {"x-request-id": "req_1"}),
        explain=explain,
    )
    return sent[0], answer


def fields(request: HttpRequest) -> list[tuple[str, str | None, bytes]]:
    """A form's parts: name, file name, content."""
    return [(part.name, part.filename, part.content) for part in request.parts]


def test_words_alone_are_a_json_post() -> None:
    """Nothing is sent that was not said; OpenAI refuses a `response_format`."""
    sent, _ = exchanged(asked())
    assert (sent.method, sent.path) == ("POST", "/images/generations")
    assert sent.json == {"model": "gpt-image-2.5-flare", "prompt": "a fox"}


def test_count_size_format_and_background_have_their_names() -> None:
    """And options come last."""
    sent, _ = exchanged(
        asked(
            count=3,
            aspect_ratio="16:9",
            resolution="2k",
            format="webp",
            background="transparent",
            options={"quality": "low", "moderation": "low", "stream": True, "partial_images": 2},
        )
    )
    assert sent.json == {
        "model": "gpt-image-2.5-flare",
        "prompt": "a fox",
        "n": 3,
        "size": "2560x1440",
        "background": "transparent",
        "output_format": "webp",
        "quality": "low",
        "moderation": "low",
    }


def test_servers_get_what_they_know() -> None:
    """Base64 has to be asked for; seed and negative prompt are theirs, the format is not."""
    request = asked(seed=7, negative_prompt="text", format="webp")
    sent, _ = exchanged(request, quirks=IMAGES)
    assert sent.json == {
        "model": "gpt-image-2.5-flare",
        "prompt": "a fox",
        "negative_prompt": "text",
        "seed": 7,
        "response_format": "b64_json",
    }


def test_an_edit_is_a_form_with_the_image_in_it() -> None:
    """One image goes as `image`, several as a list; a mask beside them."""
    one, _ = exchanged(asked(images=[PICTURE], mask=PICTURE, count=2))
    assert one.path == "/images/edits"
    assert fields(one) == [
        ("model", None, b"gpt-image-2.5-flare"),
        ("prompt", None, b"a fox"),
        ("n", None, b"2"),
        ("image", "image.png", PICTURE),
        ("mask", "mask.png", PICTURE),
    ]
    several, _ = exchanged(asked(images=[PICTURE, PICTURE]))
    assert [name for name, _, _ in fields(several)][2:] == ["image[]", "image[]"]


def test_options_of_a_form_are_written_as_fields() -> None:
    """Lists repeat, objects stay JSON, nothing is left out."""
    options = {"tags": ["a", "b"], "svg": {"model": "x"}, "flag": True, "none": None}
    sent, _ = exchanged(asked(images=[PICTURE], options=options))
    assert fields(sent)[2:-1] == [
        ("tags[]", None, b"a"),
        ("tags[]", None, b"b"),
        ("svg", None, b'{"model":"x"}'),
        ("flag", None, b"true"),
    ]


def test_a_variation_is_imitated_and_says_so() -> None:
    """The API has none any more; an edit with fitting words comes near."""
    sent, answer = exchanged(asked(prompt="", images=[PICTURE]))
    words = {name: content for name, _, content in fields(sent)}["prompt"]
    assert words.startswith(b"Make a variation")
    assert [notice.code for notice in answer.warnings] == ["option-imitated"]
    sent, _ = exchanged(asked(prompt="at night", images=[PICTURE], mode="variation"))
    words = {name: content for name, _, content in fields(sent)}["prompt"]
    assert words.endswith(b"at night")


def test_pictures_come_with_their_type_and_words() -> None:
    """The type is what the bytes show; what they cannot show, the answer tells."""
    svg = base64.b64encode(b"<svg/>").decode()
    _, answer = exchanged(
        asked(),
        {
            "data": [
                {"b64_json": B64, "revised_prompt": "a red fox"},
                {"b64_json": f"data:image/png;base64,{B64}"},
                {"b64_json": svg},
                {"url": "https://example.com/fox.webp"},
                None,
            ],
            "output_format": "svg",
            "quality": "low",
            "size": "1024x1024",
        },
    )
    first, second, third, fourth = answer.artifacts
    assert isinstance(first, InlineArtifact)
    assert (first.data, first.media_type) == (PICTURE, "image/png")
    assert first.metadata == {"revised_prompt": "a red fox"}
    assert isinstance(second, InlineArtifact)
    assert second.data == PICTURE
    assert third.media_type == "image/svg+xml"
    assert isinstance(fourth, RemoteArtifact)
    assert fourth.url == "https://example.com/fox.webp"
    assert answer.metadata == {"output_format": "svg", "quality": "low", "size": "1024x1024"}
    assert answer.request_id == "req_1"


def test_tokens_are_told_apart_by_kind() -> None:
    """Where the answer does not split its output, all of it is image."""
    usage = {
        "input_tokens": 221,
        "input_tokens_details": {"image_tokens": 194, "text_tokens": 27},
        "output_tokens": 415,
        "output_tokens_details": {"image_tokens": 272, "text_tokens": 143},
    }
    _, answer = exchanged(asked(), {"data": [{"b64_json": B64}], "usage": usage})
    told = answer.usage
    assert (told.input_tokens, told.input_image_tokens) == (221, 194)
    assert (told.output_tokens, told.output_image_tokens, told.images) == (415, 272, 1)
    assert told.raw == usage
    del usage["output_tokens_details"]
    _, answer = exchanged(asked(), {"data": [{"b64_json": B64}], "usage": usage})
    assert answer.usage.output_image_tokens == 415
    _, answer = exchanged(asked(), {"data": [{"b64_json": B64}]})
    assert (answer.usage.output_tokens, answer.usage.images) == (None, 1)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": {"message": "x", "code": "moderation_blocked"}}, ContentRefused),
        ({"error": "no GPU"}, ProviderError),
        ({"data": []}, UnreadableResponse),
        ({"data": None}, UnreadableResponse),
        ({"data": [{}]}, UnreadableResponse),
        ({"data": [{"b64_json": "not base64!"}]}, UnreadableResponse),
        ({"data": [{"b64_json": "é"}]}, UnreadableResponse),
        ({"data": [{"b64_json": 5}]}, UnreadableResponse),
        (b"", UnreadableResponse),
        (b"<html>", UnreadableResponse),
        (b'{"data": [{"b64_json": "iVBORw0', UnreadableResponse),
    ],
)
def test_a_200_without_pictures_is_the_right_failure(
    body: Any, error: type[GenerationError]
) -> None:
    """None of them may be sent again: it may have been paid for."""
    with pytest.raises(error) as caught:
        exchanged(asked(), body)
    assert caught.value.accepted != "no"
    assert B64 not in caught.value.message
