"""Speech: `generateContent` with sound out.

Models to 3.1 answer with raw samples, which become a WAV file here unless samples are wanted;
later ones with a file. Which it is stands in the answer's type, so that decides.
"""

from __future__ import annotations

import re
import struct
from functools import partial
from typing import Any

from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.providers.dialects.google.answers import first, parts_of
from anymedia.providers.dialects.google.contents import OURS
from anymedia.providers.dialects.google.errors import refused
from anymedia.providers.dialects.google.images import inline
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.usage import usage
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post

RATE = 24_000
"""Samples a second, where the type does not say."""
SAMPLES = re.compile(r"audio/(l16|pcm)\b", re.IGNORECASE)
SAID_RATE = re.compile(r"rate=(\d{3,6})\b")


def operation(surface: Surface) -> Call:
    """Speech at once."""
    return Call(SpeechRequest, partial(exchange, surface=surface))


def exchange(request: SpeechRequest, brief: Brief, surface: Surface) -> Exchange[MediaAnswer]:
    """Have it read aloud."""
    response = yield ask(request, brief, surface)
    return answer(response, request)


def ask(request: SpeechRequest, brief: Brief, surface: Surface) -> HttpRequest:
    """The request. How to say it is metadata for later models, and for others a part of the text."""
    settings = brief.model.settings if brief.model else {}
    part: dict[str, Any] = {"text": request.text}
    if request.instructions and settings.get("style") == "metadata":
        part["speechMetadata"] = {"style": request.instructions}
    elif request.instructions:
        part["text"] = f"{request.instructions.rstrip(' :')}: {request.text}"
    voice: dict[str, Any] = {}
    if request.voice is not None:
        voice["voiceConfig"] = {"prebuiltVoiceConfig": {"voiceName": request.voice}}
    if request.language is not None:
        voice["languageCode"] = request.language
    configuration: dict[str, Any] = {"responseModalities": ["AUDIO"]}
    if voice:
        configuration["speechConfig"] = voice
    if request.seed is not None:
        configuration["seed"] = request.seed
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [part]}],
        "generationConfig": configuration,
        **surface.labelled(brief.marker),
    }
    path = surface.method(request.model, "generateContent")
    return post(path, json=merged(body, request.options, without=OURS))


def answer(response: HttpResponse, request: SpeechRequest) -> MediaAnswer:
    """The sound, as one file. Raises why there is none."""
    whole, candidate = first(response)
    pieces = inline(parts_of(candidate))
    if not pieces:
        raise refused(
            candidate.finish_reason or "OTHER",
            candidate.finish_message or "the model answered without sound",
            whole.response_id,
        )
    counted = usage(whole.usage_metadata)
    return MediaAnswer(
        model=whole.model_version,
        request_id=whole.response_id,
        artifacts=(sound(pieces, raw=request.format == "pcm"),),
        usage=counted.model_copy(update={"characters": len(request.text)}),
    )


def sound(pieces: tuple[InlineArtifact, ...], *, raw: bool) -> InlineArtifact:
    """The pieces as one; samples get a header, unless they are wanted as they are."""
    said = pieces[0].media_type or ""
    samples = b"".join(piece.data for piece in pieces)
    if not SAMPLES.match(said) or sniffed(samples) != "application/octet-stream":
        return InlineArtifact(data=samples, media_type=sounding(said, samples))
    found = SAID_RATE.search(said)
    rate = int(found[1]) if found else RATE
    if raw:
        about = {"sample_rate": rate, "sample_format": "s16le", "channels": 1}
        return InlineArtifact(data=samples, media_type="audio/pcm", metadata=about)
    return InlineArtifact(data=wav(samples, rate), media_type="audio/wav")


def sounding(said: str, content: bytes) -> str:
    """What a file is: as its bytes show, else as it is said."""
    found = sniffed(content)
    return said or found if found == "application/octet-stream" else found


def wav(samples: bytes, rate: int) -> bytes:
    """Signed 16-bit mono samples as a WAV file."""
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVE" + layout + struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI", b"RIFF", len(body)) + body
