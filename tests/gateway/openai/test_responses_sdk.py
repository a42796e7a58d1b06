"""OpenAI's own client asks for responses through the gateway, whoever answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.samples import png

GPT = "openai/gpt-4.1"
THINKER = "openai/gpt-6-luna"
CLAUDE = "anthropic/claude-sonnet-5"
ECHO = "echo/hello"
EVERYONE = (GPT, THINKER, CLAUDE, ECHO)
TOOL: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather somewhere.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
SEARCH: Any = {"type": "web_search"}


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int


def streamed(client: Any, **asked: Any) -> tuple[list[Any], Any]:
    """The events of a response, and what the client makes of them."""
    with client.responses.stream(**asked) as stream:
        return list(stream), stream.get_final_response()


@pytest.mark.parametrize("model", EVERYONE)
def test_any_provider_gives_a_response(client: Any, model: str) -> None:
    """Words, what it took and what that cost, who it was; and nothing is kept."""
    answer = client.responses.create(
        model=model, input="Hello", instructions="Be brief.", max_output_tokens=300
    )
    assert answer.output_text
    assert answer.status == "completed"
    assert answer.model.startswith(model.partition("/")[0] + "/")
    assert answer.id.startswith("resp_")
    assert (answer.model_extra or {})["store"] is False
    assert answer.instructions == "Be brief."
    assert answer.max_output_tokens == 300
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert (answer.usage.model_extra or {})["cost"] >= 0
    assert answer._request_id
    assert answer._request_id.startswith("req_")


@pytest.mark.parametrize("model", EVERYONE)
def test_any_provider_gives_a_response_as_it_comes(client: Any, model: str) -> None:
    """Numbered events in OpenAI's order; the last one carries the whole."""
    events, answer = streamed(
        client, model=model, input="Say there and back", max_output_tokens=300
    )
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    words = [kind for kind in kinds if not kind.startswith("response.output_item")]
    assert words[3:-4] == ["response.output_text.delta"] * (len(words) - 7)
    assert words[-4:] == [
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert said == answer.output_text
    assert said
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0
    assert (answer.usage.model_extra or {})["cost"] >= 0
    assert answer.model.startswith(model.partition("/")[0] + "/")


@pytest.mark.parametrize("model", EVERYONE)
def test_the_whole_is_what_the_stream_ends_with(client: Any, model: str) -> None:
    """But for ids, times, what is sealed with them in it, and the version that only it names."""
    asked: dict[str, Any] = {"model": model, "input": "Hello", "max_output_tokens": 300}
    _, told = streamed(client, **asked)
    whole = client.responses.create(**asked)

    def plain(answer: Any) -> dict[str, Any]:
        said: dict[str, Any] = answer.to_dict()
        for name in ("id", "created_at", "completed_at", "model", "output_parsed"):
            said.pop(name, None)
        for item in said["output"]:
            item["id"] = item["encrypted_content"] = "x"
            for piece in item.get("content", ()):
                piece.pop("parsed", None)
        return said

    assert plain(told) == plain(whole)


@pytest.mark.parametrize("model", [GPT, THINKER, CLAUDE])
@pytest.mark.parametrize("streaming", [False, True])
def test_functions_are_called_and_answered(client: Any, model: str, *, streaming: bool) -> None:
    """The items of the answer go back as they came, with what the function said."""
    conversation: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    asked: dict[str, Any] = {"model": model, "tools": [TOOL], "max_output_tokens": 500}
    if streaming:
        events, answer = streamed(client, input=conversation, tool_choice="required", **asked)
        done = [e for e in events if e.type == "response.function_call_arguments.done"]
        assert [one.name for one in done] == ["weather"]
        pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
        assert "".join(pieces) == done[0].arguments
    else:
        answer = client.responses.create(input=conversation, tool_choice="required", **asked)
    assert answer.status == "completed"
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert call.name == "weather"
    assert isinstance(json.loads(call.arguments), dict)
    conversation += answer.output
    conversation.append(
        {"type": "function_call_output", "call_id": call.call_id, "output": "8 degrees"}
    )
    last = client.responses.create(input=conversation, **asked)
    assert "8 degrees" in last.output_text


@pytest.mark.parametrize("model", [GPT, THINKER, CLAUDE])
def test_a_structured_response_is_parsed_by_the_client(client: Any, model: str) -> None:
    """`parse` sends a strict schema and reads a City from the answer, at once or bit by bit."""
    asked: dict[str, Any] = {"model": model, "input": "A city", "max_output_tokens": 500}
    answer = client.responses.parse(text_format=City, **asked)
    assert isinstance(answer.output_parsed, City)
    with client.responses.stream(text_format=City, **asked) as stream:
        stream.until_done()
        assert isinstance(stream.get_final_response().output_parsed, City)


def test_thoughts_go_back_to_who_thought_them(client: Any, openai_double: OpenAIDouble) -> None:
    """Every item of OpenAI's in its order, sealed thoughts included, told at once or not."""
    for whole in (True, False):
        asked: dict[str, Any] = {"model": THINKER, "input": "Hello"}
        answer = client.responses.create(**asked) if whole else streamed(client, **asked)[1]
        assert answer.output[-1].type == "reasoning"
        client.responses.create(
            model=THINKER,
            input=[
                {"role": "user", "content": "Hello"},
                *answer.output,
                {"role": "user", "content": "Go on"},
            ],
        )
        sent = openai_double.record.bodies[-1]
        assert [item.get("type") for item in sent["input"]] == [None, "reasoning", "message", None]
        assert sent["input"][1]["encrypted_content"].startswith("gAAAA-")
        assert sent["store"] is False
        assert sent["include"] == ["reasoning.encrypted_content"]


def test_signed_thoughts_go_back_to_claude(client: Any, anthropic_double: AnthropicDouble) -> None:
    """In the same way, so that the next turn has them."""
    answer = client.responses.create(
        model=CLAUDE, input="Hello", reasoning={"effort": "high"}, max_output_tokens=900
    )
    client.responses.create(
        model=CLAUDE,
        input=[
            {"role": "user", "content": "Hello"},
            *answer.output,
            {"role": "user", "content": "Go on"},
        ],
        max_output_tokens=900,
    )
    said = anthropic_double.record.bodies[-1]["messages"][1]["content"]
    assert [block["type"] for block in said] == ["thinking", "text"]
    assert said[0]["signature"]


def test_who_answers_may_change_in_a_conversation(
    client: Any, anthropic_double: AnthropicDouble
) -> None:
    """Others get the words; what is sealed is for its own provider."""
    answer = client.responses.create(model=THINKER, input="Hello")
    client.responses.create(
        model=CLAUDE,
        input=[
            {"role": "user", "content": "Hello"},
            *answer.output,
            {"role": "user", "content": "Go on"},
        ],
        max_output_tokens=300,
    )
    sent = anthropic_double.record.bodies[-1]["messages"]
    assert [one["role"] for one in sent] == ["user", "assistant", "user"]
    assert "gAAAA" not in json.dumps(sent)


def test_thoughts_that_openai_sealed_itself_reach_openai(
    client: Any, openai_double: OpenAIDouble
) -> None:
    """Of a conversation that began elsewhere; and nobody else is asked with them."""
    began: list[Any] = [
        {"role": "user", "content": "Hello"},
        {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAA-1"},
        {"role": "assistant", "content": "Hi", "phase": "final_answer"},
        {"role": "user", "content": "Go on"},
    ]
    client.responses.create(model=THINKER, input=began)
    assert openai_double.record.bodies[-1]["input"] == began
    with pytest.raises(openai.BadRequestError) as refusal:
        client.responses.create(model=CLAUDE, input=began, max_output_tokens=300)
    assert refusal.value.param == "input[1].encrypted_content"
    assert refusal.value.code == "unsupported_parameter"
    assert CLAUDE in refusal.value.message


@pytest.mark.parametrize("streaming", [False, True])
def test_openais_own_tools_are_openais_affair(
    client: Any, openai_double: OpenAIDouble, *, streaming: bool
) -> None:
    """Passed on with their items, sources and a word about their price."""
    asked: dict[str, Any] = {"model": GPT, "input": "What is new?", "tools": [SEARCH]}
    asked["include"] = ["web_search_call.action.sources"]
    answer = streamed(client, **asked)[1] if streaming else client.responses.create(**asked)
    sent = openai_double.record.bodies[-1]
    assert sent["tools"] == [SEARCH]
    assert sent["include"] == ["web_search_call.action.sources"]
    kinds = sorted(item.type for item in answer.output)
    assert kinds == ["message", "reasoning", "web_search_call"]
    (message,) = [item for item in answer.output if item.type == "message"]
    (piece,) = message.content
    assert piece.type == "output_text"
    assert [one.type for one in piece.annotations] == ["url_citation"]
    (warning,) = (answer.model_extra or {})["warnings"]
    assert "web_search_call" in warning["message"]
    client.responses.create(
        model=GPT,
        input=[
            {"role": "user", "content": "What is new?"},
            *answer.output,
            {"role": "user", "content": "Go on"},
        ],
    )
    items = openai_double.record.bodies[-1]["input"]
    assert [item.get("type") for item in items] == [None, "web_search_call", "message", None]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tools": [SEARCH]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"truncation": "auto"}, "truncation"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
        ),
        (
            {"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]},
            "input[0].type",
        ),
    ],
)
@pytest.mark.parametrize("model", [CLAUDE, ECHO])
def test_what_only_openai_has_is_refused_by_name_elsewhere(
    client: Any, model: str, change: dict[str, Any], param: str
) -> None:
    """Nothing is dropped in silence, and nobody is asked."""
    asked = {"model": model, "input": "Hello", "max_output_tokens": 64} | change
    with pytest.raises(openai.BadRequestError) as refusal:
        client.responses.create(**asked)
    assert refusal.value.param == param
    assert refusal.value.code == "unsupported_parameter"


