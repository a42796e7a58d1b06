"""Recorded answers of Hugging Face, read by its adapter, streams torn anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from tests.providers.openai.test_recordings import KINDS, requested, says_as_expected
from tests.support.recordings import TORN, Recording, cases, streamed

from anymedia.contracts.event import AnswerComplete
from anymedia.providers.adapters.huggingface import HUGGINGFACE
from anymedia.providers.spec import Brief, Call, Stream
from anymedia.wire.exchange import replay

OTHER_WORK = {"/hf-inference/": "an older form of the same, or of other tasks"}


@pytest.mark.parametrize("recording", cases("huggingface"))
def test_a_recorded_answer_is_read_as_expected(recording: Recording) -> None:
    """Whole answers, failures and streams each come out as an independent reading says."""
    for part, reason in OTHER_WORK.items():
        if part in recording.path:
            pytest.skip(reason)
    match recording.expect["outcome"]:
        case "ok" if recording.streaming:
            streams_as_expected(recording)
        case "ok":
            answers_as_expected(recording)
        case _:
            fails_as_expected(recording)


def answers_as_expected(recording: Recording) -> None:
    """A whole answer."""
    request: Any = requested(recording)
    operation = HUGGINGFACE.operation(request.medium, Call)
    assert isinstance(operation, Call)
    sent, answer = replay(
        operation.exchange(request, Brief()), recording.response, explain=HUGGINGFACE.explain
    )
    assert recording.path.endswith(sent[0].path)
    says_as_expected(answer, recording.expect)


def streams_as_expected(recording: Recording) -> None:
    """A stream, torn in different places, and whole in the end."""
    stream = HUGGINGFACE.operation("text", Stream)
    assert isinstance(stream, Stream)
    request = requested(recording)
    for size in TORN:
        decoder = stream.decoder(request, Brief(), recording.head())
        pieces = streamed(decoder, recording.response.content, size)
        last = pieces[-1]
        assert isinstance(last, AnswerComplete)
        says_as_expected(last.answer, recording.expect)


def fails_as_expected(recording: Recording) -> None:
    """A failed response."""
    expected = recording.expect["error"]
    error = HUGGINGFACE.explain(recording.response)
    assert isinstance(error, tuple(KINDS[name] for name in expected["class_ok"])), error
    assert error.retryable is expected["retryable"]
    assert error.http_status == expected["http_status"]
    assert expected["message_contains"].strip("[']")[:60] in error.message
