"""Music: Lyria through interactions, answered at once; Lyria 2 through `predict`."""

from __future__ import annotations

from functools import partial
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import UnreadableResponse, raised
from anymedia.contracts.job import Failed
from anymedia.contracts.notice import Notice, imitated
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.dialects.google import interactions, predict
from anymedia.providers.dialects.google.interactions import (
    Interaction,
    kept_as,
    shown,
    with_options,
)
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.usage import interaction_usage
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post

OURS = frozenset({"gcs_uri", "api"})
FORMATS = {"mp3": "audio/mp3", "wav": "audio/wav", "opus": "audio/ogg_opus"}


def operation(surface: Surface) -> Call:
    """Music at once."""
    return Call(AudioRequest, partial(exchange, surface=surface))


def exchange(request: AudioRequest, brief: Brief, surface: Surface) -> Exchange[MediaAnswer]:
    """Have it played."""
    if brief.model is not None and brief.model.settings.get("api") == "predict":
        return (yield from predict.music(request, surface))
    response = yield post(surface.interactions, json=asked(request, brief, surface))
    return answer(response, noted(request))


def asked(request: AudioRequest, brief: Brief, surface: Surface) -> dict[str, Any]:
    """The body; what the API has no field for is asked in words."""
    words = {"type": "text", "text": prompt(request)}
    pictures = [shown("image", one) for one in request.references]
    body: dict[str, Any] = {
        "model": request.model,
        "input": [*pictures, words] if pictures else words["text"],
        **kept_as(Brief(marker=brief.marker), surface),
    }
    if request.format is not None:
        mime_type = FORMATS.get(request.format, f"audio/{request.format}")
        body["response_format"] = {"type": "audio", "mime_type": mime_type}
    if request.seed is not None:
        body["generation_config"] = {"seed": request.seed}
    return with_options(body, request.options, OURS)


def prompt(request: AudioRequest) -> str:
    """What is asked for, in words."""
    lines = [request.prompt]
    if request.instrumental:
        lines.append("Instrumental, without any voice.")
    if request.duration_seconds is not None:
        lines.append(f"About {request.duration_seconds:g} seconds long.")
    if request.lyrics is not None:
        lines.append(f"Lyrics:\n{request.lyrics}")
    return "\n\n".join(lines)


def noted(request: AudioRequest) -> tuple[Notice, ...]:
    """What was brought about another way."""
    wishes = {
        "instrumental": bool(request.instrumental),
        "duration_seconds": request.duration_seconds is not None,
        "lyrics": request.lyrics is not None,
    }
    return tuple(
        imitated(name, "by words in the prompt") for name, asked in wishes.items() if asked
    )


def answer(response: HttpResponse, notices: tuple[Notice, ...]) -> MediaAnswer:
    """The music. Raises why there is none."""
    found = response.read(Interaction)
    state = interactions.state(found)
    if isinstance(state, Failed):
        raise ended(state.problem)
    artifacts = interactions.media(found)
    if not artifacts:
        raise UnreadableResponse(
            f"the interaction is `{found.status}` and holds no sound", accepted="unknown"
        )
    used = interaction_usage(found.usage)
    return MediaAnswer(
        model=found.model,
        request_id=found.id,
        artifacts=artifacts,
        usage=used.model_copy(update={"requests": 1}),
        warnings=notices,
        metadata=interactions.said(found),
    )


def ended(problem: Problem) -> Exception:
    """The error of an interaction that is over: nothing more will come of it."""
    return raised(problem.model_copy(update={"accepted": "no"}))
