"""Anthropic's own client talks through the gateway, whoever answers."""

from __future__ import annotations

import base64
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.samples import png

GPT = "openai/gpt-4.1"
CLAUDE = "anthropic/claude-sonnet-5"
ECHO = "echo/hello"
EVERYONE = (GPT, CLAUDE, ECHO)
TOOL: dict[str, Any] = {
    "name": "weather",
    "description": "The weather somewhere.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
PICTURE = base64.b64encode(png(2, 2)).decode()


def ask(client: Anthropic, **fields: Any) -> Any:
    """One message."""
    asked = {"max_tokens": 500, "messages": [{"role": "user", "content": "Hello"}], **fields}
    return client.messages.create(**asked)


def streamed(client: Anthropic, **fields: Any) -> Any:
    """The same, put together by the client from its events."""
    asked = {"max_tokens": 500, "messages": [{"role": "user", "content": "Hello"}], **fields}
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()


BOTH = pytest.mark.parametrize("way", [ask, streamed])


@BOTH
@pytest.mark.parametrize("model", EVERYONE)
def test_any_provider_answers_a_message(client: Anthropic, model: str, way: Any) -> None:
    """Words, why it stopped, what it took."""
    answer = way(client, model=model, system="Be brief.")
    assert "".join(block.text for block in answer.content if block.type == "text")
    assert answer.stop_reason == "end_turn"
    assert answer.role == "assistant"
    assert answer.usage.output_tokens > 0
    assert answer.usage.input_tokens > 0


@pytest.mark.parametrize("model", EVERYONE)
def test_the_answer_says_who_gave_it(client: Anthropic, model: str) -> None:
    """And has an id that can be quoted."""
    answer = ask(client, model=model)
    assert answer.model.startswith(model.partition("/")[0] + "/")
    assert answer._request_id.startswith("req_")


@pytest.mark.parametrize("model", EVERYONE)
def test_words_come_as_they_are_said(client: Anthropic, model: str) -> None:
    """In several pieces, between a beginning and an end."""
    asked = {"model": model, "max_tokens": 500}
    messages: Any = [{"role": "user", "content": "Say one two three four"}]
    with client.messages.stream(messages=messages, **asked) as stream:  # type: ignore[arg-type]
        events = [event.type for event in stream]
    assert events[0] == "message_start"
    assert events[-1] == "message_stop"
    assert events.count("content_block_start") == events.count("content_block_stop")
    assert events.count("text") > 1


@BOTH
@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_tools_are_called_and_answered(client: Anthropic, model: str, way: Any) -> None:
    """A call, the tool's answer beside the blocks as they came, and words about it."""
    conversation: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    asked = {"model": model, "tools": [TOOL], "messages": conversation}
    answer = way(client, tool_choice={"type": "any"}, **asked)
    assert answer.stop_reason == "tool_use"
    (call,) = (block for block in answer.content if block.type == "tool_use")
    assert call.name == "weather"
    assert isinstance(call.input, dict)
    conversation += [
        {"role": "assistant", "content": answer.content},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": call.id,
                    "content": [{"type": "text", "text": "8 degrees"}],
                },
            ],
        },
    ]
    answer = way(client, **asked)
    assert answer.stop_reason == "end_turn"


@BOTH
@pytest.mark.parametrize("model", [CLAUDE, "anthropic/claude-haiku-4-5"])
def test_signed_thoughts_go_back_to_who_thought_them(
    client: Anthropic, anthropic_double: AnthropicDouble, model: str, way: Any
) -> None:
    """The next turn has them as they were, also after a stream, which carries them packed."""
    conversation: list[Any] = [{"role": "user", "content": "Think about foxes"}]
    asked = {"model": model, "max_tokens": 4000, "messages": conversation}
    asked["thinking"] = {"type": "enabled", "budget_tokens": 2048}
    answer = way(client, **asked)
    conversation += [
        {"role": "assistant", "content": answer.content},
        {
            "role": "user",
            "content": "Go on",
        },
    ]
    way(client, **asked)
    blocks = anthropic_double.record.bodies[-1]["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text"]
    assert blocks[0]["signature"].startswith("signed-")


def test_a_stream_shows_thoughts_apart_from_words(client: Anthropic) -> None:
    """A block each."""
    answer = streamed(
        client,
        model="anthropic/claude-haiku-4-5",
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 2048},
    )
    assert [block.type for block in answer.content] == ["thinking", "text", "redacted_thinking"]
    assert answer.content[0].thinking


@BOTH
@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_a_picture_is_shown(client: Anthropic, model: str, way: Any) -> None:
    """As base64."""
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    assert way(client, model=model, messages=[{"role": "user", "content": content}]).content


