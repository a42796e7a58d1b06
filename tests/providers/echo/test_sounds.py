"""Music, effects and speech: real files that can be heard, and a transcript of our own voice."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.providers.echo.driving import called, made, rendered, submitted
from tests.providers.echo.probing import loudness, pitches, sound

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import ContentRefused, RequestRejected
from anymedia.contracts.media import InlineArtifact
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptionRequest

WORDS = "Good morning. The fox is awake."


def tune(**more: Any) -> bytes:
    """Three seconds of music, unless more is said."""
    short = {"model": "tune", "prompt": "lofi beat with piano", "duration_seconds": 3, "seed": 7}
    (file,) = rendered(AudioRequest.model_validate(short | more))
    return file


def voiced(**more: Any) -> SpeechRequest:
    """A sentence to be read."""
    return SpeechRequest.model_validate({"model": "voice", "text": WORDS, "voice": "heart"} | more)


def spoken(**more: Any) -> bytes:
    """It, read."""
    (file,) = made(voiced(**more))
    return file


def test_music_has_notes_and_the_length_asked() -> None:
    """A WAV with several pitches, at no time silent for long."""
    samples, rate = sound(tune())
    assert rate == 44_100
    assert len(samples) / rate == pytest.approx(3, abs=0.01)
    assert loudness(samples, rate, 0.5).min() > 0.005
    assert len(pitches(samples, rate)) >= 3


def test_the_same_prompt_and_seed_give_the_same_music() -> None:
    """And other words, other music."""
    assert tune() == tune()
    assert tune() != tune(seed=8)
    assert tune() != tune(prompt="slow church organ in minor")


def test_an_effect_is_not_music() -> None:
    """Rain makes a noise all the time."""
    samples, rate = sound(tune(kind="effect", prompt="rain on a tin roof", duration_seconds=1))
    assert len(samples) / rate == pytest.approx(1, abs=0.01)
    assert loudness(samples, rate, 0.2).min() > 0.001


def test_lyrics_are_heard_over_the_music() -> None:
    """Unless it should be instrumental."""
    assert tune(lyrics="the fox is awake") != tune()
    assert tune(lyrics="the fox is awake", instrumental=True) == tune()


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "opus", "aac"])
def test_every_format_can_be_played(kind: str) -> None:
    """Decoded, it is about as long as asked and not silent."""
    samples, rate = sound(tune(format=kind, duration_seconds=1))
    assert len(samples) / rate == pytest.approx(1, abs=0.15)
    assert loudness(samples, rate).max() > 0.02


def test_raw_samples_have_no_head() -> None:
    """Sixteen bits for each of two channels."""
    assert len(tune(format="pcm", duration_seconds=1)) == 44_100 * 2 * 2


def test_speech_rises_and_falls() -> None:
    """Syllables are loud, the pause between sentences is quiet."""
    samples, rate = sound(spoken())
    heard = loudness(samples, rate)
    assert 1 < len(samples) / rate < 6
    assert heard.max() > 0.1
    assert heard.min() < heard.max() / 20
    ups = sum(1 for a, b in pairwise(heard) if a < heard.mean() <= b)
    assert ups >= 4, "several syllables"


def test_other_words_voices_and_speeds_sound_otherwise() -> None:
    """Slower is longer; a deep voice is another sound; the same is the same."""
    assert spoken() == spoken()
    assert spoken() != spoken(voice="deep")
    assert spoken() != spoken(text="Good night. The fox is asleep.")
    slow, rate = sound(spoken(speed=0.7))
    fast, _ = sound(spoken(speed=1.5))
    assert len(slow) > len(fast) * 1.4
    assert rate == 24_000


def test_characters_are_counted() -> None:
    """As speech is billed everywhere."""
    answer = called(voiced())
    assert answer.usage.characters == len(WORDS)
    assert answer.usage.seconds > 1


def test_what_was_spoken_can_be_transcribed() -> None:
    """With the times of sentences and words, in order."""
    request = TranscriptionRequest.model_validate(
        {"model": "ears", "audio": spoken(), "timestamps": "word"}
    )
    heard = called(request)
    assert heard.text == WORDS
    assert heard.language == "en"
    assert [one.text for one in heard.words] == WORDS.split()
    assert [one.text for one in heard.segments] == ["Good morning.", "The fox is awake."]
    assert heard.words[-1].end_seconds == pytest.approx(heard.duration_seconds, abs=0.01)
    assert heard.usage.seconds > 1


def test_other_sound_is_not_pretended_to_be_understood() -> None:
    """Music carries no words."""
    request = TranscriptionRequest.model_validate({"model": "ears", "audio": tune()})
    with pytest.raises(RequestRejected, match="cannot hear"):
        called(request)


@pytest.mark.parametrize(
    "wrong",
    [{"voice": "nobody"}, {"language": "fr"}, {"speed": 0.1}, {"count": 9}, {"text": "…"}],
)
def test_what_cannot_be_said_is_rejected(wrong: dict[str, Any]) -> None:
    """As the caller's to fix."""
    with pytest.raises(RequestRejected):
        called(voiced(**wrong))


def test_forbidden_words_are_neither_said_nor_sung() -> None:
    """Content is refused before anything is made."""
    with pytest.raises(ContentRefused):
        called(voiced(text="forbidden-by-echo"))
    with pytest.raises(ContentRefused):
        submitted(AudioRequest(model="tune", prompt="forbidden-by-echo"))


def test_several_readings_are_several_files() -> None:
    """Each with its own seed."""
    answer = called(voiced(count=2, seed=1))
    assert len(answer.artifacts) == 2
    assert all(isinstance(one, InlineArtifact) for one in answer.artifacts)
