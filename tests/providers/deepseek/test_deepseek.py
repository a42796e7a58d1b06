"""DeepSeek: thinking with a switch, history with its reasoning, cache hits, refusals.

Answers are written after api-docs.deepseek.com (read 2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
)
from anymedia.contracts.text import TextRequest
from anymedia.providers.adapters.deepseek import DEEPSEEK
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
    operation = DEEPSEEK.operation(request.medium, Call)
    assert isinstance(operation, Call)
    return replay(operation.exchange(request, brief or Brief()), *answers, explain=DEEPSEEK.explain)


def said(content: Any, **more: Any) -> dict[str, Any]:
    """A chat's answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    return {"id": "c1", "model": "m", "choices": [choice], **more}


def test_reasoning_goes_back_with_every_turn() -> None:
    """After a tool call the next question is refused without it."""
    request = TextRequest.model_validate(
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello", "reasoning": "Hm."},
                {"role": "user", "content": "And?"},
            ],
        }
    )
    (sent,), _ = called(request, answer(said("So.")))
    assert sent.json["messages"][1]["reasoning_content"] == "Hm."


@pytest.mark.parametrize("asked", [None, "high"])
def test_calls_without_their_reasoning_switch_thinking_off(asked: str | None) -> None:
    """Most clients drop it, and then the service would refuse; that it does not think is said."""
    call = {"id": "c", "name": "weather", "arguments": {}}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
    ]
    fields = {"model": "m", "messages": turns, "reasoning_effort": asked}
    (sent,), found = called(TextRequest.model_validate(fields), answer(said("Rain.")))
    assert sent.json["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in sent.json
    assert [one.option for one in found.warnings] == ["reasoning_effort"]
    turns[1]["reasoning"] = "Hm."
    (sent,), found = called(TextRequest.model_validate(fields), answer(said("Rain.")))
    assert "thinking" not in sent.json
    assert found.warnings == ()


def test_no_effort_switches_thinking_off() -> None:
    """It is on unless said."""
    request = TextRequest(model="m", prompt="Hi", reasoning_effort="none", user="no spaces")
    (sent,), _ = called(request, answer(said("Hello")))
    assert sent.json["thinking"] == {"type": "disabled"}
    assert not {"reasoning_effort", "user_id"} & sent.json.keys()


def test_blank_lines_before_an_answer_and_cache_hits_are_read() -> None:
    """The server keeps a queue's connection open with blank lines."""
    usage = {"prompt_tokens": 11, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 3}
    body = b"\n\n" + json.dumps(said("Red.", usage=usage)).encode()
    _, found = called(TextRequest(model="m", prompt="Hi"), HttpResponse(200, body))
    assert (found.usage.input_tokens, found.usage.cached_input_tokens) == (11, 8)


def test_an_answer_that_says_nothing_is_a_failure() -> None:
    """`stop` without a word happens there."""
    with pytest.raises(ProviderUnavailable):
        called(TextRequest(model="m", prompt="Hi"), answer(said("")))


def test_peak_prices_hold_unless_the_period_is_known() -> None:
    """A budget is counted at the dear rate."""
    flash = next(one for one in catalogued("deepseek") if one.id == "deepseek-flash")
    usual = {price.unit: price.usd for price in flash.prices if not price.when}
    cheap = {price.unit: price.usd for price in flash.prices if price.when}
    assert all(usual[unit] == 2 * cheap[unit] for unit in cheap)


def test_the_check_tells_the_balance() -> None:
    """Dollars first; an amount that is none is left out."""
    purses = [
        {"currency": "CNY", "total_balance": "1"},
        {"currency": "USD", "total_balance": "2.5"},
    ]
    assert DEEPSEEK.check is not None
    body = answer({"is_available": True, "balance_infos": purses})
    _, account = replay(DEEPSEEK.check(), body, explain=DEEPSEEK.explain)
    assert (str(account.balance), account.unit) == ("2.5", "USD")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Content Exists Risk", ContentRefused),
        (400, "Model Not Exist", ModelUnavailable),
        (401, "Authentication Fails", AuthenticationFailed),
        (402, "Insufficient Balance", InsufficientCredits),
        (429, "Too many requests", RateLimited),
        (503, "Overloaded", ProviderUnavailable),
    ],
)
def test_failures_are_told_apart(status: int, message: str, kind: type[GenerationError]) -> None:
    """By status and words: the code is always the same."""
    body = {"error": {"message": message, "code": "invalid_request_error"}}
    assert type(DEEPSEEK.explain(answer(body, status))) is kind
