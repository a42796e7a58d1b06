"""Our double of OpenRouter: the `openai` client and our adapter go through it."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from openai import OpenAI
from tests.support.loopback import Loopback

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.event import AnswerComplete
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.openrouter import OPENROUTER
from anymedia.providers.spec import Job
from anymedia.testing.double import serving
from anymedia.testing.doubles.openrouter import OpenRouterDouble
from anymedia.testing.doubles.openrouter.failures import in_flight, rate_limited
from anymedia.testing.samples import png, wav

MODEL = "openai/gpt-6-luna"


class Watch:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.seconds = 1_795_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """The double's clock."""
    return Watch()


@pytest.fixture
def double(watch: Watch) -> Iterator[OpenRouterDouble]:
    """OpenRouter on loopback."""
    double = OpenRouterDouble(clock=watch)
    with serving(double):
        yield double


@pytest.fixture
def openrouter(double: OpenRouterDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(OPENROUTER, f"{double.base_url}/api/v1", {"api_key": double.key})


def test_the_openai_client_goes_through_it(openrouter: Loopback) -> None:
    """As OpenRouter's documentation has it: another address, the same client."""
    with OpenAI(api_key="sk-or-double", base_url=openrouter.base_url, max_retries=0) as client:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hi"}],
            extra_body={"provider": {"sort": "price"}},
        )
        assert answer.choices[0].message.content == "You said: Hi"
        stream = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        text = "".join(one.choices[0].delta.content or "" for one in stream if one.choices)
        assert text == "You said: Hi"


def test_text_tells_its_cost_whole_and_streamed(openrouter: Loopback) -> None:
    """The double's bill is the reported cost."""
    request = TextRequest(model=MODEL, prompt="Hi")
    assert float(openrouter.call(request).reported_cost or 0) == 0.001
    last = list(openrouter.stream(request))[-1]
    assert isinstance(last, AnswerComplete)
    assert float(last.answer.reported_cost or 0) == 0.001
    assert str(openrouter.check().balance) == "7.498"


def test_failures_inside_a_200_and_a_stream_are_told(openrouter: Loopback) -> None:
    """As is a refusal, and a wrong key."""
    request = TextRequest(model=MODEL, prompt="upstream trouble")
    with pytest.raises(ProviderUnavailable):
        openrouter.call(request)
    with pytest.raises(ProviderUnavailable):
        list(openrouter.stream(request))
    with pytest.raises(ContentRefused):
        openrouter.call(TextRequest(model=MODEL, prompt="forbidden"))
    with pytest.raises(AuthenticationFailed):
        Loopback(OPENROUTER, openrouter.base_url, {"api_key": "wrong"}).call(request)


def test_a_video_is_made_in_its_time(openrouter: Loopback) -> None:
    """Pending, in progress, complete with its cost."""
    job = OPENROUTER.operation("video", Job)
    assert isinstance(job, Job)
    request = VideoRequest(model="google/veo-3.1", prompt="a boat", duration_seconds=8)
    submitted = openrouter.converse(job.submit(request, openrouter.brief(request)))
    states = [openrouter.converse(job.poll(submitted.handle)) for _ in range(3)]
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    assert isinstance(states[2], Succeeded)
    assert float(states[2].reported_cost or 0) == 0.25


# --- the other media ------------------------------------------------------------------------


def test_the_openai_client_speaks_and_embeds(openrouter: Loopback) -> None:
    """Where OpenRouter's forms are OpenAI's."""
    with OpenAI(api_key="sk-or-double", base_url=openrouter.base_url, max_retries=0) as client:
        sound = client.audio.speech.create(
            model="hexgrad/kokoro-82m", voice="af_bella", input="Good morning."
        )
        assert sound.content.startswith(b"\xff\xfb")
        vectors = client.embeddings.create(model="openai/text-embedding-3-small", input=["a", "b"])
        assert [len(one.embedding) for one in vectors.data] == [1536, 1536]


def test_pictures_tell_their_cost_and_have_their_size(
    openrouter: Loopback, double: OpenRouterDouble
) -> None:
    """By tier and ratio, or by pixels; after others as well."""
    image = pytest.importorskip("PIL.Image")
    source = MediaBytes(data=png(16, 16), media_type="image/png")
    asked: tuple[dict[str, Any], ...] = (
        {"resolution": "1k", "aspect_ratio": "16:9"},
        {"resolution": "640x360", "count": 2, "images": (source,)},
    )
    for more, size in zip(asked, ((1365, 768), (640, 360)), strict=True):
        request = ImageRequest(model="google/gemini-3.1-flash-image", prompt="a fox", **more)
        answer = openrouter.call(request)
        assert isinstance(answer, MediaAnswer)
        assert answer.reported_cost == double.record.invoice[-1][1]
        assert len(answer.artifacts) == request.count
        artifact = answer.artifacts[0]
        assert isinstance(artifact, InlineArtifact)
        with image.open(io.BytesIO(artifact.data)) as picture:
            assert picture.size == size
    assert [str(amount) for _, amount in double.record.invoice] == ["0.039", "0.078"]


