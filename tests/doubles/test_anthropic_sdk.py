"""Anthropic's own client goes through its normal flow with our double of Anthropic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from anymedia.testing.double import serving
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.anthropic.failures import overloaded, rate_limited

TOOL: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture
def double() -> AnthropicDouble:
    """A fresh double."""
    return AnthropicDouble()


@pytest.fixture
def client(double: AnthropicDouble) -> Iterator[Anthropic]:
    """The official client, pointed at the double."""
    with (
        serving(double) as address,
        Anthropic(api_key=double.key, base_url=address, max_retries=0) as client,
    ):
        yield client


def test_a_message_is_answered_counted_and_billed(
    client: Anthropic, double: AnthropicDouble
) -> None:
    """A plain question."""
    question: Any = [{"role": "user", "content": "Hello"}]
    answer = client.messages.create(model="claude-opus-4-8", max_tokens=64, messages=question)
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "You said: Hello"
    assert answer.stop_reason == "end_turn"
    assert answer._request_id == "req_1"
    assert [name for name, _ in double.record.invoice] == [answer.id]
    counted = client.messages.count_tokens(model="claude-opus-4-8", messages=question)
    assert counted.input_tokens == answer.usage.input_tokens


def test_the_clients_own_stream_puts_thoughts_and_tool_calls_together(client: Anthropic) -> None:
    """And the conversation goes on with what it made of them."""
    question: Any = {"role": "user", "content": "weather in Paris"}
    asked: dict[str, Any] = {"model": "claude-opus-5", "max_tokens": 2048, "tools": [TOOL]}
    with client.messages.stream(messages=[question], **asked) as stream:
        final = stream.get_final_message()
    thought, call = final.content
    assert thought.type == "thinking"
    assert thought.signature == "signed-1"
    assert call.type == "tool_use"
    assert call.input == {"city": "word"}
    told: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    after: Any = [
        question,
        {"role": "assistant", "content": final.content},
        {"role": "user", "content": [told]},
    ]
    with client.messages.stream(messages=after, **asked) as stream:
        assert "".join(stream.text_stream) == "You said: sunny"
        assert stream.get_final_message().usage.output_tokens > 16


def test_failures_are_the_clients_own_errors(client: Anthropic, double: AnthropicDouble) -> None:
    """By status, and in the middle of a stream."""
    question: Any = [{"role": "user", "content": "Hello"}]
    plain: dict[str, Any] = {"max_tokens": 64, "messages": question}
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="claude-nope", **plain)
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="claude-opus-5", extra_body={"temperature": 1}, **plain)
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
    double.fail(rate_limited())
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="claude-opus-5", **plain)
    double.fail(overloaded())
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model="claude-opus-5", **plain)
    assert caught.value.status_code == 529
    breaking: Any = [{"role": "user", "content": "it breaks off"}]
    with (
        pytest.raises(anthropic.APIStatusError),
        client.messages.stream(model="claude-opus-5", max_tokens=64, messages=breaking) as stream,
    ):
        stream.get_final_message()


def test_a_refusal_is_a_200(client: Anthropic) -> None:
    """With its category."""
    answer = client.messages.create(
        model="claude-opus-5",
        max_tokens=64,
        messages=[{"role": "user", "content": "something forbidden"}],
    )
    assert answer.stop_reason == "refusal"
    assert answer.stop_details is not None
    assert answer.stop_details.category == "cyber"


def test_the_client_turns_the_pages_of_the_list(client: Anthropic, double: AnthropicDouble) -> None:
    """Until there are no more."""
    assert sorted(double.models) == [one.id for one in client.models.list(limit=5)]
    assert client.models.retrieve("claude-opus-5").max_tokens == 128_000
