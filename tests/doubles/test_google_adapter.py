"""Our adapters of both of Google's surfaces and our double of them, over real HTTP."""

from __future__ import annotations

import base64
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    NetworkFailed,
    ProviderUnavailable,
    RateLimited,
)
from anymedia.contracts.event import AnswerComplete
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import (
    AssistantMessage,
    SchemaOutput,
    TextAnswer,
    TextRequest,
    Tool,
    ToolMessage,
    UserMessage,
)
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.estimating import circumstances
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.google import GOOGLE
from anymedia.providers.adapters.google.files import upload
from anymedia.providers.adapters.vertex import VERTEX
from anymedia.providers.adapters.vertex.auth import GoogleCloud
from anymedia.providers.spec import Brief, Job, Submitted
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles import double as double_of
from anymedia.testing.doubles.google import GoogleDouble
from anymedia.testing.doubles.google.failures import out_of_credits, overloaded, rate_limited
from anymedia.testing.doubles.google.interactions import SECRET, call
from anymedia.testing.doubles.google.tokens import LIVES_SECONDS
from anymedia.testing.samples import mp4, png, wav
from anymedia.wire.http import Headers

MODEL = "gemini-3.8-flash"
OMNI = "gemini-omni-1.1-flash"
VEO = "veo-3.1-fast-generate-001"
ASKED = TextRequest(model=MODEL, prompt="Hello there", max_output_tokens=99)
LOOK = Tool(name="look", parameters={"type": "object", "properties": {"at": {"type": "string"}}})
SOUND = MediaBytes(data=wav(1), media_type="audio/wav")


class Hours:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hours:
    """At its beginning."""
    return Hours()


@pytest.fixture
def double(clock: Hours) -> GoogleDouble:
    """A fresh double."""
    return GoogleDouble(clock=clock)


@pytest.fixture
def google(double: GoogleDouble) -> Iterator[Loopback]:
    """Our adapter of the Gemini API, pointed at the double."""
    with serving(double) as address:
        yield Loopback(GOOGLE, address, {"api_key": double.key})
    assert not any(double.key in path for _, path in double.record.requests)


@pytest.fixture
def vertex(double: GoogleDouble) -> Iterator[Loopback]:
    """Our adapter of Vertex AI, with a token that it got itself."""
    with serving(double) as address:
        secrets = {"credentials": json.dumps(double.tokens.account(address))}
        yield entered(Loopback(VERTEX, address, secrets))


def entered(loopback: Loopback) -> Loopback:
    """The same with a token, as the engine keeps one."""
    auth = loopback.provider.auth
    assert isinstance(auth, GoogleCloud)
    token = loopback.converse(auth.grant(loopback.secrets, datetime.now(UTC)))
    return Loopback(
        loopback.provider, loopback.base_url, {**loopback.secrets, "token": token.value}
    )


def submitted(loopback: Loopback, request: VideoRequest, brief: Brief | None = None) -> Submitted:
    """A clip that is on its way."""
    operation = loopback.provider.operation("video", Job)
    assert isinstance(operation, Job)
    given = brief or loopback.brief(request)
    return loopback.converse(operation.submit(request, given))


def looked(loopback: Loopback, handle: str) -> Any:
    """Where it stands."""
    operation = loopback.provider.operation("video", Job)
    assert isinstance(operation, Job)
    return loopback.converse(operation.poll(handle))


def ended(loopback: Loopback, handle: str) -> list[Any]:
    """All states up to the last."""
    states = [looked(loopback, handle)]
    while isinstance(states[-1], Queued | Running):
        states.append(looked(loopback, handle))
    return states


