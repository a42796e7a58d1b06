"""From OpenAI's words to ours and back: what goes in comes out, and nothing breaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.gateway.shared.bodies import ANYTHING, damaged, refusal

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import StorageFailed, kinds
from anymedia.contracts.event import StreamEnd, TextEvent
from anymedia.contracts.text import AssistantMessage, Finish, TextAnswer, TextResult, ToolCall
from anymedia.contracts.transcription import Segment
from anymedia.contracts.usage import Usage
from anymedia.engine.imitation import as_events
from anymedia.gateway.openai import chat, embeddings, images, speech, transcription, videos
from anymedia.gateway.openai.completion import Head, chunks, completion
from anymedia.gateway.openai.failures import failure
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.refusals import headers_of, status_of
from anymedia.gateway.spec import Refused
from anymedia.providers.dialects.openai import chat as spoken_by_us
from anymedia.providers.dialects.openai.quirks import Quirks

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
ARGUMENTS = st.dictionaries(NAMES, st.integers(-9, 9) | WORDS, max_size=3)
URLS = st.sampled_from(["https://example.com/a.png", "data:image/png;base64,iVBORw0KGgo="])
CALLS = st.builds(
    lambda number, name, arguments: {
        "id": f"call_{number}",
        "type": "function",
        "function": {
            "name": name,
            "arguments": json.dumps(arguments, separators=(",", ":"), ensure_ascii=False),
        },
    },
    st.integers(0, 99),
    NAMES,
    ARGUMENTS,
)
PARTS = st.one_of(
    st.builds(lambda words: {"type": "text", "text": words}, WORDS),
    st.builds(lambda url: {"type": "image_url", "image_url": {"url": url, "detail": "low"}}, URLS),
)
MESSAGES = st.one_of(
    st.builds(lambda words: {"role": "system", "content": words}, WORDS),
    st.builds(lambda words: {"role": "user", "content": words}, WORDS),
    st.builds(
        lambda parts: {"role": "user", "content": parts}, st.lists(PARTS, min_size=1, max_size=3)
    ),
    st.builds(lambda words: {"role": "assistant", "content": words}, WORDS.filter(bool)),
    st.builds(
        lambda calls: {"role": "assistant", "content": None, "tool_calls": calls},
        st.lists(CALLS, min_size=1, max_size=2),
    ),
    st.builds(lambda words: {"role": "tool", "tool_call_id": "call_1", "content": words}, WORDS),
)
TOOLS = st.builds(
    lambda name, words: {
        "type": "function",
        "function": {"name": name, "description": words, "parameters": {"type": "object"}},
    },
    NAMES,
    WORDS,
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": st.lists(MESSAGES, min_size=1, max_size=4)},
    optional={
        "tools": st.lists(TOOLS, min_size=1, max_size=2),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "parallel_tool_calls": st.booleans(),
        "max_completion_tokens": st.integers(1, 1000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "presence_penalty": st.floats(-2, 2),
        "frequency_penalty": st.floats(-2, 2),
        "stop": st.lists(WORDS, min_size=1, max_size=3),
        "seed": st.integers(-(2**31), 2**31),
        "reasoning_effort": st.sampled_from(["low", "high"]),
        "safety_identifier": WORDS.filter(bool),
        "response_format": st.just({"type": "json_object"}),
    },
)


@given(BODIES)
def test_a_body_that_is_understood_goes_out_as_it_came_in(body: dict[str, Any]) -> None:
    """Through our words, to a provider of the same language, nothing is lost or added."""
    reading = Reading(deepcopy(body))
    asked = chat.asked(reading)
    assert (reading.strangers, reading.hints, reading.lost) == ([], [], [])
    sent = spoken_by_us.ask(asked.request, Quirks())
    again = json.loads(sent.body("x")[0] or b"")
    assert again == body


@pytest.mark.parametrize("kept", [{"p": {"opaque": 1}}, None, "nonsense"])
def test_what_litellm_keeps_apart_is_found(kept: object) -> None:
    """It files our `provider_state` under a name of its own; that is not OpenAI's business."""
    said = {"role": "assistant", "content": "Hi"}
    apart = {"provider_specific_fields": {"refusal": None, "provider_state": kept}}
    reading = Reading({"model": "m", "messages": [{**said, **apart}]})
    (message,) = chat.asked(reading).request.messages
    assert isinstance(message, AssistantMessage)
    assert message.provider_state == (kept if isinstance(kept, dict) else {})
    assert reading.strangers == []
    assert reading.body["messages"] == [said]


def test_an_empty_prompt_is_refused_by_its_name() -> None:
    """Though it is the whole that is wrong: there is no picture to go by either."""
    error = refusal(videos.asked, {"model": "m", "prompt": "", "seconds": "4"})
    assert error is not None
    assert failure(error)["error"]["param"] == "prompt"


