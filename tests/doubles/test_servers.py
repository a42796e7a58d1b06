"""Our doubles of servers of one's own: OpenAI's client goes through them, then the rows' adapters."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from tests.support.loopback import Loopback

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ModelUnavailable,
    ProviderUnavailable,
    RequestRejected,
)
from anymedia.contracts.event import AnswerComplete
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import InlineArtifact, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers import registry
from anymedia.providers.spec import Brief, Job
from anymedia.testing.double import serving
from anymedia.testing.doubles import double_of
from anymedia.testing.doubles.servers import ServerDouble, VllmOmniDouble
from anymedia.testing.samples import wav

NAMES = ("llamacpp", "localai", "ollama", "vllm", "vllm-omni")
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


@contextmanager
def served(name: str) -> Iterator[tuple[ServerDouble, Loopback]]:
    """A server with our adapter for it, which has the key if one is wanted."""
    double = double_of(name)
    assert isinstance(double, ServerDouble)
    with serving(double) as address:
        secrets = {"api_key": double.wanted} if double.wanted else {}
        yield double, Loopback(registry.provider(name), f"{address}/v1", secrets)


def client(ours: Loopback, key: str | None = None) -> OpenAI:
    """OpenAI's client at a server; without a key it is given one that says nothing, as is usual."""
    given = key or ours.secrets.get("api_key", "no-key-required")
    return OpenAI(api_key=given, base_url=ours.base_url, max_retries=0)


# --- OpenAI's client ------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_openai_client_chats(name: str) -> None:
    """Whole and streamed, with fields that only servers have; the list has what is loaded."""
    with served(name) as (_, ours), client(ours) as vendor:
        answer = vendor.chat.completions.create(
            model="any",
            messages=HELLO,
            max_tokens=20,
            extra_body={"top_k": 5, "min_p": 0.1},
        )
        assert answer.choices[0].message.content == "You said: Hello"
        stream = vendor.chat.completions.create(model="any", messages=HELLO, stream=True)
        said = "".join(one.choices[0].delta.content or "" for one in stream if one.choices)
        assert said == "You said: Hello"
        assert [one.id for one in vendor.models.list()] == ["any"]


def test_the_openai_client_makes_media() -> None:
    """With LocalAI, which has nearly all of it."""
    with served("localai") as (_, ours), client(ours) as vendor:
        made = vendor.images.generate(model="any", prompt="a fox", size="256x256")
        assert made.data is not None
        assert made.data[0].b64_json is not None
        sound = vendor.audio.speech.create(
            model="any", voice="any", input="Good morning.", response_format="wav"
        )
        assert sound.content.startswith(b"RIFF")
        file = ("a.wav", io.BytesIO(wav(1.0)))
        assert vendor.audio.transcriptions.create(model="any", file=file).text
        vectors = vendor.embeddings.create(model="any", input=["a", "b"], dimensions=64)
        assert [len(one.embedding) for one in vectors.data] == [64, 64]


def test_what_is_not_built_in_is_not_there() -> None:
    """llama.cpp draws nothing."""
    with (
        served("llamacpp") as (_, ours),
        client(ours) as vendor,
        pytest.raises(openai.NotFoundError),
    ):
        vendor.images.generate(model="any", prompt="a fox")


@pytest.mark.parametrize("name", [one for one in NAMES if one != "ollama"])
def test_whoever_has_not_the_key_stays_outside(name: str) -> None:
    """Each says it in its own form, which the client and our adapter understand."""
    with served(name) as (double, ours):
        with client(ours, "wrong") as vendor, pytest.raises(openai.AuthenticationError):
            vendor.models.list()
        wrong = Loopback(ours.provider, ours.base_url, {"api_key": "wrong"})
        with pytest.raises(AuthenticationFailed):
            wrong.call(TextRequest(model="any", prompt="Hello"))
        assert double.record.count("POST", "/v1/chat") == 1


def test_ollama_takes_every_key_and_none() -> None:
    """On one's own machine."""
    with served("ollama") as (_, ours):
        for secrets in ({}, {"api_key": "whatever"}):
            Loopback(ours.provider, ours.base_url, secrets).call(
                TextRequest(model="any", prompt="Hello")
            )


