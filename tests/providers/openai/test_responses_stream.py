"""Responses as they come: named events, and a closing one with everything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.recordings import streamed

from anymedia.contracts.errors import (
    GenerationError,
    InsufficientCredits,
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
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.responses_stream import ResponsesDecoder
from anymedia.wire.http import HttpResponse
from anymedia.wire.sse import ServerEvent


def decoder(**fields: Any) -> ResponsesDecoder:
    """A decoder at the beginning of a stream."""
    request = TextRequest.model_validate({"model": "m", "prompt": "Hello", **fields})
    return ResponsesDecoder(request, Quirks(), HttpResponse(200, b"", {"x-request-id": "req_1"}))


def event(kind: str, **more: Any) -> bytes:
    """One event's bytes."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def closing(kind: str = "completed", **response: Any) -> bytes:
    """The event that closes a stream."""
    whole = {"id": "resp_1", "status": kind, "model": "m-1", **response}
    return event(f"response.{kind}", response=whole)


def pieces(*events: bytes) -> list[StreamPiece]:
    """What a stream of these events comes to."""
    return streamed(decoder(), b"".join(events))


def whole(*events: bytes) -> TextAnswer:
    """The answer at its end."""
    last = pieces(*events)[-1]
    assert isinstance(last, AnswerComplete)
    return last.answer


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "content": [{"type": "output_text", "text": "Red."}],
}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city":"Paris"}',
}


def test_words_and_thoughts_flow_and_the_answer_comes_last() -> None:
    """A second part of a summary begins on a new line, as in the whole answer."""
    summary = [{"text": "One."}, {"text": "Two."}]
    thought = {"type": "reasoning", "summary": summary, "encrypted_content": "gA"}
    told = pieces(
        event("response.created", response={"id": "resp_1", "status": "in_progress"}),
        event("response.reasoning_summary_part.added", summary_index=0),
        event("response.reasoning_summary_text.delta", delta="One."),
        event("response.reasoning_summary_part.added", summary_index=1),
        event("response.reasoning_summary_text.delta", delta="Two."),
        event("response.output_text.delta", output_index=1, delta="Re"),
        event("response.output_text.delta", output_index=1, delta="d."),
        event("response.a_new_kind", delta={"odd": 1}, item=[3], code=[1]),
        closing(output=[thought, MESSAGE], usage={"input_tokens": 3, "output_tokens": 2}),
    )
    *fragments, last = told
    assert isinstance(last, AnswerComplete)
    assert [one.text for one in fragments if isinstance(one, TextDelta)] == ["Re", "d."]
    thoughts = [one.text for one in fragments if isinstance(one, ReasoningDelta)]
    assert "".join(thoughts) == last.answer.reasoning == "One.\n\nTwo."
    assert last.answer.text == "Red."
    assert last.answer.request_id == "req_1"
    assert last.answer.usage.input_tokens == 3
    assert last.answer.provider_state["openai"]["items"] == [thought, MESSAGE]


def test_tool_calls_come_in_fragments() -> None:
    """Numbered by us, whatever their place in the output."""
    other = CALL | {"id": "fc_2", "call_id": "call_2", "name": "time", "arguments": "{}"}
    told = pieces(
        event("response.output_item.added", output_index=0, item={"type": "reasoning"}),
        event("response.output_item.added", output_index=1, item=CALL | {"arguments": ""}),
        event("response.function_call_arguments.delta", output_index=1, delta='{"city"'),
        event("response.function_call_arguments.delta", output_index=1, delta=':"Paris"}'),
        event("response.function_call_arguments.done", output_index=1, arguments="..."),
        event("response.output_item.done", output_index=1, item=CALL),
        event("response.output_item.added", output_index=3, item=other | {"arguments": ""}),
        event("response.function_call_arguments.delta", output_index=9, delta="stray"),
        event("response.output_item.done", output_index=3, item=other),
        closing(output=[CALL, other]),
    )
    assert told[:-1] == [
        ToolCallStart(index=0, id="call_1", name="weather"),
        ToolCallDelta(index=0, arguments='{"city"'),
        ToolCallDelta(index=0, arguments=':"Paris"}'),
        ToolCallEnd(index=0),
        ToolCallStart(index=1, id="call_2", name="time"),
        ToolCallEnd(index=1),
    ]
    last = told[-1]
    assert isinstance(last, AnswerComplete)
    assert [call.id for call in last.answer.tool_calls] == ["call_1", "call_2"]


def test_a_closing_event_without_output_is_filled_from_the_items() -> None:
    """They were sent one by one; failing that, the words were."""
    done = event("response.output_item.done", output_index=0, item=MESSAGE)
    assert whole(done, closing(output=[])).text == "Red."
    said = event("response.output_text.delta", delta="Red.")
    assert whole(said, closing()).text == "Red."


def test_an_incomplete_answer_closes_too() -> None:
    """With its reason."""
    answer = whole(
        closing("incomplete", output=[MESSAGE], incomplete_details={"reason": "max_output_tokens"})
    )
    assert (answer.finish.unified, answer.finish.raw) == ("length", "max_output_tokens")


def test_what_the_api_lacks_is_warned_of_in_a_stream_too() -> None:
    """The same as in a whole answer."""
    last = streamed(decoder(seed=7), closing(output=[MESSAGE]))[-1]
    assert isinstance(last, AnswerComplete)
    assert [notice.option for notice in last.answer.warnings] == ["seed"]


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        (event("error", error={"code": "insufficient_quota", "message": "x"}), InsufficientCredits),
        (event("error", code="rate_limit_exceeded", message="x", param=None), RateLimited),
        (event("error", message="something", code=None), ProviderError),
        (closing("failed", error={"code": "server_error", "message": "x"}), ProviderUnavailable),
        (closing("failed", error=None), ProviderError),
        (b'data: {"error": {"message": "gateway", "code": 502}}\n\n', ProviderUnavailable),
        (event("response.completed"), UnreadableResponse),
        (event("response.completed", response=None), UnreadableResponse),
        (event("response.completed", response=[]), UnreadableResponse),
        (b"data: {\n\n", UnreadableResponse),
        (b"data: 5\n\n", UnreadableResponse),
    ],
)
def test_a_failure_in_the_middle_ends_the_stream(
    failing: bytes, error: type[GenerationError]
) -> None:
    """Nested and flat, and at the close."""
    with pytest.raises(error) as caught:
        pieces(event("response.output_text.delta", delta="Hel"), failing)
    assert not isinstance(caught.value, NetworkFailed)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        event("response.output_text.delta", delta="Hel"),
        event("response.output_item.done", output_index=0, item=MESSAGE),
        closing(output=[MESSAGE])[:-40],
        b"data: [DONE]\n\n",
    ],
)
def test_a_stream_that_is_cut_is_never_an_answer(content: bytes) -> None:
    """Only the closing event makes it one."""
    with pytest.raises(NetworkFailed) as caught:
        streamed(decoder(), content)
    assert (caught.value.accepted, caught.value.request_id) == ("unknown", "req_1")


def test_the_kind_may_stand_in_the_event_name_alone() -> None:
    """Some servers do not repeat it in the data."""
    told = decoder().feed(ServerEvent('{"delta": "Hi"}', name="response.output_text.delta"))
    assert list(told) == [TextDelta(text="Hi")]


def test_what_comes_after_the_close_is_ignored() -> None:
    """There is one answer to a stream."""
    told = pieces(closing(output=[MESSAGE]), closing(output=[MESSAGE]), b"data: {\n\n")
    assert [type(one) for one in told] == [AnswerComplete]