def fetched(loopback: Loopback, artifact: Any) -> bytes:
    """A result's bytes, with the key where it wants one."""
    assert isinstance(artifact, RemoteArtifact)
    headers = {"x-goog-api-key": loopback.secrets["api_key"]} if artifact.needs_key else {}
    request = urllib.request.Request(artifact.url, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        content: bytes = response.read()
    return content


@pytest.mark.parametrize("surface", ["google", "vertex"])
def test_text_costs_what_the_double_bills(
    surface: str, request: pytest.FixtureRequest, double: GoogleDouble
) -> None:
    """The price table is its invoice, on both surfaces."""
    loopback: Loopback = request.getfixturevalue(surface)
    answer = loopback.call(ASKED)
    assert isinstance(answer, TextAnswer)
    assert answer.text == "You said: Hello there"
    assert answer.request_id == "resp-1"
    cost = priced(loopback.sheet("text", MODEL), answer.usage, {})
    assert cost.amount == double.record.invoice[0][1]


def test_a_stream_says_the_same_and_a_cut_one_fails(google: Loopback, double: GoogleDouble) -> None:
    """Usage included; nothing but the finish reason marks the end."""
    last = list(google.stream(ASKED))[-1]
    assert isinstance(last, AnswerComplete)
    assert last.answer.text == "You said: Hello there"
    assert last.answer.usage.output_tokens
    double.fail(Fault(cut_after_bytes=300))
    with pytest.raises(NetworkFailed):
        list(google.stream(ASKED))


def test_a_conversation_with_a_tool_goes_round(google: Loopback) -> None:
    """The signature comes back, so the double takes it; another's call is taken too."""
    asked = TextRequest(model=MODEL, prompt="Look", tools=(LOOK,), reasoning_effort="low")
    first = google.call(asked)
    assert isinstance(first, TextAnswer)
    (wanted,) = first.tool_calls
    assert (wanted.name, wanted.arguments, first.reasoning) == ("look", {"at": "word"}, "Hm.")
    for state in (first.provider_state, {}):
        messages = [
            UserMessage(content="Look"),
            AssistantMessage(tool_calls=first.tool_calls, provider_state=state),
            ToolMessage(tool_call_id=wanted.id, content="a door"),
        ]
        answer = google.call(TextRequest(model=MODEL, messages=messages, tools=(LOOK,)))
        assert isinstance(answer, TextAnswer)
        assert answer.finish.unified == "stop"


def test_structured_output_follows_its_schema(google: Loopback) -> None:
    """As JSON text."""
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}
    asked = TextRequest(model=MODEL, prompt="A number", output=SchemaOutput(json_schema=schema))
    answer = google.call(asked)
    assert isinstance(answer, TextAnswer)
    assert json.loads(answer.text) == {"n": 7}


@pytest.mark.parametrize("resolution", ["1K", "2K", "4K"])
def test_a_picture_costs_what_its_size_does(
    google: Loopback, double: GoogleDouble, resolution: str
) -> None:
    """And is edited the same way."""
    picture = MediaBytes(data=png(8, 8), media_type="image/png")
    asked = ImageRequest(
        model="gemini-3.1-flash-image", prompt="a cat", resolution=resolution, images=(picture,)
    )
    answer = google.call(asked)
    assert isinstance(answer, MediaAnswer)
    assert answer.artifacts[0].media_type == "image/png"
    sheet = google.sheet("image", "gemini-3.1-flash-image")
    assert sheet is not None
    billed = double.record.invoice[0][1]
    text_tokens = (answer.usage.output_tokens or 0) - (answer.usage.output_image_tokens or 0)
    assert text_tokens == 0
    assert priced(sheet, answer.usage, circumstances(asked, sheet)).amount == billed


def test_sound_comes_as_a_file_and_is_understood(google: Loopback) -> None:
    """Samples get a header; a file does not get a second; music is music."""
    for model in ("gemini-3.8-flash-tts", "gemini-3.8-flash-lite-tts"):
        spoken = google.call(SpeechRequest(model=model, text="Hello", voice="Kore"))
        assert isinstance(spoken, MediaAnswer)
        made = spoken.artifacts[0]
        assert isinstance(made, InlineArtifact)
        assert made.data == wav(1)
    music = google.call(AudioRequest(model="lyria-3.5", prompt="lofi", format="wav"))
    assert isinstance(music, MediaAnswer)
    assert music.usage.requests == 1
    heard = google.call(TranscriptionRequest(model="gemini-flash-latest", audio=SOUND))
    assert isinstance(heard, TranscriptAnswer)
    assert heard.text == "Hello there."


def test_vectors_models_and_files(google: Loopback, double: GoogleDouble) -> None:
    """A clip has to be read before it can be used."""
    asked = EmbeddingRequest(model="gemini-embedding-001", inputs=("a", "b"), dimensions=3)
    measured = google.call(asked)
    assert isinstance(measured, EmbeddingAnswer)
    assert [len(one) for one in measured.embeddings] == [3, 3]
    assert MODEL in google.check().models
    clip = MediaBytes(data=mp4(), media_type="video/mp4")
    url = google.converse(upload(clip))
    assert url.url.endswith("/v1beta/files/double1")
    assert double.files.all["double1"]["content"] == mp4()


