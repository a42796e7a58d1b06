"""From the items of OpenAI's responses to our words and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from copy import deepcopy
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.gateway.shared.bodies import ANYTHING, damaged, refusal

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import ProviderUnavailable
from anymedia.contracts.event import StreamEnd, StreamRestart, TextDelta, TextEvent
from anymedia.contracts.text import (
    AssistantMessage,
    Finish,
    FinishReason,
    TextAnswer,
    TextResult,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from anymedia.contracts.usage import Usage
from anymedia.engine.imitation import as_events
from anymedia.gateway.openai import responses
from anymedia.gateway.openai.failures import failure
from anymedia.gateway.openai.responses_answer import Head, whole
from anymedia.gateway.openai.responses_stream import told
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.refusals import status_of
from anymedia.gateway.shared.state import packed
from anymedia.providers.dialects.openai import responses as spoken_by_us
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.spec import Brief

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
ARGUMENTS = st.dictionaries(NAMES, st.integers(-9, 9) | WORDS, max_size=3)
URLS = st.sampled_from(["https://example.com/a.png", "data:image/png;base64,iVBORw0KGgo="])
PARTS = st.one_of(
    st.builds(lambda words: {"type": "input_text", "text": words}, WORDS),
    st.builds(lambda url: {"type": "input_image", "image_url": url, "detail": "low"}, URLS),
)
CALLS = st.builds(
    lambda number, name, arguments: [
        {
            "type": "function_call",
            "call_id": f"call_{number}",
            "name": name,
            "arguments": json.dumps(arguments, separators=(",", ":"), ensure_ascii=False),
        },
        {"type": "function_call_output", "call_id": f"call_{number}", "output": "x"},
    ],
    st.integers(0, 99),
    NAMES,
    ARGUMENTS,
)
SAID = st.one_of(
    st.builds(lambda words: [{"role": "user", "content": words}], WORDS),
    st.builds(
        lambda parts: [{"role": "user", "content": parts}], st.lists(PARTS, min_size=1, max_size=3)
    ),
    st.builds(lambda words: [{"role": "assistant", "content": words}], WORDS.filter(bool)),
    CALLS,
)
TOOLS = st.builds(
    lambda name, words: {
        "type": "function",
        "name": name,
        "description": words,
        "parameters": {"type": "object"},
        "strict": False,
    },
    NAMES,
    WORDS,
)
BODIES = st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "input": st.lists(SAID, min_size=1, max_size=4).map(lambda turns: [*chain(*turns)]),
    },
    optional={
        "instructions": WORDS.filter(bool),
        "tools": st.lists(TOOLS, min_size=1, max_size=2),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "parallel_tool_calls": st.booleans(),
        "max_output_tokens": st.integers(1, 1000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "reasoning": st.fixed_dictionaries({"effort": st.sampled_from(["low", "high"])}),
        "safety_identifier": WORDS.filter(bool),
        "text": st.just({"format": {"type": "json_object"}}),
    },
)


@given(BODIES)
def test_a_body_that_is_understood_goes_out_as_it_came_in(body: dict[str, Any]) -> None:
    """Through our words, to a provider of the same language, nothing is lost or added."""
    reading = Reading(deepcopy(body))
    asked = responses.asked(reading)
    assert (reading.strangers, reading.hints, reading.lost) == ([], [], [])
    assert not any(turn.needs or turn.hints for turn in asked.turns)
    sent = spoken_by_us.ask(asked.request, Brief(marker="x"), Quirks())
    again = json.loads(sent.body("x")[0] or b"")
    assert again == {**body, "store": False}


@given(data=st.data())
def test_no_body_breaks_the_reader(data: st.DataObject) -> None:
    """Whatever is sent is understood or refused, with the field's name."""
    names = st.sampled_from(responses.Body.__struct_fields__)
    further = data.draw(st.dictionaries(names, ANYTHING, max_size=4))
    body = {"model": "m", "input": "x"} | further
    error = refusal(responses.asked, body)
    if error is not None:
        assert status_of(error) == 400
        assert failure(error)["error"]["param"] is not None


@given(damaged(BODIES))
@settings(max_examples=300)
def test_a_body_with_one_thing_wrong_is_understood_or_refused(body: dict[str, Any]) -> None:
    """Wherever it is."""
    error = refusal(responses.asked, body)
    assert error is None or status_of(error) == 400


def messages(items: list[dict[str, Any]]) -> list[Any]:
    """What items are to us."""
    return list(responses.asked(Reading({"model": "m", "input": items})).request.messages)


CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "8"}


def test_what_the_model_did_in_one_go_is_one_message() -> None:
    """Thoughts, words and calls, with what the provider wants back; then what came of it."""
    state = {"somebody": {"signed": "x"}}
    found = messages(
        [
            {"role": "user", "content": "Hello"},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
            CALL,
            {**CALL, "call_id": "c2", "arguments": "[1]"},
            {"type": "reasoning", "summary": [], "encrypted_content": packed(state)},
            OUTPUT,
            {**OUTPUT, "call_id": "c2", "output": [{"type": "input_text", "text": "9"}]},
        ]
    )
    assert found == [
        UserMessage(content="Hello"),
        AssistantMessage(
            content="Let me see.",
            reasoning="Hm.",
            tool_calls=(
                ToolCall(id="c1", name="f", arguments={}),
                ToolCall(id="c2", name="f", arguments={}, raw_arguments="[1]"),
            ),
            provider_state=state,
        ),
        ToolMessage(tool_call_id="c1", content="8"),
        ToolMessage(tool_call_id="c2", content="9"),
    ]