def test_marks_for_the_cache_reach_anthropic(
    client: Anthropic, anthropic_double: AnthropicDouble
) -> None:
    """Wherever they stand."""
    mark = {"type": "ephemeral"}
    content = [{"type": "text", "text": "Hello", "cache_control": mark}]
    ask(
        client,
        model=CLAUDE,
        system=[{"type": "text", "text": "Be brief.", "cache_control": mark}],
        tools=[{**TOOL, "cache_control": mark}],
        messages=[{"role": "user", "content": content}],
    )
    body = anthropic_double.record.bodies[-1]
    assert body["system"][0]["cache_control"] == mark
    assert body["tools"][0]["cache_control"] == mark
    assert body["messages"][0]["content"][0]["cache_control"] == mark


def test_marks_for_the_cache_do_not_keep_others_from_answering(client: Anthropic) -> None:
    """They are left out, with a warning."""
    content = [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]
    answer = ask(client, model=GPT, messages=[{"role": "user", "content": content}])
    assert [one["option"] for one in answer.warnings] == ["messages[0].content[0].cache_control"]


def test_betas_reach_anthropic(client: Anthropic, anthropic_double: AnthropicDouble) -> None:
    """They travel in a header, there as here."""
    ask(client, model=CLAUDE, extra_headers={"anthropic-beta": "one-2026-01-01, two-2026-02-02"})
    assert anthropic_double.record.headers[-1]["anthropic-beta"] == "one-2026-01-01,two-2026-02-02"


def test_what_only_anthropic_has_is_refused_by_name_elsewhere(client: Anthropic) -> None:
    """A tool of its servers', a field of its own."""
    search = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError) as refusal:
        ask(client, model=GPT, tools=[search])
    assert isinstance(refusal.value.body, dict)
    assert refusal.value.body["error"]["param"] == "tools[0].type"
    with pytest.raises(anthropic.BadRequestError) as refusal:
        ask(client, model=GPT, extra_body={"mcp_servers": []})
    assert "`mcp_servers`" in refusal.value.message


def test_what_only_anthropic_has_reaches_it(
    client: Anthropic, anthropic_double: AnthropicDouble
) -> None:
    """As it came."""
    ask(client, model=CLAUDE, service_tier="standard_only")
    assert anthropic_double.record.bodies[-1]["service_tier"] == "standard_only"


@BOTH
def test_structured_output_is_asked_for(
    client: Anthropic, openai_double: OpenAIDouble, way: Any
) -> None:
    """By a schema, which any provider takes in its own form."""
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    output = {"format": {"type": "json_schema", "schema": schema}}
    answer = way(client, model=GPT, output_config=output)
    assert answer.content[0].text.startswith("{")
    assert openai_double.record.bodies[-1]["response_format"]["json_schema"]["schema"] == schema


def test_a_refusal_is_told_as_one(client: Anthropic) -> None:
    """As the dialect has it."""
    answer = ask(
        client, model=CLAUDE, messages=[{"role": "user", "content": "something forbidden"}]
    )
    assert answer.stop_reason == "refusal"


def test_models_are_listed_in_anthropics_words(client: Anthropic) -> None:
    """Those that write, whoever they belong to."""
    models = list(client.models.list())
    names = [model.id for model in models]
    assert {"quick", GPT, CLAUDE} <= set(names)
    assert "openai/gpt-image-2" not in names
    assert client.models.retrieve(CLAUDE).display_name


SHORT = "anthropic/claude-haiku-4-5"


def test_plain_words_go_the_short_way_and_what_they_cost_is_told(
    client: Anthropic, anthropic_double: AnthropicDouble
) -> None:
    """The provider's own answer, whole and in pieces, under its name here and with its price."""
    raw = client.messages.with_raw_response.create(
        model=SHORT, max_tokens=50, messages=[{"role": "user", "content": "Hello"}]
    )
    assert raw.headers["anymedia-model"] == SHORT
    assert raw.headers["request-id"].startswith("req_")
    answer = raw.parse()
    assert (answer.model, answer.stop_reason) == (SHORT, "end_turn")
    assert answer.usage.model_extra is not None
    assert answer.usage.model_extra["cost"] > 0
    final = streamed(client, model=SHORT, max_tokens=50)
    assert "".join(one.text for one in final.content if one.type == "text")
    assert final.usage.output_tokens > 0


def test_what_the_short_way_cannot_do_is_done_all_the_same(client: Anthropic) -> None:
    """A tool, and a beta that is asked for by a header."""
    answer = ask(client, model=SHORT, tools=[TOOL])
    assert answer.model == SHORT
    beta = client.beta.messages.create(
        model=SHORT,
        max_tokens=50,
        messages=[{"role": "user", "content": "Hello"}],
        betas=["files-api-2025-04-14"],
    )
    assert beta.content
