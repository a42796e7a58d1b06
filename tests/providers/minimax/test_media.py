"""MiniMax's pictures, sound, files and account, and what its failures mean for every operation.

Answers are written after the vendor's command line (github.com/MiniMax-AI/cli) and its pages,
read 2026-11-21.
"""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest
from tests.providers.minimax.answering import WELL, answer, brief, driven, newer, older

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.minimax import image, sound, video
from anymedia.providers.adapters.minimax.account import check, upload
from anymedia.providers.adapters.minimax.failures import explain
from anymedia.testing.samples import mp3, png, wav
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse

LINK = MediaUrl(url="https://example.com/fox.png")
DRAWN = {
    "id": "img-1",
    "data": {"image_urls": ["https://cdn.example/1.png"]},
    "metadata": {"success_count": "1", "failed_count": "0"},
    "base_resp": WELL,
}
HEARD = {
    "data": {"audio": mp3(0.1).hex(), "status": 2},
    "extra_info": {"audio_length": 1500, "audio_sample_rate": 32000, "usage_characters": 13},
    "trace_id": "t-1",
    "base_resp": WELL,
}


def drawn(told: Any = None, **fields: Any) -> tuple[dict[str, Any], MediaAnswer]:
    """A picture's body, and what is made of the answer."""
    asked = ImageRequest(model="image-01", prompt="a fox", **fields)
    (sent,), found = driven(image.draw(asked, brief("image-01", "image")), answer(told or DRAWN))
    assert sent.path == "/v1/image_generation"
    return sent.json, found


def heard(asked: Any, told: Any = None) -> tuple[str, dict[str, Any], MediaAnswer]:
    """Path and body of a sound, and what is made of the answer."""
    call = sound.speak if isinstance(asked, SpeechRequest) else sound.sing
    (sent,), found = driven(call(asked, brief(asked.model, asked.medium)), answer(told or HEARD))
    return sent.path, sent.json, found


# --- pictures ----------------------------------------------------------------------------------


def test_pictures() -> None:
    """By words, shape, number and seed; a picture that is given is a person to keep to."""
    body, found = drawn(aspect_ratio="16:9", seed=7, count=2, images=(LINK,))
    assert body == {
        "model": "image-01",
        "prompt": "a fox",
        "n": 2,
        "response_format": "url",
        "aspect_ratio": "16:9",
        "seed": 7,
        "subject_reference": [{"type": "character", "image_file": LINK.url}],
    }
    assert found.artifacts == (RemoteArtifact(url="https://cdn.example/1.png"),)
    assert (found.usage.images, found.request_id) == (1, "img-1")


def test_pictures_inside_the_answer() -> None:
    """Where the caller asks for that."""
    inside = base64.b64encode(png(1, 1)).decode()
    body, found = drawn(
        {"data": {"image_base64": [inside]}, "base_resp": WELL},
        options={"response_format": "base64"},
    )
    assert body["response_format"] == "base64"
    assert found.artifacts == (InlineArtifact(data=png(1, 1)),)


@pytest.mark.parametrize(
    "counts", [{"metadata": {"failed_count": "2"}}, {"data": {"failed_count": 2}}]
)
def test_pictures_that_are_withheld_are_told(counts: dict[str, Any]) -> None:
    """Some: a warning. All: a refusal."""
    data = {"image_urls": ["https://cdn.example/1.png"], **counts.get("data", {})}
    _, found = drawn({**counts, "data": data, "base_resp": WELL}, count=3)
    assert [one.code for one in found.warnings] == ["delivered-differs"]
    with pytest.raises(ContentRefused):
        drawn({"data": {}, **counts, "base_resp": WELL}, count=2)


@pytest.mark.parametrize("told", [{"base_resp": WELL}, {"data": {"image_urls": [""]}}])
def test_an_answer_without_pictures_is_unreadable(told: Any) -> None:
    """And has been paid for."""
    with pytest.raises(UnreadableResponse) as raised:
        drawn(told)
    assert raised.value.accepted == "yes"


