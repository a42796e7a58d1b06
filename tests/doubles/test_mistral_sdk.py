"""Mistral's own client goes through its normal flow with our double of Mistral."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from anymedia.testing.double import serving
from anymedia.testing.doubles.mistral import MistralDouble, rate_limited
from anymedia.testing.samples import wav

client_library = pytest.importorskip("mistralai.client")
MESSAGES = [{"role": "user", "content": "Hello there"}]
MODEL = "mistral-small-2603"


@pytest.fixture
def double() -> MistralDouble:
    """A fresh double."""
    return MistralDouble()


@pytest.fixture
def client(double: MistralDouble) -> Iterator[Any]:
    """The official client, pointed at the double."""
    with (
        serving(double) as address,
        client_library.Mistral(api_key=double.key, server_url=address) as client,
    ):
        yield client


def test_chat_answers_with_usage(client: Any) -> None:
    """A plain question."""
    answer = client.chat.complete(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content == "You said: Hello there"
    assert answer.usage.total_tokens > 0


def test_a_stream_ends_with_its_usage(client: Any) -> None:
    """Unasked."""
    with client.chat.stream(model=MODEL, messages=MESSAGES) as stream:
        chunks = [event.data for event in stream]
    assert "".join(one.choices[0].delta.content for one in chunks) == "You said: Hello there"
    assert chunks[-1].usage.completion_tokens > 0


def test_sound_and_vectors(client: Any) -> None:
    """Listening, speaking, measuring, listing."""
    heard = client.audio.transcriptions.complete(
        model="voxtral-mini-2602", file={"file_name": "a.wav", "content": wav(1)}
    )
    assert heard.text == "Hello there."
    spoken = client.audio.speech.complete(
        model="voxtral-mini-tts-3-0", input="Hello", voice_id="v", stream=False
    )
    assert spoken.audio_data
    measured = client.embeddings.create(model="mistral-embed", inputs=["a", "b"])
    assert len(measured.data) == 2
    assert MODEL in {one.id for one in client.models.list().data}


def test_failures_have_the_clients_own_types(client: Any, double: MistralDouble) -> None:
    """A limit, and a model that is not there."""
    double.fail(rate_limited())
    with pytest.raises(client_library.errors.SDKError) as caught:
        client.chat.complete(model=MODEL, messages=MESSAGES)
    assert caught.value.status_code == 429
    with pytest.raises(client_library.errors.SDKError):
        client.chat.complete(model="nobody", messages=MESSAGES)
