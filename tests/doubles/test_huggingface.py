"""The vendor's own client goes through its normal flow with our double; then our adapter does."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from tests.support.loopback import Loopback

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
)
from anymedia.contracts.event import AnswerComplete, TextDelta
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, Queued, Running, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.huggingface import HUGGINGFACE
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Job
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.huggingface import HuggingFaceDouble
from anymedia.testing.doubles.huggingface.subproviders import FILE_SECONDS
from anymedia.testing.samples import wav

MODEL = "meta-llama/Llama-3.3-70B-Instruct"


class Watch:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """The double's clock."""
    return Watch()


@pytest.fixture
def double(watch: Watch) -> Iterator[HuggingFaceDouble]:
    """The router and the hub on loopback."""
    double = HuggingFaceDouble(clock=watch)
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


# --- those behind the router ----------------------------------------------------------------


def mapped(double: HuggingFaceDouble, who: str, task: str, name: str = "acme/model") -> None:
    """Have the hub say who serves `acme/model`."""
    served = {"status": "live", "providerId": name, "task": task}
    double.mapping["acme/model"] = {who: served}


@pytest.mark.parametrize("who", ["hf-inference", "fal-ai", "replicate", "together", "nscale"])
def test_each_sub_provider_makes_pictures_in_its_own_form(
    adapter: Loopback, double: HuggingFaceDouble, who: str
) -> None:
    """The hub says which it is; raw, inside the answer, or where it can be fetched."""
    mapped(double, who, "text-to-image")
    answer = adapter.call(ImageRequest(model="acme/model", prompt="a fox", aspect_ratio="1:1"))
    assert isinstance(answer, MediaAnswer)
    (artifact,) = answer.artifacts
    picture = artifact.data if isinstance(artifact, InlineArtifact) else fetched(artifact)
    assert picture.startswith(b"\x89PNG")
    assert double.record.requests[0] == ("GET", "/api/models/acme/model")
    assert len(double.record.invoice) == 1


@pytest.mark.parametrize("who", ["fal-ai", "replicate", "together"])
def test_each_sub_provider_reads_aloud_in_its_own_form(
    adapter: Loopback, double: HuggingFaceDouble, who: str
) -> None:
    """Together wants a voice to be named."""
    mapped(double, who, "text-to-speech")
    request = SpeechRequest(model="acme/model", text="Good morning.", voice="af_bella")
    answer = adapter.call(request)
    assert isinstance(answer, MediaAnswer)
    (artifact,) = answer.artifacts
    sound = artifact.data if isinstance(artifact, InlineArtifact) else fetched(artifact)
    assert sound.startswith(b"\xff\xfb")


def test_fal_writes_down_what_is_said(adapter: Loopback, double: HuggingFaceDouble) -> None:
    """With the sound inside the request."""
    mapped(double, "fal-ai", "automatic-speech-recognition")
    audio = MediaBytes(data=wav(0.2), media_type="audio/wav")
    heard = adapter.call(TranscriptionRequest(model="acme/model", audio=audio))
    assert isinstance(heard, TranscriptAnswer)
    assert heard.text == "Good morning."


@pytest.mark.parametrize("who", ["fal-ai", "together"])
@pytest.mark.parametrize(
    ("prompt", "kind", "code"),
    [
        ("a boat", Succeeded, None),
        ("forbidden", Failed, "CONTENT_POLICY_VIOLATION"),
        ("broken", Failed, None),
    ],
)
def test_clips_are_made_in_their_time(
    adapter: Loopback,
    double: HuggingFaceDouble,
    who: str,
    prompt: str,
    kind: type,
    code: str | None,
) -> None:
    """In fal's queue, which has no word for failure, and as Together's job."""
    mapped(double, who, "text-to-video", "fal-ai/wan/v2.2-5b/text-to-video")
    job = HUGGINGFACE.operation("video", Job)
    assert isinstance(job, Job)
    request = VideoRequest(model="acme/model", prompt=prompt)
    submitted = adapter.converse(job.submit(request, adapter.brief(request)))
    *before, last = [adapter.converse(job.poll(submitted.handle)) for _ in range(3)]
    assert all(isinstance(one, Queued | Running) for one in before)
    assert type(last) is kind
    if isinstance(last, Succeeded):
        assert fetched(last.artifacts[0])[4:8] == b"ftyp"
    if isinstance(last, Failed):
        assert last.problem.code == (code or last.problem.code)
        assert last.problem.accepted == "yes"


def fetched(artifact: object) -> bytes:
    """A file, as anybody can fetch it."""
    assert isinstance(artifact, RemoteArtifact)
    with urllib.request.urlopen(artifact.url) as answer:
        return bytes(answer.read())


def test_files_end(adapter: Loopback, double: HuggingFaceDouble, watch: Watch) -> None:
    """And nobody may bring the token along."""
    mapped(double, "fal-ai", "text-to-image")
    answer = adapter.call(ImageRequest(model="acme/model", prompt="a fox"))
    assert isinstance(answer, MediaAnswer)
    (artifact,) = answer.artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert not artifact.needs_key
    told = urllib.request.Request(artifact.url, headers={"Authorization": "Bearer hf_double"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(told)
    watch.seconds += FILE_SECONDS
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetched(artifact)


@pytest.mark.parametrize("who", ["fal-ai", "together", "nscale"])
def test_pictures_are_refused_in_fals_words(
    adapter: Loopback, double: HuggingFaceDouble, who: str
) -> None:
    """And not paid for."""
    mapped(double, who, "text-to-image")
    with pytest.raises(ContentRefused):
        adapter.call(ImageRequest(model="acme/model", prompt="forbidden"))
    assert double.record.invoice == []


def test_the_hub_knows_the_token_and_the_models(
    adapter: Loopback, double: HuggingFaceDouble
) -> None:
    """A wrong token is refused there; a model that nobody serves is told before it is asked."""
    assert adapter.check().details == {"type": "user", "pro": False}
    wrong = replace(adapter, secrets={"api_key": "hf_wrong"})
    with pytest.raises(AuthenticationFailed):
        wrong.check()
    with pytest.raises(AuthenticationFailed):
        wrong.call(SpeechRequest(model="hexgrad/Kokoro-82M", text="Hello"))
    mapped(double, "wavespeed", "text-to-image")
    for name in ("acme/model", "acme/nobody"):
        with pytest.raises(ModelUnavailable):
            adapter.call(ImageRequest(model=name, prompt="a fox"))
    assert double.record.count("POST", "/") == 0


def test_credits_end(adapter: Loopback, double: HuggingFaceDouble) -> None:
    """Then nothing more is made."""
    double.balance = Decimal("0.001")
    request = TextRequest(model=MODEL, prompt="Hello")
    adapter.call(request)
    with pytest.raises(InsufficientCredits):
        adapter.call(request)
