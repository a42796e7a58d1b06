"""Acme: a provider that exists for tests, with every kind of operation and a plain language.

Texts answer at once or in a stream, pictures, voices and vectors at once, clips and music later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import ContentRefused, InsufficientCredits, NetworkFailed
from anymedia.contracts.event import AnswerComplete, StreamPiece, TextDelta
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.model import Limits, Model, Price
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import Finish, TextAnswer, TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.providers.explain import ErrorTable, Rule, Said
from anymedia.providers.inputs import reference
from anymedia.providers.spec import (
    Account,
    Brief,
    Call,
    Inputs,
    Job,
    Provider,
    Stream,
    Submitted,
)
from anymedia.wire.auth import BearerToken
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, get, post
from anymedia.wire.shape import Shape
from anymedia.wire.sse import ServerEvent

# --- what it says ---------------------------------------------------------------------------


class Words(Shape):
    """A text and what it took."""

    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    usd: str | None = None
    refused: str | None = None
    """Acme answers 200 with a reason when it refuses a prompt."""


class Clip(Shape):
    """A clip on its way."""

    id: str
    state: str = "waiting"
    urls: tuple[str, ...] = ()
    error: str | None = None


class Upload(Shape):
    """Where an upload lies now."""

    url: str


explain = ErrorTable(
    rules=(
        Rule(error=ContentRefused, code="blocked"),
        Rule(error=InsufficientCredits, status=429, code="no_credit", retryable=False),
    )
)

# --- what it does ---------------------------------------------------------------------------


def text(request: TextRequest, brief: Brief) -> Exchange[TextAnswer]:
    """Words at once."""
    response = yield post("/text", json=asked(request))
    words = response.read(Words)
    if words.refused:
        raise explain.decide(Said(message=words.refused, code="blocked"), status=200)
    return told(words)


def told(words: Words) -> TextAnswer:
    """Words as an answer."""
    return TextAnswer(
        text=words.text,
        finish=Finish(unified="stop", raw="done"),
        usage=Usage(input_tokens=words.tokens_in, output_tokens=words.tokens_out),
        reported_cost=Decimal(words.usd) if words.usd else None,
    )


def asked(request: TextRequest) -> dict[str, Any]:
    """The request in Acme's words; pictures as URLs or data."""
    parts = [
        part for message in request.messages if message.role == "user" for part in message.parts()
    ]
    return {
        "model": request.model,
        "text": " ".join(part.text for part in parts if part.type == "text"),
        "images": [reference(part.image) for part in parts if part.type == "image"],
    }


class Telling:
    """Acme's stream: a word an event, `[DONE]` at the end."""

    def __init__(self) -> None:
        self._text = ""
        self._done = False

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]:
        if event.data == "[DONE]":
            self._done = True
            yield AnswerComplete(answer=told(Words(text=self._text, tokens_in=2, tokens_out=3)))
            return
        if not event.complete:
            return  # half of an event: `end` will say that the stream was cut
        word = msgspec.json.decode(event.data)["word"]
        self._text += word
        yield TextDelta(text=word)

    def end(self) -> Iterable[StreamPiece]:
        if not self._done:
            raise NetworkFailed("the stream was cut", accepted="unknown")
        return ()


def start(request: TextRequest, brief: Brief) -> HttpRequest:
    """Ask for a stream."""
    return post("/text/stream", json=asked(request))


def telling(request: TextRequest, brief: Brief, head: HttpResponse) -> Telling:
    """Read it."""
    return Telling()


def picture(request: ImageRequest, brief: Brief) -> Exchange[MediaAnswer]:
    """A picture at once, inside the answer."""
    response = yield post("/pictures", json={"model": request.model, "text": request.prompt})
    return MediaAnswer(artifacts=(InlineArtifact(data=response.content, media_type="image/png"),))


def voice(request: SpeechRequest, brief: Brief) -> Exchange[MediaAnswer]:
    """Words read aloud, inside the answer."""
    response = yield post("/voices", json={"text": request.text, "voice": request.voice})
    return MediaAnswer(artifacts=(InlineArtifact(data=response.content, media_type="audio/wav"),))


def submit(request: VideoRequest | AudioRequest, brief: Brief) -> Exchange[Submitted]:
    """A clip or a piece of music, later."""
    response = yield post(
        "/clips", json={"model": request.model, "text": request.prompt, "label": brief.marker}
    )
    return Submitted(handle=response.read(Clip).id)


