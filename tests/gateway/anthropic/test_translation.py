"""From Anthropic's words to ours and back: what goes in comes out, and nothing breaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.gateway.shared.bodies import ANYTHING, damaged, refusal

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import kinds
from anymedia.contracts.event import StreamEnd, TextEvent
from anymedia.contracts.text import Finish, TextAnswer, TextResult, ToolCall
from anymedia.contracts.usage import Usage
from anymedia.engine.imitation import as_events
from anymedia.gateway.anthropic import question
from anymedia.gateway.anthropic.answer import Head, message
from anymedia.gateway.anthropic.failures import status_in_words
from anymedia.gateway.anthropic.stream import told
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.state import packed, unpacked
from anymedia.providers.dialects.anthropic.messages import asking
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.spec import Brief

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
INPUTS = st.dictionaries(NAMES, st.integers(-9, 9) | WORDS, max_size=3)
TEXTS = st.builds(lambda words: {"type": "text", "text": words}, WORDS)
IMAGES = st.sampled_from(
    [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
    ]
)
RESULTS = st.builds(
    lambda words: {"type": "tool_result", "tool_use_id": "toolu_1", "content": words}, WORDS
)
USES = st.builds(
    lambda name, given: {"type": "tool_use", "id": "toolu_1", "name": name, "input": given},
    NAMES,
    INPUTS,
)
USER = st.builds(
    lambda blocks: {"role": "user", "content": blocks},
    st.lists(TEXTS | IMAGES | RESULTS, min_size=1, max_size=3),
)
ASSISTANT = st.builds(
    lambda words, uses: {"role": "assistant", "content": [words, *uses]},
    TEXTS,
    st.lists(USES, max_size=2),
)
BODIES = st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "max_tokens": st.integers(1, 1000),
        # Neighbours of one role would become one turn, which means the same.
        "messages": st.builds(
            lambda pairs, last: [*(one for pair in pairs for one in pair), last],
            st.lists(st.tuples(USER, ASSISTANT), max_size=2),
            USER,
        ),
    },
    optional={
        "system": WORDS,
        "stop_sequences": st.lists(WORDS, min_size=1, max_size=2),
        "tools": st.lists(
            st.builds(
                lambda name, words: {
                    "name": name,
                    "description": words,
                    "input_schema": {"type": "object"},
                },
                NAMES,
                WORDS,
            ),
            min_size=1,
            max_size=2,
        ),
        "metadata": st.just({"user_id": "u-1"}),
        "output_config": st.just({"format": {"type": "json_schema", "schema": {"type": "string"}}}),
    },
)


@given(BODIES)
def test_a_body_that_is_understood_goes_out_as_it_came_in(body: dict[str, Any]) -> None:
    """Through our words, to a provider of the same language, nothing is lost or added."""
    reading = Reading(deepcopy(body))
    asked = question.asked(reading)
    assert (reading.strangers, reading.hints, reading.lost) == ([], [], [])
    sent = asking(asked.request, Brief(), Quirks()).sent(stream=False)
    assert json.loads(sent.body("x")[0] or b"") == body


@given(
    st.dictionaries(st.sampled_from(question.Body.__struct_fields__), ANYTHING, max_size=4),
    st.dictionaries(st.text(max_size=5), ANYTHING, max_size=2),
)
def test_no_body_breaks_the_reader(further: dict[str, Any], strange: dict[str, Any]) -> None:
    """Whatever is sent is understood or refused."""
    usual = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    error = refusal(question.asked, strange | usual | further)
    assert error is None or status_in_words(error) == 400


@given(damaged(BODIES))
@settings(max_examples=300)
def test_a_body_with_one_thing_wrong_is_understood_or_refused(body: dict[str, Any]) -> None:
    """Wherever it is."""
    error = refusal(question.asked, body)
    assert error is None or status_in_words(error) == 400


@given(
    text=WORDS | st.just(""),
    reasoning=st.none() | WORDS,
    calls=st.lists(st.builds(ToolCall, id=NAMES, name=NAMES, arguments=INPUTS), max_size=3),
)
def test_the_pieces_of_an_answer_make_the_whole(
    text: str, reasoning: str | None, calls: list[ToolCall]
) -> None:
    """Whether it is told at once or bit by bit."""
    answer = TextAnswer(
        text=text,
        reasoning=reasoning,
        tool_calls=tuple(calls),
        finish=Finish(unified="tool_calls" if calls else "stop"),
    )
    whole = TextResult(
        provider="p",
        model="m",
        cost=Cost(amount=Decimal("0.1"), basis="computed"),
        usage=Usage(input_tokens=9, cached_input_tokens=4, output_tokens=4),
        **{name: getattr(answer, name) for name in ("text", "reasoning", "tool_calls", "finish")},
        provider_state={"p": {"opaque": True}},
    )
    said = message(whole, Head("id"))
    events = as_told(whole, answer)
    assert events[0]["type"] == "message_start"
    assert events[-1] == {"type": "message_stop"}
    assert gathered(events) == [
        {name: value for name, value in block.items() if name != "signature"}
        for block in said["content"]
    ]
    end = events[-2]
    assert end["delta"]["stop_reason"] == said["stop_reason"]
    assert end["usage"] == said["usage"]
    assert said["usage"]["input_tokens"] == 5


def as_told(whole: TextResult, answer: TextAnswer) -> list[dict[str, Any]]:
    """The events of an answer."""

    async def events() -> AsyncGenerator[TextEvent, None]:
        for event in as_events(answer):
            if event.kind != "answer-complete":
                yield event
        yield StreamEnd(result=whole)

    async def all_of_it() -> bytes:
        return b"".join([one async for one in told(events(), Head("id"), "m")])

    found = []
    for one in asyncio.run(all_of_it()).decode().split("\n\n")[:-1]:
        name, data = one.split("\n")
        fields = json.loads(data.removeprefix("data: "))
        assert name == f"event: {fields['type']}"
        found.append(fields)
    return found


def gathered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a client makes of events; every block is opened once, filled while open, and closed."""
    blocks: list[dict[str, Any]] = []
    written: dict[int, str] = {}
    still_open: set[int] = set()
    for event in events:
        match event:
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(blocks)
                blocks.append(dict(block))
                still_open.add(index)
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                assert index in still_open
                for name in ("text", "thinking"):
                    if name in delta:
                        blocks[index][name] += delta[name]
                written[index] = written.get(index, "") + delta.get("partial_json", "")
            case {"type": "content_block_stop", "index": index}:
                still_open.remove(index)
                if written.get(index):
                    blocks[index]["input"] = json.loads(written[index])
            case _:
                pass
    assert not still_open
    return blocks


@given(st.dictionaries(WORDS, ANYTHING, max_size=3))
def test_what_is_packed_can_be_unpacked(state: dict[str, Any]) -> None:
    """Whole."""
    assert unpacked(packed(state)) == json.loads(json.dumps(state))


@given(st.text(max_size=40), st.integers(0, 200))
def test_what_was_tampered_with_is_nothing(noise: str, place: int) -> None:
    """And breaks nothing."""
    whole = packed({"p": {"opaque": "x" * 50}})
    for text in (f"anymedia1.{noise}", whole[:place], whole[:place] + noise + whole[place:]):
        assert unpacked(text) is None or isinstance(unpacked(text), dict)


@pytest.mark.parametrize("kind", sorted(set(kinds()) - {"Refused"}))
def test_every_failure_of_ours_has_a_status(kind: str) -> None:
    """One that Anthropic has a word for."""
    assert 400 <= status_in_words(kinds()[kind]("what went wrong")) < 600
