"""Transcription: `POST /v1/speech-to-text`, a form with the file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.transcription import Segment, TranscriptAnswer, TranscriptionRequest
from anymedia.providers.adapters.elevenlabs.sound import request_id, used
from anymedia.providers.dialects.openai.fields import formed, merged
from anymedia.providers.inputs import as_spoken, file_part
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from anymedia.wire.shape import Shape


class Word(Shape):
    """A word, a space or an event, told apart by `type`."""

    text: str | None = None
    type: str | None = None
    start: float | None = None
    end: float | None = None
    speaker_id: str | None = None


class Transcript(Shape):
    """What was heard."""

    text: str | None = None
    language_code: str | None = None
    language_probability: float | None = None
    words: tuple[Word | None, ...] | None = None
    audio_duration_secs: float | None = None


def transcribe(request: TranscriptionRequest, _: Brief) -> Exchange[TranscriptAnswer]:
    """Have it written down. Segments are not theirs: asked for, words come instead."""
    as_spoken(request)
    fields: dict[str, Any] = {
        "model_id": request.model,
        "language_code": request.language,
        "temperature": request.temperature,
        "timestamps_granularity": "none" if request.timestamps == "none" else "word",
    }
    if request.speakers:
        # Whose word it is stands at the word.
        fields |= {"diarize": True, "timestamps_granularity": "word"}
    body = merged(fields, request.options)
    parts = [part for name, value in body.items() for part in formed(name, value)]
    response = yield post("/v1/speech-to-text", parts=(*parts, file_part("file", request.audio)))
    return heard(response)


def heard(response: HttpResponse) -> TranscriptAnswer:
    """The words, without the spaces between them."""
    told = response.read(Transcript)
    if told.text is None:
        raise UnreadableResponse("the answer has no `text`", accepted="yes")
    length = told.audio_duration_secs
    if length is not None and not 0 <= length < 1e9:
        length = None
    sure = told.language_probability
    return TranscriptAnswer(
        request_id=request_id(response),
        text=told.text,
        language=told.language_code,
        duration_seconds=length,
        words=tuple(
            Segment(
                text=word.text,
                start_seconds=word.start,
                end_seconds=word.end,
                speaker=word.speaker_id,
            )
            for word in told.words or ()
            if word is not None
            and word.text is not None
            and word.type != "spacing"
            and word.start is not None
            and word.end is not None
        ),
        usage=used(response, seconds=None if length is None else Decimal(str(length))),
        metadata={} if sure is None else {"language_probability": sure},
    )
