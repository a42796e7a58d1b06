"""Effects (`POST /v1/sound-generation`) and music (`POST /v1/music`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.notice import imitated
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.adapters.elevenlabs.sound import IN_QUERY, made, query
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, post


def sound(request: AudioRequest, _: Brief) -> Exchange[MediaAnswer]:
    """Have it made."""
    response = yield effect(request) if request.kind == "effect" else music(request)
    length = request.duration_seconds
    answer = made(
        response,
        output_format=query(request.options, request.format)["output_format"],
        seconds=None if length is None else Decimal(str(length)),
    )
    if request.kind == "effect" or not request.lyrics or "composition_plan" in request.options:
        return answer
    notice = imitated("lyrics", "they stand in the prompt, which the model may take freely")
    return answer.model_copy(update={"warnings": (notice,)})


def effect(request: AudioRequest) -> HttpRequest:
    """A noise."""
    fields = {
        "text": request.prompt,
        "model_id": request.model,
        "duration_seconds": request.duration_seconds,
        "loop": request.loop,
    }
    return asking("/v1/sound-generation", request, fields)


def music(request: AudioRequest) -> HttpRequest:
    """A piece. A `composition_plan` excludes the prompt, its length and what goes with them."""
    if "composition_plan" in request.options:
        return asking("/v1/music", request, {"model_id": request.model, "seed": request.seed})
    prompt = request.prompt
    if request.lyrics:
        prompt = f"{prompt}\n\nLyrics:\n{request.lyrics}"
    length = request.duration_seconds
    fields = {
        "prompt": prompt,
        "model_id": request.model,
        "music_length_ms": None if length is None else round(length * 1000),
        "force_instrumental": request.instrumental,
    }
    return asking("/v1/music", request, fields)


def asking(path: str, request: AudioRequest, fields: dict[str, Any]) -> HttpRequest:
    """The request, with what is stated."""
    body = {name: value for name, value in fields.items() if value is not None}
    return post(
        path,
        query=query(request.options, request.format),
        json=merged(body, request.options, without=IN_QUERY),
    )
