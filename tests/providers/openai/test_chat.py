"""Chat completions: what is sent, and what an answer means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from anymedia.contracts.errors import (
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    InvalidRequest,
    ProviderUnavailable,
    RateLimited,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.dialects.openai import chat
from anymedia.providers.dialects.openai.errors import SERVER_ERRORS, explain
from anymedia.providers.dialects.openai.fields import SERVER_FIELDS
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

PNG = "data:image/png;base64,iVBORw0KGgo="
WAV = "data:audio/wav;base64,UklGRg=="
PDF = "data:application/pdf;base64,JVBERg=="


def asked(**fields: Any) -> TextRequest:
    """A request; a plain one unless more is said."""
    if "messages" not in fields:
        fields.setdefault("prompt", "Hello")
    return TextRequest.model_validate({"model": "gpt-6-luna", **fields})


def sent(request: TextRequest, quirks: Quirks | None = None) -> dict[str, Any]:
    """The body that goes out for it."""
    body: dict[str, Any] = chat.ask(request, quirks or Quirks()).json
    return body


def answered(
    body: Any, quirks: Quirks | None = None, headers: dict[str, str] | None = None
) -> TextAnswer:
    """What an answer with this body is read as."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    response = HttpResponse(200, content, headers)
    _, answer = replay(chat.exchange(asked(), quirks or Quirks()), response, explain=explain)
    return answer


def completion(finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """An answer with one choice."""
    return {
        "id": "chatcmpl-1",
        "model": "gpt-6-luna-2026-10-01",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


# --- asking ---------------------------------------------------------------------------------


def test_a_plain_prompt_is_one_post() -> None:
    """Nothing is sent that was not said."""
    requests, _ = replay(
        chat.exchange(asked(), Quirks()),
        HttpResponse(200, msgspec.json.encode(completion(content="Hi"))),
        explain=explain,
    )
    (request,) = requests
    assert (request.method, request.path) == ("POST", "/chat/completions")
    assert request.json == {
        "model": "gpt-6-luna",
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_openai_gets_its_own_names_and_servers_the_common_ones() -> None:
    """OpenAI renamed the limit and the user; others kept the old names."""
    request = asked(
        max_output_tokens=64, temperature=0.5, stop=("end",), seed=7, user="u1", top_k=20
    )
    ours = sent(request)
    assert ours["max_completion_tokens"] == 64
    assert ours["safety_identifier"] == "u1"
    assert "top_k" not in ours
    theirs = sent(request, Quirks(fields=SERVER_FIELDS))
    assert theirs["max_tokens"] == 64
    assert theirs["user"] == "u1"
    assert theirs["top_k"] == 20
    assert "max_completion_tokens" not in theirs
    for body in (ours, theirs):
        assert (body["temperature"], body["stop"], body["seed"]) == (0.5, ("end",), 7)


def test_options_come_last_and_go_out_as_they_are() -> None:
    """They win, objects are merged one level deep, and what is ours stays here."""
    request = asked(
        max_output_tokens=64,
        output={"type": "json"},
        options={
            "api": "chat",
            "stream": True,
            "max_completion_tokens": 99,
            "response_format": {"extra": 1},
            "service_tier": "flex",
        },
    )
    body = sent(request)
    assert body["max_completion_tokens"] == 99
    assert body["response_format"] == {"type": "json_object", "extra": 1}
    assert body["service_tier"] == "flex"
    assert not {"api", "stream"} & body.keys()


def test_a_conversation_is_sent_in_order() -> None:
    """System, user, a tool call, its answer."""
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?", "name": "ann"},
        {
            "role": "assistant",
            "reasoning": "I should look.",
            "tool_calls": [
                {"id": "c1", "name": "weather", "arguments": {"city": "Paris"}},
                {"id": "c2", "name": "weather", "arguments": {}, "raw_arguments": "{city"},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny", "is_error": False},
    ]
    body = sent(asked(messages=history))
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?", "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                },
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "weather", "arguments": "{city"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]


def test_earlier_reasoning_goes_back_only_where_it_is_wanted() -> None:
    """Some services fail without it, OpenAI knows no such field."""
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "reasoning": "Be nice."},
        {"role": "user", "content": "Bye"},
    ]
    request = asked(messages=history)
    assert "reasoning_content" not in sent(request)["messages"][1]
    wanted = sent(request, Quirks(reasoning_field="reasoning_content"))
    assert wanted["messages"][1]["reasoning_content"] == "Be nice."


def test_pictures_sounds_and_files_go_inside_the_request() -> None:
    """Each in the part that the API has for it."""
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "image": PNG, "detail": "high"},
        {"type": "image", "image": "https://example.com/fox.png"},
        {"type": "audio", "audio": WAV},
        {"type": "file", "file": PDF, "filename": "report.pdf"},
        {"type": "file", "file": PDF},
    ]
    body = sent(asked(messages=[{"role": "user", "content": parts}]))
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/fox.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "report.pdf", "file_data": PDF}},
        {"type": "file", "file": {"filename": "file.pdf", "file_data": PDF}},
    ]


