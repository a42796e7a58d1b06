"""Chat completions as they come, from servers that are more or less like OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.recordings import streamed

from anymedia.contracts.errors import (
    GenerationError,
    NetworkFailed,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnreadableResponse,
)
from anymedia.contracts.event import (
    AnswerComplete,
    ReasoningDelta,
    StreamPiece,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from anymedia.contracts.text import TextAnswer
from anymedia.providers.dialects.openai.chat_stream import ChatDecoder
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.wire.http import HttpResponse
from anymedia.wire.sse import ServerEvent

DONE = "[DONE]"


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    """A chunk with one fragment."""
    return {"id": "c1", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def body(*chunks: Any) -> bytes:
    """A stream's bytes."""
    return b"".join(
        f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n".encode()
        for chunk in chunks
    )


def pieces(*chunks: Any, quirks: Quirks | None = None) -> list[StreamPiece]:
    """What a stream of these chunks comes to."""
    return streamed(ChatDecoder(quirks or Quirks(), HttpResponse(200)), body(*chunks))


def whole(*chunks: Any, quirks: Quirks | None = None) -> TextAnswer:
    """The answer at its end."""
    last = pieces(*chunks, quirks=quirks)[-1]
    assert isinstance(last, AnswerComplete)
    return last.answer


def fragment(
    index: int | None = 0,
    id_: str | None = None,
    name: str | None = None,
    arguments: Any = None,
) -> dict[str, Any]:
    """A chunk with a fragment of a tool call; what is `None` is left out."""
    function = {"name": name, "arguments": arguments}
    call = {
        "index": index,
        "id": id_,
        "function": {key: value for key, value in function.items() if value is not None},
    }
    return delta(tool_calls=[{k: v for k, v in call.items() if v is not None}])


def test_fragments_are_passed_on_and_the_answer_comes_last() -> None:
    """Thoughts and words in order; empty fragments say nothing."""
    assert pieces(
        delta(role="assistant", content="", reasoning_content=""),
        delta(reasoning_content="Let me "),
        delta(reasoning="see."),
        delta(content="Re"),
        delta(content=None),
        delta(content="d."),
        delta("stop"),
        DONE,
    )[:-1] == [
        ReasoningDelta(text="Let me "),
        ReasoningDelta(text="see."),
        TextDelta(text="Re"),
        TextDelta(text="d."),
    ]


def test_the_answer_is_the_sum_of_its_fragments() -> None:
    """With the head's request id, the model, and the usage of the last chunk."""
    head = HttpResponse(200, b"", {"x-request-id": "req_9"})
    chunks = (
        {**delta(content="Red."), "model": "gpt-6-luna", "usage": None},
        {**delta("length"), "service_tier": "flex"},
        {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 9}},
        DONE,
    )
    last = streamed(ChatDecoder(Quirks(), head), body(*chunks))[-1]
    assert isinstance(last, AnswerComplete)
    answer = last.answer
    assert (answer.text, answer.finish.unified, answer.model) == ("Red.", "length", "gpt-6-luna")
    assert (answer.request_id, answer.metadata) == ("req_9", {"id": "c1", "service_tier": "flex"})
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 9)


def test_usage_may_come_with_the_finish_or_after_it() -> None:
    """Both happen; the last one that is there counts."""
    counted = {"prompt_tokens": 3, "completion_tokens": 1}
    assert whole({**delta("stop", content="Hi"), "usage": counted}, DONE).usage.raw == counted
    late = {**delta(content=""), "usage": counted}
    assert whole(delta("stop", content="Hi"), late, DONE).usage.raw == counted


def test_tool_calls_come_in_fragments_and_side_by_side() -> None:
    """Start, arguments in pieces, and all ends before the answer."""
    told = pieces(
        fragment(0, "a", "weather", ""),
        fragment(0, arguments='{"city"'),
        fragment(1, "b", "time", "{}"),
        fragment(0, arguments=': "Paris"}'),
        delta("tool_calls"),
        DONE,
    )
    assert told[:-1] == [
        ToolCallStart(index=0, id="a", name="weather"),
        ToolCallDelta(index=0, arguments='{"city"'),
        ToolCallStart(index=1, id="b", name="time"),
        ToolCallDelta(index=1, arguments="{}"),
        ToolCallDelta(index=0, arguments=': "Paris"}'),
        ToolCallEnd(index=0),
        ToolCallEnd(index=1),
    ]
    last = told[-1]
    assert isinstance(last, AnswerComplete)
    assert [call.arguments for call in last.answer.tool_calls] == [{"city": "Paris"}, {}]


@pytest.mark.parametrize(
    "chunks",
    [
        # No index at all: a new id begins a new call, a fragment without one goes on.
        (
            fragment(None, "a", "x", "{"),
            fragment(None, arguments="}"),
            fragment(None, "b", "y", "{}"),
        ),
        # Every call has the index 0.
        (fragment(0, "a", "x", "{}"), fragment(0, "b", "y", "{}")),
        # The id is repeated in every fragment.
        (
            fragment(0, "a", "x", "{"),
            fragment(0, "a", arguments="}"),
            fragment(1, "b", "y", "{}"),
        ),
        # Arguments come as an object.
        (fragment(0, "a", "x", {}), fragment(1, "b", "y", {})),
        # The indexes have holes.
        (fragment(3, "a", "x", "{}"), fragment(7, "b", "y", "{}")),
        # Arguments come before the name.
        (
            fragment(0, "a", arguments="{"),
            fragment(0, name="x", arguments="}"),
            fragment(1, "b", "y", "{}"),
        ),
    ],
)
def test_two_calls_are_two_calls_however_a_server_numbers_them(chunks: tuple[Any, ...]) -> None:
    """The events agree with the answer."""
    told = pieces(*chunks, delta("tool_calls"), DONE)
    starts = [one for one in told if isinstance(one, ToolCallStart)]
    assert [(one.index, one.id, one.name) for one in starts] == [(0, "a", "x"), (1, "b", "y")]
    last = told[-1]
    assert isinstance(last, AnswerComplete)
    assert [(call.name, call.arguments) for call in last.answer.tool_calls] == [
        ("x", {}),
        ("y", {}),
    ]
    written = [one.arguments for one in told if isinstance(one, ToolCallDelta) and one.index == 0]
    assert "".join(written) == "{}"


