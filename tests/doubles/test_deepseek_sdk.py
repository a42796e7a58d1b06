"""OpenAI's own client, which the vendor tells people to use, goes through its flow with our double."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from anymedia.testing.double import serving
from anymedia.testing.doubles.deepseek import DeepSeekDouble
from anymedia.testing.doubles.deepseek.failures import rate_limited

MODEL = "deepseek-flash"
MESSAGES: list[Any] = [{"role": "user", "content": "Hello there"}]
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


@pytest.fixture
def double() -> DeepSeekDouble:
    """A fresh double."""
    return DeepSeekDouble()


@pytest.fixture
def client(double: DeepSeekDouble) -> Iterator[OpenAI]:
    """The client, pointed at the double as the vendor's pages say."""
    with (
        serving(double) as address,
        OpenAI(api_key=double.key, base_url=address, max_retries=0) as client,
    ):
        yield client


def test_chat_answers_with_reasoning_and_usage(client: OpenAI) -> None:
    """In fields that the client does not know, and hands on."""
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    message = answer.choices[0].message.model_dump()
    assert message["content"] == "You said: Hello there"
    assert message["reasoning_content"]
    assert answer.usage is not None
    counts = answer.usage.model_dump()
    assert counts["total_tokens"] == counts["prompt_tokens"] + counts["completion_tokens"]
    parts = counts["prompt_cache_hit_tokens"] + counts["prompt_cache_miss_tokens"]
    assert counts["prompt_tokens"] == parts


@pytest.mark.parametrize("apart", [False, True], ids=["on the last chunk", "apart"])
def test_a_stream_ends_with_its_usage(client: OpenAI, *, apart: bool) -> None:
    """Behind comments that keep the connection open."""
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if apart else {}
    with client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, **more
    ) as stream:
        chunks = list(stream)
    deltas = [one.choices[0].delta.model_dump() for one in chunks if one.choices]
    assert "".join(one.get("content") or "" for one in deltas) == "You said: Hello there"
    assert "".join(one.get("reasoning_content") or "" for one in deltas)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert bool(chunks[-1].choices) != apart


def test_a_tool_goes_around(client: OpenAI) -> None:
    """Called, answered; and refused when the reasoning does not come back."""
    first = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=TOOLS)
    message = first.choices[0].message
    assert message.tool_calls
    turn = message.model_dump(exclude_none=True)
    answered = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "rain"}
    history: list[Any] = [*MESSAGES, turn, answered]
    again = client.chat.completions.create(model=MODEL, messages=history, tools=TOOLS)
    assert again.choices[0].message.content == "You said: rain"
    turn.pop("reasoning_content")
    with pytest.raises(openai.BadRequestError, match="must be passed back"):
        client.chat.completions.create(model=MODEL, messages=history, tools=TOOLS)


def test_failures_have_the_clients_own_types(client: OpenAI, double: DeepSeekDouble) -> None:
    """Though their content type is not JSON's."""
    with pytest.raises(openai.BadRequestError, match="Content Exists Risk") as refused:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "forbidden things"}]
        )
    assert refused.value.code == "invalid_request_error"
    double.fail(rate_limited())
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=MODEL, messages=MESSAGES)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


def test_models_are_listed(client: OpenAI) -> None:
    """The two current ones."""
    assert [one.id for one in client.models.list()] == ["deepseek-flash", "deepseek-v4-pro"]