def test_a_clip_cannot_be_shown() -> None:
    """Said before anything is sent."""
    part = {"type": "video", "video": "data:video/mp4;base64,AAAA"}
    with pytest.raises(UnsupportedOption, match="frames"):
        sent(asked(messages=[{"role": "user", "content": [part]}]))


def test_tools_and_choices_are_functions() -> None:
    """Strict ones go out closed; a named choice is an object."""
    tools = [
        {"name": "weather", "description": "Now", "parameters": {"type": "object"}},
        {"name": "time", "parameters": {"type": "object", "properties": {}}, "strict": True},
    ]
    body = sent(asked(tools=tools, tool_choice={"name": "time"}, parallel_tool_calls=False))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Now",
                "parameters": {"type": "object"},
            },
        },
        {
            "type": "function",
            "function": {
                "name": "time",
                "parameters": {
                    "type": "object",
                    "properties": {},
                    "additionalProperties": False,
                    "required": [],
                },
                "strict": True,
            },
        },
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "time"}}
    assert body["parallel_tool_calls"] is False
    assert sent(asked(tools=tools, tool_choice="required"))["tool_choice"] == "required"


def test_structured_output_is_a_named_schema() -> None:
    """Nested below `json_schema`; one that is not strict goes out untouched."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}
    output = {"type": "schema", "json_schema": schema, "strict": False, "description": "An a"}
    assert sent(asked(output=output))["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "description": "An a",
            "schema": schema,
            "strict": False,
        },
    }


def test_a_stream_asks_for_its_usage_where_that_is_needed() -> None:
    """Some services tell it anyway and refuse the question."""
    body = chat.ask(asked(), Quirks(), stream=True).json
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    strict = chat.ask(asked(), Quirks(asks_for_usage=False), stream=True).json
    assert "stream_options" not in strict


def test_half_a_character_is_the_callers_mistake() -> None:
    """Arguments with half of a surrogate pair cannot be written as JSON."""
    call = {"id": "c1", "name": "say", "arguments": {"text": "\ud83d"}}
    history = [{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "Hi"}]
    with pytest.raises(InvalidRequest, match="Unicode"):
        sent(asked(messages=history))


# --- being answered -------------------------------------------------------------------------


def test_words_usage_and_ids_come_back() -> None:
    """The request id of the header; the answer's own id and tier beside it."""
    body = completion(content="Red.") | {
        "service_tier": "default",
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 9,
            "total_tokens": 21,
            "prompt_tokens_details": {
                "cached_tokens": 4,
                "cache_write_tokens": 2,
                "audio_tokens": 1,
                "image_tokens": 3,
            },
            "completion_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 0},
        },
    }
    answer = answered(body, headers={"X-Request-Id": "req_1"})
    assert (answer.text, answer.model) == ("Red.", "gpt-6-luna-2026-10-01")
    assert answer.request_id == "req_1"
    assert answer.metadata == {"id": "chatcmpl-1", "service_tier": "default"}
    assert answer.finish.model_dump() == {"unified": "stop", "raw": "stop"}
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (12, 9, 6)
    assert (usage.cached_input_tokens, usage.cache_write_tokens) == (4, 2)
    assert (usage.input_image_tokens, usage.input_audio_tokens) == (3, 1)
    assert usage.raw == body["usage"]


def test_without_a_header_the_answers_own_id_is_the_request_id() -> None:
    """Most servers of one's own send no such header."""
    assert answered(completion(content="Hi")).request_id == "chatcmpl-1"


@pytest.mark.parametrize(
    ("raw", "unified"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("eos_token", "stop"),
        ("brand_new_word", "stop"),
        (None, "stop"),
    ],
)
def test_finish_words_are_understood_and_kept(raw: str | None, unified: str) -> None:
    """An unknown word is not a failure."""
    finish = answered(completion(raw, content="Hi")).finish
    assert (finish.unified, finish.raw) == (unified, raw)


def test_tool_calls_come_with_their_arguments() -> None:
    """As objects; what is none is kept as it was written, and nothing crashes."""
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}},
        {"id": "c2", "type": "function", "function": {"name": "b", "arguments": '{"x": '}},
        {"id": "c3", "type": "function", "function": {"name": "c", "arguments": "[1]"}},
        {"id": "c4", "type": "function", "function": {"name": "d", "arguments": None}},
        {"type": "function", "function": {"name": "e", "arguments": {"y": 2}}},
        None,
        {"id": "c6", "type": "function", "function": {"name": None}},
        {"id": "c7", "type": "function"},
    ]
    answer = answered(completion("stop", content=None, tool_calls=calls))
    assert [(c.id, c.name, c.arguments, c.raw_arguments) for c in answer.tool_calls] == [
        ("c1", "a", {"x": 1}, None),
        ("c2", "b", {}, '{"x": '),
        ("c3", "c", {}, "[1]"),
        ("c4", "d", {}, None),
        ("call_4", "e", {"y": 2}, None),
    ]
    assert answer.finish.model_dump() == {"unified": "tool_calls", "raw": "stop"}


