"""Songs (`POST /v1/music_generation`) and speech (`POST /v1/t2a_v2`): sound as hexadecimal text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import InlineArtifact, RemoteArtifact, sniffed
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.minimax.failures import Base, request_id, well
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from anymedia.wire.shape import Shape

DEFAULT_VOICE = "English_expressive_narrator"
MEDIA_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "pcm": "audio/pcm"}
LANGUAGES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
MILLISECONDS = Decimal(1000)


class Sound(Shape):
    """What was made, as hexadecimal text or behind an address."""

    audio: str | None = None
    audio_url: str | None = None


class Facts(Shape):
    """About the sound. Lengths are in milliseconds."""

    audio_length: int | None = None
    music_duration: int | None = None
    audio_sample_rate: int | None = None
    usage_characters: int | None = None


class Heard(Shape):
    """The answer."""

    data: Sound | None = None
    extra_info: Facts | None = None
    trace_id: str | None = None
    base_resp: Base | None = None


def speak(request: SpeechRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have it read aloud."""
    voice: dict[str, Any] = {"voice_id": request.voice or DEFAULT_VOICE}
    if request.speed is not None:
        voice["speed"] = request.speed
    body: dict[str, Any] = {
        "model": request.model,
        "text": request.text,
        "stream": False,
        "voice_setting": voice,
        "audio_setting": {"format": request.format or "mp3"},
        "output_format": "hex",
    }
    warnings: tuple[Notice, ...] = ()
    if request.language is not None:
        spoken = LANGUAGES.get(request.language.partition("-")[0].lower())
        if spoken is None:
            warnings = (dropped("language", "its name here is not known", request.language),)
        else:
            body["language_boost"] = spoken
    response = yield post("/v1/t2a_v2", json=merged(body, request.options))
    return answer(response, body, warnings)


def sing(request: AudioRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have a piece made. Without lyrics it is played alone, unless singing is asked for."""
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": request.prompt,
        "audio_setting": {"format": request.format or "mp3"},
        "output_format": "hex",
        "stream": False,
    }
    warnings: tuple[Notice, ...] = ()
    if request.instrumental:
        body["is_instrumental"] = True
        if request.lyrics:
            warnings = (dropped("lyrics", "the piece is to be instrumental"),)
    elif request.lyrics:
        body["lyrics"] = request.lyrics
    elif request.instrumental is False:
        body["lyrics_optimizer"] = True
    elif not {"lyrics", "lyrics_optimizer", "is_instrumental"} & set(request.options):
        body["is_instrumental"] = True
        warnings = (without_words(),)
    response = yield post("/v1/music_generation", json=merged(body, request.options))
    return answer(response, body, warnings)


def without_words() -> Notice:
    """It wants lyrics or none, said."""
    return Notice(
        code="provider-note",
        message="the piece is instrumental: neither `lyrics` nor `instrumental` was said, and "
        "MiniMax wants one. `instrumental=False` lets it write words of its own",
        option="instrumental",
    )


def answer(
    response: HttpResponse, body: dict[str, Any], warnings: tuple[Notice, ...]
) -> MediaAnswer:
    """The sound, and what is told about it."""
    heard = response.read(Heard)
    well(heard.base_resp, response)
    facts = heard.extra_info or Facts()
    length = facts.audio_length if facts.audio_length is not None else facts.music_duration
    return MediaAnswer(
        request_id=heard.trace_id or request_id(response),
        artifacts=(artifact(heard.data or Sound(), body, facts),),
        usage=Usage(
            characters=facts.usage_characters,
            seconds=None if length is None or length < 0 else Decimal(length) / MILLISECONDS,
            requests=1,
            raw={
                name: value
                for name in Facts.__struct_fields__
                if (value := getattr(facts, name)) is not None
            },
        ),
        warnings=warnings,
    )


def artifact(sound: Sound, body: dict[str, Any], facts: Facts) -> InlineArtifact | RemoteArtifact:
    """The sound: its bytes, or its address where the caller's options asked for that."""
    url = sound.audio_url
    if url is None and (sound.audio or "").startswith("https://"):
        url = sound.audio
    if url:
        return RemoteArtifact(url=url)
    try:
        data = bytes.fromhex(sound.audio or "")
    except ValueError:
        raise UnreadableResponse("the sound is not hexadecimal text", accepted="yes") from None
    if not data:
        raise UnreadableResponse("the answer has no sound", accepted="yes")
    setting = body.get("audio_setting")
    codec = str(setting.get("format")) if isinstance(setting, dict) else ""
    if codec == "pcm":
        rate = facts.audio_sample_rate
        shown = {"sample_format": "s16le"} | ({"sample_rate": rate} if rate else {})
        return InlineArtifact(data=data, media_type="audio/pcm", metadata=shown)
    found = sniffed(data)
    unsure = found == "application/octet-stream"
    return InlineArtifact(data=data, media_type=MEDIA_TYPES.get(codec) if unsure else found)
