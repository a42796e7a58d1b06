"""Recorded answers of services that speak OpenAI's language, streams torn anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from tests.providers.openai.test_recordings import KINDS, requested, says_as_expected
from tests.support.recordings import TORN, Recording, cases, streamed

from anymedia.contracts.errors import ModelUnavailable
from anymedia.contracts.event import AnswerComplete
from anymedia.contracts.image import ImageRequest
from anymedia.providers import registry
from anymedia.providers.spec import Brief, Call, Provider, Stream
from anymedia.wire.exchange import replay

OTHER_WORK = {
    ("deepseek", "/responses"): "chat is used there",
    ("openrouter", "/responses"): "chat is used there",
    ("mistral", "/ocr"): "reading pages is not part of the contract",
    ("huggingface", "/hf-inference/"): "an older form of the same, or of other tasks",
}


@pytest.mark.parametrize("recording", cases("deepseek", "huggingface", "mistral", "openrouter"))
def test_a_recorded_answer_is_read_as_expected(recording: Recording) -> None:
    """Whole answers, failures and streams each come out as an independent reading says."""
    for (name, part), reason in OTHER_WORK.items():
        if recording.provider == name and part in recording.path:
            pytest.skip(reason)
    provider = registry.provider(recording.provider)
    match recording.expect["outcome"]:
        case "ok" if recording.streaming:
            streams_as_expected(provider, recording)
        case "ok":
            answers_as_expected(provider, recording)
        case _:
            fails_as_expected(provider, recording)


def answers_as_expected(provider: Provider, recording: Recording) -> None:
    """A whole answer."""
    images = recording.path.endswith("/images")
    request: Any = ImageRequest(model="m", prompt="a") if images else requested(recording)
    operation = provider.operation(request.medium, Call)
    assert isinstance(operation, Call)
    sent, answer = replay(
        operation.exchange(request, Brief()), recording.response, explain=provider.explain
    )
    assert recording.path.endswith(sent[0].path)
    says_as_expected(answer, recording.expect)


def streams_as_expected(provider: Provider, recording: Recording) -> None:
    """A stream, torn in different places, and whole in the end."""
    stream = provider.operation("text", Stream)
    assert isinstance(stream, Stream)
    request = requested(recording)
    for size in TORN:
        decoder = stream.decoder(request, Brief(), recording.head())
        pieces = streamed(decoder, recording.response.content, size)
        last = pieces[-1]
        assert isinstance(last, AnswerComplete)
        says_as_expected(last.answer, recording.expect)


def fails_as_expected(provider: Provider, recording: Recording) -> None:
    """A failed response."""
    expected = recording.expect["error"]
    error = provider.explain(recording.response)
    kinds = [KINDS[name] for name in expected["class_ok"]]
    if "supported API model names" in error.message:
        kinds.append(ModelUnavailable)  # the reading knows no finer kind for a wrong model
    assert isinstance(error, tuple(kinds)), error
    assert error.retryable is expected["retryable"]
    assert error.http_status == expected["http_status"]
    assert expected["message_contains"].strip("[']")[:60] in error.message
