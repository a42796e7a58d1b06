"""Typed requests: which task they are, what they refuse, what they make of short forms."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.cost import Cost
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.envelope.asking import REQUESTS
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaUrl, Medium
from anymedia.contracts.request import Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import (
    AssistantMessage,
    Finish,
    SystemMessage,
    TextPart,
    TextRequest,
    TextResult,
    ToolCall,
    UserMessage,
)
from anymedia.contracts.video import VideoRequest

FOX = MediaUrl(url="https://example.com/fox.png")
CLIP = MediaUrl(url="https://example.com/fox.mp4")


# --- tasks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "task"),
    [
        ({"prompt": "a fox"}, "text_to_image"),
        ({"prompt": "a fox", "images": [FOX]}, "edit"),
        ({"images": [FOX]}, "variation"),
        ({"prompt": "a fox", "images": [FOX], "mode": "variation"}, "variation"),
        ({"images": [FOX], "mode": "edit"}, "edit"),
        ({"prompt": "a fox", "images": [FOX], "mask": FOX}, "inpaint"),
    ],
)
def test_an_image_request_knows_its_task(facts: dict[str, Any], task: str) -> None:
    """By what it was given."""
    assert ImageRequest.model_validate(facts).task == task


@pytest.mark.parametrize(
    ("facts", "task"),
    [
        ({"prompt": "a fox"}, "text_to_video"),
        ({"first_frame": FOX}, "image_to_video"),
        ({"last_frame": FOX}, "first_last_frame"),
        ({"first_frame": FOX, "last_frame": FOX}, "first_last_frame"),
        ({"references": [FOX]}, "reference_to_video"),
        ({"first_frame": FOX, "references": [FOX]}, "reference_to_video"),
        ({"prompt": "snow", "video": CLIP}, "video_to_video"),
        ({"video": CLIP, "mode": "edit"}, "video_to_video"),
        ({"video": CLIP, "mode": "extend"}, "extend"),
    ],
)
def test_a_video_request_knows_its_task(facts: dict[str, Any], task: str) -> None:
    """By what it was given."""
    assert VideoRequest.model_validate(facts).task == task


def test_other_requests_have_the_task_of_their_medium() -> None:
    """Audio tells music from effects."""
    assert SpeechRequest(text="hi").task == "speech"
    assert AudioRequest(prompt="rain", kind="effect").task == "effect"
    assert AudioRequest(prompt="rain").task == "music"


@pytest.mark.parametrize("medium", sorted(REQUESTS))
def test_every_request_knows_its_medium_and_its_result(medium: Medium) -> None:
    """So that one `run` serves all of them."""
    kind = REQUESTS[medium]

    assert kind.medium == medium
    assert kind.result_type.__name__ == kind.__name__.replace("Request", "Result")


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (ImageRequest, {}),
        (ImageRequest, {"prompt": "  "}),
        (ImageRequest, {"prompt": "a fox", "mask": FOX}),
        (ImageRequest, {"prompt": "a fox", "mode": "edit"}),
        (ImageRequest, {"prompt": "a fox", "aspect_ratio": "wide"}),
        (ImageRequest, {"prompt": "a fox", "aspect_ratio": "16:9\n"}),
        (ImageRequest, {"prompt": "a fox", "count": 0}),
        (ImageRequest, {"prompt": "a fox", "seed": -1}),
        (ImageRequest, {"prompt": "a fox", "seed": 2**63}),
        (ImageRequest, {"prompt": "a fox", "max_cost": -1}),
        (ImageRequest, {"prompt": "a fox", "max_cost": "NaN"}),
        (ImageRequest, {"prompt": "a fox", "idempotency_key": ""}),
        (ImageRequest, {"prompt": "a fox", "metadata": {"x": object()}}),
        (VideoRequest, {}),
        (VideoRequest, {"prompt": "a fox", "mode": "extend"}),
        (VideoRequest, {"prompt": "a fox", "duration_seconds": 0}),
        (VideoRequest, {"prompt": "a fox", "duration_seconds": float("nan")}),
        (VideoRequest, {"prompt": "a fox", "duration_seconds": float("inf")}),
        (AudioRequest, {"prompt": ""}),
        (SpeechRequest, {"text": ""}),
        (SpeechRequest, {"text": "hi", "language": "english please"}),
        (SpeechRequest, {"text": "hi", "speed": 0}),
        (EmbeddingRequest, {"inputs": []}),
        (TextRequest, {}),
        (TextRequest, {"messages": []}),
        (TextRequest, {"messages": 5}),
        (TextRequest, {"prompt": "hi", "messages": 5}),
        (TextRequest, {"prompt": "hi", "messages": {"role": "user"}}),
        (TextRequest, {"prompt": 7}),
        (TextRequest, {"prompt": "hi", "temperature": 3}),
        (TextRequest, {"prompt": "hi", "tools": [{"name": "no spaces"}]}),
        (TextRequest, {"prompt": "hi", "retry": {"max_attempts": 0}}),
        (TextRequest, {"prompt": "hi", "promt": "hi"}),
    ],
)
def test_what_cannot_be_right_is_refused(kind: type[Request[Any]], facts: dict[str, Any]) -> None:
    """Before anything is spent, and by nothing but validation."""
    with pytest.raises(ValidationError):
        kind.model_validate(facts)


# --- text ---------------------------------------------------------------------------------------


def test_a_prompt_stands_for_a_user_message_and_a_system_for_the_first_one() -> None:
    """Around the conversation that was given."""
    request = TextRequest.model_validate(
        {
            "system": "be brief",
            "messages": [{"role": "assistant", "content": "hello"}],
            "prompt": "hi",
        }
    )

    assert request.messages == (
        SystemMessage(content="be brief"),
        AssistantMessage(content="hello"),
        UserMessage(content="hi"),
    )
    assert request.system() == "be brief"
    assert request.conversation() == request.messages[1:]


def test_the_short_forms_leave_what_they_were_given_alone() -> None:
    """The caller's dict is the caller's."""
    facts: dict[str, Any] = {"prompt": "hi", "messages": [{"role": "user", "content": "a"}]}
    TextRequest.model_validate(facts)

    assert facts == {"prompt": "hi", "messages": [{"role": "user", "content": "a"}]}


def test_a_null_prompt_is_no_prompt() -> None:
    """As a face passes what was not said."""
    request = TextRequest.model_validate(
        {"prompt": None, "system": None, "messages": [{"role": "user", "content": "hi"}]}
    )

    assert len(request.messages) == 1
    assert request.system() is None


def test_several_system_messages_are_one_text() -> None:
    """For providers that keep it apart."""
    request = TextRequest(
        messages=(
            SystemMessage(content="be brief"),
            UserMessage(content="hi"),
            SystemMessage(content="be kind"),
        )
    )

    assert request.system() == "be brief\n\nbe kind"


def test_a_prompt_can_be_parts() -> None:
    """Words and pictures in one message."""
    request = TextRequest.model_validate({"prompt": [{"type": "text", "text": "hi"}]})
    message = request.messages[0]

    assert isinstance(message, UserMessage)
    assert message.parts() == (TextPart(text="hi"),)
    assert UserMessage(content="hi").parts() == (TextPart(text="hi"),)


def test_an_answer_can_go_on_as_a_message() -> None:
    """With what the provider wants back unchanged."""
    call = ToolCall(id="c1", name="now", arguments={})
    result = TextResult(
        provider="acme",
        model="m",
        text="",
        tool_calls=(call,),
        finish=Finish(unified="tool_calls"),
        provider_state={"acme": {"signature": "x"}},
        cost=Cost(basis="unpriced"),
    )

    assert result.message == AssistantMessage(
        content=None, tool_calls=(call,), provider_state={"acme": {"signature": "x"}}
    )


def test_one_text_alone_can_be_embedded() -> None:
    """It is many of one."""
    assert EmbeddingRequest.model_validate({"inputs": "a fox"}).inputs == ("a fox",)
