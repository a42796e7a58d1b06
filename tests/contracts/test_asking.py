"""From an envelope to the typed request it stands for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st
from tests.contracts.documents import json_values, requests, retry_configs

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.envelope import UnifiedRequest, typed
from anymedia.contracts.envelope.asking import REQUESTS
from anymedia.contracts.envelope.parameters import READINGS
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaFile, MediaUrl, Medium
from anymedia.contracts.request import Request, RetryConfig
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import ImagePart, TextPart, TextRequest, UserMessage
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest

PICTURE = "https://example.com/fox.png"


def asked(media_type: Medium, prompt: str | None = "a fox", **parameters: Any) -> Request[Any]:
    """The typed request for a medium with those parameters."""
    return typed(UnifiedRequest(media_type=media_type, prompt=prompt, parameters=parameters))


# --- what stands beside the parameters ----------------------------------------------------------


def test_everything_in_the_envelope_arrives() -> None:
    """Provider, model, prompt, metadata, timeout, retries, callback."""
    request = typed(
        UnifiedRequest.model_validate(
            {
                "schema_version": "2.0",
                "request_id": "r-1",
                "provider": "runway",
                "model": "gen4_turbo",
                "prompt": "a fox in snow",
                "media_type": "video",
                "parameters": {"duration": 5},
                "metadata": {"scene": 7},
                "timestamp": "2026-11-21T09:30:00Z",
                "timeout": 600,
                "retry_config": {"max_attempts": 5, "base_delay_ms": 250},
                "callback_url": "https://example.com/done",
            }
        )
    )

    assert request == VideoRequest(
        provider="runway",
        model="gen4_turbo",
        prompt="a fox in snow",
        duration_seconds=5,
        metadata={"scene": 7},
        timeout_seconds=600,
        retry=RetryConfig(max_attempts=5, base_delay_seconds=0.25),
        callback_url="https://example.com/done",
    )


@pytest.mark.parametrize(
    ("medium", "expected"),
    [
        ("text", TextRequest(prompt="a fox")),
        ("image", ImageRequest(prompt="a fox")),
        ("video", VideoRequest(prompt="a fox")),
        ("audio", AudioRequest(prompt="a fox")),
        ("speech", SpeechRequest(text="a fox")),
        ("embedding", EmbeddingRequest(inputs=("a fox",))),
    ],
)
def test_the_prompt_goes_where_the_medium_wants_it(medium: Medium, expected: Request[Any]) -> None:
    """A message, the words to speak, the text to embed, or a prompt."""
    assert asked(medium) == expected


def test_a_transcription_takes_the_prompt_as_a_hint() -> None:
    """What is transcribed is a parameter."""
    request = asked("transcription", "names: Ada", audio_url="https://example.com/talk.mp3")

    assert request == TranscriptionRequest(
        audio=MediaUrl(url="https://example.com/talk.mp3"), prompt="names: Ada"
    )


def test_what_is_answered_at_once_calls_nobody_back() -> None:
    """A callback for a text is no mistake: the answer is there already."""
    request = typed(
        UnifiedRequest(media_type="text", prompt="hi", callback_url="https://example.com/done")
    )

    assert request == TextRequest(prompt="hi")


def test_every_medium_has_a_typed_request_and_readings() -> None:
    """None is forgotten when one is added."""
    assert set(REQUESTS) == set(READINGS) == set(get_args(Medium))


@given(retry_configs)
def test_every_valid_retry_configuration_is_one_of_ours(config: dict[str, Any]) -> None:
    """In whichever unit its delays are said."""
    request = typed(
        UnifiedRequest.model_validate(
            {"media_type": "text", "prompt": "hi", "retry_config": config}
        )
    )

    assert request.retry is not None
    if "max_delay" in config:
        assert request.retry.max_delay_seconds == config["max_delay"]
    if "base_delay_ms" in config:
        assert request.retry.base_delay_seconds == config["base_delay_ms"] / 1000


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("medium", "parameters", "field", "expected"),
    [
        ("text", {"max_tokens": 100}, "max_output_tokens", 100),
        ("text", {"max_completion_tokens": 100}, "max_output_tokens", 100),
        ("text", {"temperature": 0.2}, "temperature", 0.2),
        ("text", {"stop": "END"}, "stop", ("END",)),
        ("text", {"stop": ["END", "STOP"]}, "stop", ("END", "STOP")),
        ("text", {"stream": False}, "options", {}),
        ("text", {"response_format": {"type": "text"}}, "output", None),
        ("image", {"n": 3}, "count", 3),
        ("image", {"num_images": 3}, "count", 3),
        ("image", {"size": "1536x1024"}, "resolution", "1536x1024"),
        ("image", {"size": "1536*1024"}, "resolution", "1536x1024"),
        ("image", {"size": "16:9"}, "aspect_ratio", "16:9"),
        ("image", {"width": 640, "height": 480}, "resolution", "640x480"),
        ("image", {"image": PICTURE}, "images", (MediaUrl(url=PICTURE),)),
        ("image", {"image_urls": [PICTURE]}, "images", (MediaUrl(url=PICTURE),)),
        ("image", {"output_format": "jpg"}, "format", "jpeg"),
        ("image", {"quality": "High"}, "quality", "high"),
        ("image", {"seed": None}, "seed", None),
        ("image", {"max_cost": 0.25}, "max_cost", Decimal("0.25")),
        ("video", {"duration": 8}, "duration_seconds", 8.0),
        ("video", {"duration": "8s"}, "duration_seconds", 8.0),
        ("video", {"seconds": "8"}, "duration_seconds", 8.0),
        ("video", {"size": "1280x720"}, "resolution", "1280x720"),
        ("video", {"resolution": "720P"}, "resolution", "720p"),
        ("video", {"ratio": "9:16"}, "aspect_ratio", "9:16"),
        ("video", {"image": PICTURE}, "first_frame", MediaUrl(url=PICTURE)),
        ("video", {"image_url": PICTURE}, "first_frame", MediaUrl(url=PICTURE)),
        ("video", {"last_frame_url": PICTURE}, "last_frame", MediaUrl(url=PICTURE)),
        ("video", {"reference_images": [PICTURE]}, "references", (MediaUrl(url=PICTURE),)),
        ("video", {"generate_audio": True}, "audio", True),
        ("video", {"negative_prompt": "rain"}, "negative_prompt", "rain"),
        ("audio", {"duration": 30}, "duration_seconds", 30.0),
        ("audio", {"kind": "effect"}, "kind", "effect"),
        ("speech", {"voice_id": "narrator"}, "voice", "narrator"),
        ("speech", {"response_format": "mp3"}, "format", "mp3"),
        ("embedding", {"dimensions": 256}, "dimensions", 256),
        ("text", {"timeout": 30}, "timeout_seconds", 30.0),
        (
            "text",
            {"retry_config": {"base_delay": 2}},
            "retry",
            RetryConfig(base_delay_seconds=2),
        ),
    ],
)
def test_parameters_are_understood_by_their_usual_names(
    medium: Medium, parameters: dict[str, Any], field: str, expected: Any
) -> None:
    """Those of the typed request, and those that the field uses for the same."""
    request = asked(medium, **parameters)

    assert getattr(request, field) == expected
    assert request.options == {}


def test_what_nobody_here_knows_goes_to_the_provider() -> None:
    """Nothing is dropped: neither unknown names nor words that are not ours."""
    request = asked(
        "image",
        guidance_scale=7,
        quality="hd",
        size="landscape_16_9",
        options={"safety_tolerance": 2},
        unknown=None,
    )

    assert request.options == {
        "guidance_scale": 7,
        "quality": "hd",
        "size": "landscape_16_9",
        "safety_tolerance": 2,
        "unknown": None,
    }


def test_a_format_that_only_the_provider_knows_goes_there_by_its_name() -> None:
    """Under the field's own name it is a mistake instead."""
    assert asked("speech", output_format="mp3_44100_128").options == {
        "output_format": "mp3_44100_128"
    }
    with pytest.raises(InvalidRequest, match=r"`parameters\.format`"):
        asked("speech", format="mp3_44100_128")


