"""The vendor's own client goes through its normal flow with our double; then our adapter does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from tests.support.loopback import Loopback

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    ModelUnavailable,
    ProviderUnavailable,
)
from anymedia.contracts.event import AnswerComplete, TextDelta
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, MediaBytes
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.providers.adapters.huggingface import HUGGINGFACE
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.huggingface import HuggingFaceDouble
from anymedia.testing.samples import wav

MODEL = "meta-llama/Llama-3.3-70B-Instruct"


@pytest.fixture
def double() -> Iterator[HuggingFaceDouble]:
    """The router on loopback."""
    double = HuggingFaceDouble()
    with serving(double):
        yield double


@pytest.fixture
def adapter(double: HuggingFaceDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(HUGGINGFACE, double.base_url, {"api_key": double.key})


def client(double: HuggingFaceDouble, path: str = "", key: str | None = None) -> InferenceClient:
    """The official client, pointed at the double."""
    return InferenceClient(base_url=double.base_url + path, token=key or double.key, timeout=10)


# --- the vendor's client --------------------------------------------------------------------


def test_the_vendors_client_chats(double: HuggingFaceDouble) -> None:
    """Whole, and as it comes."""
    messages = [{"role": "user", "content": "Hello"}]
    with client(double) as hub:
        answer = hub.chat_completion(messages, model=MODEL, max_tokens=20)
        assert answer.choices[0].message.content == "You said: Hello"
        assert answer.usage.total_tokens > 0
        pieces = list(
            hub.chat_completion(
                messages, model=MODEL, stream=True, stream_options={"include_usage": True}
            )
        )
    said = "".join(one.choices[0].delta.content or "" for one in pieces if one.choices)
    assert said == "You said: Hello"
    assert pieces[-1].usage is not None


def test_the_vendors_client_makes_media(double: HuggingFaceDouble) -> None:
    """A picture, words from sound, vectors."""
    pytest.importorskip("PIL.Image", reason="the vendor's client opens pictures with Pillow")
    path = "/hf-inference/models/acme/"
    with client(double, f"{path}brush") as hub:
        assert hub.text_to_image("a fox", width=128, height=64).size == (128, 64)
    with client(double, f"{path}whisper") as hub:
        assert hub.automatic_speech_recognition(wav(0.2)).text == "Good morning."


def test_the_vendors_client_is_refused_with_a_wrong_key(double: HuggingFaceDouble) -> None:
    """As the router does."""
    with client(double, key="hf_wrong") as hub, pytest.raises(HfHubHTTPError):
        hub.chat_completion([{"role": "user", "content": "Hello"}], model=MODEL)


# --- our adapter ----------------------------------------------------------------------------


def sheet(medium: str) -> str:
    """A catalogued model that `hf-inference` serves."""
    return next(
        one.id
        for one in catalogued("huggingface")
        if one.medium == medium and one.settings.get("via") == "hf-inference"
    )


def test_our_adapter_chats(adapter: Loopback) -> None:
    """Whole, and as it comes; with usage in both."""
    request = TextRequest(model=MODEL, prompt="Hello")
    answer = adapter.call(request)
    assert isinstance(answer, TextAnswer)
    assert answer.text == "You said: Hello"
    assert answer.usage.output_tokens
    pieces = list(adapter.stream(request))
    assert "".join(one.text for one in pieces if isinstance(one, TextDelta)) == "You said: Hello"
    last = pieces[-1]
    assert isinstance(last, AnswerComplete)
    assert last.answer.usage.output_tokens == answer.usage.output_tokens


def test_our_adapter_makes_a_picture(adapter: Loopback) -> None:
    """In the size that was asked for."""
    answer = adapter.call(ImageRequest(model=sheet("image"), prompt="a fox"))
    assert isinstance(answer, MediaAnswer)
    (artifact,) = answer.artifacts
    assert isinstance(artifact, InlineArtifact)
    assert artifact.data.startswith(b"\x89PNG")


def test_our_adapter_transcribes_and_embeds(adapter: Loopback) -> None:
    """Sound as it is; texts as vectors in their order."""
    audio = MediaBytes(data=wav(0.2), media_type="audio/wav")
    heard = adapter.call(TranscriptionRequest(model=sheet("transcription"), audio=audio))
    assert isinstance(heard, TranscriptAnswer)
    assert heard.text == "Good morning."
    vectors = adapter.call(EmbeddingRequest(model=sheet("embedding"), inputs=("a", "bcd")))
    assert isinstance(vectors, EmbeddingAnswer)
    assert [vector[0] for vector in vectors.embeddings] == [0.01, 0.03]


def test_our_adapter_hears_of_refusals(adapter: Loopback) -> None:
    """A wrong key, an unknown model, a flagged prompt."""
    with pytest.raises(AuthenticationFailed):
        replace(adapter, secrets={"api_key": "hf_wrong"}).call(
            TextRequest(model=MODEL, prompt="Hello")
        )
    with pytest.raises(ModelUnavailable):
        adapter.call(TextRequest(model="nope", prompt="Hello"))
    with pytest.raises(ContentRefused):
        adapter.call(TextRequest(model=MODEL, prompt="forbidden"))


def test_a_model_that_is_still_loading_has_begun_nothing(
    adapter: Loopback, double: HuggingFaceDouble
) -> None:
    """So the same picture may be asked for again."""
    double.fail(
        Fault(
            path="/hf-inference",
            status=503,
            body=b'{"error": "Model x is currently loading", "estimated_time": 20.0}',
        )
    )
    with pytest.raises(ProviderUnavailable) as raised:
        adapter.call(ImageRequest(model=sheet("image"), prompt="a fox"))
    assert raised.value.accepted == "no"
