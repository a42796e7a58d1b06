"""Pictures, speech, transcripts, vectors and uploads on the Gemini API.

Answers are written after https://ai.google.dev/gemini-api/docs (image-generation,
speech-generation, embeddings, files; 2026-11-21).
"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from tests.providers.google.answering import FAILURES, PNG, brief, called, encoded, response

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import (
    ContentRefused,
    GenerationError,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.adapters.google import GOOGLE
from anymedia.providers.adapters.google.files import MOST_LOOKS, upload
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

PICTURE = MediaBytes(data=PNG, media_type="image/png")
SOUND = MediaBytes(data=b"RIFF", media_type="audio/wav")
SAMPLES = bytes(range(8))


def answered(*parts: Any, reason: str | None = "STOP", **more: Any) -> HttpResponse:
    """An answer of `generateContent`."""
    candidate = {"content": {"parts": list(parts)}, "finishReason": reason, **more}
    counts = {
        "promptTokenCount": 5,
        "candidatesTokenCount": 1120,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    }
    return response(
        {
            "candidates": [candidate],
            "usageMetadata": counts,
            "modelVersion": "m-1",
            "responseId": "r-1",
        }
    )


def inline(data: bytes, mime_type: str | None = "image/png", **more: Any) -> dict[str, Any]:
    """A part with bytes."""
    return {"inlineData": {"mimeType": mime_type, "data": encoded(data)}, **more}


REQUESTS: list[Any] = [
    ImageRequest(model="m", prompt="a cat"),
    SpeechRequest(model="m", text="Hello"),
    TranscriptionRequest(model="m", audio=SOUND),
    EmbeddingRequest(model="m", inputs=("Hi",)),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one.medium)
@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_every_operation_fails_with_our_errors(
    request_: Any, answer: HttpResponse, kind: str
) -> None:
    """Limits, credentials, servers, pages and nothing at all."""
    with pytest.raises(GenerationError) as caught:
        called(GOOGLE, request_, answer)
    assert type(caught.value).__name__ == kind


# --- pictures -------------------------------------------------------------------------------


def test_a_picture_is_asked_for_in_a_shape_and_size() -> None:
    """Tiers are written with a capital K; words beside the picture are kept."""
    request = ImageRequest(
        model="gemini-3.1-flash-image",
        prompt="a cat",
        aspect_ratio="16:9",
        resolution="2k",
        options={"generationConfig": {"imageConfig": {"imageSize": "4K"}}},
    )
    thought = inline(b"draft", thought=True)
    sent, answer = called(GOOGLE, request, answered(thought, {"text": "Here."}, inline(PNG)))
    assert sent[0].path == "/v1beta/models/gemini-3.1-flash-image:generateContent"
    assert sent[0].json == {
        "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"imageSize": "4K"},
        },
    }
    assert [(one.data, one.media_type) for one in answer.artifacts] == [(PNG, "image/png")]
    assert answer.usage.images == 1
    assert answer.usage.output_image_tokens == 1120
    assert answer.metadata["text"] == "Here."
    plain = request.model_copy(update={"options": {}})
    sent, _ = called(GOOGLE, plain, answered(inline(PNG, None)))
    shape = {"aspectRatio": "16:9", "imageSize": "2K"}
    assert sent[0].json["generationConfig"]["imageConfig"] == shape


@pytest.mark.parametrize(
    ("given", "pictures", "option"),
    [
        ({"prompt": "blue", "images": (PICTURE,)}, 1, None),
        ({"images": (PICTURE,)}, 1, "mode"),
        ({"prompt": "a hat", "images": (PICTURE,), "mask": PICTURE}, 2, "mask"),
    ],
)
def test_pictures_to_go_by_come_before_the_words(
    given: dict[str, Any], pictures: int, option: str | None
) -> None:
    """Variations and masks are asked for in words, and that is said."""
    sent, answer = called(GOOGLE, ImageRequest(model="m", **given), answered(inline(PNG)))
    *shown, words = sent[0].json["contents"][0]["parts"]
    assert shown == [{"inlineData": {"mimeType": "image/png", "data": encoded(PNG)}}] * pictures
    assert given.get("prompt", "variation") in words["text"]
    assert [one.option for one in answer.warnings] == ([option] if option else [])


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("IMAGE_SAFETY", ContentRefused),
        ("PROHIBITED_CONTENT", ContentRefused),
        ("NO_IMAGE", ProviderError),
        ("STOP", ProviderError),
        (None, ProviderError),
    ],
)
def test_no_picture_is_explained_by_the_reason_in_its_place(reason: Any, error: Any) -> None:
    """It is certain that nothing will come, so another try is allowed."""
    with pytest.raises(error) as caught:
        called(GOOGLE, REQUESTS[0], answered({"text": "I cannot."}, reason=reason))
    assert type(caught.value) is error
    assert caught.value.accepted == "no"
    assert "I cannot" not in caught.value.message


def test_a_picture_that_is_not_base64_is_unreadable() -> None:
    """It was made and paid for."""
    broken = {"inlineData": {"mimeType": "image/png", "data": "###"}}
    with pytest.raises(UnreadableResponse) as caught:
        called(GOOGLE, REQUESTS[0], answered(broken))
    assert caught.value.accepted == "yes"


# --- speech ---------------------------------------------------------------------------------


def test_raw_samples_become_a_wav_file() -> None:
    """At the rate that their type says; the pieces are joined first."""
    request = SpeechRequest(
        model="gemini-2.5-flash-tts",
        text="Hello",
        voice="Kore",
        language="en-US",
        instructions="Whisper:",
    )
    kind = "audio/L16;codec=pcm;rate=16000"
    spoken = answered(inline(SAMPLES[:4], kind), inline(SAMPLES[4:], kind))
    sent, answer = called(GOOGLE, request, spoken)
    assert sent[0].json["contents"][0]["parts"] == [{"text": "Whisper: Hello"}]
    assert sent[0].json["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
            "languageCode": "en-US",
        },
    }
    (made,) = answer.artifacts
    assert made.media_type == "audio/wav"
    assert struct.unpack("<I", made.data[24:28]) == (16_000,)
    assert struct.unpack("<I", made.data[4:8]) == (len(made.data) - 8,)
    assert made.data.endswith(SAMPLES)
    assert answer.usage.characters == 5


def test_raw_samples_stay_raw_where_they_are_wanted() -> None:
    """With what their bytes cannot say."""
    request = SpeechRequest(model="m", text="Hello", format="pcm")
    _, answer = called(GOOGLE, request, answered(inline(SAMPLES, "audio/L16")))
    (made,) = answer.artifacts
    assert (made.data, made.media_type) == (SAMPLES, "audio/pcm")
    assert made.metadata["sample_rate"] == 24_000


def test_a_file_gets_no_second_header() -> None:
    """Later models answer with one; their style is metadata."""
    file = b"RIFF\0\0\0\0WAVEfmt "
    given = brief(GOOGLE, "speech", "gemini-3.8-flash-tts")
    request = SpeechRequest(model="gemini-3.8-flash-tts", text="Hi", instructions="calm")
    for kind in ("audio/wav", "audio/L16;rate=24000"):
        sent, answer = called(GOOGLE, request, answered(inline(file, kind)), given=given)
        assert answer.artifacts[0].data == file
        assert answer.artifacts[0].media_type == "audio/wav"
    part = {"text": "Hi", "speechMetadata": {"style": "calm"}}
    assert sent[0].json["contents"][0]["parts"] == [part]
    _, answer = called(GOOGLE, request, answered(inline(b"\1\2", "audio/mulaw")), given=given)
    assert answer.artifacts[0].media_type == "audio/mulaw"


def test_speech_that_is_refused_says_so() -> None:
    """Nothing was made."""
    with pytest.raises(ContentRefused) as caught:
        called(GOOGLE, REQUESTS[1], answered(reason="SAFETY", finishMessage="No."))
    assert (caught.value.message, caught.value.accepted) == ("No.", "no")


# --- listening ------------------------------------------------------------------------------


def test_a_recording_is_written_down_in_english() -> None:
    """By a sentence in the prompt, and that is said."""
    request = TranscriptionRequest(model="m", audio=SOUND, translate=True)
    sent, answer = called(GOOGLE, request, answered({"text": "Good day."}))
    assert "into English" in sent[0].json["contents"][0]["parts"][0]["text"]
    assert (answer.text, answer.language) == ("Good day.", "en")
    assert [one.option for one in answer.warnings] == ["translate"]


def test_a_recording_is_written_down() -> None:
    """Language and vocabulary are sentences in the prompt, and that is said."""
    request = TranscriptionRequest(model="m", audio=SOUND, language="de", prompt="Ruby")
    sent, answer = called(GOOGLE, request, answered({"text": " Guten Tag.\n"}))
    words, sound = sent[0].json["contents"][0]["parts"]
    assert "The language is de." in words["text"]
    assert "Ruby" in words["text"]
    assert sound == {"inlineData": {"mimeType": "audio/wav", "data": encoded(b"RIFF")}}
    assert answer.text == "Guten Tag."
    assert [one.option for one in answer.warnings] == ["language", "prompt"]


def test_silence_is_an_empty_transcript_and_a_refusal_is_none() -> None:
    """What is held back is not silence."""
    _, answer = called(GOOGLE, REQUESTS[2], answered({"text": ""}))
    assert answer.text == ""
    with pytest.raises(ContentRefused):
        called(GOOGLE, REQUESTS[2], answered(reason="SAFETY"))


# --- vectors --------------------------------------------------------------------------------


def test_texts_are_measured_in_one_batch() -> None:
    """Every text says what its vector is for."""
    request = EmbeddingRequest(
        model="gemini-embedding-001", inputs=("a", "b"), purpose="query", dimensions=2
    )
    found = {"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}], "usageMetadata": None}
    sent, answer = called(GOOGLE, request, response(found))
    assert sent[0].path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert sent[0].json["requests"][1] == {
        "model": "models/gemini-embedding-001",
        "content": {"parts": [{"text": "b"}]},
        "taskType": "RETRIEVAL_QUERY",
        "outputDimensionality": 2,
    }
    assert answer.embeddings == ((1.0, 2.0), (3.0, 4.0))
    with pytest.raises(UnreadableResponse):
        called(GOOGLE, request, response({"embeddings": [{"values": [1]}, None]}))


# --- uploads --------------------------------------------------------------------------------

ADDRESS = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1"
STARTED = HttpResponse(200, b"{}", {"X-Goog-Upload-URL": ADDRESS})
FILE = {"name": "files/abc", "uri": "https://x.test/files/abc", "mimeType": "video/mp4"}


def test_a_large_file_is_uploaded_and_seen_through() -> None:
    """The address is the permission; a clip has to be read before it can be used."""
    media = MediaBytes(data=b"clip", media_type="video/mp4", filename="a.mp4")
    answers = (
        STARTED,
        response({"file": {**FILE, "state": "PROCESSING"}}),
        response({**FILE, "state": "ACTIVE"}),
    )
    sent, url = replay(upload(media), *answers, explain=GOOGLE.explain)
    begin, send, look = sent
    assert begin.headers["X-Goog-Upload-Header-Content-Length"] == "4"
    assert begin.json == {"file": {"displayName": "a.mp4"}}
    assert (send.path, send.content, send.authorize) == (ADDRESS, b"clip", False)
    assert look.path == "/v1beta/files/abc"
    assert (url.url, url.media_type) == (FILE["uri"], "video/mp4")


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((HttpResponse(200, b"{}"),), UnreadableResponse),
        ((STARTED, response({"file": {"state": "FAILED"}})), RequestRejected),
        ((STARTED, response({"file": {"state": "ACTIVE"}})), UnreadableResponse),
        ((STARTED, response({})), UnreadableResponse),
        (
            (
                STARTED,
                response({"file": {**FILE, "state": "PROCESSING"}}),
                *[response({**FILE, "state": "PROCESSING"})] * MOST_LOOKS,
            ),
            ProviderUnavailable,
        ),
    ],
)
def test_an_upload_that_comes_to_nothing_says_why(
    answers: tuple[HttpResponse, ...], error: Any
) -> None:
    """No address, an unreadable file, one that takes too long."""
    with pytest.raises(error):
        replay(upload(PICTURE), *answers, explain=GOOGLE.explain)