def poll(handle: str) -> Exchange[JobState]:
    """How it stands."""
    response = yield get(f"/clips/{handle}")
    clip = response.read(Clip)
    match clip.state:
        case "waiting":
            return Queued()
        case "done":
            return Succeeded(artifacts=tuple(RemoteArtifact(url=url) for url in clip.urls))
        case "error":
            said = Said(message=clip.error or "no reason given")
            return Failed(problem=explain.decide(said, status=200).problem())
        case _:
            return Running()


def transcribe(request: TranscriptionRequest, brief: Brief) -> Exchange[TranscriptAnswer]:
    """What is said in a recording."""
    response = yield post("/transcripts", json={"audio": reference(request.audio)})
    return TranscriptAnswer(text=response.read(Words).text, duration_seconds=2.5)


def embed(request: EmbeddingRequest, brief: Brief) -> Exchange[EmbeddingAnswer]:
    """Texts as vectors."""
    yield post("/vectors", json={"texts": request.inputs})
    return EmbeddingAnswer(embeddings=tuple((1.0, 0.0) for _ in request.inputs))


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """Put a file where Acme can read it."""
    response = yield post("/uploads", content=media.data, content_type=media.media_type)
    return MediaUrl(url=response.read(Upload).url)


def check() -> Exchange[Account]:
    """Whether the key works."""
    yield get("/account")
    return Account(models=("words-1",), balance=Decimal("12.5"))


# --- what is known of it --------------------------------------------------------------------


def sheet(model_id: str, medium: Any, **facts: Any) -> Model:
    """A capability sheet."""
    facts.setdefault("tasks", (medium,))
    return Model(
        id=model_id,
        provider="acme",
        medium=medium,
        source="https://docs.acme.example",
        as_of=date(2026, 11, 21),
        **facts,
    )


MODELS = (
    sheet(
        "words-1",
        "text",
        features=("streaming", "images", "temperature", "max_output_tokens"),
        limits=Limits(output_tokens=1000),
        prices=(
            Price(unit="input_tokens", usd=Decimal(1), per=1_000_000),
            Price(unit="output_tokens", usd=Decimal(4), per=1_000_000),
        ),
        priority=10,
    ),
    sheet("words-0", "text", retires_on=date(2026, 1, 31), successor="words-1", priority=90),
    sheet("words-free", "text", priority=50),
    sheet(
        "brush-1",
        "image",
        tasks=("text_to_image",),
        prices=(Price(unit="images", usd=Decimal("0.04")),),
    ),
    sheet(
        "clip-1",
        "video",
        tasks=("text_to_video", "image_to_video"),
        features=("seed",),
        limits=Limits(
            durations_seconds=(5, 10),
            aspect_ratios=("16:9", "9:16", "1:1"),
            resolutions=("720p", "1080p"),
            audio="never",
            prompt_characters=200,
        ),
        prices=(
            Price(unit="seconds", usd=Decimal("0.10")),
            Price(unit="seconds", usd=Decimal("0.25"), when={"resolution": "1080p"}),
        ),
        presets={
            "draft": {"resolution": "720p", "duration_seconds": 5},
            "high": {"resolution": "1080p"},
        },
        typical_seconds=40,
    ),
    sheet("tune-1", "audio", tasks=("music",), limits=Limits(max_duration_seconds=60)),
    sheet("voice-1", "speech", limits=Limits(voices=("anna", "bert")), voices={"narrator": "anna"}),
    sheet("ear-1", "transcription", prices=(Price(unit="seconds", usd=Decimal("0.001")),)),
    sheet("vector-1", "embedding"),
)

ACME = Provider(
    name="acme",
    title="Acme",
    base_url="https://api.acme.example/v1",
    auth=BearerToken("ACME_API_KEY"),
    operations=(
        Call(TextRequest, text),
        Stream(TextRequest, start, telling),
        Call(ImageRequest, picture),
        Call(SpeechRequest, voice),
        Job(VideoRequest, submit, poll),
        Job(AudioRequest, submit, poll),
        Call(TranscriptionRequest, transcribe),
        Call(EmbeddingRequest, embed),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https",),
        inline_bytes=4000,
        upload=upload,
        upload_bytes=20_000,
        image_types=("image/png", "image/jpeg"),
    ),
    check=check,
    models=MODELS,
)
BOLT = replace(ACME, name="bolt", title="Bolt", base_url="https://api.bolt.example/v1")
"""Another one that speaks the same language, to fail over to."""
