"""Sound: from words, or from words and a piece to start from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.notice import Notice
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.stability.answer import JSON, answered, seeded
from anymedia.providers.dialects.openai.fields import formed
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post

TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}


def sound(request: AudioRequest, _: Brief) -> Exchange[MediaAnswer]:
    """One piece; it can take a minute."""
    if len(request.references) > 1:
        raise UnsupportedOption("Stable Audio goes by one piece at most; give one reference")
    warnings: list[Notice] = []
    fields = {**body(request, warnings), **request.options}
    parts = [part for name, value in fields.items() for part in formed(name, value)]
    parts += [file_part("audio", one) for one in request.references]
    kind = "audio-to-audio" if request.references else "text-to-audio"
    response = yield post(f"/v2beta/audio/stable-audio-2/{kind}", headers=JSON, parts=tuple(parts))
    length = request.duration_seconds
    usage = Usage(requests=1, seconds=None if length is None else Decimal(str(length)))
    format_ = fields.get("output_format")
    return answered(response, usage, TYPES.get(str(format_), "audio/mpeg"), warnings)


def body(request: AudioRequest, warnings: list[Notice]) -> dict[str, Any]:
    """The fields without the file."""
    fields: dict[str, Any] = {"prompt": request.prompt, "model": request.model}
    if request.duration_seconds is not None:
        fields["duration"] = round(request.duration_seconds)
    if request.format is not None:
        fields["output_format"] = request.format
    return fields | seeded(request.seed, warnings)
