"""Our adapter of DeepSeek has every kind of conversation with its double."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.event import AnswerComplete, ReasoningDelta, TextDelta
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.text import (
    AssistantMessage,
    ImagePart,
    TextAnswer,
    TextPart,
    TextRequest,
    Tool,
    ToolMessage,
    UserMessage,
)
from anymedia.providers.adapters.deepseek import DEEPSEEK
from anymedia.testing.double import serving
from anymedia.testing.doubles.deepseek import DeepSeekDouble
from anymedia.testing.doubles.deepseek.failures import overloaded, rate_limited
from anymedia.testing.samples import png

MODEL = "deepseek-flash"
QUESTION = TextRequest(model=MODEL, prompt="Name a colour")
WEATHER = Tool(
    name="weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
SATURDAY = datetime(2026, 11, 21, 2, tzinfo=UTC)
MONDAY_AT_PEAK = datetime(2026, 11, 23, 2, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    """The double's time."""
    return FakeClock(SATURDAY)


@pytest.fixture
def double(clock: FakeClock) -> Iterator[DeepSeekDouble]:
    """A fresh double on loopback."""
    made = DeepSeekDouble(clock=clock.time)
    with serving(made):
        yield made


@pytest.fixture
def service(double: DeepSeekDouble) -> Loopback:
    """Our adapter at the double."""
    return Loopback(DEEPSEEK, double.base_url, {"api_key": double.key})


def said(service: Loopback, request: TextRequest) -> TextAnswer:
    """What is answered."""
    answer = service.call(request)
    assert isinstance(answer, TextAnswer)
    return answer


def asking(**more: Any) -> TextRequest:
    """The plain question, changed."""
    return TextRequest(**({"model": MODEL, "prompt": "Name a colour"} | more))


def test_it_thinks_before_it_speaks(service: Loopback) -> None:
    """Unless told otherwise; and counts what it thought. Blank lines before the answer are none of it."""
    answer = said(service, QUESTION)
    assert answer.text == "You said: Name a colour"
    assert answer.reasoning == "They want to hear about: Name a colour"
    assert answer.finish.unified == "stop"
    assert answer.usage.reasoning_tokens
    assert answer.usage.output_tokens
    assert answer.usage.output_tokens > answer.usage.reasoning_tokens
    at_once = said(service, asking(reasoning_effort="none"))
    assert not at_once.reasoning
    assert not at_once.usage.reasoning_tokens


def test_a_stream_says_the_same(service: Loopback) -> None:
    """First reasoning, then words, and the same whole in the end."""
    pieces = list(service.stream(QUESTION))
    thought = [place for place, one in enumerate(pieces) if isinstance(one, ReasoningDelta)]
    words = [place for place, one in enumerate(pieces) if isinstance(one, TextDelta)]
    assert thought
    assert thought[-1] < words[0]
    last = pieces[-1]
    assert isinstance(last, AnswerComplete)
    whole = said(service, QUESTION)
    assert (last.answer.text, last.answer.reasoning) == (whole.text, whole.reasoning)
    assert last.answer.usage.output_tokens == whole.usage.output_tokens


def test_a_remembered_prompt_is_cheaper(service: Loopback, double: DeepSeekDouble) -> None:
    """In whole blocks; the adapter tells how much of it was."""
    long = asking(prompt="A long story. " * 100)
    first, second = said(service, long), said(service, long)
    assert first.usage.cached_input_tokens == 0
    assert second.usage.input_tokens == first.usage.input_tokens
    assert second.usage.cached_input_tokens
    assert second.usage.cached_input_tokens % 64 == 0
    (_, dear), (_, cheap) = double.record.invoice
    assert cheap < dear


