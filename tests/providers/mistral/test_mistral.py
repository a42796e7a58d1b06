"""Mistral: strict fields, flat sound, short tool ids, and its ways of failing.

Answers are written after docs.mistral.ai/api and PyPI mistralai 3.7.0 (read 2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.mistral import MISTRAL
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), headers)


def called(
    request: Any, *answers: HttpResponse, brief: Brief | None = None
) -> tuple[list[HttpRequest], Any]:
    """What was sent for a request, and what came of it."""
    operation = MISTRAL.operation(request.medium, Call)
    assert isinstance(operation, Call)
    return replay(operation.exchange(request, brief or Brief()), *answers, explain=MISTRAL.explain)


def said(content: Any, **more: Any) -> dict[str, Any]:
    """A chat's answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    return {"id": "c1", "model": "m", "choices": [choice], **more}


def test_only_fields_that_mistral_knows_are_sent() -> None:
    """A field too many is a 422 there."""
    request = TextRequest(
        model="m", prompt="Hi", seed=3, max_output_tokens=9, user="u", reasoning_effort="high"
    )
    (sent,), _ = called(request, answer(said("Hello")))
    assert sent.json.keys() == {
        *("model", "messages", "random_seed", "max_tokens", "reasoning_effort"),
    }


def test_a_reasoning_effort_that_the_model_lacks_becomes_its_nearest_and_is_told() -> None:
    """Small reasons or does not."""
    sheet = next(one for one in catalogued("mistral") if one.id == "mistral-small-2603")
    request = TextRequest(model=sheet.id, prompt="Hi", reasoning_effort="medium")
    (sent,), said_ = called(request, answer(said("Hello")), brief=Brief(model=sheet))
    assert sent.json["reasoning_effort"] == "high"
    assert [one.code for one in said_.warnings] == ["option-rounded"]


def test_thoughts_and_words_are_told_apart() -> None:
    """Reasoning models answer in pieces."""
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "4"},
        {"type": "reference", "reference_ids": [1]},
    ]
    _, found = called(TextRequest(model="m", prompt="2+2"), answer(said(content)))
    assert (found.text, found.reasoning) == ("4", "Hm.")


def test_foreign_tool_ids_are_shortened_alike_in_call_and_answer() -> None:
    """Mistral takes nine letters and digits."""
    request = TextRequest.model_validate(
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "weather?", "name": "Ann"},
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "call_abc", "name": "w", "arguments": {}}],
                },
                {"role": "tool", "tool_call_id": "call_abc", "content": "sunny"},
            ],
        }
    )
    (sent,), _ = called(request, answer(said("Sunny")))
    user, asked, told = sent.json["messages"]
    assert "name" not in user
    assert asked["tool_calls"][0]["id"] == told["tool_call_id"]
    assert len(told["tool_call_id"]) == 9


def test_sound_and_documents_go_in_mistrals_form() -> None:
    """Sound as bare base64, a document as a URL."""
    parts = [
        {"type": "audio", "audio": "data:audio/mpeg;base64,AAAA"},
        {"type": "file", "file": "data:application/pdf;base64,AAAA"},
    ]
    request = TextRequest.model_validate(
        {"model": "m", "messages": [{"role": "user", "content": parts}]}
    )
    (sent,), _ = called(request, answer(said("Yes")))
    assert sent.json["messages"][0]["content"] == [
        {"type": "input_audio", "input_audio": "AAAA"},
        {"type": "document_url", "document_url": "data:application/pdf;base64,AAAA"},
    ]


def test_speech_comes_inside_json_and_characters_are_counted() -> None:
    """The voice is `voice_id`."""
    request = SpeechRequest(model="m", text="Hello", voice="v", format="mp3")
    (sent,), made = called(request, answer({"audio_data": "SUQzAA=="}))
    assert sent.json == {"model": "m", "input": "Hello", "voice_id": "v", "response_format": "mp3"}
    assert made.artifacts[0].media_type == "audio/mpeg"
    assert made.usage.characters == 5


def test_speech_without_sound_is_unreadable() -> None:
    """It has been paid for, so it is not tried again."""
    with pytest.raises(UnreadableResponse):
        called(SpeechRequest(model="m", text="Hello"), answer({"audio_data": None}))


def test_listening_asks_for_speakers_by_segment_and_bills_seconds() -> None:
    """Lists repeat their bare name in the form."""
    request = TranscriptionRequest(
        model="m", audio=MediaBytes(data=b"RIFF"), speakers=True, prompt="Ada, Grace"
    )
    body = {
        "text": "Hi",
        "segments": [{"text": "Hi", "start": 0, "end": 1, "speaker_id": "s1", "score": 1}],
        "usage": {"prompt_audio_seconds": 2, "prompt_tokens": 4},
    }
    (sent,), heard = called(request, answer(body))
    fields = [(part.name, part.content) for part in sent.parts[:-1]]
    assert ("context_bias", b"Ada") in fields
    assert ("context_bias", b"Grace") in fields
    assert ("timestamp_granularities", b"segment") in fields
    assert heard.segments[0].speaker == "s1"
    assert heard.usage.seconds == 2


def test_the_length_of_vectors_has_its_own_name() -> None:
    """`output_dimension`."""
    body = {"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 1}}
    (sent,), _ = called(EmbeddingRequest(model="m", inputs=("a",), dimensions=1), answer(body))
    assert sent.json["output_dimension"] == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            {"message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
            ModelUnavailable,
        ),
        (401, {"detail": "Unauthorized"}, AuthenticationFailed),
        (403, {"message": "Not in plan", "code": "1910"}, AuthenticationFailed),
        (403, {"message": "Blocked by guardrail"}, ContentRefused),
        (422, {"detail": [{"loc": ["body", "x"], "msg": "Extra inputs"}]}, RequestRejected),
        (422, {"message": {"detail": [{"loc": ["x"], "msg": "bad"}]}}, RequestRejected),
        (429, {"message": "Rate limit", "code": "1300"}, RateLimited),
        (503, {"message": "Service tier capacity exceeded for this model"}, ProviderUnavailable),
    ],
)
def test_failures_are_told_apart(status: int, body: Any, kind: type[GenerationError]) -> None:
    """In each of the three forms that bodies have."""
    assert type(MISTRAL.explain(answer(body, status))) is kind


def test_the_other_api_of_the_language_is_asked_where_the_caller_insists() -> None:
    """Whether the service has it is the service's to say; it is no crash of ours."""
    operation = MISTRAL.operation("text", Call)
    assert isinstance(operation, Call)
    request = TextRequest(model="m", prompt="hi", user="u1", options={"api": "responses"})
    exchange = operation.exchange(request, Brief(model=None, marker="att_1"))
    sent = next(exchange)
    assert sent.path == "/responses"