def test_a_clip_is_followed_until_it_can_be_fetched(
    google: Loopback, double: GoogleDouble, clock: Hours
) -> None:
    """For two days, and with the key alone."""
    request = VideoRequest(model=OMNI, prompt="a marble", duration_seconds=8, resolution="720p")
    brief = Brief(model=google.sheet("video", OMNI), marker="att_1")
    found = submitted(google, request, brief)
    assert double.record.bodies[0]["labels"] == {"anymedia": "att_1"}
    assert double.record.invoice == []
    states = ended(google, found.handle)
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    done = states[-1]
    assert done.usage.output_tokens == 46_336
    assert fetched(google, done.artifacts[0])[4:8] == b"ftyp"
    looked(google, found.handle)
    ((_, billed),) = double.record.invoice
    eight_seconds = priced(
        brief.model, done.usage.model_copy(update={"seconds": Decimal(8)}), {"resolution": "720p"}
    )
    assert eight_seconds.amount is not None
    assert abs(eight_seconds.amount - billed) < Decimal("0.01")
    clock.now += 48 * 3600
    with pytest.raises(urllib.error.HTTPError):
        fetched(google, done.artifacts[0])


def test_clips_fail_and_are_cancelled(google: Loopback, double: GoogleDouble) -> None:
    """Refusals apart from breakdowns; what was cancelled costs nothing."""
    for prompt, code in (
        ("forbidden", "CONTENT_POLICY_VIOLATION"),
        ("broken", "PROVIDER_ERROR"),
    ):
        found = submitted(google, VideoRequest(model=OMNI, prompt=prompt))
        state = ended(google, found.handle)[-1]
        assert isinstance(state, Failed)
        assert state.problem.code == code
    operation = GOOGLE.operation("video", Job)
    assert isinstance(operation, Job)
    assert operation.cancel is not None
    found = submitted(google, VideoRequest(model=OMNI, prompt="a marble"))
    assert google.converse(operation.cancel(found.handle)) == "confirmed"
    assert isinstance(looked(google, found.handle), Stopped)
    assert google.converse(operation.cancel(found.handle)) == "impossible"
    assert double.record.invoice == []


def test_a_call_about_a_clip_names_it(google: Loopback, double: GoogleDouble) -> None:
    """Signed as Standard Webhooks are; it holds nothing but the id."""
    found = submitted(google, VideoRequest(model=OMNI, prompt="a marble"))
    ended(google, found.handle)
    body, headers = call(double.interactions.all[found.handle], number=1, timestamp=1_795_000_000)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    operation = GOOGLE.operation("video", Job)
    assert isinstance(operation, Job)
    assert operation.read_callback is not None
    assert operation.read_callback(body, Headers(headers)).handle == found.handle


def test_failures_are_told_apart(google: Loopback, double: GoogleDouble) -> None:
    """Limits of two kinds, an empty account, no room, refusals, a wrong model, a wrong key."""
    double.fail(rate_limited())
    with pytest.raises(RateLimited) as caught:
        google.call(ASKED)
    assert (caught.value.retry_after, caught.value.retryable) == (2, True)
    double.fail(rate_limited(per_day=True))
    with pytest.raises(RateLimited) as caught:
        google.call(ASKED)
    assert caught.value.retryable is False
    double.fail(out_of_credits())
    with pytest.raises(InsufficientCredits):
        google.call(ASKED)
    double.fail(overloaded())
    with pytest.raises(ProviderUnavailable):
        google.call(ASKED)
    with pytest.raises(ContentRefused):
        google.call(TextRequest(model=MODEL, prompt="forbidden"))
    late = google.call(TextRequest(model=MODEL, prompt="forbidden-late"))
    assert isinstance(late, TextAnswer)
    assert late.finish.unified == "content_filter"
    with pytest.raises(ContentRefused):
        google.call(ImageRequest(model="gemini-3.1-flash-image", prompt="forbidden-late"))
    with pytest.raises(ModelUnavailable):
        google.call(TextRequest(model="nobody", prompt="Hi"))
    with pytest.raises(ModelUnavailable):
        submitted(google, VideoRequest(model="veo-3.0-generate-001", prompt="Hi"))
    with pytest.raises(AuthenticationFailed):
        Loopback(GOOGLE, google.base_url, {"api_key": "wrong"}).call(ASKED)