def test_the_hour_makes_the_price(
    service: Loopback, double: DeepSeekDouble, clock: FakeClock
) -> None:
    """Twice as much on working mornings."""
    said(service, QUESTION)
    clock.advance((MONDAY_AT_PEAK - SATURDAY).total_seconds())
    said(service, QUESTION)
    (_, weekend), (_, peak) = double.record.invoice
    assert peak == 2 * weekend
    assert weekend > 0


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_answer_goes_back(service: Loopback, *, streamed: bool) -> None:
    """With what was thought before: the double refuses a turn that lacks it."""
    request = asking(prompt="the weather", tools=(WEATHER,))
    if streamed:
        (*_, last) = service.stream(request)
        assert isinstance(last, AnswerComplete)
        answer = last.answer
    else:
        answer = said(service, request)
    (call,) = answer.tool_calls
    assert (call.name, call.arguments) == ("weather", {"city": "word"})
    assert answer.finish.unified == "tool_calls"
    history = (
        UserMessage(content="the weather"),
        AssistantMessage(tool_calls=answer.tool_calls, reasoning=answer.reasoning),
        ToolMessage(tool_call_id=call.id, content="rain"),
    )
    after = TextRequest(model=MODEL, messages=history, tools=(WEATHER,))
    assert said(service, after).text == "You said: rain"


def test_a_tool_turn_without_its_reasoning_is_refused(double: DeepSeekDouble) -> None:
    """The double's own check, asked by hand: our adapter never leaves it out."""
    service = Loopback(DEEPSEEK, double.base_url, {"api_key": double.key})
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "the weather"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
    ]
    with pytest.raises(RequestRejected, match="must be passed back"):
        said(service, asking(options={"messages": history}))


def test_only_one_model_sees(service: Loopback) -> None:
    """Pictures as data; the other one refuses them."""
    picture = ImagePart(image=MediaBytes(data=png(8, 8), media_type="image/png"))
    looking = (UserMessage(content=(TextPart(text="what is it"), picture)),)
    assert said(service, TextRequest(model=MODEL, messages=looking)).text == "You said: what is it"
    with pytest.raises(RequestRejected):
        said(service, TextRequest(model="deepseek-v4-pro", messages=looking))


def test_it_stops_where_it_has_to(service: Loopback) -> None:
    """Reasoning counts against the limit."""
    answer = said(service, asking(max_output_tokens=12))
    assert answer.finish.unified == "length"
    assert answer.usage.output_tokens is not None
    assert answer.usage.output_tokens <= 13


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (asking(prompt="forbidden things"), ContentRefused),
        (asking(model="deepseek-reasoner"), ModelUnavailable),
        (asking(prompt="exhausted"), ProviderError),
        (asking(options={"reasoning_effort": "huge"}), RequestRejected),
    ],
    ids=["content", "model", "resources", "parameter"],
)
def test_failures_are_told_apart_by_words(
    service: Loopback, request_: TextRequest, error: type[GenerationError], *, streamed: bool
) -> None:
    """The code is always the same, and the content type is none of JSON's."""
    with pytest.raises(error):
        _ = list(service.stream(request_)) if streamed else said(service, request_)


def test_a_busy_service(service: Loopback, double: DeepSeekDouble) -> None:
    """With how long to wait, where it says so."""
    double.fail(rate_limited(7))
    with pytest.raises(RateLimited) as caught:
        said(service, QUESTION)
    assert (caught.value.retry_after, caught.value.accepted) == (7, "no")
    double.fail(overloaded())
    with pytest.raises(ProviderUnavailable):
        said(service, QUESTION)
    double.at_once = 0
    with pytest.raises(RateLimited):
        said(service, QUESTION)
    assert double.record.invoice == []


def test_the_account(double: DeepSeekDouble, service: Loopback) -> None:
    """A wrong key, a balance that is told, and one that is empty."""
    with pytest.raises(AuthenticationFailed):
        said(Loopback(DEEPSEEK, double.base_url, {"api_key": "wrong"}), QUESTION)
    account = service.check()
    assert (account.balance, account.unit) == (Decimal("12.30"), "USD")
    double.balance = Decimal(0)
    with pytest.raises(InsufficientCredits):
        said(service, QUESTION)
    assert service.check().details == {"is_available": False}
