"""Our adapter of Anthropic and our double of it, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    NetworkFailed,
    ProviderUnavailable,
    RateLimited,
)
from anymedia.contracts.event import AnswerComplete, TextDelta
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.anthropic import ANTHROPIC
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.anthropic.failures import (
    broken,
    overloaded,
    rate_limited,
    spend_limit_reached,
)

TOOL = {
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
LIVING = [one.id for one in catalogued("anthropic") if one.lifecycle(one.as_of) != "retired"]


@pytest.fixture
def double() -> AnthropicDouble:
    """A fresh double."""
    return AnthropicDouble()


@pytest.fixture
def claude(double: AnthropicDouble) -> Iterator[Loopback]:
    """Our adapter, pointed at the double."""
    with serving(double) as address:
        yield Loopback(ANTHROPIC, address, {"api_key": double.key})


def request(model: str = "claude-opus-5", **fields: Any) -> TextRequest:
    """A request in its usual form."""
    given = {"model": model, "max_output_tokens": 4096, **fields}
    return TextRequest.model_validate({"prompt": "Hello"} | given)


def spoken(claude: Loopback, asked: TextRequest) -> TextAnswer:
    """A text answer."""
    answer = claude.call(asked)
    assert isinstance(answer, TextAnswer)
    return answer


@pytest.mark.parametrize("effort", [None, "none", "minimal", "low", "xhigh", "max"])
def test_no_model_refuses_how_it_is_told_to_think(claude: Loopback, effort: str | None) -> None:
    """With sampling, with structured output and where a tool is forced."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    output = {"type": "schema", "json_schema": schema}
    fields: dict[str, Any] = {"reasoning_effort": effort, "temperature": 0.5}
    for model in LIVING:
        assert spoken(claude, request(model, **fields)).text == "You said: Hello"
        assert spoken(claude, request(model, output=output, **fields)).text == '{"n": 7}'
        forced = spoken(claude, request(model, tools=[TOOL], tool_choice="required", **fields))
        assert forced.finish.unified == "tool_calls"


def test_it_costs_what_the_double_bills(claude: Loopback, double: AnthropicDouble) -> None:
    """With a part that was written to the cache."""
    asked = request(system="Be brief.", options={"cache_control": {"type": "ephemeral"}})
    answer = spoken(claude, asked)
    assert answer.request_id == "req_1"
    assert answer.usage.cache_write_tokens
    ours = priced(claude.sheet("text", asked.model), answer.usage, asked.options)
    assert ours.amount == double.record.invoice[0][1]


def test_a_stream_says_the_same_as_a_whole_answer(claude: Loopback) -> None:
    """However the whole one was fetched."""
    asked = request(prompt="Hello there")
    whole = spoken(claude, asked)
    long = spoken(claude, asked.model_copy(update={"max_output_tokens": 64_000}))
    *pieces, last = claude.stream(asked)
    assert isinstance(last, AnswerComplete)
    assert "".join(one.text for one in pieces if isinstance(one, TextDelta)) == whole.text
    for same in (long, last.answer):
        assert (same.text, same.finish, same.usage) == (whole.text, whole.finish, whole.usage)


def test_thoughts_and_tool_results_go_back(claude: Loopback, double: AnthropicDouble) -> None:
    """Signed as they came."""
    question = {"role": "user", "content": "weather in Paris"}
    *_, last = claude.stream(request(messages=[question], prompt=None, tools=[TOOL]))
    assert isinstance(last, AnswerComplete)
    (call,) = last.answer.tool_calls
    assert call.arguments == {"city": "word"}
    said = {
        "role": "assistant",
        "tool_calls": last.answer.tool_calls,
        "provider_state": last.answer.provider_state,
    }
    told = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    after = request(messages=[question, said, told], prompt=None, tools=[TOOL])
    assert spoken(claude, after).text == "You said: sunny"
    assert double.record.bodies[-1]["messages"][1]["content"][0]["signature"] == "signed-1"


def test_a_refusal_is_told_as_one(claude: Loopback) -> None:
    """Whole and streamed."""
    asked = request(prompt="something forbidden")
    *_, last = claude.stream(asked)
    assert isinstance(last, AnswerComplete)
    for answer in (spoken(claude, asked), last.answer):
        assert answer.finish.unified == "content_filter"
        assert answer.refusal


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (rate_limited(), RateLimited),
        (spend_limit_reached(), InsufficientCredits),
        (overloaded(), ProviderUnavailable),
        (broken(after_accepting=True), ProviderUnavailable),
        (Fault(path="/v1/messages", cut_after_bytes=40), NetworkFailed),
    ],
)
def test_failures_come_out_as_ours(
    claude: Loopback, double: AnthropicDouble, fault: Fault, error: type[GenerationError]
) -> None:
    """Whole and streamed."""
    for drive in (claude.call, lambda asked: list(claude.stream(asked))):
        double.fail(fault)
        with pytest.raises(error):
            drive(request())


def test_a_stream_may_break_off_in_its_middle(claude: Loopback) -> None:
    """With words before."""
    with pytest.raises(ProviderUnavailable) as caught:
        list(claude.stream(request(prompt="it breaks off")))
    assert caught.value.accepted == "unknown"


def test_unknown_models_and_wrong_keys_are_told_apart(
    claude: Loopback, double: AnthropicDouble
) -> None:
    """And the check lists the models."""
    with pytest.raises(ModelUnavailable):
        claude.call(request("claude-nope"))
    assert set(claude.check().models) == set(double.models)
    wrong = Loopback(ANTHROPIC, claude.base_url, {"api_key": "wrong"})
    with pytest.raises(AuthenticationFailed):
        wrong.check()
