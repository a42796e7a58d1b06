"""OpenAI's own client chats through the gateway, whoever answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.samples import png

GPT = "openai/gpt-4.1"
CLAUDE = "anthropic/claude-sonnet-5"
ECHO = "echo/hello"
EVERYONE = (GPT, CLAUDE, ECHO)
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather somewhere.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int


@pytest.mark.parametrize("model", EVERYONE)
def test_any_provider_answers_a_chat(client: OpenAI, model: str) -> None:
    """Words, why it stopped, what it took, and who it was."""
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hello"}], max_completion_tokens=64
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model.startswith(model.partition("/")[0] + "/")
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert answer._request_id
    assert answer._request_id.startswith("req_")


@pytest.mark.parametrize("model", EVERYONE)
def test_any_provider_answers_a_chat_as_it_comes(client: OpenAI, model: str) -> None:
    """The pieces make the answer; the last chunk carries the usage and who it was."""
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Say there and back"},
            ],
            max_completion_tokens=200,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    words = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert len(words) > 3
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert chunks[-1].model.startswith(model.partition("/")[0] + "/")


def test_a_stream_without_options_has_no_chunk_of_usage(client: OpenAI) -> None:
    """As the dialect has it: only who asks is told."""
    stream = client.chat.completions.create(
        model=ECHO, messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    assert all(chunk.choices and chunk.usage is None for chunk in stream)


@pytest.mark.parametrize("model", [GPT, CLAUDE])
@pytest.mark.parametrize("streaming", [False, True])
def test_tools_are_called_and_answered(client: OpenAI, model: str, *, streaming: bool) -> None:
    """A call, the tool's answer with the message as it came, and words about it."""
    conversation: list[object] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    asked: dict[str, Any] = {"model": model, "messages": conversation, "tools": [TOOL]}
    asked |= {"tool_choice": "required", "max_completion_tokens": 500}
    if streaming:
        with client.chat.completions.stream(**asked) as stream:
            message = stream.get_final_completion().choices[0].message
            finish = stream.get_final_completion().choices[0].finish_reason
    else:
        choice = client.chat.completions.create(**asked).choices[0]
        message, finish = choice.message, choice.finish_reason
    assert finish == "tool_calls"
    assert message.tool_calls
    (call,) = message.tool_calls
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments), dict)
    conversation += [message, {"role": "tool", "tool_call_id": call.id, "content": "8 degrees"}]
    answer = client.chat.completions.create(
        model=model,
        messages=conversation,  # type: ignore[arg-type]
        tools=[TOOL],  # type: ignore[list-item]
        max_completion_tokens=500,
    )
    assert answer.choices[0].message.content


@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_a_structured_answer_is_parsed_by_the_client(client: OpenAI, model: str) -> None:
    """`parse` sends a strict schema and reads a City from the answer."""
    answer = client.chat.completions.parse(
        model=model,
        messages=[{"role": "user", "content": "A city"}],
        response_format=City,
        max_completion_tokens=500,
    )
    assert isinstance(answer.choices[0].message.parsed, City)


def test_a_picture_is_shown(client: OpenAI, openai_double: OpenAIDouble) -> None:
    """As a data URI, which arrives with the same bytes."""
    picture = png(2, 2)
    uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    client.chat.completions.create(
        model=GPT,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": uri, "detail": "low"}},
                ],
            }
        ],
    )
    part = openai_double.record.bodies[-1]["messages"][0]["content"][1]
    assert part == {"type": "image_url", "image_url": {"url": uri, "detail": "low"}}


def test_fields_of_openai_alone_reach_openai_untouched(
    client: OpenAI, openai_double: OpenAIDouble
) -> None:
    """A provider that speaks the language gets what we have no word for."""
    client.chat.completions.create(
        model=GPT,
        messages=[{"role": "user", "content": "Hello"}],
        logit_bias={"50256": -100},
        prompt_cache_key="tenant-7",
    )
    body = openai_double.record.bodies[-1]
    assert body["logit_bias"] == {"50256": -100}
    assert body["prompt_cache_key"] == "tenant-7"


def test_fields_of_openai_alone_are_refused_by_name_elsewhere(client: OpenAI) -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(
            model=CLAUDE,
            messages=[{"role": "user", "content": "Hello"}],
            max_completion_tokens=64,
            logit_bias={"50256": -100},
        )
    assert refusal.value.param == "logit_bias"
    assert refusal.value.code == "unsupported_parameter"


def test_a_hint_that_nobody_understands_is_left_out_with_a_warning(
    client: OpenAI, anthropic_double: AnthropicDouble
) -> None:
    """A key for a cache changes no answer."""
    answer = client.chat.completions.create(
        model=CLAUDE,
        messages=[{"role": "user", "content": "Hello"}],
        max_completion_tokens=64,
        prompt_cache_key="tenant-7",
    )
    assert "prompt_cache_key" not in anthropic_double.record.bodies[-1]
    warnings = (answer.model_extra or {})["warnings"]
    assert [one["option"] for one in warnings] == ["prompt_cache_key"]


def test_an_alias_and_the_extension_are_understood(client: OpenAI) -> None:
    """`anymedia` in the body says what the dialect has no word for."""
    answer = client.chat.completions.create(
        model="quick",
        messages=[{"role": "user", "content": "Hello"}],
        extra_body={"anymedia": {"options": {"reply": "as scripted"}}},
    )
    assert answer.choices[0].message.content == "as scripted"
    assert answer.model.startswith("echo/")


def test_models_are_listed_and_found(client: OpenAI) -> None:
    """Under their full names; by their own, too, and aliases."""
    names = [model.id for model in client.models.list()]
    assert names[0] == "quick"
    assert {GPT, CLAUDE, ECHO} <= set(names)
    assert len(names) == len(set(names))
    assert client.models.retrieve(GPT).owned_by == "openai"
    assert client.models.retrieve("gpt-4.1").id == GPT
    with pytest.raises(openai.NotFoundError) as failure:
        client.models.retrieve("no-such-model")
    assert failure.value.code == "model_not_found"


def test_messages_with_urls_do_not_go_on_as_they_came(client: OpenAI) -> None:
    """A provider inside our network could fetch them for a caller outside."""
    content: Any = [
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1/secret.png"}},
        {"type": "hologram", "hologram": "x"},
    ]
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(model=GPT, messages=[{"role": "user", "content": content}])
    assert refusal.value.param == "messages[0].content[1].type"
    assert "URL" in refusal.value.message


def test_parts_of_openai_alone_reach_openai_untouched(
    client: OpenAI, openai_double: OpenAIDouble
) -> None:
    """Inside messages, too; what is ours in them stays here."""
    messages: Any = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi", "name": "bot", "provider_state": {"x": {"y": 1}}},
        {"role": "user", "content": "Well?"},
    ]
    client.chat.completions.create(model=GPT, messages=messages)
    sent = openai_double.record.bodies[-1]["messages"]
    assert sent == [
        messages[0],
        {"role": "assistant", "content": "Hi", "name": "bot"},
        messages[2],
    ]


def test_a_mark_that_openai_refuses_is_left_out_with_a_warning(client: OpenAI) -> None:
    """People leave Anthropic's marks for its cache in what they send to others."""
    content: Any = [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]
    answer = client.chat.completions.create(
        model=GPT, messages=[{"role": "user", "content": content}]
    )
    warnings = (answer.model_extra or {})["warnings"]
    assert [one["option"] for one in warnings] == ["messages[0].content[0].cache_control"]