def test_answers_that_follow_each_other_stay_two() -> None:
    """Nobody spoke between them."""
    said = [{"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}]
    assert [one.content for one in messages(said)] == ["One.", "Two."]


def test_who_packed_what_it_wants_back_is_over() -> None:
    """What follows is of another answer, calls included."""
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": packed({"a": {"b": 1}})}
    found = messages([CALL, sealed, CALL, OUTPUT])
    assert [bool(one.provider_state) for one in found[:2]] == [True, False]


def test_thoughts_that_say_nothing_are_told_to_be_lost() -> None:
    """As an item that refers to something kept elsewhere is."""
    reading = Reading({"model": "m", "input": [{"type": "reasoning", "id": "rs_1", "summary": []}]})
    responses.asked(reading)
    assert reading.lost == ["input[0]"]


# --- back -----------------------------------------------------------------------------------


def result(text: str, finish: FinishReason = "stop", **facts: Any) -> TextResult:
    """An answer."""
    return TextResult(
        provider="p",
        model="m",
        cost=Cost(amount=Decimal("0.1"), basis="computed"),
        usage=Usage(input_tokens=3, output_tokens=4, cached_input_tokens=2, reasoning_tokens=1),
        text=text,
        finish=Finish(unified=finish),
        **facts,
    )


def events_of(given: TextResult) -> list[TextEvent]:
    """An answer as it comes."""
    answer = TextAnswer(
        text=given.text,
        reasoning=given.reasoning,
        tool_calls=given.tool_calls,
        finish=given.finish,
    )
    pieces: list[Any] = [one for one in as_events(answer) if one.kind != "answer-complete"]
    return [*pieces, StreamEnd(result=given)]


def as_told(events: list[TextEvent]) -> list[dict[str, Any]]:
    """What a client is told of it."""

    async def spoken() -> AsyncGenerator[TextEvent, None]:
        for event in events:
            yield event

    async def all_of_it() -> list[bytes]:
        return [one async for one in told(spoken(), Head("id", 1), "m", lambda: 2)]

    found = []
    for one in b"".join(asyncio.run(all_of_it())).split(b"\n\n")[:-1]:
        name, _, data = one.partition(b"\ndata: ")
        found.append(json.loads(data))
        assert name == f"event: {found[-1]['type']}".encode()
    return found


@given(
    text=WORDS,
    reasoning=st.none() | WORDS.filter(bool),
    refused=st.none() | WORDS.filter(bool),
    calls=st.lists(st.builds(ToolCall, id=NAMES, name=NAMES, arguments=ARGUMENTS), max_size=3),
    state=st.sampled_from([{}, {"p": {"opaque": True}}]),
    finish=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error"]),
)
@settings(max_examples=200)
def test_the_events_of_an_answer_make_the_whole(
    text: str,
    reasoning: str | None,
    refused: str | None,
    calls: list[ToolCall],
    state: dict[str, Any],
    finish: FinishReason,
) -> None:
    """Whether it is told at once or bit by bit; every item that is opened is closed."""
    given = result(
        text,
        finish,
        reasoning=reasoning,
        refusal=refused,
        tool_calls=tuple(calls),
        provider_state=state,
    )
    events = as_told(events_of(given))
    at_once = whole(given, Head("id", 1), 2)
    assert events[-1]["type"] == f"response.{at_once['status']}"
    last = events[-1]["response"]
    plain = [{**item, "id": "x"} for item in last["output"]]
    expected = [{**item, "id": "x"} for item in at_once["output"]]
    if not (refused and calls):  # nobody does both; the refusal would be told last
        assert plain == expected
    assert {**last, "output": []} == {**at_once, "output": []}
    opened = [e["item"]["id"] for e in events if e["type"] == "response.output_item.added"]
    closed = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    assert sorted(opened) == sorted(item["id"] for item in closed)
    assert len(set(opened)) == len(opened)
    assert last["output"] == sorted(closed, key=lambda item: opened.index(item["id"]))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_usage_tells_its_parts_and_its_price() -> None:
    """As OpenAI has them, and in US dollars."""
    assert whole(result("x"), Head("id", 1), 2)["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 7,
        "cost": 0.1,
    }


def test_an_answer_that_has_to_be_taken_back_has_failed() -> None:
    """This language has no word for forgetting what was said."""
    restart = StreamRestart(provider="p", reason="it was cut")
    events = as_told([TextDelta(text="One"), restart, *events_of(result("Two"))])
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert "broke off" in events[-1]["response"]["error"]["message"]
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "One"


def test_a_failure_before_the_first_word_is_none_of_the_stream() -> None:
    """It has a status of its own."""
    gone = True

    async def broken() -> AsyncGenerator[TextEvent, None]:
        if gone:
            raise ProviderUnavailable("gone", accepted="no")
        yield TextDelta(text="never")

    async def first() -> bytes:
        return await anext(told(broken(), Head("id", 1), "m", lambda: 2))

    with pytest.raises(ProviderUnavailable):
        asyncio.run(first())
