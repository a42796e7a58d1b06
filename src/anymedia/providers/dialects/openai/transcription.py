"""Transcription: `POST /audio/transcriptions`, a form with the recording in it.

Into English it is `POST /audio/translations`, which knows neither languages nor the times of words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from anymedia.contracts.errors import UnreadableResponse, UnsupportedOption
from anymedia.contracts.transcription import Segment, TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.dialects.openai.errors import (
    OPENAI_ERRORS,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.fields import OURS, formed, merged
from anymedia.providers.dialects.openai.usage import reported_cost, usage
from anymedia.providers.explain import ErrorTable
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape

PLAIN = frozenset({"text", "srt", "vtt"})
"""Formats whose body is the text itself."""


def operation(errors: ErrorTable = OPENAI_ERRORS) -> Call:
    """Words from speech at once."""
    return Call(TranscriptionRequest, partial(exchange, errors=errors), dialect="openai")


def exchange(
    request: TranscriptionRequest, _: Brief, errors: ErrorTable
) -> Exchange[TranscriptAnswer]:
    """Have it written down."""
    response = yield ask(request)
    if request.options.get("response_format") in PLAIN:
        return TranscriptAnswer(
            text=response.content.decode("utf-8", "replace"),
            request_id=request_id(response, errors),
        )
    return answer(response, errors)


def ask(request: TranscriptionRequest) -> HttpRequest:
    """The form. Telling speakers apart and timestamps each need a format of their own."""
    fields: dict[str, Any] = {
        "model": request.model,
        "language": request.language,
        "prompt": request.prompt,
        "temperature": request.temperature,
        "response_format": "json",
    }
    if request.translate:
        return translating(request, fields)
    if request.speakers:
        # Recordings over 30 seconds are refused without a way to cut them.
        fields |= {"response_format": "diarized_json", "chunking_strategy": "auto"}
    elif request.timestamps != "none":
        fields |= {
            "response_format": "verbose_json",
            "timestamp_granularities": [request.timestamps],
        }
    return sent("/audio/transcriptions", fields, request)


def translating(request: TranscriptionRequest, fields: dict[str, Any]) -> HttpRequest:
    """The form of a translation. What it has no field for is refused: it would be paid for."""
    for name in ("language", "speakers"):
        if getattr(request, name):
            raise UnsupportedOption(f"`{name}` cannot be said of a translation; leave it out")
    if request.timestamps == "word":
        raise UnsupportedOption("`timestamps` of a translation can be `none` or `segment`")
    del fields["language"]
    if request.timestamps == "segment":
        fields["response_format"] = "verbose_json"
    return sent("/audio/translations", fields, request)


def sent(path: str, fields: dict[str, Any], request: TranscriptionRequest) -> HttpRequest:
    """A form with the caller's options on top."""
    body = merged(fields, request.options, without=OURS)
    parts = [part for name, value in body.items() for part in formed(name, value)]
    return post(path, parts=(*parts, file_part("file", request.audio)))


class Stretch(Shape):
    """A segment or a word."""

    text: str | None = None
    word: str | None = None
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    speaker_id: str | None = None


class Transcript(Shape):
    """The answer."""

    text: str | None = None
    model: str | None = None
    object: str | None = None
    language: str | None = None
    duration: float | None = None
    segments: tuple[Stretch | None, ...] | None = None
    words: tuple[Stretch | None, ...] | None = None
    usage: Any = None
    error: Any = None


def answer(
    response: HttpResponse, errors: ErrorTable, *, reports_cost: bool = False
) -> TranscriptAnswer:
    """The words. Raises what a 200 says went wrong."""
    heard = response.read(Transcript)
    raise_failure_inside(response, heard.error, heard.object, errors)
    if heard.text is None:
        raise UnreadableResponse("the answer has no `text`", accepted="unknown")
    seconds = finite(heard.duration)
    return TranscriptAnswer(
        model=heard.model,
        request_id=request_id(response, errors),
        text=heard.text,
        language=heard.language,
        duration_seconds=seconds,
        segments=tuple(segments(heard.segments or ())),
        words=tuple(segments(heard.words or ())),
        usage=used(heard.usage, seconds),
        reported_cost=reported_cost(heard.usage) if reports_cost else None,
    )


def segments(stretches: Iterable[Stretch | None]) -> Iterable[Segment]:
    """The stretches that have words and times."""
    for one in stretches:
        if one is None:
            continue
        words, start, end = one.text or one.word, finite(one.start), finite(one.end)
        if words is not None and start is not None and end is not None:
            speaker = one.speaker or one.speaker_id
            yield Segment(text=words, start_seconds=start, end_seconds=end, speaker=speaker)


def used(raw: Any, seconds: float | None) -> Usage:
    """What it consumed: tokens or seconds, whichever the model bills."""
    said = usage(raw)
    if said.seconds is None and seconds is not None:
        said = said.model_copy(update={"seconds": Decimal(str(seconds))})
    return said


def finite(value: float | None) -> float | None:
    """A number, if it is one."""
    return value if value is not None and math.isfinite(value) else None
