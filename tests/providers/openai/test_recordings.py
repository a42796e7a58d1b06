"""Recorded answers of OpenAI, and of others that speak like it, read by this dialect."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.recordings import TORN, Recording, agrees, cases, parts, streamed

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.event import AnswerComplete, ToolCallDelta, ToolCallEnd, ToolCallStart
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, MediaBytes
from anymedia.contracts.result import Answer, MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.openai import OPENAI
from anymedia.providers.dialects.openai import text
from anymedia.providers.dialects.openai.compatible import compatible
from anymedia.providers.dialects.openai.errors import SERVER_ERRORS
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.spec import Brief, Call, Provider, Stream
from anymedia.wire.exchange import replay

KINDS: dict[str, type[GenerationError]] = {
    "invalid_request": RequestRejected,
    "not_found": ModelUnavailable,
    "auth": AuthenticationFailed,
    "permission": AuthenticationFailed,
    "quota": InsufficientCredits,
    "rate_limit": RateLimited,
    "content_filter": ContentRefused,
    "timeout": ProviderTimeout,
    "server": ProviderUnavailable,
    "overloaded": ProviderUnavailable,
    "unavailable": ProviderUnavailable,
}
OTHER_WORK = {
    "/batches": "batches are not part of the contract",
    "/files": "file uploads are not part of the contract",
    "/moderations": "moderation is not part of the contract",
    "/input_tokens": "counting tokens is not part of the contract",
    "/ocr": "reading pages is not in this dialect",
    "/api/v1/images": "a form of its own, for its own adapter",
}
OWN_FORM = {
    "openai/audio-transcription-diarize-stream": "transcription is not streamed",
    "mistral/audio-speech-voxtral-mini-tts": "wraps its sound in JSON, for its own adapter",
}
COSTING = Quirks(errors=SERVER_ERRORS, reports_cost=True)
"""As OpenRouter's: what is recorded through it says what it cost."""


def speaker(recording: Recording) -> Provider:
    """The provider whose dialect the recording is in."""
    return OPENAI if recording.provider == "openai" else compatible(recording.provider, "")


def skip_other_work(recording: Recording) -> None:
    """Skip what this dialect does not do, and say why."""
    for ending, reason in OTHER_WORK.items():
        if recording.path.endswith(ending):
            pytest.skip(reason)
    if recording.name in OWN_FORM:
        pytest.skip(OWN_FORM[recording.name])


def requested(recording: Recording) -> Any:
    """A request of the kind that the recording answers."""
    path = recording.path
    if "/images/" in path:
        return ImageRequest(model="any", prompt="a fox")
    if path.endswith("/audio/speech"):
        return SpeechRequest(model="any", text="Good morning.")
    if path.endswith("/audio/transcriptions"):
        return TranscriptionRequest(model="any", audio=MediaBytes(data=b"RIFF"))
    if path.endswith("/embeddings"):
        return EmbeddingRequest(model="any", inputs=("Ruby",))
    api = "responses" if path.endswith("/responses") else "chat"
    return TextRequest.model_validate({"model": "any", "prompt": "Hello", "options": {"api": api}})


@pytest.mark.parametrize(
    "recording",
    cases("openai", "azure-openai", "deepseek", "mistral", "openrouter", "huggingface"),
)
def test_a_recorded_answer_is_read_as_expected(recording: Recording) -> None:
    """Whole answers, failures and streams each come out as an independent reading says."""
    skip_other_work(recording)
    match recording.expect["outcome"]:
        case "ok" if recording.streaming:
            streams_as_expected(recording)
        case "ok":
            answers_as_expected(recording)
        case "stream_error":
            breaks_off_as_expected(recording)
        case _:
            fails_as_expected(recording)