def test_a_refusal_is_told_apart_from_content() -> None:
    """No text, the refusal's words, and a finish that says so."""
    answer = answered(completion(content=None, refusal="I can't help with that."))
    assert (answer.text, answer.refusal) == ("", "I can't help with that.")
    assert answer.finish.model_dump() == {"unified": "content_filter", "raw": "stop"}


@pytest.mark.parametrize(
    "message",
    [
        {"content": "4", "reasoning_content": "2+2"},
        {"content": "4", "reasoning": "2+2"},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
                None,
                {"type": "text", "text": "4"},
            ]
        },
        {
            "content": [
                {"type": "thinking", "thinking": "2+2"},
                {"type": "text", "text": "4"},
            ]
        },
    ],
)
def test_thoughts_are_found_wherever_a_service_puts_them(message: dict[str, Any]) -> None:
    """Beside the content under two names, or inside it."""
    answer = answered(completion(**message))
    assert (answer.text, answer.reasoning) == ("4", "2+2")


def test_a_spoken_answer_is_its_transcript_and_the_sound_is_kept() -> None:
    """Asked for with `modalities`, it has no other content."""
    audio = {"id": "audio_1", "data": "SUQz", "transcript": "Hi."}
    answer = answered(completion(content=None, audio=audio))
    assert answer.text == "Hi."
    assert answer.metadata["audio"] == {"id": "audio_1", "data": "SUQz"}


def test_the_services_own_word_on_cost_counts_only_where_it_is_one() -> None:
    """`usage.cost` is dollars at some services; with a key of one's own it is only the fee."""
    costing = Quirks(reports_cost=True)
    body = completion(content="Hi") | {"usage": {"prompt_tokens": 1, "cost": 0.0000057}}
    assert answered(body).reported_cost is None
    assert answered(body, costing).reported_cost == Decimal("0.0000057")
    own_key = {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}
    assert answered(body | {"usage": own_key}, costing).reported_cost == Decimal("0.21")
    assert answered(body | {"usage": {"cost": "much"}}, costing).reported_cost is None


@pytest.mark.parametrize(
    "usage", [None, {}, [], "many", {"prompt_tokens": "many"}, {"prompt_tokens": None}, 3]
)
def test_a_strange_usage_does_not_lose_the_answer(usage: Any) -> None:
    """It has been paid for; what is not a count is not known."""
    answer = answered(completion(content="Hi") | {"usage": usage})
    assert answer.text == "Hi"
    assert answer.usage.input_tokens is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": {"message": "no", "code": "insufficient_quota"}}, InsufficientCredits),
        ({"error": {"message": "slow", "code": 429}}, RateLimited),
        ({"error": "upstream is down"}, GenerationError),
        ({"object": "error", "message": "busy", "code": "503"}, ProviderUnavailable),
        ({"choices": [{"error": {"message": "x", "code": 502}}]}, ProviderUnavailable),
        (
            {"choices": [{"message": {"content": "Hal"}, "finish_reason": "error"}]},
            ProviderUnavailable,
        ),
        (
            {"choices": [{"finish_reason": "insufficient_system_resource"}]},
            ProviderUnavailable,
        ),
        ({"error": {"message": "x", "code": "content_filter"}}, ContentRefused),
        ({"choices": []}, UnreadableResponse),
        ({"choices": None}, UnreadableResponse),
        ({"detail": "nothing here"}, UnreadableResponse),
        ([], UnreadableResponse),
        (b"", UnreadableResponse),
        (b"<html>gateway</html>", UnreadableResponse),
        (b'{"choices": [{"message": {"content": "Hel', UnreadableResponse),
        ({"choices": [{"message": {"content": 5}}]}, UnreadableResponse),
        ({"choices": [3]}, UnreadableResponse),
    ],
)
def test_a_200_that_is_no_answer_is_the_right_failure(
    body: Any, error: type[GenerationError]
) -> None:
    """Failures inside are told apart from answers that nobody understands."""
    with pytest.raises(error) as caught:
        answered(body, Quirks(errors=SERVER_ERRORS))
    assert type(caught.value).__name__ != "GenerationError"


def test_blank_lines_before_the_answer_are_skipped() -> None:
    """A queueing server keeps the connection alive with them."""
    content = b"\n\n \n" + msgspec.json.encode(completion(content="Hi"))
    assert answered(content).text == "Hi"
