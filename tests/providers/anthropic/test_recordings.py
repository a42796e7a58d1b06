"""Recorded answers of Anthropic, read by this adapter."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.recordings import TORN, Recording, agrees, cases, parts, recordings, streamed

from anymedia.contracts.errors import GenerationError, ModelUnavailable, RequestRejected
from anymedia.contracts.event import AnswerComplete, ToolCallDelta, ToolCallEnd, ToolCallStart
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.adapters.anthropic import ANTHROPIC
from anymedia.providers.dialects.openai.chat import understood
from anymedia.providers.spec import Brief, Call, Stream
from anymedia.wire.exchange import replay

KINDS: dict[str, type[GenerationError]] = {
    "invalid_request": RequestRejected,
    "context_length": RequestRejected,
    "not_found": ModelUnavailable,
}
REQUEST = TextRequest(model="any", prompt="Hello", max_output_tokens=4096)
TOOL = "tool-no-args-stream"
NAMES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cached_input_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}


@pytest.mark.parametrize("recording", cases("anthropic"))
def test_a_recorded_answer_is_read_as_expected(recording: Recording) -> None:
    """Whole answers, failures and streams each come out as an independent reading says."""
    if "/batches" in recording.path:
        pytest.skip("batches are not part of the contract")
    match recording.expect["outcome"]:
        case "ok" if recording.streaming:
            streams_as_expected(recording)
        case "ok":
            answers_as_expected(recording)
        case _:
            fails_as_expected(recording)


def answers_as_expected(recording: Recording) -> None:
    """A whole answer."""
    operation = ANTHROPIC.operation("text", Call)
    assert isinstance(operation, Call)
    _, answer = replay(
        operation.exchange(REQUEST, Brief()), recording.response, explain=ANTHROPIC.explain
    )
    assert isinstance(answer, TextAnswer)
    says_as_expected(answer, recording.expect)


def streams_as_expected(recording: Recording) -> None:
    """A stream, torn in different places, and whole in the end."""
    stream = ANTHROPIC.operation("text", Stream)
    assert isinstance(stream, Stream)
    for size in TORN:
        decoder = stream.decoder(REQUEST, Brief(), recording.head())
        pieces = streamed(decoder, recording.response.content, size)
        last = pieces[-1]
        assert isinstance(last, AnswerComplete)
        assert [one for one in pieces if isinstance(one, AnswerComplete)] == [last]
        says_as_expected(last.answer, recording.expect)
        assert parts(pieces, "text-delta") == last.answer.text
        assert parts(pieces, "reasoning-delta") == (last.answer.reasoning or "")
        calls = last.answer.tool_calls
        begun = [one for one in pieces if isinstance(one, ToolCallStart)]
        assert [(one.id, one.name) for one in begun] == [(one.id, one.name) for one in calls]
        ended = [one.index for one in pieces if isinstance(one, ToolCallEnd)]
        assert ended == [one.index for one in begun]
        for index, call in enumerate(calls):
            written = [
                one.arguments
                for one in pieces
                if isinstance(one, ToolCallDelta) and one.index == index
            ]
            assert understood("".join(written)) == (call.arguments, None)


def test_a_recorded_stream_that_is_cut_anywhere_is_never_an_answer() -> None:
    """Whatever is missing of it, up to its close."""
    recording = next((one for one in recordings("anthropic") if one.name.endswith(TOOL)), None)
    if recording is None:
        pytest.skip("no recordings beside the repository")
    stream = ANTHROPIC.operation("text", Stream)
    assert isinstance(stream, Stream)
    content = recording.response.content.rstrip()
    for length in range(0, len(content) - len(b'data: {"type":"message_stop"}'), 97):
        decoder = stream.decoder(REQUEST, Brief(), recording.head())
        with pytest.raises(GenerationError) as caught:
            streamed(decoder, content[:length])
        assert caught.value.code == "NETWORK_ERROR"
        assert caught.value.accepted == "unknown"


@pytest.mark.parametrize("recording", cases("anthropic"))
def test_a_stream_and_a_long_answer_are_read_the_same(recording: Recording) -> None:
    """A whole answer that may be long is asked for as a stream."""
    if not recording.streaming:
        pytest.skip("this one was not streamed")
    operation = ANTHROPIC.operation("text", Call)
    assert isinstance(operation, Call)
    request = REQUEST.model_copy(update={"max_output_tokens": 64_000})
    sent, answer = replay(
        operation.exchange(request, Brief()), recording.response, explain=ANTHROPIC.explain
    )
    assert sent[0].json["stream"] is True
    assert isinstance(answer, TextAnswer)
    says_as_expected(answer, recording.expect)


def fails_as_expected(recording: Recording) -> None:
    """A failed response."""
    expected = recording.expect["error"]
    error = ANTHROPIC.explain(recording.response)
    accepted = tuple(KINDS[name] for name in expected["class_ok"])
    assert isinstance(error, accepted), f"{type(error).__name__}: {error}"
    assert error.retryable is expected["retryable"]
    assert error.http_status == expected["http_status"]
    assert expected["message_contains"] in error.message
    assert error.provider_code == expected["type"]
    assert error.request_id


def says_as_expected(answer: TextAnswer, expect: dict[str, Any]) -> None:
    """Everything that the recording's reading names; zero and unsaid are the same."""
    for name, field in NAMES.items():
        if name in expect["usage"]:
            assert (getattr(answer.usage, field) or 0) == expect["usage"][name], field
    assert answer.metadata["id"] == expect["id"]
    assert answer.model == expect["model"]
    assert agrees(answer.text, expect.get("text"))
    assert agrees(answer.reasoning, expect.get("reasoning"))
    assert answer.finish.raw == expect["finish"]["raw"]
    assert answer.finish.unified == expect["finish"]["norm"]
    assert [
        {"id": call.id, "name": call.name, "arguments": call.arguments}
        for call in answer.tool_calls
    ] == expect.get("tool_calls", [])
    kept = answer.provider_state.get("anthropic", {}).get("content", [])
    assert {block["type"] for block in kept} >= set(expect.get("server_blocks", ()))
