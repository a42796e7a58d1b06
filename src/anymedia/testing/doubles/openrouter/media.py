"""Pictures, speech, transcripts and vectors, each with what it cost."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.responses import JSONResponse, Response

from anymedia.testing.doubles.openai.audio import CHARACTERS_PER_SECOND, HEARD
from anymedia.testing.doubles.openai.embeddings import encoded, vector
from anymedia.testing.doubles.openai.images import drawn
from anymedia.testing.doubles.openai.mind import FORBIDDEN, tokens
from anymedia.testing.doubles.openrouter.failures import GONE, Failure, flagged, invalid
from anymedia.testing.samples import mp3, pcm

TIERS = {"512": 512, "768": 768, "1K": 1024, "1.5K": 1536, "2K": 2048, "4K": 4096}
FORMATS = ("png", "jpeg", "webp")
SOUNDS: dict[str, tuple[str, Callable[[float], bytes]]] = {
    "mp3": ("audio/mpeg", mp3),
    "pcm": ("audio/pcm", pcm),
}
PICTURE_USD = Decimal("0.039")
SPOKEN_USD = Decimal("0.000001")
"""For a character."""
HEARD_USD = Decimal("0.0001")
"""For a second."""
EMBEDDED_USD = Decimal("0.00000002")
"""For a token."""
UPSTREAM = "upstream"
"""A prompt with this word fails at whoever was asked: in the middle of an answer, where there is one."""
Bill = Callable[[Decimal], None]


@dataclass(frozen=True, slots=True)
class Made:
    """An answer and what it costs."""

    response: Response
    usd: Decimal


def image(body: dict[str, Any]) -> Made:
    """`POST /images`."""
    prompt = said(body, "prompt")
    count = body.get("n", 1)
    if not isinstance(count, int) or not 1 <= count <= 10:
        raise invalid("n should be from 1 to 10")
    width, height = sides(body)
    form = body.get("output_format", "png")
    if form not in FORMATS:
        raise invalid(f"output_format should be one of {', '.join(FORMATS)}")
    for one in body.get("input_references") or ():
        if not str((one.get("image_url") or {}).get("url", "")).startswith(("data:", "https://")):
            raise Failure(400, "The image could not be read", error_type="invalid_image")
    picture = base64.b64encode(drawn(width, height, form)).decode()
    cost = PICTURE_USD * count
    read, written = tokens(prompt), 1290 * count
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "cost": float(cost),
    }
    data = [{"b64_json": picture, "media_type": f"image/{form}"} for _ in range(count)]
    return Made(JSONResponse({"created": 1_795_000_000, "data": data, "usage": usage}), cost)


def sides(body: dict[str, Any]) -> tuple[int, int]:
    """Width and height, from pixels or from a tier and a ratio."""
    if "size" in body:
        wide, _, high = str(body["size"]).partition("x")
        if not (wide.isdigit() and high.isdigit()):
            raise invalid("size should be WxH")
        return int(wide), int(high)
    tier = body.get("resolution", "1K")
    if tier not in TIERS:
        raise invalid(f"resolution should be one of {', '.join(TIERS)}")
    wide, _, high = str(body.get("aspect_ratio", "1:1")).partition(":")
    if not (wide.isdigit() and high.isdigit()) or not int(wide) * int(high):
        raise invalid("aspect_ratio should be like 16:9")
    scale = TIERS[tier] / (int(wide) * int(high)) ** 0.5
    return round(int(wide) * scale), round(int(high) * scale)


def speech(body: dict[str, Any]) -> Made:
    """`POST /audio/speech`: the sound alone, so what it cost is told by the generation's record."""
    words = said(body, "input")
    form = body.get("response_format", "mp3")
    if form not in SOUNDS:
        raise invalid(f"response_format should be one of {', '.join(SOUNDS)}")
    media_type, make = SOUNDS[form]
    sound = make(max(0.2, len(words) / CHARACTERS_PER_SECOND))
    return Made(Response(sound, media_type=media_type), SPOKEN_USD * len(words))


def transcript(body: dict[str, Any]) -> Made:
    """`POST /audio/transcriptions`, with the recording inside the JSON."""
    given = body.get("input_audio") or {}
    try:
        sound = base64.b64decode(given["data"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise invalid("input_audio.data should be base64") from None
    if not given.get("format"):
        raise invalid("input_audio.format is required")
    seconds = max(1, len(sound) // 48_000)
    cost = HEARD_USD * seconds
    told: dict[str, Any] = {"text": HEARD, "usage": {"seconds": seconds, "cost": float(cost)}}
    if body.get("response_format") == "verbose_json":
        piece = {"id": 0, "start": 0.0, "end": float(seconds), "text": HEARD}
        told |= {"language": "en", "duration": seconds, "segments": [piece]}
        if "word" in body.get("timestamp_granularities", ()):
            each = seconds / len(HEARD.split())
            told["words"] = [
                {"word": word, "start": place * each, "end": (place + 1) * each}
                for place, word in enumerate(HEARD.split())
            ]
    return Made(JSONResponse(told), cost)


def embedded(body: dict[str, Any]) -> Made:
    """`POST /embeddings`."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise invalid("input is required")
    size = body.get("dimensions") or 1536
    packed = body.get("encoding_format") == "base64"
    read = sum(tokens(str(text)) for text in texts)
    cost = EMBEDDED_USD * read
    data = [
        {
            "object": "embedding",
            "index": place,
            "embedding": encoded(vector(str(text), size), packed=packed),
        }
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": read, "total_tokens": read, "cost": float(cost)}
    head = {"object": "list", "id": "emb-1", "model": body["model"]}
    return Made(JSONResponse({**head, "data": data, "usage": usage}), cost)


def said(body: dict[str, Any], name: str) -> str:
    """The words that something is made of; they may be flagged, and may break whoever is asked."""
    words = body.get(name)
    if not isinstance(words, str) or not words:
        raise invalid(f"{name} is required")
    if FORBIDDEN in words:
        raise flagged(words)
    if UPSTREAM in words:
        raise Failure(502, "Provider returned error", **GONE["metadata"])  # type: ignore[arg-type]
    return words
