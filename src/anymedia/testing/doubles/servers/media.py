"""What such servers answer in their own way: models, pictures and speech."""

from __future__ import annotations

import base64

from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.audio import CHARACTERS_PER_SECOND, SOUNDS
from anymedia.testing.doubles.openai.failures import Failure
from anymedia.testing.samples import png

FASTAPI = "fastapi"
"""The kind of failures whose words stand under `detail`, where a server has such."""
MOST_PIXELS = 4096


def listed(asked: Asked) -> Response:
    """`GET /v1/models`."""
    data = [
        {"id": name, "object": "model", "created": 1_795_000_000, "owned_by": "local"}
        for name in asked.models
    ]
    return JSONResponse({"object": "list", "data": data})


def pictured(asked: Asked) -> Response:
    """`POST /v1/images/generations`: files inside the answer, without a count of anything."""
    asked.model("image")
    asked.text("prompt")
    if asked.fields.get("response_format", "b64_json") != "b64_json":
        raise Failure(400, "response_format should be b64_json", kind=FASTAPI)
    width, height = sides(str(asked.fields.get("size", "512x512")))
    picture = base64.b64encode(png(width, height)).decode()
    count = int(asked.fields.get("n") or 1)
    return JSONResponse({"created": 1_795_000_000, "data": [{"b64_json": picture}] * count})


def sides(size: str) -> tuple[int, int]:
    """Width and height."""
    wide, _, high = size.partition("x")
    if not (wide.isdigit() and high.isdigit() and int(wide) * int(high) > 0):
        raise Failure(400, f"size should be like 512x512, not {size}", kind=FASTAPI)
    if max(int(wide), int(high)) > MOST_PIXELS:
        raise Failure(400, f"size should be at most {MOST_PIXELS} to a side", kind=FASTAPI)
    return int(wide), int(high)


def spoken(asked: Asked) -> Response:
    """`POST /v1/audio/speech`: WAV unless something else is wanted; a voice is not needed."""
    asked.model("speech")
    words = asked.text("input")
    form = str(asked.fields.get("response_format", "wav"))
    if form not in SOUNDS:
        raise Failure(400, f"This double does not make {form}", kind=FASTAPI)
    media_type, make = SOUNDS[form]
    return Response(make(max(0.2, len(words) / CHARACTERS_PER_SECOND)), media_type=media_type)
