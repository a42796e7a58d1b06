"""Transcription: what is sent, and what an answer means."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.errors import (
    GenerationError,
    ProviderError,
    RequestRejected,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.providers.dialects.openai import transcription
from anymedia.providers.dialects.openai.errors import OPENAI_ERRORS, explain
from anymedia.providers.spec import Brief
from anymedia.testing.samples import wav
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

TALK = wav(0.1)


def asked(**fields: Any) -> TranscriptionRequest:
    """A request; a plain one unless more is said."""
    return TranscriptionRequest.model_validate({"model": "whisper-1", "audio": TALK} | fields)


def exchanged(
    request: TranscriptionRequest, body: Any = None
) -> tuple[HttpRequest, TranscriptAnswer]:
    """What goes out for a request, and what this answer is read as."""
    body = {"text": "Hello."} if body is None else body
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent, answer = replay(
        transcription.exchange(request, Brief(), OPENAI_ERRORS),
        HttpResponse(200, content, {"x-request-id": "req_1"}),
        explain=explain,
    )
    return sent[0], answer


def fields(request: HttpRequest) -> list[tuple[str, bytes]]:
    """A form's plain fields."""
    return [(part.name, part.content) for part in request.parts if part.filename is None]


def test_a_translation_has_an_address_of_its_own() -> None:
    """And fewer fields: neither language nor grain."""
    sent, answer = exchanged(asked(translate=True, timestamps="segment", prompt="Oslo"))
    assert (sent.method, sent.path) == ("POST", "/audio/translations")
    assert fields(sent) == [
        ("model", b"whisper-1"),
        ("prompt", b"Oslo"),
        ("response_format", b"verbose_json"),
    ]
    assert answer.text == "Hello."
    assert ("response_format", b"json") in fields(exchanged(asked(translate=True))[0])


@pytest.mark.parametrize(
    "said", [{"language": "de"}, {"speakers": True}, {"timestamps": "word"}], ids=str
)
def test_what_a_translation_cannot_be_told_is_refused(said: dict[str, Any]) -> None:
    """Before it is sent."""
    with pytest.raises(UnsupportedOption, match=next(iter(said))):
        exchanged(asked(translate=True, **said))


def test_a_recording_goes_as_a_file_with_a_name() -> None:
    """The server finds the format by the name's ending."""
    sent, answer = exchanged(asked())
    assert (sent.method, sent.path) == ("POST", "/audio/transcriptions")
    assert fields(sent) == [("model", b"whisper-1"), ("response_format", b"json")]
    (file,) = [part for part in sent.parts if part.filename]
    assert (file.name, file.filename, file.media_type) == ("file", "file.wav", "audio/wav")
    assert file.content == TALK
    assert (answer.text, answer.request_id) == ("Hello.", "req_1")


def test_hints_have_their_names() -> None:
    """Lists repeat under a name with brackets."""
    sent, _ = exchanged(
        asked(
            language="en",
            prompt="Ruby",
            temperature=0.2,
            options={"keywords": ["Rails", "Sinatra"]},
        )
    )
    assert fields(sent) == [
        ("model", b"whisper-1"),
        ("language", b"en"),
        ("prompt", b"Ruby"),
        ("temperature", b"0.2"),
        ("response_format", b"json"),
        ("keywords[]", b"Rails"),
        ("keywords[]", b"Sinatra"),
    ]


def test_times_and_speakers_need_formats_of_their_own() -> None:
    """Speakers also need a way to cut long recordings."""
    timed, _ = exchanged(asked(timestamps="word"))
    assert fields(timed)[1:] == [
        ("response_format", b"verbose_json"),
        ("timestamp_granularities[]", b"word"),
    ]
    by_speaker, _ = exchanged(asked(speakers=True))
    assert fields(by_speaker)[1:] == [
        ("response_format", b"diarized_json"),
        ("chunking_strategy", b"auto"),
    ]


def test_words_come_with_times_speakers_and_language() -> None:
    """Stretches without words or times are let pass."""
    _, answer = exchanged(
        asked(timestamps="word"),
        {
            "text": "Hello there.",
            "language": "english",
            "duration": 3.7,
            "segments": [
                {"text": "Hello", "start": 0, "end": 1.5, "speaker": "A"},
                {"text": "there."},
                None,
            ],
            "words": [{"word": "Hello", "start": 0.0, "end": 0.5}, {"start": 1, "end": 2}],
        },
    )
    assert (answer.language, answer.duration_seconds) == ("english", 3.7)
    (segment,) = answer.segments
    assert (segment.text, segment.speaker, segment.end_seconds) == ("Hello", "A", 1.5)
    assert [word.text for word in answer.words] == ["Hello"]
    assert answer.usage.seconds == Decimal("3.7")


def test_usage_is_tokens_or_seconds() -> None:
    """Whichever the model bills by."""
    tokens = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"audio_tokens": 10, "text_tokens": 4},
        "output_tokens": 5,
    }
    usage = exchanged(asked(), {"text": "Hi", "usage": tokens})[1].usage
    assert (usage.input_tokens, usage.input_audio_tokens, usage.output_tokens) == (14, 10, 5)
    billed = {"type": "duration", "seconds": 12}
    usage = exchanged(asked(), {"text": "Hi", "usage": billed, "duration": 11.6})[1].usage
    assert usage.seconds == 12


def test_subtitles_are_the_text_itself() -> None:
    """Asked for by option, they come without JSON around them."""
    subtitles = "WEBVTT\n\n00:00.000 --> 00:01.000\nHällo\n"
    _, answer = exchanged(asked(options={"response_format": "vtt"}), subtitles.encode())
    assert answer.text == subtitles


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": {"message": "x", "type": "invalid_request_error"}}, RequestRejected),
        ({"error": "busy"}, ProviderError),
        ({"language": "en"}, UnreadableResponse),
        ({"text": None}, UnreadableResponse),
        ({"text": 5}, UnreadableResponse),
        ({"text": "Hi", "segments": [5]}, UnreadableResponse),
        ([], UnreadableResponse),
        (b"", UnreadableResponse),
        (b"<html>", UnreadableResponse),
    ],
)
def test_a_200_without_words_is_the_right_failure(body: Any, error: type[GenerationError]) -> None:
    """Failures inside are told apart from answers that nobody understands."""
    with pytest.raises(error):
        exchanged(asked(), body)


def test_strange_numbers_do_not_lose_the_words() -> None:
    """A duration that is none is not known."""
    _, answer = exchanged(
        asked(), {"text": "Hi", "duration": "nan", "segments": [{"text": "x", "start": "inf"}]}
    )
    assert (answer.text, answer.duration_seconds, answer.segments) == ("Hi", None, ())
