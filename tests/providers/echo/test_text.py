"""Text: words, tools and structured output, whole and in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.echo.driving import called, photo, streamed

from anymedia.contracts.errors import ContentRefused, NetworkFailed, ProviderUnavailable
from anymedia.contracts.event import AnswerComplete, ReasoningDelta, TextDelta, ToolCallDelta
from anymedia.contracts.text import TextAnswer, TextRequest

WEATHER = {
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
}


def asked(prompt: str = "Write a haiku about a fox in the snow", **more: Any) -> TextRequest:
    """A request."""
    return TextRequest.model_validate({"model": "hello", "prompt": prompt} | more)


def complete(request: TextRequest) -> TextAnswer:
    """The answer that a stream ends with."""
    last = streamed(request)[-1]
    assert isinstance(last, AnswerComplete)
    answer = last.answer
    assert isinstance(answer, TextAnswer)
    return answer


def test_words_come_back_counted() -> None:
    """Tokens in and out, why it stopped, the model and a request id."""
    answer = called(asked())
    assert "fox" in answer.text
    assert (answer.finish.unified, answer.finish.raw) == ("stop", "stop")
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert answer.model == "hello-1"
    assert answer.request_id


def test_the_same_prompt_and_seed_say_the_same() -> None:
    """And other seeds something else, sooner or later."""
    assert called(asked(seed=3)).text == called(asked(seed=3)).text
    assert len({called(asked(seed=seed)).text for seed in range(8)}) > 1


def test_a_stream_adds_up_to_the_whole_answer() -> None:
    """Text, reasoning and usage are those of the call."""
    request = asked(reasoning_effort="low")
    pieces = streamed(request)
    whole, called_ = complete(request), called(request)
    text = [one.text for one in pieces if isinstance(one, TextDelta)]
    thought = [one.text for one in pieces if isinstance(one, ReasoningDelta)]
    assert len(text) > 3
    assert "".join(text) == whole.text == called_.text
    assert "".join(thought) == whole.reasoning == called_.reasoning
    assert whole.usage == called_.usage


def test_a_tool_is_asked_for_with_arguments_that_fit() -> None:
    """Whole and in pieces alike."""
    request = asked("What is the weather in Oslo?", tools=[WEATHER])
    (call,) = called(request).tool_calls
    assert call.name == "get_weather"
    assert isinstance(call.arguments["city"], str)
    assert isinstance(call.arguments["days"], int)
    pieces = streamed(request)
    told = "".join(one.arguments for one in pieces if isinstance(one, ToolCallDelta))
    assert json.loads(told) == call.arguments
    assert complete(request).tool_calls[0].arguments == call.arguments
    assert complete(request).finish.unified == "tool_calls"


def test_a_tool_can_be_named_or_forbidden() -> None:
    """`tool_choice` as an object and as a word."""
    named = asked("Hello", tools=[WEATHER], tool_choice={"name": "get_weather"})
    assert called(named).tool_calls
    assert not called(asked("The weather?", tools=[WEATHER], tool_choice="none")).tool_calls


def test_a_tools_answer_is_told() -> None:
    """The conversation goes on."""
    messages = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "name": "get_weather", "arguments": {"city": "Oslo"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "name": "get_weather", "content": "4 degrees, rain"},
    ]
    request = TextRequest.model_validate({"model": "hello", "messages": messages})
    assert "4 degrees, rain" in called(request).text


def test_structured_output_follows_its_schema() -> None:
    """Required fields are there, with their types."""
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "year": {"type": "integer"},
            "mood": {"enum": ["calm", "wild"]},
        },
        "required": ["title", "year", "mood"],
        "additionalProperties": False,
    }
    found = json.loads(called(asked(output={"type": "schema", "json_schema": schema})).text)
    assert set(found) == {"title", "year", "mood"}
    assert isinstance(found["year"], int)
    assert found["mood"] in {"calm", "wild"}


def test_a_picture_is_looked_at() -> None:
    """Its size stands in the answer."""
    content = [{"type": "text", "text": "What is this?"}, {"type": "image", "image": photo(64, 48)}]
    request = TextRequest.model_validate(
        {"model": "hello", "messages": [{"role": "user", "content": content}]}
    )
    answer = called(request)
    assert "64" in answer.text
    assert "48" in answer.text
    assert answer.usage.input_tokens > 85


def test_limits_and_stops_cut_the_answer() -> None:
    """And the finish word says so."""
    short = called(asked(max_output_tokens=3))
    assert short.finish.unified == "length"
    assert called(asked("Say: one two three", stop=["two"])).text.strip() == "one"


def test_what_is_to_be_said_can_be_scripted() -> None:
    """`reply` is said exactly; `cost` is reported as the charge."""
    answer = called(asked(options={"reply": "  exactly this ", "cost": "0.05"}))
    assert answer.text == "  exactly this "
    assert str(answer.reported_cost) == "0.05"


def test_a_forbidden_word_is_refused() -> None:
    """In a stream, before it begins."""
    with pytest.raises(ContentRefused):
        called(asked("forbidden-by-echo"))
    with pytest.raises(ContentRefused):
        streamed(asked("forbidden-by-echo"))


def test_a_stream_that_ends_early_is_no_answer() -> None:
    """A cut connection raises; nothing is taken for complete."""
    with pytest.raises(NetworkFailed) as caught:
        streamed(asked(options={"cut_stream": "end"}))
    assert caught.value.accepted == "unknown"
    with pytest.raises(ConnectionError):  # which the transport makes a `NetworkFailed`
        streamed(asked(options={"cut_stream": "reset"}))


def test_a_failure_inside_a_stream_is_raised() -> None:
    """As an event after a 200."""
    with pytest.raises(ProviderUnavailable):
        streamed(asked(options={"fail": "error_in_200"}))