def test_a_call_without_an_id_gets_one_and_one_without_a_name_is_none() -> None:
    """So that its answer can be sent back; nothing is asked for by a nameless call."""
    answer = whole(fragment(0, None, "x", "{}"), fragment(1, "b"), delta("tool_calls"), DONE)
    assert [(call.id, call.name) for call in answer.tool_calls] == [("call_0", "x")]


def test_only_the_first_of_several_answers_counts() -> None:
    """With `n` above one, the others are let pass."""
    second = {"choices": [{"index": 1, "delta": {"content": "No"}, "finish_reason": "stop"}]}
    assert whole(delta(content="Yes"), second, delta("stop"), DONE).text == "Yes"


def test_a_stream_without_its_marker_is_whole_once_the_model_has_finished() -> None:
    """Some servers never send `[DONE]`; the usage may then be missing."""
    answer = whole(delta(content="Hi"), delta("eos_token"))
    assert (answer.text, answer.finish.raw) == ("Hi", "eos_token")
    assert answer.usage.input_tokens is None


def test_a_stream_without_a_finish_word_is_whole_at_its_marker() -> None:
    """The server says that this was all."""
    answer = whole(delta(content="Hi"), DONE)
    assert (answer.finish.unified, answer.finish.raw) == ("stop", None)


def test_what_comes_after_the_marker_is_ignored() -> None:
    """There is one answer to a stream."""
    told = pieces(delta("stop", content="Hi"), DONE, delta(content="more"), DONE)
    assert [one.kind for one in told] == ["text-delta", "answer-complete"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b": keep-alive\n\n",
        body(delta(content="Hel")),
        body(delta(content="Hel")) + b'data: {"id": "c1", "choices": [{"ind',
        body(delta(content="Hel")) + b"data: [DON",
    ],
)
def test_a_stream_that_is_cut_is_never_an_answer(content: bytes) -> None:
    """Even if what came so far looks complete: the model had not finished."""
    with pytest.raises(NetworkFailed) as caught:
        streamed(ChatDecoder(Quirks(), HttpResponse(200)), content)
    assert (caught.value.accepted, caught.value.retryable) == ("unknown", True)


def test_a_marker_without_anything_before_it_is_no_answer() -> None:
    """Nothing was said and nothing finished."""
    with pytest.raises(UnreadableResponse):
        pieces({"choices": []}, DONE)


@pytest.mark.parametrize(
    ("chunk", "error"),
    [
        ({"error": {"message": "slow", "code": "rate_limit_exceeded"}}, RateLimited),
        ({"error": {"code": 502, "message": "gone"}, "choices": []}, ProviderUnavailable),
        ({"error": {"type": "server_error", "message": "oops"}}, ProviderUnavailable),
        ({"error": "out of memory"}, ProviderError),
        (delta("error", content=""), ProviderUnavailable),
        ({"choices": [{"index": 0, "error": {"code": 429, "message": "x"}}]}, RateLimited),
    ],
)
def test_a_failure_in_the_middle_ends_the_stream(
    chunk: dict[str, Any], error: type[GenerationError]
) -> None:
    """What came before it has been passed on."""
    decoder = ChatDecoder(Quirks(), HttpResponse(200, b"", {"x-request-id": "req_3"}))
    first = ServerEvent(json.dumps(delta(content="Hel")))
    assert list(decoder.feed(first)) == [TextDelta(text="Hel")]
    with pytest.raises(error):
        list(decoder.feed(ServerEvent(json.dumps(chunk))))


@pytest.mark.parametrize("data", ["{", "3", "<html>", '{"choices": 5}', '{"choices": [[]]}'])
def test_an_event_that_is_no_chunk_is_unreadable(data: str) -> None:
    """A complete event that nobody understands is ours to mend."""
    decoder = ChatDecoder(Quirks(), HttpResponse(200))
    with pytest.raises(UnreadableResponse):
        list(decoder.feed(ServerEvent(data)))


def test_unknown_fields_and_blank_events_do_not_disturb() -> None:
    """Gateways add fields; some send events without data."""
    odd = {**delta(content="Hi"), "obfuscation": "x", "provider": {"a": 1}}
    assert whole("", odd, delta("stop"), DONE).text == "Hi"


def test_a_refusal_is_gathered_and_not_passed_off_as_words() -> None:
    """The text stays empty."""
    told = pieces(delta(refusal="I can't "), delta(refusal="help."), delta("stop"), DONE)
    (last,) = told
    assert isinstance(last, AnswerComplete)
    assert (last.answer.text, last.answer.refusal) == ("", "I can't help.")
    assert last.answer.finish.unified == "content_filter"


def test_a_spoken_stream_gives_its_words_and_says_that_the_sound_is_lost() -> None:
    """Never quietly."""
    answer = whole(
        delta(audio={"id": "a", "transcript": "Hi"}),
        delta(audio={"data": "AAAA"}),
        delta("stop"),
        DONE,
    )
    assert answer.text == "Hi"
    assert [notice.code for notice in answer.warnings] == ["provider-note"]