READERS: dict[str, tuple[Callable[[Reading], object], dict[str, Any]]] = {
    "chat": (chat.asked, {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
    "embeddings": (embeddings.asked, {"model": "m", "input": ["a"]}),
    "images": (images.generation, {"model": "m", "prompt": "x", "size": "1024x1024"}),
    "speech": (speech.asked, {"model": "m", "input": "x", "voice": "coral"}),
    "videos": (videos.asked, {"model": "m", "prompt": "x", "seconds": "4"}),
}


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_no_body_breaks_the_reader(name: str, data: st.DataObject) -> None:
    """Whatever is sent is understood or refused, with the field's name."""
    read, usual = READERS[name]
    further = data.draw(st.dictionaries(st.sampled_from([*FIELDS[name]]), ANYTHING, max_size=4))
    body = data.draw(st.dictionaries(st.text(max_size=5), ANYTHING, max_size=2)) | usual | further
    error = refusal(read, body)
    if error is not None:
        assert status_of(error) == 400
        assert failure(error)["error"]["param"] is not None


FIELDS = {
    "chat": chat.Chat.__struct_fields__,
    "embeddings": embeddings.Body.__struct_fields__,
    "images": images.Body.__struct_fields__,
    "speech": speech.Body.__struct_fields__,
    "videos": videos.Body.__struct_fields__,
}


@given(damaged(BODIES))
@settings(max_examples=300)
def test_a_body_with_one_thing_wrong_is_understood_or_refused(body: dict[str, Any]) -> None:
    """Wherever it is."""
    error = refusal(chat.asked, body)
    assert error is None or status_of(error) == 400


def result(text: str, reasoning: str | None, calls: list[ToolCall]) -> TextResult:
    """An answer."""
    return TextResult(
        provider="p",
        model="m",
        cost=Cost(amount=Decimal("0.1"), basis="computed"),
        usage=Usage(input_tokens=3, output_tokens=4),
        text=text,
        reasoning=reasoning,
        tool_calls=tuple(calls),
        finish=Finish(unified="tool_calls" if calls else "stop"),
        provider_state={"p": {"opaque": True}},
    )


@given(
    text=WORDS,
    reasoning=st.none() | WORDS.filter(bool),
    calls=st.lists(st.builds(ToolCall, id=NAMES, name=NAMES, arguments=ARGUMENTS), max_size=3),
)
def test_the_pieces_of_an_answer_make_the_whole(
    text: str, reasoning: str | None, calls: list[ToolCall]
) -> None:
    """Whether it is told at once or bit by bit."""
    whole = result(text, reasoning, calls)
    message = completion(whole, Head("id", 1))["choices"][0]["message"]
    answer = TextAnswer(
        text=text, reasoning=reasoning, tool_calls=tuple(calls), finish=whole.finish
    )
    told = gathered(as_told(whole, answer))
    assert told["content"] == (message["content"] or "")
    assert told["reasoning_content"] == message.get("reasoning_content", "")
    assert told["provider_state"] == message["provider_state"]
    assert told["finish_reason"] == whole.finish.unified
    assert told["usage"] == completion(whole, Head("id", 1))["usage"]
    assert list(told["calls"].values()) == [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    ]


def as_told(whole: TextResult, answer: TextAnswer) -> list[bytes]:
    """The chunks of an answer."""

    async def events() -> AsyncGenerator[TextEvent, None]:
        for event in as_events(answer):
            if event.kind != "answer-complete":
                yield event
        yield StreamEnd(result=whole)

    async def all_of_it() -> list[bytes]:
        return [one async for one in chunks(events(), Head("id", 1), "m", with_usage=True)]

    return asyncio.run(all_of_it())


def gathered(told: list[bytes]) -> dict[str, Any]:
    """What a client makes of chunks."""
    assert told[-1] == b"data: [DONE]\n\n"
    found: dict[str, Any] = {"content": "", "reasoning_content": "", "calls": {}}
    for one in told[:-1]:
        assert one.startswith(b"data: ")
        assert one.endswith(b"\n\n")
        chunk = json.loads(one.removeprefix(b"data: "))
        assert chunk["object"] == "chat.completion.chunk"
        found["usage"] = chunk.get("usage")
        for choice in chunk["choices"]:
            delta = choice["delta"]
            found["content"] += delta.get("content") or ""
            found["reasoning_content"] += delta.get("reasoning_content") or ""
            found["provider_state"] = delta.get("provider_state")
            found["finish_reason"] = choice["finish_reason"]
            for call in delta.get("tool_calls", ()):
                identifier, name, arguments = found["calls"].get(call["index"], ("", "", ""))
                found["calls"][call["index"]] = (
                    call.get("id", identifier),
                    call["function"].get("name", name),
                    arguments + call["function"]["arguments"],
                )
    return found


@pytest.mark.parametrize("kind", sorted(set(kinds()) - {"Refused"}))
def test_every_failure_of_ours_has_words_and_a_status(kind: str) -> None:
    """And paid work that may have been accepted is never asked for again by a client itself."""
    error = kinds()[kind]("what went wrong", retry_after=1.5)
    told = failure(error)["error"]
    assert told["message"] == "what went wrong"
    assert 400 <= status_of(error) < 600
    assert headers_of(error)["retry-after"] == "2"
    paid = kinds()[kind]("what went wrong", accepted="unknown", retryable=True)
    if status_of(paid) >= 500 or status_of(paid) in {409, 429}:
        assert headers_of(paid)["x-should-retry"] == "false"


def test_what_may_be_asked_again_is_not_forbidden() -> None:
    """Nothing was accepted, and it may go well the next time."""
    assert "x-should-retry" not in headers_of(StorageFailed("the disk is full"))


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 100), WORDS), max_size=4))
def test_subtitles_have_a_cue_for_every_segment(stretches: list[tuple[float, float, str]]) -> None:
    """And no words that could be taken for a cue's head or end."""
    segments = [
        Segment(text=words, start_seconds=start, end_seconds=start + lasting)
        for start, lasting, words in stretches
    ]
    for told in (transcription.srt(segments), transcription.vtt(segments)):
        assert told.count("-->") == len(segments)
        assert told.count("\n\n") >= len(segments)


def test_a_refusal_of_the_gateway_keeps_its_status_and_field() -> None:
    """Whatever it is about."""
    error = Refused("no", status=403, param="model")
    assert status_of(error) == 403
    assert failure(error)["error"]["type"] == "permission_error"
    assert failure(error)["error"]["param"] == "model"