# --- sound -------------------------------------------------------------------------------------


def test_speech() -> None:
    """As hexadecimal text; what it cost is characters."""
    path, body, found = heard(
        SpeechRequest(
            model="speech-2.8-hd",
            text="Good morning.",
            voice="English_Trustworth_Man",
            speed=1.2,
            language="en-GB",
            format="mp3",
        )
    )
    assert path == "/v1/t2a_v2"
    assert body == {
        "model": "speech-2.8-hd",
        "text": "Good morning.",
        "stream": False,
        "voice_setting": {"voice_id": "English_Trustworth_Man", "speed": 1.2},
        "audio_setting": {"format": "mp3"},
        "output_format": "hex",
        "language_boost": "English",
    }
    assert found.artifacts == (InlineArtifact(data=mp3(0.1), media_type="audio/mpeg"),)
    assert (found.usage.characters, found.usage.seconds) == (13, Decimal("1.5"))
    assert found.usage.raw["audio_sample_rate"] == 32000
    assert found.request_id == "t-1"


def test_a_language_without_a_name_here_is_dropped_and_told() -> None:
    """The vendor wants names, not codes."""
    asked = SpeechRequest(model="speech-2.8-hd", text="Moien.", language="lb")
    _, body, found = heard(asked)
    assert "language_boost" not in body
    assert [one.option for one in found.warnings] == ["language"]


def test_objects_among_the_options_join_ours() -> None:
    """One level deep."""
    asked = SpeechRequest(
        model="speech-2.8-hd", text="Hi", options={"voice_setting": {"emotion": "happy"}}
    )
    _, body, _ = heard(asked)
    assert body["voice_setting"] == {
        "voice_id": "English_expressive_narrator",
        "emotion": "happy",
    }


@pytest.mark.parametrize(
    ("fields", "sent", "warned"),
    [
        ({"lyrics": "la la"}, {"lyrics": "la la"}, None),
        ({"instrumental": True}, {"is_instrumental": True}, None),
        ({"instrumental": True, "lyrics": "la"}, {"is_instrumental": True}, "lyrics"),
        ({"instrumental": False}, {"lyrics_optimizer": True}, None),
        ({}, {"is_instrumental": True}, "instrumental"),
        ({"options": {"lyrics_optimizer": True}}, {"lyrics_optimizer": True}, None),
    ],
)
def test_a_song_has_lyrics_or_none(
    fields: dict[str, Any], sent: dict[str, Any], warned: str | None
) -> None:
    """The vendor wants one of them said."""
    path, body, found = heard(AudioRequest(model="music-3.0", prompt="lofi", **fields))
    assert path == "/v1/music_generation"
    about = {"lyrics", "is_instrumental", "lyrics_optimizer"}
    assert {name: body[name] for name in about & body.keys()} == sent
    assert [one.option for one in found.warnings] == ([warned] if warned else [])


def test_a_song_tells_its_length() -> None:
    """Under a name of its own."""
    told = {"data": {"audio": wav(0.1).hex()}, "extra_info": {"music_duration": 25364}}
    asked = AudioRequest(model="music-3.0", prompt="lofi", format="wav")
    _, _, found = heard(asked, told)
    assert found.usage.seconds == Decimal("25.364")
    assert found.artifacts == (InlineArtifact(data=wav(0.1), media_type="audio/wav"),)


def test_raw_samples_say_how_they_are_to_be_read() -> None:
    """They have no head that would."""
    told = {"data": {"audio": "0000"}, "extra_info": {"audio_sample_rate": 32000}}
    asked = SpeechRequest(model="speech-2.8-hd", text="Hi", format="pcm")
    _, _, found = heard(asked, told)
    (artifact,) = found.artifacts
    assert artifact.media_type == "audio/pcm"
    assert artifact.metadata == {"sample_format": "s16le", "sample_rate": 32000}