def test_what_only_openai_has_reaches_openai(client: Any, openai_double: OpenAIDouble) -> None:
    """Untouched: parts of its own, settings of its own."""
    content: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "file_id": "file-1", "detail": "low"},
    ]
    client.responses.create(
        model=GPT,
        input=[{"role": "user", "content": content}],
        text={"verbosity": "low"},
        truncation="auto",
        prompt_cache_key="tenant-7",
    )
    sent = openai_double.record.bodies[-1]
    assert sent["input"] == [{"role": "user", "content": content}]
    assert sent["text"] == {"verbosity": "low"}
    assert sent["truncation"] == "auto"
    assert sent["prompt_cache_key"] == "tenant-7"
    assert "anymedia" not in sent
    assert "api" not in sent


def test_hints_are_left_out_with_a_warning_elsewhere(
    client: Any, anthropic_double: AnthropicDouble
) -> None:
    """They change no answer."""
    answer = client.responses.create(
        model=CLAUDE,
        input=[{"role": "assistant", "content": "Hi", "phase": "commentary"}, user("Hello")],
        max_output_tokens=2000,
        reasoning={"effort": "low", "summary": "auto"},
        prompt_cache_key="tenant-7",
    )
    warned = {one.get("option") for one in (answer.model_extra or {})["warnings"]}
    assert warned == {"prompt_cache_key", "reasoning.summary", "input[0].phase"}
    assert "tenant-7" not in json.dumps(anthropic_double.record.bodies[-1])