def test_speech_goes_in_and_out(openrouter: Loopback, double: OpenRouterDouble) -> None:
    """Read aloud with a record of its cost; written down with its cost inside."""
    spoken = openrouter.call(SpeechRequest(model="hexgrad/kokoro-82m", text="Good morning."))
    assert isinstance(spoken, MediaAnswer)
    assert spoken.artifacts[0].media_type == "audio/mpeg"
    assert double.generations[spoken.request_id or ""] == Decimal("0.000013")
    sound = MediaBytes(data=wav(2.0), media_type="audio/wav")
    request = TranscriptionRequest(model="openai/whisper-1", audio=sound, timestamps="word")
    heard = openrouter.call(request)
    assert isinstance(heard, TranscriptAnswer)
    assert heard.text == "This is what was said."
    assert heard.words[0].text == "This"
    assert heard.reported_cost == Decimal("0.0002")


def test_vectors_tell_their_cost(openrouter: Loopback) -> None:
    """In the order of the texts."""
    request = EmbeddingRequest(model="openai/text-embedding-3-small", inputs=("a", "bcd"))
    answer = openrouter.call(request)
    assert isinstance(answer, EmbeddingAnswer)
    assert len(answer.embeddings) == 2
    assert answer.embeddings[0] != answer.embeddings[1]
    assert answer.reported_cost == Decimal("4E-8")


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ImageRequest(model="a/b", prompt="forbidden"), ContentRefused),
        (ImageRequest(model="a/b", prompt="upstream trouble"), ProviderUnavailable),
        (SpeechRequest(model="a/b", text="forbidden"), ContentRefused),
        (ImageRequest(model="nobody", prompt="a fox"), ModelUnavailable),
        (ImageRequest(model="a/b", prompt="a fox", resolution="3k"), RequestRejected),
    ],
)
def test_media_fail_in_their_ways(
    openrouter: Loopback, double: OpenRouterDouble, request_: Any, error: type[GenerationError]
) -> None:
    """And cost nothing then."""
    with pytest.raises(error):
        openrouter.call(request_)
    assert double.record.invoice == []


def test_two_kinds_of_402_and_the_429(openrouter: Loopback, double: OpenRouterDouble) -> None:
    """Too much under way passes; an empty account does not."""
    request = TextRequest(model=MODEL, prompt="Hi")
    for fault in (rate_limited(), in_flight()):
        double.fail(fault)
        with pytest.raises(RateLimited) as limited:
            openrouter.call(request)
        assert (limited.value.retry_after, limited.value.accepted) == (2.0, "no")
    double.balance = Decimal(0)
    with pytest.raises(InsufficientCredits):
        openrouter.call(request)


@pytest.mark.parametrize(
    ("prompt", "kind", "code"),
    [
        ("forbidden-late", Failed, "CONTENT_POLICY_VIOLATION"),
        ("broken", Failed, "PROVIDER_ERROR"),
        ("expired", Failed, "PROVIDER_ERROR"),
        ("stopped", Stopped, None),
    ],
)
def test_a_video_that_comes_to_nothing_is_given_back(
    openrouter: Loopback, double: OpenRouterDouble, prompt: str, kind: type, code: str | None
) -> None:
    """In whichever way it ends; asked again it is still over, and given back once."""
    *_, last, again = states(openrouter, prompt, 4)
    assert type(last) is type(again) is kind
    if isinstance(last, Failed):
        assert last.problem.code == code
    assert sum(amount for _, amount in double.record.invoice) == 0


def test_a_video_has_an_address_for_the_key_and_one_that_ends(
    openrouter: Loopback, double: OpenRouterDouble, watch: Watch
) -> None:
    """The adapter takes the one that does not end."""
    last = states(openrouter, "a boat", 3)[-1]
    assert isinstance(last, Succeeded)
    (artifact,) = last.artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert artifact.needs_key
    told = double.videos.state("gen-vid-1", f"{openrouter.base_url}/videos/gen-vid-1")
    (signed,) = told["urls"]
    assert status(signed) == 200
    assert status(artifact.url) == 401
    assert status(artifact.url, double.key) == 200
    watch.seconds = told["expires_at"]
    assert status(signed) == 403
    assert status(artifact.url, double.key) == 200


def states(openrouter: Loopback, prompt: str, count: int) -> list[JobState]:
    """Where a new job stands, asked again and again."""
    job = OPENROUTER.operation("video", Job)
    assert isinstance(job, Job)
    request = VideoRequest(model="google/veo-3.1", prompt=prompt, duration_seconds=8)
    handle = openrouter.converse(job.submit(request, openrouter.brief(request))).handle
    return [openrouter.converse(job.poll(handle)) for _ in range(count)]


def status(url: str, key: str | None = None) -> int:
    """How a download is answered."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as failed:
        with failed:
            return failed.code
