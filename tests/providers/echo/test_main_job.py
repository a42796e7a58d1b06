"""The main job, through the client, for all media: without a key and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import time

import pytest
from tests.providers.echo.driving import photo
from tests.providers.echo.probing import clip, loudness, opened, sound

from anymedia import Client
from anymedia.contracts.errors import ContentRefused


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client that only echo answers."""
    with Client({"providers": {"echo": {}}}, data_dir=tmp_path / "data") as client:
        yield client


def test_text_is_answered_and_free(client: Client) -> None:
    """0 USD is a price, not a gap."""
    result = client.text("Write a haiku about a fox")
    assert "fox" in result.text
    assert result.cost.amount == Decimal(0)
    assert result.cost.basis == "free"
    assert [attempt.state for attempt in result.attempts] == ["succeeded"]


def test_a_picture_is_stored_and_can_be_saved(client: Client, tmp_path: Path) -> None:
    """With its size measured in the file."""
    result = client.image("a fox in the snow", resolution="256x144", seed=1)
    (artifact,) = result.artifacts
    artifact.save(tmp_path / "fox.png")
    assert opened((tmp_path / "fox.png").read_bytes()).size == (256, 144)
    assert (artifact.width, artifact.height) == (256, 144)


def test_a_clip_begins_with_a_picture(client: Client, tmp_path: Path) -> None:
    """From a local file to a file with pictures and sound."""
    (tmp_path / "photo.png").write_bytes(photo())
    result = client.video(
        "snow begins to fall",
        image=tmp_path / "photo.png",
        resolution="160x96",
        duration_seconds=1,
        options={"delay_seconds": 0},
    )
    (artifact,) = result.artifacts
    artifact.save(tmp_path / "clip.mp4")
    made = clip((tmp_path / "clip.mp4").read_bytes())
    assert made.size == (160, 96)
    assert made.fps == 24
    assert loudness(made.sound, made.rate).max() > 0.02


def test_music_and_speech_can_be_heard(client: Client, tmp_path: Path) -> None:
    """The narrator is known by the name that every provider has one by."""
    tune = client.audio("lofi beat", duration_seconds=1, options={"delay_seconds": 0})
    words = client.speech("Good morning", voice="narrator")
    for number, result in enumerate((tune, words)):
        result.artifacts[0].save(tmp_path / f"{number}.wav")
        samples, rate = sound((tmp_path / f"{number}.wav").read_bytes())
        assert loudness(samples, rate).max() > 0.02


def test_speech_is_transcribed_and_texts_are_embedded(client: Client, tmp_path: Path) -> None:
    """The two that read."""
    words = client.speech("Good morning")
    words.artifacts[0].save(tmp_path / "words.wav")
    assert client.transcribe(tmp_path / "words.wav").text == "Good morning"
    assert len(client.embed(["a fox", "a boat"]).embeddings) == 2


def test_failures_come_through_as_they_are(client: Client) -> None:
    """A refusal is told as one, with the attempt it came from."""
    with pytest.raises(ContentRefused) as caught:
        client.image("a fox forbidden-by-echo", resolution="64x64")
    (attempt,) = caught.value.attempts
    assert (attempt.provider, attempt.model, attempt.state) == ("echo", "picture", "rejected")


def test_a_lost_submission_is_asked_for_again(client: Client) -> None:
    """The connection breaks after acceptance; the same key finds the same job, in one attempt."""
    result = client.audio(
        "a bell",
        duration_seconds=1,
        options={"fail": "unknown_outcome", "fail_until": time() + 0.2, "delay_seconds": 0},
    )
    assert [attempt.state for attempt in result.attempts] == ["succeeded"]