def test_a_picture_is_shown(
    client: Any, openai_double: OpenAIDouble, anthropic_double: AnthropicDouble
) -> None:
    """As a data URI, which arrives with the same bytes, whoever looks at it."""
    data = base64.b64encode(png(2, 2)).decode()
    content: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{data}", "detail": "low"},
    ]
    for model in (GPT, CLAUDE):
        client.responses.create(
            model=model, input=[{"role": "user", "content": content}], max_output_tokens=300
        )
    assert openai_double.record.bodies[-1]["input"] == [{"role": "user", "content": content}]
    shown = anthropic_double.record.bodies[-1]["messages"][0]["content"][1]
    assert shown["source"] == {"type": "base64", "media_type": "image/png", "data": data}


def test_thoughts_are_told_as_they_come(client: Any) -> None:
    """A summary of their own, before the words."""
    events, answer = streamed(
        client, model=THINKER, input="Hello", reasoning={"effort": "low", "summary": "auto"}
    )
    kinds = [event.type for event in events]
    summary = [kind for kind in kinds if "reasoning_summary" in kind]
    assert summary == [
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
    ]
    assert kinds.index(summary[-1]) < kinds.index("response.output_text.delta")
    thought = answer.output[0]
    assert thought.type == "reasoning"
    assert [piece.text for piece in thought.summary] == ["Thinking it over."]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_refusal_is_a_part_of_its_own(client: Any, *, streaming: bool) -> None:
    """The answer is complete all the same."""
    asked: dict[str, Any] = {"model": GPT, "input": "Something forbidden"}
    answer = streamed(client, **asked)[1] if streaming else client.responses.create(**asked)
    (message,) = answer.output
    assert message.type == "message"
    assert [piece.type for piece in message.content] == ["refusal"]
    assert answer.status == "completed"


