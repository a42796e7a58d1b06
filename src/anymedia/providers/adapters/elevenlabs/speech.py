"""Speech: `POST /v1/text-to-speech/{voice}`; with `timestamps: true`, when each character falls."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import InlineArtifact
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.providers.adapters.elevenlabs.sound import (
    IN_QUERY,
    made,
    media_type,
    query,
    request_id,
    samples,
    used,
)
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape

DEFAULT_VOICE = "JBFqnCBsd6RMkjVDRZzb"
"""A voice has to be in the path: the one the vendor's own example names."""
OURS = IN_QUERY | {"timestamps"}


class Timed(Shape):
    """Sound and when each character falls."""

    audio_base64: str | None = None
    alignment: dict[str, Any] | None = None
    normalized_alignment: dict[str, Any] | None = None


def speak(request: SpeechRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have it read aloud."""
    response = yield ask(request)
    wanted = query(request.options, request.format)["output_format"]
    if request.options.get("timestamps"):
        answer = timed(response, request, wanted)
    else:
        answer = made(response, output_format=wanted, characters=len(request.text))
    return answer.model_copy(update={"warnings": noted(request)})


def ask(request: SpeechRequest) -> HttpRequest:
    """The request. Languages go by their first two letters."""
    body: dict[str, Any] = {"text": request.text, "model_id": request.model}
    if request.language is not None:
        body["language_code"] = request.language.partition("-")[0].lower()
    if request.seed is not None:
        body["seed"] = request.seed % 2**32
    if request.speed is not None:
        body["voice_settings"] = {"speed": request.speed}
    voice = quote(request.voice or DEFAULT_VOICE, safe="")
    ending = "/with-timestamps" if request.options.get("timestamps") else ""
    return post(
        f"/v1/text-to-speech/{voice}{ending}",
        query=query(request.options, request.format),
        json=merged(body, request.options, without=OURS),
    )


def timed(response: HttpResponse, request: SpeechRequest, wanted: object) -> MediaAnswer:
    """The sound out of JSON, its alignment beside it."""
    told = response.read(Timed)
    sound = decoded(told.audio_base64 or "")
    if not sound:
        raise UnreadableResponse("the answer has no `audio_base64`", accepted="yes")
    alignments = {
        "alignment": told.alignment,
        "normalized_alignment": told.normalized_alignment,
    }
    kept = {name: value for name, value in alignments.items() if value is not None}
    artifact = InlineArtifact(
        data=sound, media_type=media_type(sound, wanted), metadata=samples(wanted) | kept
    )
    return MediaAnswer(
        request_id=request_id(response),
        artifacts=(artifact,),
        usage=used(response, characters=len(request.text)),
    )


def noted(request: SpeechRequest) -> tuple[Notice, ...]:
    """What could not be said."""
    if request.instructions is None:
        return ()
    return (dropped("instructions", "voices take no instructions here"),)