# --- our adapters ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localai", "ollama", "vllm", "vllm-omni"])
def test_a_model_that_is_not_loaded_is_told_as_such(name: str) -> None:
    """In whichever of the forms."""
    with served(name) as (_, ours), pytest.raises(ModelUnavailable):
        ours.call(TextRequest(model="nobody", prompt="Hello"))


def test_llamacpp_answers_with_what_it_has() -> None:
    """And has begun nothing while it loads."""
    request = TextRequest(model="nobody", prompt="Hello")
    with served("llamacpp") as (double, ours):
        last = list(ours.stream(request))[-1]
        assert isinstance(last, AnswerComplete)
        assert last.answer.text == "You said: Hello"
        double.loading = True
        with pytest.raises(ProviderUnavailable) as caught:
            ours.call(request)
        assert caught.value.accepted == "no"


def test_vectors_come_in_order() -> None:
    """Nobody is billed for them."""
    with served("ollama") as (double, ours):
        answer = ours.call(EmbeddingRequest(model="any", inputs=("a", "b")))
        assert isinstance(answer, EmbeddingAnswer)
        assert answer.embeddings[0] != answer.embeddings[1]
        assert double.record.invoice == []


def test_vllm_omni_makes_pictures_and_speech() -> None:
    """A wrong size is told as FastAPI tells it."""
    with served("vllm-omni") as (_, ours):
        made = ours.call(ImageRequest(model="any", prompt="a fox", resolution="512x512", seed=3))
        assert isinstance(made, MediaAnswer)
        assert made.artifacts[0].media_type == "image/png"
        spoken = ours.call(SpeechRequest(model="any", text="Good morning."))
        assert isinstance(spoken, MediaAnswer)
        assert isinstance(spoken.artifacts[0], InlineArtifact)
        assert spoken.artifacts[0].data.startswith(b"RIFF")
        with pytest.raises(RequestRejected, match="at most 4096"):
            ours.call(ImageRequest(model="any", prompt="a fox", resolution="8192x8192"))


def started(ours: Loopback, prompt: str) -> str:
    """A clip's handle."""
    job = clips(ours)
    request = VideoRequest(model="any", prompt=prompt, duration_seconds=4, resolution="720p")
    return ours.converse(job.submit(request, Brief())).handle


def clips(ours: Loopback) -> Job:
    """What the adapter does for clips."""
    job = ours.provider.operation("video", Job)
    assert isinstance(job, Job)
    return job


def states(ours: Loopback, handle: str) -> list[JobState]:
    """Where it stands, asked three times."""
    return [ours.converse(clips(ours).poll(handle)) for _ in range(3)]


def test_vllm_omni_makes_clips_in_their_time() -> None:
    """They wait, run with their progress, and lie below the server's address."""
    with served("vllm-omni") as (double, ours):
        first, second, last = states(ours, started(ours, "a boat"))
        assert isinstance(first, Queued)
        assert isinstance(second, Running)
        assert second.progress == pytest.approx(0.99)
        assert isinstance(last, Succeeded)
        assert last.usage.seconds == 4
        (artifact,) = last.artifacts
        assert isinstance(artifact, RemoteArtifact)
        asked = urllib.request.Request(
            ours.base_url + artifact.url, headers={"Authorization": f"Bearer {double.wanted}"}
        )
        with urllib.request.urlopen(asked) as answer:
            assert answer.read()[4:8] == b"ftyp"


def test_vllm_omni_forgets_clips() -> None:
    """One that failed says why; one that was deleted is gone, as after a restart."""
    with served("vllm-omni") as (_, ours):
        broken = states(ours, started(ours, "broken"))[-1]
        assert isinstance(broken, Failed)
        assert "out of memory" in broken.problem.message
        handle, cancel = started(ours, "a boat"), clips(ours).cancel
        assert cancel is not None
        assert ours.converse(cancel(handle)) == "confirmed"
        assert ours.converse(cancel(handle)) == "impossible"
        assert isinstance(states(ours, handle)[0], Failed)


def test_a_clip_that_is_too_large_is_not_begun() -> None:
    """FastAPI's words are ours then."""
    request = VideoRequest(model="any", prompt="a boat", resolution="8192x8192")
    with served("vllm-omni") as (double, ours):
        with pytest.raises(RequestRejected, match="at most 4096"):
            ours.converse(clips(ours).submit(request, Brief()))
        assert isinstance(double, VllmOmniDouble)
        assert double.videos.jobs == {}
