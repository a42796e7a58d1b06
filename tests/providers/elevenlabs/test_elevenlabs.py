"""ElevenLabs, replayed: what is sent, what answers mean, and what failures stand for.

Written answers follow PyPI elevenlabs 2.78.0 and help.elevenlabs.io (read 2026-11-21).
"""

from __future__ import annotations

import base64
import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.support.recordings import Recording, cases

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.elevenlabs import ELEVENLABS
from anymedia.providers.spec import Brief, Call
from anymedia.testing.samples import mp3
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

SOUND = mp3(1)
HEADERS = {"content-type": "audio/mpeg", "character-cost": "12", "request-id": "r1"}
SPEECH = SpeechRequest(model="eleven_flash_v2_5", text="Hello there.")
EFFECT = AudioRequest(model="eleven_text_to_sound_v2", prompt="rain", kind="effect")
MUSIC = AudioRequest(model="music_v2", prompt="piano", duration_seconds=30, instrumental=True)
HEARD = TranscriptionRequest(
    model="scribe_v2", audio=MediaBytes(data=SOUND, media_type="audio/mpeg"), speakers=True
)
REQUESTS: tuple[Any, ...] = (SPEECH, EFFECT, MUSIC, HEARD)


def run(request: Any, response: HttpResponse) -> tuple[Any, Any]:
    """What went out and what it came to."""
    operation = ELEVENLABS.operation(request.medium)
    assert isinstance(operation, Call)
    sent, answer = replay(
        operation.exchange(request, Brief()), response, explain=ELEVENLABS.explain
    )
    return sent[0], answer


def said(status: int, detail: Any) -> HttpResponse:
    """A failure in their form."""
    return HttpResponse(status, json.dumps({"detail": detail}).encode())


def test_speech_goes_out_with_its_voice_in_the_path() -> None:
    """And comes back as sound, with the credits of the header."""
    request = SPEECH.model_copy(
        update={"voice": "a/b", "speed": 1.1, "language": "en-GB", "format": "pcm"}
    )
    sent, answer = run(request, HttpResponse(200, SOUND, HEADERS))
    assert sent.path == "/v1/text-to-speech/a%2Fb"
    assert sent.query == {"output_format": "pcm_24000"}
    assert sent.json["language_code"] == "en"
    assert sent.json["voice_settings"] == {"speed": 1.1}
    assert answer.artifacts[0].media_type == "audio/pcm"
    assert answer.artifacts[0].metadata["sample_rate"] == 24000
    assert (answer.usage.credits, answer.usage.characters) == (Decimal(12), 12)
    assert answer.request_id == "r1"


def test_timestamps_come_with_the_sound() -> None:
    """The alignment is kept beside the artifact."""
    request = SPEECH.model_copy(update={"options": {"timestamps": True}})
    told = {"audio_base64": base64.b64encode(SOUND).decode(), "alignment": {"characters": ["H"]}}
    sent, answer = run(request, HttpResponse(200, json.dumps(told).encode(), HEADERS))
    assert sent.path.endswith("/with-timestamps")
    assert "timestamps" not in sent.json
    assert answer.artifacts[0].data == SOUND
    assert answer.artifacts[0].metadata["alignment"] == {"characters": ["H"]}


def test_effects_and_music_go_to_their_own_places() -> None:
    """Seconds for the one, milliseconds for the other."""
    effect, _ = run(
        EFFECT.model_copy(update={"duration_seconds": 2.5, "loop": True}),
        HttpResponse(200, SOUND, HEADERS),
    )
    assert effect.path == "/v1/sound-generation"
    assert (effect.json["duration_seconds"], effect.json["loop"]) == (2.5, True)
    music, answer = run(MUSIC, HttpResponse(200, SOUND, {**HEADERS, "song-id": "s1"}))
    assert (music.path, music.json["music_length_ms"]) == ("/v1/music", 30000)
    assert music.json["force_instrumental"] is True
    assert answer.metadata == {"song_id": "s1"}


def test_words_are_told_from_the_spaces_between_them() -> None:
    """With their speakers."""
    told = {
        "text": "Hi you",
        "language_code": "eng",
        "words": [
            {"text": "Hi", "type": "word", "start": 0, "end": 0.4, "speaker_id": "speaker_0"},
            {"text": " ", "type": "spacing", "start": 0.4, "end": 0.5},
            {"text": "you", "type": "word", "start": None, "end": None},
            None,
        ],
    }
    sent, answer = run(HEARD, HttpResponse(200, json.dumps(told).encode()))
    assert {part.name: part.content for part in sent.parts}["diarize"] == b"true"
    assert [(word.text, word.speaker) for word in answer.words] == [("Hi", "speaker_0")]
    assert answer.language == "eng"


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize(
    ("status", "detail", "error"),
    [
        (401, {"status": "invalid_api_key", "message": "Invalid API key"}, AuthenticationFailed),
        (401, {"status": "missing_permissions", "message": "no"}, AuthenticationFailed),
        (401, {"status": "quota_exceeded", "message": "no credits"}, InsufficientCredits),
        (402, {"type": "payment_required", "code": "paid_plan_required"}, InsufficientCredits),
        (400, {"status": "unsupported_model", "message": "gone"}, ModelUnavailable),
        (400, {"status": "voice_not_found", "message": "which?"}, RequestRejected),
        (422, [{"loc": ["body", "text"], "msg": "field required"}], RequestRejected),
        (400, {"status": "bad_prompt", "message": "a name"}, ContentRefused),
        (429, {"status": "too_many_concurrent_requests", "message": "wait"}, RateLimited),
        (429, {"status": "system_busy", "message": "wait"}, ProviderUnavailable),
        (500, "oh", ProviderUnavailable),
    ],
)
def test_failures_are_told_apart_by_their_code(
    request_: Any, status: int, detail: Any, error: type[GenerationError]
) -> None:
    """An empty purse is a 401 too."""
    with pytest.raises(error):
        run(request_, said(status, detail))


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"text'])
def test_other_answers_are_unreadable(request_: Any, body: bytes) -> None:
    """Empty, a page, or cut off."""
    with pytest.raises(UnreadableResponse):
        run(request_, HttpResponse(200, body, {"content-type": "text/html"}))


@pytest.mark.parametrize("case", cases("elevenlabs"))
def test_recorded_answers_are_read(case: Recording) -> None:
    """As others got them from the service."""
    if case.path.startswith("/v1/text-to-speech/"):
        _, answer = run(SPEECH, case.response)
        assert answer.artifacts[0].data == case.response.content
        assert answer.artifacts[0].media_type == "audio/mpeg"
    else:
        assert case.path == "/v1/speech-to-text"
        told = json.loads(case.response.content)
        _, answer = run(HEARD, case.response)
        assert answer.text == told["text"]
        assert answer.language == told["language_code"]
        assert len(answer.words) == sum(word["type"] != "spacing" for word in told["words"])


NAMES = (
    *("detail", "code", "status", "message", "text", "words", "start", "end", "type"),
    *("audio_base64", "alignment", "audio_duration_secs", "language_probability"),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(
    request=st.sampled_from(
        (*REQUESTS, SPEECH.model_copy(update={"options": {"timestamps": True}}))
    ),
    status=st.sampled_from((200, 400, 401, 422, 429, 500)),
    body=values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
    cost=st.text(max_size=6),
)
def test_only_our_errors_come_out(request: Any, status: int, body: bytes, cost: str) -> None:
    """Whatever comes in."""
    with contextlib.suppress(GenerationError):
        run(request, HttpResponse(status, body, {"character-cost": cost}))
