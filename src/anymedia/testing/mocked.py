"""The mock's language: what is sent to a `MockProvider`, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import ContentRefused, NetworkFailed
from anymedia.contracts.event import AnswerComplete, StreamPiece, TextDelta
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import JobState, Running, Succeeded
from anymedia.contracts.media import Medium, RemoteArtifact
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer, MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import Finish, TextAnswer, TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.providers.explain import ErrorTable, Rule
from anymedia.providers.spec import Brief, Call, Job, Operation, Pace, Stream, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, get, post
from anymedia.wire.shape import Shape, read
from anymedia.wire.sse import ServerEvent

TASKS: dict[Medium, tuple[str, ...]] = {
    "text": ("text",),
    "image": ("text_to_image", "image_to_image"),
    "video": ("text_to_video", "image_to_video"),
    "audio": ("music", "effect"),
    "speech": ("speech",),
    "transcription": ("transcription",),
    "embedding": ("embedding",),
}
explain = ErrorTable((Rule(error=ContentRefused, code="refused", accepted="no"),))


class Told(Shape):
    """Everything that the mock ever tells."""

    id: str = ""
    text: str = ""
    asked: int | None = None
    said: int | None = None
    vectors: tuple[tuple[float, ...], ...] = ()
    url: str | None = None
    cost: Decimal | None = None


def prompt_of(request: Request[Any]) -> str:
    """The words of a request."""
    if isinstance(request, TextRequest):
        said = [message.content for message in request.messages if message.role == "user"]
        return said[-1] if said and isinstance(said[-1], str) else ""
    return str(getattr(request, "prompt", None) or getattr(request, "text", ""))


def asked(request: Request[Any], **more: Any) -> HttpRequest:
    """A submission."""
    body = {"model": request.model, "prompt": prompt_of(request), **more}
    return post(f"/{request.medium}", json=body)


def words_in(told: Told) -> TextAnswer:
    """A text answer."""
    return TextAnswer(
        text=told.text,
        finish=Finish(unified="stop", raw="end"),
        usage=Usage(input_tokens=told.asked, output_tokens=told.said),
        reported_cost=told.cost,
    )


def text(request: TextRequest, _: Brief) -> Exchange[Answer]:
    """Words at once."""
    response = yield asked(request)
    return words_in(response.read(Told))


def streamed(request: TextRequest, _: Brief) -> HttpRequest:
    """Words as they come."""
    return asked(request, stream=True)


class Decoder:
    """A word an event, then everything."""

    def __init__(self, request: TextRequest, brief: Brief, head: HttpResponse) -> None:
        self._spoken = False
        self._done = False

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]:
        if event.name == "end" and event.complete:
            self._done = True
            yield AnswerComplete(answer=words_in(read(event.data.encode(), Told)))
        elif event.name == "word" and event.complete:
            word = str(msgspec.json.decode(event.data))
            yield TextDelta(text=f" {word}" if self._spoken else word)
            self._spoken = True

    def end(self) -> Iterable[StreamPiece]:
        if not self._done:
            raise NetworkFailed("the stream was cut", accepted="unknown")
        return ()


def file(request: ImageRequest | SpeechRequest, _: Brief) -> Exchange[Answer]:
    """A file at once."""
    response = yield asked(request)
    told = response.read(Told)
    return MediaAnswer(artifacts=artifacts(told), reported_cost=told.cost)


def artifacts(told: Told) -> tuple[RemoteArtifact, ...]:
    """What was made."""
    return (RemoteArtifact(url=told.url),) if told.url else ()


def submit(request: VideoRequest | AudioRequest, _: Brief) -> Exchange[Submitted]:
    """A file, later. The handle holds the price."""
    response = yield asked(request)
    told = response.read(Told)
    return Submitted(handle=f"{told.id} {told.cost}" if told.cost is not None else told.id)


def poll(handle: str) -> Exchange[JobState]:
    """How a job stands."""
    name, _, cost = handle.partition(" ")
    response = yield get(f"/jobs/{name}")
    made = artifacts(response.read(Told))
    if not made:
        return Running()
    return Succeeded(artifacts=made, reported_cost=Decimal(cost) if cost else None)


def transcript(request: TranscriptionRequest, _: Brief) -> Exchange[Answer]:
    """What is heard."""
    response = yield asked(request)
    told = response.read(Told)
    return TranscriptAnswer(text=told.text, reported_cost=told.cost)


def vectors(request: EmbeddingRequest, _: Brief) -> Exchange[Answer]:
    """Texts as vectors."""
    response = yield asked(request, inputs=request.inputs)
    told = response.read(Told)
    return EmbeddingAnswer(embeddings=told.vectors, reported_cost=told.cost)


PACE = Pace(first_seconds=0.05, factor=1.5, longest_seconds=1.0)
ANSWERS: dict[type[Request[Any]], Callable[[Any, Brief], Exchange[Answer]]] = {
    TextRequest: text,
    ImageRequest: file,
    SpeechRequest: file,
    TranscriptionRequest: transcript,
    EmbeddingRequest: vectors,
}
OPERATIONS: tuple[Operation, ...] = (
    *(Call(kind, answer) for kind, answer in ANSWERS.items()),
    Stream(TextRequest, streamed, Decoder),
    Job(VideoRequest, submit, poll, pace=PACE),
    Job(AudioRequest, submit, poll, pace=PACE),
)
