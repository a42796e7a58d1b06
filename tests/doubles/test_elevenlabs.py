"""The vendor's own client goes through its normal flow with our double; then our adapter does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from elevenlabs import ElevenLabs
from elevenlabs.core.api_error import ApiError
from tests.support.loopback import Loopback

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
)
from anymedia.contracts.media import InlineArtifact, MediaBytes
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.providers.adapters.elevenlabs import ELEVENLABS
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import serving
from anymedia.testing.doubles.elevenlabs import ElevenLabsDouble
from anymedia.testing.samples import wav

VOICE = "JBFqnCBsd6RMkjVDRZzb"


@pytest.fixture
def double() -> Iterator[ElevenLabsDouble]:
    """ElevenLabs on loopback."""
    double = ElevenLabsDouble()
    with serving(double):
        yield double


@pytest.fixture
def client(double: ElevenLabsDouble) -> Iterator[ElevenLabs]:
    """The official client, pointed at it."""
    with httpx.Client() as http:
        yield ElevenLabs(api_key=double.key, base_url=double.base_url, httpx_client=http)


@pytest.fixture
def adapter(double: ElevenLabsDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(ELEVENLABS, double.base_url, {"api_key": double.key})


# --- the vendor's client --------------------------------------------------------------------


def test_the_vendors_client_speaks(client: ElevenLabs, double: ElevenLabsDouble) -> None:
    """Sound comes in pieces and is billed by the character."""
    sound = b"".join(
        client.text_to_speech.convert(
            VOICE, text="Good morning.", model_id="eleven_multilingual_v2"
        )
    )
    assert sound.startswith(b"\xff\xfb")
    assert double.spent == len("Good morning.")


def test_the_vendors_client_gets_timings(client: ElevenLabs) -> None:
    """One time for each character."""
    told = client.text_to_speech.convert_with_timestamps(
        VOICE, text="Hello", model_id="eleven_multilingual_v2"
    )
    assert told.alignment is not None
    assert told.alignment.characters == list("Hello")


def test_the_vendors_client_makes_effects_and_music(client: ElevenLabs) -> None:
    """At once, both of them."""
    effect = b"".join(client.text_to_sound_effects.convert(text="rain", duration_seconds=1))
    music = b"".join(client.music.compose(prompt="lofi", music_length_ms=10_000))
    assert len(music) > len(effect) > 0


def test_the_vendors_client_transcribes(client: ElevenLabs) -> None:
    """Words with their times."""
    told = client.speech_to_text.convert(model_id="scribe_v1", file=("a.wav", wav(1.0)))
    assert told.text == "Good morning."  # type: ignore[union-attr]


def test_the_vendors_client_is_refused_as_by_the_vendor(
    client: ElevenLabs, double: ElevenLabsDouble
) -> None:
    """An unknown model, an empty account, a wrong key."""
    with pytest.raises(ApiError) as raised:
        b"".join(client.text_to_speech.convert(VOICE, text="x", model_id="nope"))
    assert raised.value.status_code == 400
    double.spent = double.quota
    with pytest.raises(ApiError) as raised:
        b"".join(client.text_to_speech.convert(VOICE, text="x", model_id="eleven_multilingual_v2"))
    assert raised.value.status_code == 401
    with httpx.Client() as http:
        wrong = ElevenLabs(api_key="wrong", base_url=double.base_url, httpx_client=http)
        with pytest.raises(ApiError):
            wrong.user.subscription.get()


# --- our adapter ----------------------------------------------------------------------------


def test_our_adapter_speaks(adapter: Loopback, double: ElevenLabsDouble) -> None:
    """In the format that was asked for, with the credits that it took."""
    request = SpeechRequest(
        model="eleven_multilingual_v2", text="Good morning.", voice=VOICE, format="wav"
    )
    answer = adapter.call(request)
    assert isinstance(answer, MediaAnswer)
    (artifact,) = answer.artifacts
    assert isinstance(artifact, InlineArtifact)
    assert artifact.data.startswith(b"RIFF")
    assert answer.usage.credits == double.spent == 13
    assert (answer.request_id or "").startswith("req-")


def test_our_adapter_keeps_timings(adapter: Loopback) -> None:
    """Beside the sound."""
    request = SpeechRequest(
        model="eleven_multilingual_v2", text="Hello", options={"timestamps": True}
    )
    answer = adapter.call(request)
    assert isinstance(answer, MediaAnswer)
    (artifact,) = answer.artifacts
    assert isinstance(artifact, InlineArtifact)
    assert artifact.metadata["alignment"]["characters"] == list("Hello")


@pytest.mark.parametrize("kind", ["effect", "music"])
def test_our_adapter_makes_sound(adapter: Loopback, kind: str) -> None:
    """By the preferred model of its kind."""
    model = next(one.id for one in catalogued("elevenlabs") if kind in one.tasks)
    request = AudioRequest.model_validate(
        {"model": model, "prompt": "rain", "kind": kind, "duration_seconds": 10}
    )
    answer = adapter.call(request)
    assert isinstance(answer, MediaAnswer)
    assert answer.artifacts


def test_our_adapter_transcribes(adapter: Loopback) -> None:
    """Words without the spaces between them, and whose they are."""
    audio = MediaBytes(data=wav(1.0), media_type="audio/wav")
    answer = adapter.call(
        TranscriptionRequest(model="scribe_v1", audio=audio, timestamps="word", speakers=True)
    )
    assert isinstance(answer, TranscriptAnswer)
    assert [word.text for word in answer.words] == ["Good", "morning."]
    assert answer.words[0].speaker == "speaker_0"


def test_our_adapter_hears_of_refusals(adapter: Loopback, double: ElevenLabsDouble) -> None:
    """Told apart, though two of them share a status."""
    with pytest.raises(ModelUnavailable):
        adapter.call(SpeechRequest(model="nope", text="x"))
    with pytest.raises(ContentRefused):
        adapter.call(SpeechRequest(model="eleven_multilingual_v2", text="forbidden"))
    with pytest.raises(AuthenticationFailed):
        replace(adapter, secrets={"api_key": "wrong"}).check()
    assert adapter.check().balance == double.quota
    double.spent = double.quota
    with pytest.raises(InsufficientCredits):
        adapter.call(SpeechRequest(model="eleven_multilingual_v2", text="x"))