def test_structured_output_may_be_asked_for_as_openai_does() -> None:
    """A schema with its name, or any JSON."""
    schema = {"type": "object", "properties": {}}
    request = asked(
        "text",
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "fox", "schema": schema, "strict": None},
        },
    )
    anything = asked("text", response_format={"type": "json_object"})

    assert isinstance(request, TextRequest)
    assert request.output is not None
    assert request.output.model_dump() == {
        "type": "schema",
        "json_schema": schema,
        "name": "fox",
        "description": None,
        "strict": True,
    }
    assert isinstance(anything, TextRequest)
    assert anything.output is not None
    assert anything.output.type == "json"


def test_pictures_join_the_prompt_of_a_text_request() -> None:
    """One message that shows and asks."""
    request = asked("text", "what is this?", image_url=PICTURE)

    assert isinstance(request, TextRequest)
    assert request.messages == (
        UserMessage(
            content=(TextPart(text="what is this?"), ImagePart(image=MediaUrl(url=PICTURE)))
        ),
    )


def test_a_conversation_comes_before_the_prompt_and_after_the_system() -> None:
    """As the three would stand in a chat."""
    request = asked(
        "text",
        "and now?",
        system_prompt="be brief",
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"},
        ],
    )

    assert isinstance(request, TextRequest)
    assert [message.role for message in request.messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_messages_need_no_prompt() -> None:
    """They are one already."""
    request = asked("text", None, messages=[{"role": "user", "content": "hi"}])

    assert request == TextRequest(prompt="hi")


@pytest.mark.parametrize(
    "request_",
    [
        TextRequest.model_validate(
            {"prompt": "hi", "system": "be brief", "seed": 3, "tools": [{"name": "now"}]}
        ),
        ImageRequest(prompt="a fox", images=(MediaUrl(url=PICTURE),), count=2, quality="draft"),
        VideoRequest(first_frame=MediaUrl(url=PICTURE), fps=24, audio=False),
        AudioRequest(prompt="rain", loop=True, references=(MediaFile(path=Path("a.wav")),)),
        SpeechRequest(text="Good morning.", voice="narrator", speed=1.5),
        TranscriptionRequest(audio=MediaUrl(url="https://example.com/a.mp3"), speakers=True),
        EmbeddingRequest(inputs=("a", "b"), purpose="query"),
    ],
    ids=lambda request: request.medium,
)
def test_every_typed_request_fits_into_an_envelope(request_: Request[Any]) -> None:
    """Its fields as parameters, by their own names, are the same request."""
    fields = request_.model_dump(mode="json")

    assert typed(UnifiedRequest(media_type=request_.medium, parameters=fields)) == request_


# --- what is refused ----------------------------------------------------------------------------


def test_one_thing_said_twice_must_be_the_same() -> None:
    """Two names that contradict each other are a mistake that would cost money."""
    assert asked("video", duration=8, duration_seconds="8s") == asked("video", duration=8)
    with pytest.raises(InvalidRequest, match=r"`parameters\.duration` and `parameters\.seconds`"):
        asked("video", duration=8, seconds=5)
    with pytest.raises(InvalidRequest, match=r"`prompt` and `parameters\.text`"):
        asked("speech", "good morning", text="good night")


def test_a_request_for_a_stream_is_told_where_streams_are() -> None:
    """An envelope is one document; a provider told to stream would not be understood."""
    with pytest.raises(InvalidRequest, match="client\\.stream_text"):
        asked("text", stream=True)


@pytest.mark.parametrize(
    ("medium", "prompt", "parameters", "path"),
    [
        ("text", None, {}, "prompt"),
        ("text", "  ", {}, "prompt"),
        ("speech", None, {}, "prompt"),
        ("embedding", None, {}, "prompt"),
        ("transcription", None, {}, "parameters.audio"),
        ("video", "a fox", {"duration": -1}, "parameters.duration"),
        ("video", "a fox", {"seconds": "long"}, "parameters.seconds"),
        ("image", "a fox", {"n": 0}, "parameters.n"),
        ("image", "a fox", {"image": 7}, "parameters.image.0"),
        ("image", "a fox", {"image": ""}, "parameters.image.0"),
        ("image", "a fox", {"image": "~nobody-here/x.png"}, "parameters.image.0"),
        ("image", "a fox", {"image": "data:image/png;base64,!"}, "parameters.image.0"),
        ("text", "hi", {"messages": 5}, "parameters.messages"),
        ("text", "hi", {"messages": [{"role": "judge"}]}, "parameters.messages.0"),
        ("text", "hi", {"retry_config": {"attempts": 1}}, "parameters.retry_config.attempts"),
        ("text", "hi", {"max_cost": "NaN"}, "parameters.max_cost"),
    ],
)
def test_mistakes_are_named_in_the_callers_words(
    medium: Medium, prompt: str | None, parameters: dict[str, Any], path: str
) -> None:
    """By where they stand in the envelope, not in the typed request."""
    with pytest.raises(InvalidRequest) as caught:
        asked(medium, prompt, **parameters)

    assert path in [mistake["path"] for mistake in caught.value.details["mistakes"]]


def test_options_are_an_object() -> None:
    """A list of them names nothing."""
    with pytest.raises(InvalidRequest, match=r"`parameters\.options`"):
        asked("text", options=["fast"])


@given(requests("2.0"), st.data())
def test_any_envelope_becomes_a_request_or_an_invalid_request(
    document: dict[str, Any], data: st.DataObject
) -> None:
    """With any value under any name that means something."""
    names = sorted(
        {*READINGS[document["media_type"]], *REQUESTS[document["media_type"]].model_fields}
    )
    name = data.draw(st.sampled_from([*names, "width", "height", "options"]))
    parameters = {**document.get("parameters", {}), name: data.draw(json_values)}
    request = UnifiedRequest.model_validate({**document, "parameters": parameters})

    try:
        assert isinstance(typed(request), REQUESTS[request.media_type])
    except InvalidRequest as error:
        assert str(error).encode()  # noqa: PT017 - either outcome is right
