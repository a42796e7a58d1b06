"""Speech: what is sent, and what an answer means."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    GenerationError,
    NetworkFailed,
    ProviderError,
    ProviderUnavailable,
    UnreadableResponse,
)
from anymedia.contracts.media import InlineArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.providers.catalog import catalogued
from anymedia.providers.dialects.openai import speech
from anymedia.providers.dialects.openai.compatible import SPEECH
from anymedia.providers.dialects.openai.errors import explain
from anymedia.providers.dialects.openai.speech import SpeechQuirks
from anymedia.providers.spec import Brief
from anymedia.testing.samples import mp3, wav
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

MODELS = {model.id: model for model in catalogued("openai")}


def asked(**fields: Any) -> SpeechRequest:
    """A request; a plain one unless more is said."""
    return SpeechRequest.model_validate({"model": "tts-1", "text": "Good morning."} | fields)


def exchanged(
    request: SpeechRequest,
    content: bytes = b"ID3",
    media_type: str = "audio/mpeg",
    quirks: SpeechQuirks | None = None,
) -> tuple[HttpRequest, MediaAnswer]:
    """What goes out for a request, and what this answer is read as."""
    sent, answer = replay(
        speech.exchange(request, Brief(model=MODELS.get(request.model or "")), quirks or OPENAI),
        HttpResponse(200, content, {"content-type": media_type, "x-request-id": "req_1"}),
        explain=explain,
    )
    return sent[0], answer


OPENAI = SpeechQuirks()


def sound(answer: MediaAnswer) -> InlineArtifact:
    """The one artifact."""
    (artifact,) = answer.artifacts
    assert isinstance(artifact, InlineArtifact)
    return artifact


def events(*told: dict[str, Any]) -> bytes:
    """A spoken stream's bytes."""
    return b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in told)


def test_a_plain_text_is_read_by_the_usual_voice() -> None:
    """OpenAI cannot do without a voice; servers have their own."""
    sent, answer = exchanged(asked())
    assert (sent.method, sent.path) == ("POST", "/audio/speech")
    assert sent.json == {"model": "tts-1", "input": "Good morning.", "voice": "alloy"}
    assert sound(answer).media_type == "audio/mpeg"
    assert answer.request_id == "req_1"
    server, _ = exchanged(asked(), quirks=SPEECH)
    assert server.json == {"model": "tts-1", "input": "Good morning."}


def test_every_wish_has_its_name() -> None:
    """A voice of one's own goes by its id; options come last."""
    sent, _ = exchanged(
        asked(
            model="gpt-4o-mini-tts",
            voice="voice_abc",
            instructions="Whisper.",
            format="wav",
            speed=1.5,
            options={"stream_format": "audio"},
        )
    )
    assert sent.json == {
        "model": "gpt-4o-mini-tts",
        "input": "Good morning.",
        "voice": {"id": "voice_abc"},
        "instructions": "Whisper.",
        "response_format": "wav",
        "speed": 1.5,
        "stream_format": "audio",
    }


def test_models_that_bill_tokens_are_asked_to_tell_them() -> None:
    """As their sheets say; plain sound has no usage."""
    assert exchanged(asked(model="gpt-4o-mini-tts"))[0].json["stream_format"] == "sse"
    assert "stream_format" not in exchanged(asked(model="tts-1-hd"))[0].json


@pytest.mark.parametrize(
    ("form", "content", "media_type"),
    [
        (None, mp3(0.1), "audio/mpeg"),
        ("wav", wav(0.1), "audio/wav"),
        ("flac", b"fLaC....", "audio/flac"),
        ("opus", b"OggS....", "audio/ogg"),
        ("pcm", b"\x01\x02", "audio/pcm"),
        ("aac", b"\x00\x01", "audio/aac"),
        # The server did not keep to the format: the bytes say so.
        ("mp3", wav(0.1), "audio/wav"),
    ],
)
def test_sound_has_the_type_that_it_is(form: str | None, content: bytes, media_type: str) -> None:
    """By its bytes, else as asked."""
    _, answer = exchanged(asked(format=form), content, "application/octet-stream")
    assert sound(answer).media_type == media_type
    assert sound(answer).data == content


def test_raw_samples_come_with_their_rate() -> None:
    """Their bytes cannot say it."""
    _, answer = exchanged(asked(format="pcm"), b"\0\0", "audio/pcm")
    assert sound(answer).metadata == {
        "sample_rate": 24000,
        "sample_format": "s16le",
        "channels": 1,
    }


def test_characters_are_counted_by_us() -> None:
    """The answer says nothing of what it consumed."""
    usage = exchanged(asked())[1].usage
    assert (usage.characters, usage.estimated) == (13, True)


def test_a_spoken_stream_is_put_together_with_its_usage() -> None:
    """Each piece is base64 of its own."""
    halves = [base64.b64encode(piece).decode() for piece in (b"ID3ab", b"c")]
    content = events(
        {"type": "speech.audio.delta", "audio": halves[0]},
        {"type": "speech.audio.new_kind"},
        {"type": "speech.audio.delta", "audio": halves[1]},
        {"type": "speech.audio.done", "usage": {"input_tokens": 6, "output_tokens": 40}},
    )
    _, answer = exchanged(asked(), content, "text/event-stream; charset=utf-8")
    assert sound(answer).data == b"ID3abc"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (6, 40)
    assert answer.usage.estimated is False


AUDIO = {"type": "speech.audio.delta", "audio": "SUQz"}


@pytest.mark.parametrize(
    ("content", "media_type", "error"),
    [
        (b"", "audio/mpeg", UnreadableResponse),
        (b"<html>", "text/html", UnreadableResponse),
        (b'{"error": {"message": "x", "code": 503}}', "application/json", ProviderUnavailable),
        (b'{"error": "busy"}', "application/problem+json", ProviderError),
        (b"{", "application/json", UnreadableResponse),
        (events(AUDIO), "text/event-stream", NetworkFailed),
        (events(AUDIO) + b"data: {", "text/event-stream", NetworkFailed),
        (events({"error": {"code": 502}}), "text/event-stream", ProviderUnavailable),
        (events({"type": "speech.audio.done"}), "text/event-stream", UnreadableResponse),
        (events(AUDIO | {"audio": "!"}), "text/event-stream", UnreadableResponse),
    ],
)
def test_a_200_without_sound_is_the_right_failure(
    content: bytes, media_type: str, error: type[GenerationError]
) -> None:
    """None of them may be sent again: it may have been paid for."""
    with pytest.raises(error) as caught:
        exchanged(asked(), content, media_type)
    assert caught.value.accepted != "no"
