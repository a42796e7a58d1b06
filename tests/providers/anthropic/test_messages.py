"""What goes out to the messages API, and what its answers mean.

Answers are written after https://platform.claude.com/docs/en/api/messages (2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    GenerationError,
    ProviderUnavailable,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.adapters.anthropic import ANTHROPIC
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Call, Stream
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse
from anymedia.wire.sse import ServerEvent

SHEETS = {model.id: model for model in catalogued("anthropic")}
GOOD: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "model": "claude-sonnet-5-5",
    "content": [{"type": "text", "text": "Red."}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 16,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 8,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
        "service_tier": "standard",
    },
}
TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {}}}


def asked(fields: dict[str, Any], model: str | None = None, **answer: Any) -> Any:
    """The body and headers that went out, and the answer to it."""
    operation = ANTHROPIC.operation("text", Call)
    assert isinstance(operation, Call)
    request = TextRequest.model_validate(
        {"model": model or "any", "prompt": "Hi", "max_output_tokens": 4096, **fields}
    )
    response = HttpResponse(200, json.dumps(GOOD | answer).encode(), {"request-id": "req_1"})
    brief = Brief(model=SHEETS[model] if model else None)
    sent, said = replay(operation.exchange(request, brief), response, explain=ANTHROPIC.explain)
    assert isinstance(said, TextAnswer)
    return sent[0], said


def test_a_plain_question_and_its_answer() -> None:
    """Version in a header; cached tokens are counted as input; the id of the exchange is kept."""
    sent, answer = asked({"system": "Be brief.", "stop": ["END"], "user": "u1"})
    assert (sent.method, sent.path) == ("POST", "/v1/messages")
    assert sent.headers == {"anthropic-version": "2026-10-21"}
    assert sent.json == {
        "model": "any",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "system": "Be brief.",
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u1"},
    }
    assert answer.text == "Red."
    assert answer.request_id == "req_1"
    assert answer.usage.input_tokens == 28
    assert answer.usage.cached_input_tokens == 8
    assert answer.usage.cache_write_tokens == 4
    assert answer.usage.reasoning_tokens == 2
    assert answer.warnings == ()


def test_the_conversation_alternates_and_answers_of_tools_share_a_turn() -> None:
    """Both results, and what the user adds, are one turn; thoughts go back as they came."""
    thought = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    calls = [{"type": "tool_use", "id": f"t{n}", "name": "weather", "input": {}} for n in (1, 2)]
    _, answer = asked({"tools": [TOOL]}, content=[thought, *calls], stop_reason="tool_use")
    assert answer.finish.unified == "tool_calls"
    assert answer.reasoning == "Hm"
    message = {
        "role": "assistant",
        "tool_calls": answer.tool_calls,
        "provider_state": answer.provider_state,
    }
    results = [
        {"role": "tool", "tool_call_id": "t1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "t2", "content": "no", "is_error": True},
    ]
    messages = [{"role": "user", "content": "Hi"}, message, *results]
    sent, _ = asked({"messages": messages, "prompt": "And?", "tools": [TOOL]})
    first, second, third = sent.json["messages"]
    assert first["role"] == "user"
    assert second == {"role": "assistant", "content": [thought, *calls]}
    assert third["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"},
        {"type": "tool_result", "tool_use_id": "t2", "content": "no", "is_error": True},
        {"type": "text", "text": "And?"},
    ]


def test_thoughts_that_were_cut_do_not_go_back() -> None:
    """Without a signature they would be refused."""
    cut = {"type": "thinking", "thinking": "Hm"}
    _, answer = asked({}, content=[cut], stop_reason="max_tokens")
    assert answer.finish.unified == "length"
    assert answer.provider_state == {}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
    ],
)
def test_tool_choice_is_worded_as_the_api_has_it(
    fields: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    """One tool at a time is part of the choice."""
    sent, _ = asked({"tools": [TOOL], **fields})
    assert sent.json.get("tool_choice") == expected


@pytest.mark.parametrize(
    ("model", "fields", "thinking", "effort"),
    [
        ("claude-haiku-4-5", {}, None, None),
        ("claude-haiku-4-5", {"reasoning_effort": "low"}, "enabled", None),
        ("claude-haiku-4-5", {"reasoning_effort": "none"}, None, None),
        ("claude-opus-4-7", {"reasoning_effort": "xhigh"}, "adaptive", "xhigh"),
        ("claude-opus-4-6", {"reasoning_effort": "xhigh"}, "adaptive", "high"),
        ("claude-opus-5", {"reasoning_effort": "none"}, "disabled", None),
        ("claude-opus-5", {"tools": [TOOL], "tool_choice": "required"}, "disabled", None),
        ("claude-opus-4-8", {"tools": [TOOL], "tool_choice": "required"}, None, None),
        ("claude-fable-5-2", {"reasoning_effort": "none"}, None, "low"),
        ("claude-fable-5-2", {"reasoning_effort": "max"}, None, "max"),
        ("claude-sonnet-5-5", {}, None, None),
        (None, {"reasoning_effort": "minimal"}, "adaptive", "low"),
    ],
)
def test_each_model_is_told_how_to_think_in_its_own_form(
    model: str | None, fields: dict[str, Any], thinking: str | None, effort: str | None
) -> None:
    """Other forms would be a 400."""
    sent, _ = asked(fields, model)
    assert sent.json.get("thinking", {}).get("type") == thinking
    assert sent.json.get("output_config", {}).get("effort") == effort


def test_a_budget_leaves_room_for_the_answer() -> None:
    """It is a part of `max_tokens`, at least 1024, and said to be an imitation."""
    sent, answer = asked({"reasoning_effort": "max"}, "claude-haiku-4-5")
    assert sent.json["thinking"] == {"type": "enabled", "budget_tokens": 3072}
    assert [one.code for one in answer.warnings] == ["option-imitated"]
    sent, answer = asked({"reasoning_effort": "max", "max_output_tokens": 900}, "claude-haiku-4-5")
    assert "thinking" not in sent.json
    assert [one.code for one in answer.warnings] == ["option-dropped"]


def test_sampling_goes_only_to_models_that_take_it() -> None:
    """They get the version that has it; all others go without, and the caller is told."""
    fields = {"temperature": 1.5, "top_p": 0.5}
    sent, answer = asked(fields, "claude-haiku-4-5")
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert sent.json["temperature"] == 1.0
    assert "top_p" not in sent.json
    assert [(one.code, one.option) for one in answer.warnings] == [
        ("option-dropped", "top_p"),
        ("option-rounded", "temperature"),
    ]
    for model, more in (("claude-opus-5", {}), ("claude-haiku-4-5", {"reasoning_effort": "low"})):
        sent, answer = asked({"temperature": 0.5, **more}, model)
        assert sent.headers["anthropic-version"] == "2026-10-21"
        assert "temperature" not in sent.json
        assert "temperature" in {one.option for one in answer.warnings}


def test_structured_output_closes_objects_and_tells_limits_in_words() -> None:
    """Only JSON by a schema is known."""
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "Years"},
            "either": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "more": {"$ref": "#/$defs/x", "title": "gone"},
        },
        "$defs": {"x": {"type": "array", "items": {"type": "object"}, "minItems": 3}},
    }
    sent, answer = asked(
        {"output": {"type": "schema", "json_schema": schema}, "reasoning_effort": "low"}
    )
    config = sent.json["output_config"]
    assert config["effort"] == "low"
    told = config["format"]["schema"]
    assert told["additionalProperties"] is False
    assert told["properties"]["age"] == {
        "type": "integer",
        "description": "Years\n\n(minimum: 0)",
    }
    assert told["properties"]["either"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert told["properties"]["more"] == {"$ref": "#/$defs/x"}
    assert told["$defs"]["x"]["items"] == {"type": "object", "additionalProperties": False}
    assert [one.code for one in answer.warnings] == ["option-imitated"]
    with pytest.raises(UnsupportedOption):
        asked({"output": {"type": "json"}})


def test_pictures_and_documents_go_by_url_or_inside() -> None:
    """PDFs as they are, other text as text; sound and odd documents are refused."""
    parts = [
        {"type": "image", "image": MediaUrl(url="https://a.example/x.png"), "detail": "high"},
        {"type": "image", "image": MediaBytes(data=b"x", media_type="image/png")},
        {"type": "file", "file": MediaBytes(data=b"%PDF-", media_type="application/pdf")},
        {"type": "file", "file": MediaUrl(url="https://a.example/x.pdf"), "filename": "x.pdf"},
        {
            "type": "file",
            "file": MediaBytes(data=b"Hi", media_type="text/plain", filename="a.txt"),
        },
    ]
    sent, answer = asked({"messages": [{"role": "user", "content": parts}], "prompt": None})
    blocks = sent.json["messages"][0]["content"]
    assert [(one["type"], one["source"]["type"]) for one in blocks] == [
        ("image", "url"),
        ("image", "base64"),
        ("document", "base64"),
        ("document", "url"),
        ("document", "text"),
    ]
    assert blocks[4] == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "Hi"},
        "title": "a.txt",
    }
    assert [one.option for one in answer.warnings] == ["messages.detail"]
    for odd in (
        {"type": "audio", "audio": MediaBytes(data=b"x", media_type="audio/wav")},
        {"type": "file", "file": MediaBytes(data=b"x", media_type="application/zip")},
    ):
        with pytest.raises(UnsupportedOption):
            asked({"messages": [{"role": "user", "content": [odd]}], "prompt": None})


def test_options_go_along_and_betas_are_a_header() -> None:
    """One level of objects is merged."""
    options = {
        "betas": ["a", "b"],
        "thinking": {"display": "summarized"},
        "cache_control": {"type": "ephemeral"},
    }
    sent, _ = asked({"options": options, "reasoning_effort": "low"}, "claude-opus-5")
    assert sent.headers["anthropic-beta"] == "a,b"
    assert sent.json["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert sent.json["cache_control"] == {"type": "ephemeral"}
    assert "betas" not in sent.json


def test_it_is_always_said_how_much_may_be_written() -> None:
    """A usual amount, or as asked up to what the model can; long answers come as a stream."""
    sent, _ = asked({"max_output_tokens": None}, "claude-haiku-4-5")
    assert sent.json["max_tokens"] == 32_000
    assert sent.json["stream"] is True
    sent, answer = asked({"max_output_tokens": 100_000}, "claude-haiku-4-5")
    assert sent.json["max_tokens"] == 64_000
    assert [one.code for one in answer.warnings] == ["option-rounded"]


@pytest.mark.parametrize(
    ("word", "unified"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("something_new", "stop"),
        (None, "stop"),
    ],
)
def test_why_it_stopped_is_told_in_both_vocabularies(word: str | None, unified: str) -> None:
    """Unknown words mean no more than that it did."""
    _, answer = asked({}, stop_reason=word)
    assert (answer.finish.unified, answer.finish.raw) == (unified, word)


@pytest.mark.parametrize("details", [None, {"category": "cyber"}, {"explanation": "No."}, "odd"])
def test_a_refusal_is_an_answer_that_was_filtered(details: Any) -> None:
    """It is a 200 and has been counted; there is always a reason to show."""
    _, answer = asked({}, content=[], stop_reason="refusal", stop_details=details)
    assert answer.finish.unified == "content_filter"
    assert answer.refusal
    assert answer.usage.output_tokens == 5


def test_a_failure_inside_a_200_is_explained() -> None:
    """The same table, without a status."""
    with pytest.raises(ProviderUnavailable):
        asked({}, type="error", error={"type": "overloaded_error", "message": "Overloaded"})


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"content": 3}', b'{"id": "x"}', b"{"])
def test_an_answer_that_is_none_is_unreadable(body: bytes) -> None:
    """Nothing else escapes."""
    operation = ANTHROPIC.operation("text", Call)
    assert isinstance(operation, Call)
    request = TextRequest(model="any", prompt="Hi", max_output_tokens=10)
    with pytest.raises(UnreadableResponse):
        replay(
            operation.exchange(request, Brief()),
            HttpResponse(200, body),
            explain=ANTHROPIC.explain,
        )


def test_an_error_event_ends_a_stream_with_its_error() -> None:
    """After a 200, with the id that the event repeats."""
    operation = ANTHROPIC.operation("text", Stream)
    assert isinstance(operation, Stream)
    request = TextRequest(model="any", prompt="Hi")
    decoder = operation.decoder(request, Brief(), HttpResponse(200))
    error = {"type": "overloaded_error", "message": "Overloaded"}
    data = json.dumps({"type": "error", "error": error, "request_id": "req_9"})
    with pytest.raises(GenerationError) as caught:
        list(decoder.feed(ServerEvent(data=data, name="error")))
    assert isinstance(caught.value, ProviderUnavailable)
    assert caught.value.request_id == "req_9"
    assert caught.value.accepted == "unknown"
    assert caught.value.retryable