@pytest.mark.parametrize(
    "data", [{"audio": "https://cdn.example/1.mp3"}, {"audio_url": "https://cdn.example/1.mp3"}]
)
def test_sound_behind_an_address(data: dict[str, str]) -> None:
    """Where the caller asks for that; the vendor has two places for it."""
    asked = AudioRequest(model="music-3.0", prompt="lofi", options={"output_format": "url"})
    _, _, found = heard(asked, {"data": data})
    assert found.artifacts == (RemoteArtifact(url="https://cdn.example/1.mp3"),)


@pytest.mark.parametrize("data", [None, {}, {"audio": ""}, {"audio": "zz"}, {"audio": "abc"}])
def test_sound_that_is_none_is_unreadable(data: Any) -> None:
    """And has been paid for."""
    with pytest.raises(UnreadableResponse) as raised:
        heard(SpeechRequest(model="speech-2.8-hd", text="Hi"), {"data": data})
    assert raised.value.accepted == "yes"


# --- failures, of every operation --------------------------------------------------------------

ASKED: dict[str, Any] = {
    "clip": lambda: video.submit(VideoRequest(model="MiniMax-H3", prompt="x"), brief("MiniMax-H3")),
    "older clip": lambda: video.submit(
        VideoRequest(model="MiniMax-Hailuo-02", prompt="x"), brief("MiniMax-Hailuo-02")
    ),
    "picture": lambda: image.draw(
        ImageRequest(model="image-01", prompt="x"), brief("image-01", "image")
    ),
    "song": lambda: sound.sing(
        AudioRequest(model="music-3.0", prompt="x"), brief("music-3.0", "audio")
    ),
    "speech": lambda: sound.speak(
        SpeechRequest(model="speech-2.8-hd", text="x"), brief("speech-2.8-hd", "speech")
    ),
}


def raised_by(exchange: Exchange[Any], response: HttpResponse) -> GenerationError:
    """The error that an answer becomes."""
    with pytest.raises(GenerationError) as raised:
        driven(exchange, response)
    return raised.value


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize(
    ("code", "words", "error", "retryable", "accepted"),
    [
        (1000, "unknown error", ProviderUnavailable, True, "unknown"),
        (1001, "timeout", ProviderTimeout, True, "unknown"),
        (1002, "rate limit", RateLimited, True, "no"),
        (1002, "input new_sensitive", ContentRefused, False, "no"),
        (1004, "not authorized", AuthenticationFailed, False, "no"),
        (1008, "insufficient balance", InsufficientCredits, False, "no"),
        (1024, "internal error", ProviderUnavailable, True, "unknown"),
        (1026, "input", ContentRefused, False, "no"),
        (1027, "output", ContentRefused, False, "no"),
        (1028, "quota", InsufficientCredits, False, "no"),
        (1030, "quota", InsufficientCredits, False, "no"),
        (1039, "token limit", RateLimited, True, "no"),
        (1039, "sensitive", ContentRefused, False, "no"),
        (2013, "invalid params", RequestRejected, False, "no"),
        (2013, "input new_sensitive", ContentRefused, False, "no"),
        (2038, "real name", AuthenticationFailed, False, "no"),
        (2049, "invalid api key", AuthenticationFailed, False, "no"),
        (2056, "usage limit", InsufficientCredits, False, "no"),
        (2061, "not in your plan", ModelUnavailable, False, "no"),
        (9999, "output new_sensitive", ContentRefused, False, "no"),
        (9999, "something new", GenerationError, False, "unknown"),
    ],
)
def test_failures_inside_a_200_are_told_apart(
    operation: str,
    code: int,
    words: str,
    error: type[GenerationError],
    *,
    retryable: bool,
    accepted: str,
) -> None:
    """The older calls' way; each says whether it can have been taken on."""
    found = raised_by(ASKED[operation](), older(code, words))
    assert isinstance(found, error)
    assert (found.retryable, found.accepted) == (retryable, accepted)
    assert (found.provider_code, found.request_id) == (str(code), "trace-1")


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize(
    ("status", "kind", "words", "error", "accepted"),
    [
        (400, "bad_request_error", "no", RequestRejected, "no"),
        (401, "authorized_error", "invalid api key", AuthenticationFailed, "no"),
        (402, "insufficient_balance_error", "no", InsufficientCredits, "no"),
        (429, "insufficient_balance_error", "no", InsufficientCredits, "no"),
        (403, "authorized_error", "no", AuthenticationFailed, "no"),
        (408, "timeout_error", "late", ProviderTimeout, "unknown"),
        (422, "unprocessable_entity_error", "sensitive content", ContentRefused, "no"),
        (422, "unprocessable_entity_error", "refused (1026)", ContentRefused, "no"),
        (422, "unprocessable_entity_error", "ratio", RequestRejected, "no"),
        (429, "rate_limit_error", "slow down", RateLimited, "no"),
        (500, "api_error", "oops", ProviderUnavailable, "unknown"),
        (502, "api_error", "oops", ProviderUnavailable, "unknown"),
        (503, "api_error", "oops", ProviderUnavailable, "unknown"),
        (504, "api_error", "late", ProviderTimeout, "unknown"),
    ],
)
def test_failures_by_status_are_told_apart(
    operation: str,
    status: int,
    kind: str,
    words: str,
    error: type[GenerationError],
    accepted: str,
) -> None:
    """The newer calls' way; the exchange is named in the body."""
    found = raised_by(ASKED[operation](), newer(status, words, kind))
    assert isinstance(found, error)
    assert found.accepted == accepted
    assert (found.http_status, found.request_id) == (status, "req-9")
    assert found.retry_after == (7 if status == 429 else None)


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(200, b""),
        HttpResponse(200, b"<html></html>"),
        HttpResponse(200, b'{"data": {"aud'),
        answer([]),
        answer({"base_resp": "well"}),
    ],
)
def test_answers_that_make_no_sense_are_unreadable(operation: str, response: HttpResponse) -> None:
    """One clear error, and nothing proves that nothing was made."""
    found = raised_by(ASKED[operation](), response)
    assert isinstance(found, UnreadableResponse)
    assert found.accepted != "no"