@pytest.mark.parametrize("model", [GPT, CLAUDE])
@pytest.mark.parametrize("streaming", [False, True])
def test_an_answer_that_is_cut_says_so(client: Any, model: str, *, streaming: bool) -> None:
    """`incomplete`, and why."""
    asked: dict[str, Any] = {"model": model, "input": "Say " + "more " * 200}
    asked |= {"max_output_tokens": 20}
    last: Any = (
        list(client.responses.create(stream=True, **asked))[-1]
        if streaming
        else client.responses.create(**asked)
    )
    if streaming:
        assert last.type == "response.incomplete"
        last = last.response
    assert last.status == "incomplete"
    assert last.incomplete_details.reason == "max_output_tokens"
    assert last.output[0].status in {"incomplete", "completed"}


def test_metadata_come_back(client: Any) -> None:
    """With the settings that were asked for."""
    answer = client.responses.create(
        model=ECHO,
        input="Hello",
        metadata={"order": "7"},
        temperature=0.5,
        top_p=0.9,
        tools=[TOOL],
        tool_choice="none",
        parallel_tool_calls=False,
        store=False,
        background=False,
        stream_options={"include_obfuscation": False},
    )
    assert answer.metadata == {"order": "7"}
    assert (answer.temperature, answer.top_p) == (0.5, 0.9)
    assert answer.tool_choice == "none"
    assert answer.parallel_tool_calls is False
    assert [tool.type for tool in answer.tools] == ["function"]


def test_an_alias_and_the_extension_are_understood(client: Any) -> None:
    """`anymedia` in the body says what the dialect has no word for."""
    answer = client.responses.create(
        model="quick",
        input="Hello",
        extra_body={"anymedia": {"options": {"reply": "as scripted"}}},
    )
    assert answer.output_text == "as scripted"
    assert answer.model.startswith("echo/")


@pytest.mark.parametrize(
    "leaning",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"background": True},
        {"store": True},
    ],
)
def test_what_leans_on_something_kept_is_refused(client: Any, leaning: dict[str, Any]) -> None:
    """By its name, with the next step."""
    with pytest.raises(openai.BadRequestError) as refusal:
        client.responses.create(model=GPT, input="Hello", **leaning)
    assert refusal.value.param == next(iter(leaning))
    assert refusal.value.code == "unsupported_parameter"
    assert ";" in refusal.value.message


def test_no_response_is_found_again(client: Any) -> None:
    """In OpenAI's words, also where it was just given."""
    answer = client.responses.create(model=ECHO, input="Hello")
    for look in (client.responses.retrieve, client.responses.delete):
        with pytest.raises(openai.NotFoundError) as failure:
            look(answer.id)
        assert "not kept" in failure.value.message


def test_several_functions_are_called_at_once(client: Any) -> None:
    """Each is an item of its own, and each is answered."""
    tools = [TOOL, {**TOOL, "name": "time"}]
    for model in (GPT, CLAUDE):
        _, answer = streamed(
            client,
            model=model,
            input="The weather and the time in Oslo?",
            tools=tools,
            max_output_tokens=500,
        )
        calls = [item for item in answer.output if item.type == "function_call"]
        assert [call.name for call in calls] == ["weather", "time"]
        assert len({call.id for call in calls}) == len({call.call_id for call in calls}) == 2


def user(words: str) -> Any:
    """A message of the user's."""
    return {"role": "user", "content": words}
