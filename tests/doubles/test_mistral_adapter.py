"""Our adapter of Mistral and our double of it, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    ModelUnavailable,
    NetworkFailed,
    RateLimited,
)
from anymedia.contracts.event import AnswerComplete
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextAnswer, TextRequest, Tool
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.mistral import MISTRAL
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.mistral import MistralDouble, rate_limited
from anymedia.testing.samples import wav

MODEL = "mistral-small-2603"
ASKED = TextRequest(model=MODEL, prompt="Hello there", seed=3, max_output_tokens=9, user="u")


@pytest.fixture
def double() -> MistralDouble:
    """A fresh double."""
    return MistralDouble()


@pytest.fixture
def mistral(double: MistralDouble) -> Iterator[Loopback]:
    """Our adapter, pointed at the double."""
    with serving(double) as address:
        yield Loopback(MISTRAL, f"{address}/v1", {"api_key": double.key})


def test_text_costs_what_the_double_bills(mistral: Loopback, double: MistralDouble) -> None:
    """Only fields it knows arrive, and the price table is its invoice."""
    answer = mistral.call(ASKED)
    assert isinstance(answer, TextAnswer)
    assert answer.text == "You said: Hello there"
    assert answer.request_id == "corr-1"
    cost = priced(mistral.sheet("text", MODEL), answer.usage, {})
    assert cost.amount == double.record.invoice[0][1]


def test_a_stream_says_the_same_and_a_cut_one_fails(
    mistral: Loopback, double: MistralDouble
) -> None:
    """Usage included."""
    last = list(mistral.stream(ASKED))[-1]
    assert isinstance(last, AnswerComplete)
    assert isinstance(last.answer, TextAnswer)
    assert last.answer.text == "You said: Hello there"
    assert last.answer.usage.output_tokens
    double.fail(Fault(cut_after_bytes=150))
    with pytest.raises(NetworkFailed):
        list(mistral.stream(ASKED))


def test_thinking_and_tools(mistral: Loopback) -> None:
    """Pieces of content, and a call with its id."""
    thought = mistral.call(TextRequest(model=MODEL, prompt="Hi", reasoning_effort="high"))
    assert isinstance(thought, TextAnswer)
    assert thought.reasoning == "Hm."
    called = mistral.call(TextRequest(model=MODEL, prompt="Hi", tools=(Tool(name="look"),)))
    assert isinstance(called, TextAnswer)
    assert (called.tool_calls[0].name, called.tool_calls[0].id) == ("look", "D681PevKs")


def test_sound_and_vectors(mistral: Loopback) -> None:
    """Each through its own form."""
    spoken = mistral.call(SpeechRequest(model="voxtral-mini-tts-3-0", text="Hello", voice="v"))
    assert isinstance(spoken, MediaAnswer)
    assert spoken.artifacts[0].media_type == "audio/mpeg"
    sound = MediaBytes(data=wav(1), media_type="audio/wav")
    heard = mistral.call(TranscriptionRequest(model="voxtral-mini-2602", audio=sound))
    assert isinstance(heard, TranscriptAnswer)
    assert heard.text == "Hello there."
    assert heard.usage.seconds == Decimal(2)
    measured = mistral.call(EmbeddingRequest(model="mistral-embed", inputs=("a", "b")))
    assert isinstance(measured, EmbeddingAnswer)
    assert len(measured.embeddings) == 2
    assert MODEL in mistral.check().models


def test_failures_are_told_apart(mistral: Loopback, double: MistralDouble) -> None:
    """A limit, a refusal, a wrong model, a wrong key."""
    double.fail(rate_limited())
    with pytest.raises(RateLimited) as caught:
        mistral.call(ASKED)
    assert caught.value.retry_after == 2
    with pytest.raises(ContentRefused):
        mistral.call(TextRequest(model=MODEL, prompt="forbidden"))
    with pytest.raises(ModelUnavailable):
        mistral.call(TextRequest(model="nobody", prompt="Hi"))
    with pytest.raises(AuthenticationFailed):
        Loopback(MISTRAL, mistral.base_url, {"api_key": "wrong"}).call(ASKED)
