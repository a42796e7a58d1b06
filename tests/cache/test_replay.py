"""A kept text as a stream again."""

from __future__ import annotations

import json

from hypothesis import given, strategies as st

from anymedia.cache.replay import replayed
from anymedia.contracts.event import (
    ReasoningDelta,
    StreamEnd,
    TextDelta,
    TextEvent,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from anymedia.contracts.text import TextRequest, TextResult, ToolCall
from tests.cache.samples import answer, kept
from tests.support.clock import START

CALLS = st.builds(
    ToolCall,
    id=st.text(min_size=1, max_size=8),
    name=st.sampled_from(["weather", "clock"]),
    arguments=st.dictionaries(st.text(max_size=5), st.integers(0, 9) | st.text(max_size=5)),
    raw_arguments=st.none() | st.just('{"cut off'),
)


def folded(events: list[TextEvent]) -> tuple[str, str, list[tuple[str, str, str]], TextResult]:
    """What somebody who listens to a stream has at its end."""
    text = reasoning = ""
    calls: list[list[str]] = []
    open_calls: set[int] = set()
    for event in events[:-1]:
        match event:
            case TextDelta():
                text += event.text
            case ReasoningDelta():
                reasoning += event.text
            case ToolCallStart():
                assert event.index == len(calls)
                open_calls.add(event.index)
                calls.append([event.id, event.name, ""])
            case ToolCallDelta():
                assert event.index in open_calls
                calls[event.index][2] += event.arguments
            case ToolCallEnd():
                open_calls.remove(event.index)
            case _:
                raise AssertionError(event)
    assert not open_calls
    last = events[-1]
    assert isinstance(last, StreamEnd)
    return text, reasoning, [(one[0], one[1], one[2]) for one in calls], last.result


@given(text=st.text(), reasoning=st.none() | st.text(), calls=st.lists(CALLS, max_size=3))
def test_the_pieces_of_a_replay_are_the_answer(
    text: str, reasoning: str | None, calls: list[ToolCall]
) -> None:
    """Put together they say what the result at the end says."""
    result = answer(text, reasoning=reasoning, tool_calls=tuple(calls))
    events = list(replayed(result))
    words, thoughts, called, last = folded(events)
    assert (words, thoughts) == (text, reasoning or "")
    assert last == result
    assert [(one[0], one[1]) for one in called] == [(one.id, one.name) for one in calls]
    for (_, _, arguments), call in zip(called, calls, strict=True):
        if call.raw_arguments is not None:
            assert arguments == call.raw_arguments
        else:
            assert json.loads(arguments) == call.arguments


def test_a_text_flows_in_words() -> None:
    """Not at once; and a language without spaces in short stretches."""
    words = [
        one.text for one in replayed(answer("It  rains,\nalas.")) if isinstance(one, TextDelta)
    ]
    assert words == ["It  ", "rains,\n", "alas."]
    chinese = [one for one in replayed(answer("雨" * 100)) if isinstance(one, TextDelta)]
    assert len(chinese) == 5


def test_a_kept_answer_flows_with_the_result_that_was_found() -> None:
    """The last event says that it comes from the cache."""
    result = kept("It rains.", reasoning="Clouds.").result(TextRequest(prompt="Weather?"))
    kinds = [event.kind for event in replayed(result)]
    assert kinds == ["reasoning-delta", "text-delta", "text-delta", "stream-end"]
    last = list(replayed(result))[-1]
    assert isinstance(last, StreamEnd)
    assert last.result.cached_at == START