def test_a_proxys_page_is_explained_too() -> None:
    """It has no code and no name."""
    found = explain(HttpResponse(502, b"<html>bad gateway</html>"))
    assert isinstance(found, ProviderUnavailable)
    assert found.request_id is None


# --- files and the account ---------------------------------------------------------------------


def test_a_file_is_put_there() -> None:
    """And is spoken of by its name."""
    picture = MediaBytes(data=b"\x89PNG", media_type="image/png", filename="fox.png")
    told = answer({"file": {"file_id": 700}, "base_resp": WELL})
    (request,), found = driven(upload(picture), told)
    assert request.path == "/v1/files/upload"
    assert [part.name for part in request.parts] == ["purpose", "file"]
    assert found.url == "mm_file://700"
    with pytest.raises(UnreadableResponse):
        driven(upload(picture), answer({"base_resp": WELL}))
    with pytest.raises(RequestRejected):
        driven(upload(picture), older(2013))


def test_the_check_tells_the_balance() -> None:
    """Amounts are written as text."""
    (request,), account = driven(check(), answer({"available_amount": "12.5", "base_resp": WELL}))
    assert request.path == "/account/query_balance"
    assert (account.balance, account.unit) == (Decimal("12.5"), "USD")


@pytest.mark.parametrize("refusal", [older(1004), newer(403), newer(404)])
def test_the_key_of_a_plan_has_no_balance_and_is_told_its_plan(refusal: HttpResponse) -> None:
    """It is asked for second."""
    left = [{"model_name": "MiniMax-H3"}]
    requests, account = driven(check(), refusal, answer({"model_remains": left, "base_resp": WELL}))
    assert requests[1].path == "/v1/token_plan/remains"
    assert account.balance is None
    assert account.details == {"model_remains": left}


def test_the_check_shows_a_wrong_key() -> None:
    """Both calls refuse it."""
    with pytest.raises(AuthenticationFailed):
        driven(check(), older(1004), older(1004))