def answers_as_expected(recording: Recording) -> None:
    """A whole answer."""
    request = requested(recording)
    operation = speaker(recording).operation(request.medium, Call)
    assert isinstance(operation, Call)
    if isinstance(request, TextRequest):
        operation = text.operations(COSTING)[0]
    _, answer = replay(
        operation.exchange(request, Brief()), recording.response, explain=OPENAI.explain
    )
    says_as_expected(answer, recording.expect)


def streams_as_expected(recording: Recording) -> None:
    """A stream, torn in different places, and whole in the end."""
    _, stream = text.operations(COSTING)
    request = requested(recording)
    for size in TORN:
        decoder = stream.decoder(request, Brief(), recording.head())
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
        written = [one for one in pieces if isinstance(one, ToolCallDelta)]
        assert {one.index for one in written} <= set(ended)


def breaks_off_as_expected(recording: Recording) -> None:
    """A stream that says in its middle why it cannot go on."""
    stream = OPENAI.operation("text", Stream)
    assert isinstance(stream, Stream)
    for size in TORN:
        decoder = stream.decoder(requested(recording), Brief(), recording.head())
        with pytest.raises(InsufficientCredits) as caught:
            streamed(decoder, recording.response.content, size)
        assert caught.value.provider_code == recording.expect["stream_error"]["code"]


def fails_as_expected(recording: Recording) -> None:
    """A failed response."""
    expected = recording.expect["error"]
    error = speaker(recording).explain(recording.response)
    accepted = tuple(KINDS[name] for name in expected["class_ok"])
    assert isinstance(error, accepted), f"{type(error).__name__}: {error}"
    assert error.retryable is expected["retryable"]
    assert error.http_status == expected["http_status"]
    assert expected["message_contains"].strip("[']")[:60] in error.message
    if "code" in expected:
        assert error.provider_code == str(expected["code"])


def says_as_expected(answer: Answer, expect: dict[str, Any]) -> None:
    """Everything that the recording's reading names."""
    counts_as_expected(answer.usage, expect.get("usage", {}))
    if "cost" in expect.get("usage", {}):
        assert float(answer.reported_cost or 0) == pytest.approx(expect["usage"]["cost"])
    if expect.get("id"):
        assert answer.metadata["id"] == expect["id"]
    if "model" in expect:
        assert answer.model == expect["model"]
    match answer:
        case TextAnswer():
            spoken = expect.get("audio", {}).get("transcript")
            assert agrees(answer.text, expect.get("text") or spoken)
            assert agrees(answer.reasoning, expect.get("reasoning"))
            assert answer.finish.raw == expect["finish"]["raw"]
            assert answer.finish.unified == expect["finish"]["norm"]
            assert [
                {"id": call.id, "name": call.name, "arguments": call.arguments}
                for call in answer.tool_calls
            ] == expect.get("tool_calls", [])
        case TranscriptAnswer():
            assert agrees(answer.text, expect["text"])
            assert answer.duration_seconds == expect.get("duration")
            assert len(answer.segments) == expect.get("segments", 0)
        case MediaAnswer():
            inline = [one for one in answer.artifacts if isinstance(one, InlineArtifact)]
            assert len(inline) == len(expect["artifacts"])
            for artifact, expected in zip(inline, expect["artifacts"], strict=True):
                assert artifact.metadata.get("revised_prompt") == expected.get("revised_prompt")
                assert len(artifact.data) == expected.get("bytes", len(artifact.data))
        case _:
            embeddings = getattr(answer, "embeddings", ())
            assert len(embeddings) == expect["embeddings"]
            assert {len(one) for one in embeddings} == {expect["dimensions"]}


NAMES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cached_input_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
    "audio_input": "input_audio_tokens",
    "audio_output": "output_audio_tokens",
    "seconds": "seconds",
}


def counts_as_expected(usage: Usage, expected: dict[str, Any]) -> None:
    """Every count that the recording's reading names; zero and unsaid are the same."""
    for name, field in NAMES.items():
        if name in expected:
            assert (getattr(usage, field) or 0) == expected[name], field
