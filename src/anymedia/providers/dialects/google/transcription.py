"""Transcription: `generateContent` with sound in, asked for its words and nothing else."""

from __future__ import annotations

from functools import partial
from typing import Any

from anymedia.contracts.notice import imitated
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.providers.dialects.google.answers import FINISHES, first, parts_of, words
from anymedia.providers.dialects.google.contents import OURS
from anymedia.providers.dialects.google.errors import refused
from anymedia.providers.dialects.google.parts import medium
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.usage import usage
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post

ASKED = "Transcribe the speech in this recording word for word. Answer with the transcript alone."
IN_ENGLISH = (
    "Translate the speech in this recording into English. Answer with the translation alone."
)


def operation(surface: Surface) -> Call:
    """Words from speech at once."""
    return Call(TranscriptionRequest, partial(exchange, surface=surface))


def exchange(
    request: TranscriptionRequest, brief: Brief, surface: Surface
) -> Exchange[TranscriptAnswer]:
    """Have it written down."""
    response = yield ask(request, brief, surface)
    return answer(response, request)


def ask(request: TranscriptionRequest, brief: Brief, surface: Surface) -> HttpRequest:
    """The request; what the API has no field for is asked in words."""
    wishes = [IN_ENGLISH if request.translate else ASKED]
    if request.language is not None:
        wishes.append(f"The language is {request.language}.")
    if request.prompt is not None:
        wishes.append(f"Words that may occur: {request.prompt}")
    body: dict[str, Any] = {
        "contents": [
            {"role": "user", "parts": [{"text": " ".join(wishes)}, medium(request.audio)]}
        ],
        **surface.labelled(brief.marker),
    }
    if request.temperature is not None:
        body["generationConfig"] = {"temperature": request.temperature}
    path = surface.method(request.model, "generateContent")
    return post(path, json=merged(body, request.options, without=OURS))


def answer(response: HttpResponse, request: TranscriptionRequest) -> TranscriptAnswer:
    """The words. Raises what stands in their place."""
    whole, candidate = first(response)
    heard = words(parts_of(candidate), thought=False)
    ended = FINISHES.get(candidate.finish_reason or "", "stop")
    if not heard and ended in {"content_filter", "error"}:
        raise refused(
            candidate.finish_reason or "OTHER", candidate.finish_message, whole.response_id
        )
    wishes = [name for name in ("language", "prompt", "translate") if getattr(request, name)]
    return TranscriptAnswer(
        model=whole.model_version,
        request_id=whole.response_id,
        text=heard.strip(),
        language="en" if request.translate else request.language,
        usage=usage(whole.usage_metadata),
        warnings=tuple(imitated(name, "by a sentence in the prompt") for name in wishes),
        metadata={"finish_reason": candidate.finish_reason} if ended != "stop" else {},
    )
