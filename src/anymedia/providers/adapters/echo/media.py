"""What echo answers at once: pictures, speech, transcripts and vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact
from anymedia.contracts.result import Answer, MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import Segment, TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.echo.amounts import amount, content
from anymedia.providers.adapters.echo.body import body_of
from anymedia.providers.adapters.echo.failures import opened
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from anymedia.wire.shape import Shape


class Counted(Shape):
    """What was consumed, in whichever units there are."""

    images: int | None = None
    megapixels: Decimal | None = None
    characters: int | None = None
    seconds: Decimal | None = None
    input_tokens: int | None = None


class File(Shape):
    """One thing that was made."""

    b64: str
    media_type: str
    seed: int | None = None


class Made(Shape):
    """Pictures, or sounds."""

    model: str | None = None
    images: tuple[File, ...] = ()
    audio: tuple[File, ...] = ()
    usage: Counted = Counted()
    cost: Decimal | None = None


class Stretch(Shape):
    """Words and when they are said."""

    text: str
    start_seconds: float
    end_seconds: float


class Heard(Shape):
    """A transcript."""

    text: str
    model: str | None = None
    language: str | None = None
    duration_seconds: float | None = None
    segments: tuple[Stretch, ...] = ()
    words: tuple[Stretch, ...] = ()
    usage: Counted = Counted()
    cost: Decimal | None = None


class Embedded(Shape):
    """Vectors."""

    embeddings: tuple[tuple[float, ...], ...]
    model: str | None = None
    usage: Counted = Counted()
    cost: Decimal | None = None


def images(request: ImageRequest, brief: Brief) -> Exchange[Answer]:
    """Pictures: from words, from pictures, or both."""
    response = yield post("/v1/image", json=body_of(request, brief))
    return delivered(response)


def speech(request: SpeechRequest, brief: Brief) -> Exchange[Answer]:
    """Words read aloud."""
    response = yield post("/v1/speech", json=body_of(request, brief))
    return delivered(response)


def delivered(response: HttpResponse) -> MediaAnswer:
    """The files of an answer."""
    made = opened(response).read(Made)
    return MediaAnswer(
        artifacts=tuple(
            InlineArtifact(
                data=content(file.b64), media_type=file.media_type, metadata={"seed": file.seed}
            )
            for file in (*made.images, *made.audio)
        ),
        **facts(made, response),
    )


def transcript(request: TranscriptionRequest, brief: Brief) -> Exchange[Answer]:
    """Words from speech."""
    response = yield post("/v1/transcription", json=body_of(request, brief))
    heard = opened(response).read(Heard)
    return TranscriptAnswer(
        text=heard.text,
        language=heard.language,
        duration_seconds=amount(heard.duration_seconds),
        segments=timed(heard.segments),
        words=timed(heard.words),
        **facts(heard, response),
    )


def timed(stretches: tuple[Stretch, ...]) -> tuple[Segment, ...]:
    """Stretches of speech, as we tell them; without those whose times are no times."""
    return tuple(
        Segment(text=one.text, start_seconds=start, end_seconds=end)
        for one in stretches
        if (start := amount(one.start_seconds)) is not None
        and (end := amount(one.end_seconds)) is not None
    )


def vectors(request: EmbeddingRequest, brief: Brief) -> Exchange[Answer]:
    """Vectors from texts."""
    response = yield post("/v1/embedding", json=body_of(request, brief))
    embedded = opened(response).read(Embedded)
    if not all(math.isfinite(number) for vector in embedded.embeddings for number in vector):
        raise UnreadableResponse("a vector holds what is no number", accepted="unknown")
    return EmbeddingAnswer(embeddings=embedded.embeddings, **facts(embedded, response))


def facts(answer: Made | Heard | Embedded, response: HttpResponse) -> Mapping[str, Any]:
    """What every answer tells."""
    return {
        "model": answer.model,
        "request_id": response.headers.get("x-request-id"),
        "usage": counted(answer.usage),
        "reported_cost": amount(answer.cost),
    }


def counted(said: Counted) -> Usage:
    """Consumption in our words."""
    found = {
        name: value
        for name in Counted.__struct_fields__
        if (value := amount(getattr(said, name))) is not None
    }
    return Usage(**found, raw={name: str(value) for name, value in found.items()})
