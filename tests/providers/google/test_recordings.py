"""Recorded answers of both of Google's surfaces, read by this dialect."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.recordings import TORN, Recording, agrees, cases, parts, recordings, streamed

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    ModelUnavailable,
    NetworkFailed,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.event import AnswerComplete, ToolCallDelta, ToolCallEnd, ToolCallStart
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Running, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, RemoteArtifact
from anymedia.contracts.model import Model
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.google import GOOGLE
from anymedia.providers.adapters.vertex import VERTEX
from anymedia.providers.catalog import catalogued
from anymedia.providers.dialects.google import veo
from anymedia.providers.dialects.google.veo import Operation
from anymedia.providers.dialects.openai.chat import understood
from anymedia.providers.spec import Brief, Call, Job, Provider, Stream
from anymedia.wire.exchange import replay

PROVIDERS = {"google": GOOGLE, "vertex": VERTEX}
KINDS: dict[str, type[GenerationError]] = {
    "auth": AuthenticationFailed,
    "permission": AuthenticationFailed,
    "invalid_request": RequestRejected,
    "not_found": ModelUnavailable,
    "rate_limit": RateLimited,
}
OTHER_WORK = {
    "/cachedContents": "caches are not part of the contract",
    "countTokens": "counting tokens is not part of the contract",
    "/openai/": "this is OpenAI's dialect, which has tests of its own",
    "/files/": "downloads are the engine's",
}
NAMES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cached_input_tokens",
    "reasoning": "reasoning_tokens",
}
REQUEST = TextRequest(model="any", prompt="Hello")
SOUND = MediaBytes(data=b"RIFF", media_type="audio/wav")


def sheet(provider: str, medium: str, api: str) -> Model:
    """A model that is served by a method of its own."""
    listed = (one for one in catalogued(provider) if one.medium == medium)
    return next(one for one in listed if one.settings.get("api") == api)


@pytest.mark.parametrize("recording", cases("google", "vertex"))
def test_a_recorded_answer_is_read_as_expected(recording: Recording) -> None:
    """Whole answers, media, failures, jobs and streams come out as an independent reading says."""
    provider = PROVIDERS[recording.provider]
    if (recording.expect or {}).get("outcome") == "error":
        return fails_as_expected(provider, recording)
    for path, reason in OTHER_WORK.items():
        if path in recording.path:
            pytest.skip(reason)
    if "predict" in recording.path or "/operations/" in recording.path:
        return predicts_as_expected(recording)
    if recording.streaming:
        return streams_as_expected(provider, recording)
    if "artifacts" in recording.expect:
        return makes_as_expected(provider, recording)
    if "transcription" in recording.name:
        return hears_as_expected(provider, recording)
    return answers_as_expected(provider, recording)


def exchanged(provider: Provider, request: Any, recording: Recording, brief: Brief) -> Any:
    """What a call makes of the recorded answer."""
    operation = provider.operation(request.medium, Call)
    assert isinstance(operation, Call)
    _, answer = replay(
        operation.exchange(request, brief), recording.response, explain=provider.explain
    )
    return answer


def answers_as_expected(provider: Provider, recording: Recording) -> None:
    """A whole answer."""
    answer = exchanged(provider, REQUEST, recording, Brief())
    assert isinstance(answer, TextAnswer)
    says_as_expected(answer, recording.expect)


def makes_as_expected(provider: Provider, recording: Recording) -> None:
    """A picture, or speech that becomes a file."""
    spoken = "tts" in recording.name
    request = SpeechRequest(model="any", text="Hi") if spoken else ImageRequest(prompt="a cat")
    answer = exchanged(provider, request, recording, Brief())
    assert isinstance(answer, MediaAnswer)
    expected = recording.expect["artifacts"]
    assert len(answer.artifacts) == len(expected)
    for made, wanted in zip(answer.artifacts, expected, strict=True):
        assert isinstance(made, InlineArtifact)
        assert made.media_type == ("audio/wav" if spoken else wanted["mime"])
        assert not spoken or (made.data[:4], made.data[8:12]) == (b"RIFF", b"WAVE")
    counts_as_expected(answer.usage, recording.expect)
    assert answer.request_id == recording.expect["id"]
    assert answer.model == recording.expect["model"]


def hears_as_expected(provider: Provider, recording: Recording) -> None:
    """A transcript."""
    request = TranscriptionRequest(model="any", audio=SOUND)
    answer = exchanged(provider, request, recording, Brief())
    assert isinstance(answer, TranscriptAnswer)
    assert agrees(answer.text, recording.expect["text"])
    counts_as_expected(answer.usage, recording.expect)


def predicts_as_expected(recording: Recording) -> None:
    """Imagen's pictures, and Veo's operations, which start, run and end."""
    expected = recording.expect
    if recording.path.endswith(":predict"):
        brief = Brief(model=sheet("vertex", "image", "predict"))
        answer = exchanged(VERTEX, ImageRequest(prompt="a dot"), recording, brief)
        mimes = [one.media_type for one in answer.artifacts]
        assert mimes == [one["mime"] for one in expected["artifacts"]]
        assert answer.usage.images == len(mimes)
        return
    if recording.path.endswith(":predictLongRunning"):
        operation = VERTEX.operation("video", Job)
        assert isinstance(operation, Job)
        brief = Brief(model=sheet("vertex", "video", "veo"))
        submitting = operation.submit(VideoRequest(prompt="a dog"), brief)
        _, submitted = replay(submitting, recording.response, explain=VERTEX.explain)
        assert submitted.handle == expected["job"]["id"]
        return
    state = veo.state(recording.response.read(Operation))
    if expected["job"]["state"] == "running":
        assert state == Running()
        return
    assert isinstance(state, Succeeded)
    urls = [one.url for one in state.artifacts if isinstance(one, RemoteArtifact)]
    assert urls == [one["url"] for one in expected["artifacts"]]


def streams_as_expected(provider: Provider, recording: Recording) -> None:
    """A stream, torn in different places, and whole in the end."""
    stream = provider.operation("text", Stream)
    assert isinstance(stream, Stream)
    for size in TORN:
        decoder = stream.decoder(REQUEST, Brief(), recording.head())
        pieces = streamed(decoder, recording.response.content, size)
        last = pieces[-1]
        assert isinstance(last, AnswerComplete)
        says_as_expected(last.answer, recording.expect)
        assert parts(pieces, "text-delta") == last.answer.text
        assert parts(pieces, "reasoning-delta") == (last.answer.reasoning or "")
        calls = last.answer.tool_calls
        begun = [one for one in pieces if isinstance(one, ToolCallStart)]
        assert [(one.id, one.name) for one in begun] == [(one.id, one.name) for one in calls]
        ended = [one.index for one in pieces if isinstance(one, ToolCallEnd)]
        assert ended == list(range(len(calls)))
        for index, call in enumerate(calls):
            written = "".join(
                one.arguments
                for one in pieces
                if isinstance(one, ToolCallDelta) and one.index == index
            )
            assert understood(written) == (call.arguments, None)


@pytest.mark.parametrize("name", ["vercel-issue-10781-stream", "vercel-gemma-4-usage-stream"])
def test_a_recorded_stream_that_is_cut_anywhere_is_never_an_answer(name: str) -> None:
    """Nothing marks the end but the finish reason, which stands in the last event."""
    found = next((one for one in recordings("google") if one.name.endswith(name)), None)
    if found is None:
        pytest.skip("no recordings beside the repository")
    stream = GOOGLE.operation("text", Stream)
    assert isinstance(stream, Stream)
    content = found.response.content.rstrip()
    whole = content.rindex(b"\n\ndata:")
    for length in range(0, whole + 40, 61):
        decoder = stream.decoder(REQUEST, Brief(), found.head())
        with pytest.raises(NetworkFailed) as caught:
            streamed(decoder, content[:length])
        assert caught.value.accepted == "unknown"


def fails_as_expected(provider: Provider, recording: Recording) -> None:
    """A failed response."""
    expected = recording.expect["error"]
    error = provider.explain(recording.response)
    accepted = tuple(KINDS[name] for name in expected["class_ok"] if name in KINDS)
    assert isinstance(error, accepted), f"{type(error).__name__}: {error}"
    assert error.retryable is expected["retryable"]
    assert error.http_status == expected["http_status"]
    assert expected["message_contains"] in error.message
    assert error.provider_code == expected["type"]
    if "retry_after_s" in expected:
        assert error.retry_after == expected["retry_after_s"]


def says_as_expected(answer: TextAnswer, expect: dict[str, Any]) -> None:
    """Everything that the recording's reading names."""
    counts_as_expected(answer.usage, expect)
    assert answer.request_id == expect["id"]
    assert answer.model == expect["model"]
    assert agrees(answer.text, expect.get("text"))
    assert agrees(answer.reasoning, expect.get("reasoning"))
    assert answer.finish.raw == expect["finish"]["raw"]
    assert answer.finish.unified == expect["finish"]["norm"]
    wanted = expect.get("tool_calls", [])
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        (call["name"], call["arguments"]) for call in wanted
    ]
    assert len({call.id for call in answer.tool_calls}) == len(wanted)
    for call, told in zip(answer.tool_calls, wanted, strict=True):
        assert call.id == told.get("id", call.id)


def counts_as_expected(usage: Usage, expect: dict[str, Any]) -> None:
    """Zero and unsaid are the same."""
    for name, field in NAMES.items():
        if name in expect["usage"]:
            assert (getattr(usage, field) or 0) == expect["usage"][name], field


def embeds(recording: Recording) -> None:
    """A vector's failure comes out of the call itself too."""
    exchanged(GOOGLE, EmbeddingRequest(model="any", inputs=("Hi",)), recording, Brief())


def test_a_recorded_failure_ends_the_call_it_answers() -> None:
    """An unknown model, asked for a vector."""
    found = next((one for one in recordings("google") if "embed-err404" in one.name), None)
    if found is None:
        pytest.skip("no recordings beside the repository")
    with pytest.raises(ModelUnavailable):
        embeds(found)