def test_vertex_tokens_end_and_are_got_anew(
    vertex: Loopback, double: GoogleDouble, clock: Hours
) -> None:
    """Of a service account and of a person; one that nobody signed for is refused."""
    assert isinstance(vertex.call(ASKED), TextAnswer)
    paths = [path for _, path in double.record.requests]
    assert "/projects/double-project/locations/global/" in paths[-1]
    clock.now += LIVES_SECONDS
    with pytest.raises(AuthenticationFailed):
        vertex.call(ASKED)
    assert isinstance(entered(vertex).call(ASKED), TextAnswer)
    person = {"credentials": json.dumps(double.tokens.person(vertex.base_url))}
    assert isinstance(entered(Loopback(VERTEX, vertex.base_url, person)).call(ASKED), TextAnswer)
    express = Loopback(VERTEX, vertex.base_url, {"api_key": double.key})
    assert isinstance(express.call(ASKED), TextAnswer)


def test_vertex_predicts_pictures_music_and_vectors(vertex: Loopback, double: GoogleDouble) -> None:
    """Each by the method that its sheet names."""
    asked = ImageRequest(model="imagen-4.0-generate-001", prompt="a dot", count=2, seed=3)
    pictures = vertex.call(asked)
    assert isinstance(pictures, MediaAnswer)
    assert len(pictures.artifacts) == 2
    some = vertex.call(asked.model_copy(update={"prompt": "forbidden-late"}))
    assert isinstance(some, MediaAnswer)
    assert (len(some.artifacts), len(some.warnings)) == (1, 1)
    with pytest.raises(ContentRefused):
        vertex.call(asked.model_copy(update={"prompt": "forbidden"}))
    music = vertex.call(AudioRequest(model="lyria-002", prompt="lofi"))
    assert isinstance(music, MediaAnswer)
    assert double.record.invoice[-1][1] == Decimal("0.06")
    for model in ("gemini-embedding-001", "gemini-embedding-2"):
        measured = vertex.call(EmbeddingRequest(model=model, inputs=("a", "b")))
        assert isinstance(measured, EmbeddingAnswer)
        assert measured.usage.input_tokens
    assert MODEL in vertex.check().models


def test_veos_operations_run_end_fail_and_stop(vertex: Loopback) -> None:
    """Inline, or in a bucket that is fetched from storage."""
    found = submitted(vertex, VideoRequest(model=VEO, prompt="a boat", duration_seconds=8))
    states = ended(vertex, found.handle)
    assert [type(one) for one in states] == [Running, Running, Succeeded]
    assert states[-1].artifacts[0].data[4:8] == b"ftyp"
    options = {"storageUri": "gs://bucket/out/"}
    found = submitted(vertex, VideoRequest(model=VEO, prompt="a boat", options=options))
    (clip,) = ended(vertex, found.handle)[-1].artifacts
    assert clip.url.startswith("https://storage.googleapis.com/storage/v1/b/bucket/o/")
    operation = VERTEX.operation("video", Job)
    assert isinstance(operation, Job)
    assert operation.cancel is not None
    assert vertex.converse(operation.cancel(found.handle)) == "requested"
    for prompt, code in (
        ("forbidden", "CONTENT_POLICY_VIOLATION"),
        ("broken", "PROVIDER_ERROR"),
    ):
        found = submitted(vertex, VideoRequest(model=VEO, prompt=prompt))
        state = ended(vertex, found.handle)[-1]
        assert isinstance(state, Failed)
        assert state.problem.code == code


def test_vertex_makes_clips_by_interactions_too(vertex: Loopback) -> None:
    """Inline, as there is nowhere to keep them."""
    found = submitted(vertex, VideoRequest(model=OMNI, prompt="a marble"))
    state = ended(vertex, found.handle)[-1]
    assert isinstance(state, Succeeded)
    assert isinstance(state.artifacts[0], InlineArtifact)


@pytest.mark.parametrize("name", ["google", "vertex"])
def test_the_double_can_be_simulated(name: str) -> None:
    """Under either surface's name."""
    assert isinstance(double_of(name), GoogleDouble)
