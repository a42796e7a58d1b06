"""What the names in an envelope's `parameters` mean in the typed requests.

A *reading* turns a value into fields of the typed request. It returns nothing when the value is
not in our words, such as `quality: "hd"`: then it is the provider's own option and goes there as
it is. Names that stand in no table are fields of the typed request, or options.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias, get_args

from anymedia.contracts.audio import AudioFormat
from anymedia.contracts.envelope.values import RetryConfiguration
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.media import Medium, Quality
from anymedia.contracts.mistakes import valid

Fields: TypeAlias = dict[str, Any]
Reading: TypeAlias = Callable[[Any], Fields]

PIXELS = re.compile(r"\s*([1-9]\d{0,4})\s*[xX*\u00d7]\s*([1-9]\d{0,4})\s*", re.ASCII)
TIER = re.compile(r"\d{3,4}p|[1-8]k", re.IGNORECASE | re.ASCII)
RATIO = re.compile(r"\d{1,4}:\d{1,4}", re.ASCII)
NUMBER_OF_SECONDS = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*(?:s|sec|seconds)?\s*", re.ASCII)
IMAGE_FORMATS = ("png", "jpeg", "webp")


# --- readings -------------------------------------------------------------------------------


def same(field: str) -> Reading:
    """Another name for a field."""
    return lambda value: {field: value}


def many(field: str) -> Reading:
    """Another name for a field that holds several; one alone can be given as it is."""
    return lambda value: {field: list(value) if isinstance(value, (list, tuple)) else [value]}


def word(field: str, words: tuple[str, ...], **synonyms: str) -> Reading:
    """A field for one of our words; other words are the provider's."""

    def reading(value: Any) -> Fields:
        if not isinstance(value, str):
            return {}
        ours = synonyms.get(value.lower(), value.lower())
        return {field: ours} if ours in words else {}

    return reading


def seconds(value: Any) -> Fields:
    """A length, also as text: `8`, `"8"`, `"8s"`."""
    text = NUMBER_OF_SECONDS.fullmatch(value) if isinstance(value, str) else None
    return {"duration_seconds": float(text[1]) if text else value}


def firmly(field: str, reading: Reading) -> Reading:
    """A reading under the field's own name, where a word that is not ours is a mistake."""
    return lambda value: reading(value) or {field: value}


def size(value: Any) -> Fields:
    """Pixels and tiers are a resolution, `16:9` is an aspect ratio."""
    if not isinstance(value, str):
        return {}
    if pixels := PIXELS.fullmatch(value):
        return {"resolution": f"{pixels[1]}x{pixels[2]}"}
    if TIER.fullmatch(value.strip()):
        return {"resolution": value.strip().lower()}
    return {"aspect_ratio": value.strip()} if RATIO.fullmatch(value.strip()) else {}


def stop(value: Any) -> Fields:
    """One text that ends the answer, or several."""
    return {"stop": (value,) if isinstance(value, str) else value}


def structured(value: Any) -> Fields:
    """The OpenAI form of `output`."""
    match value:
        case {"type": "json_object"}:
            return {"output": {"type": "json"}}
        case {"type": "json_schema", "json_schema": {"schema": schema, **rest}}:
            described = {k: v for k, v in rest.items() if k in {"name", "description", "strict"}}
            given = {k: v for k, v in described.items() if v is not None}
            return {"output": {"type": "schema", "json_schema": schema, **given}}
        case {"type": "text"}:
            return {"output": None}
        case _:
            return {}


def timestamps(value: Any) -> Fields:
    """The OpenAI form of `timestamps`: a list, of which the finer counts."""
    if not isinstance(value, (list, tuple)):
        return {}
    for grain in ("word", "segment"):
        if grain in value:
            return {"timestamps": grain}
    return {}


def no_stream(value: Any) -> Fields:
    """The envelope answers as a whole. A provider told to stream would not be understood."""
    if value:
        raise InvalidRequest(
            "`parameters.stream`: an envelope is answered as a whole. Leave it out, or stream "
            "with `/v1/chat/completions`, `client.stream_text(...)` or `--stream`."
        )
    return {"stream": None}


def patience(value: Any) -> Fields:
    """The envelope's words for retries, in the contract's."""
    said = valid(RetryConfiguration, value, "the request", under="parameters.retry_config")
    return {"retry": retries(said)}


def retries(said: RetryConfiguration) -> dict[str, float]:
    """How often and how patiently, as the fields of `RetryConfig`."""
    found = {
        "max_attempts": said.max_attempts,
        "backoff_factor": said.backoff_factor,
        "base_delay_seconds": first(
            milliseconds(said.base_delay_ms), said.base_delay, said.base_delay_seconds
        ),
        "max_delay_seconds": first(
            milliseconds(said.max_delay_ms), said.max_delay, said.max_delay_seconds
        ),
    }
    return {name: value for name, value in found.items() if value is not None}


def milliseconds(value: float | None) -> float | None:
    """The same in seconds."""
    return None if value is None else value / 1000


def first(*values: float | None) -> float | None:
    """The one that was said."""
    return next((value for value in values if value is not None), None)


# --- the table ------------------------------------------------------------------------------

EVERYWHERE: dict[str, Reading] = {
    "timeout": same("timeout_seconds"),
    "retry_config": patience,
    "max_cost_usd": same("max_cost"),
    "stream": no_stream,
}

GENERATED: dict[str, Reading] = {
    "n": same("count"),
    "num_outputs": same("count"),
    "number_of_outputs": same("count"),
    "quality": word("quality", get_args(Quality)),
}

FRAMED: dict[str, Reading] = {
    "size": size,
    "dimensions": size,
    "resolution": firmly("resolution", size),
    "ratio": firmly("aspect_ratio", size),
}

SOUND_FORMAT = word("format", get_args(AudioFormat))
IMAGE_FORMAT = word("format", IMAGE_FORMATS, jpg="jpeg")

READINGS: dict[Medium, dict[str, Reading]] = {
    "text": EVERYWHERE
    | {
        "max_tokens": same("max_output_tokens"),
        "max_completion_tokens": same("max_output_tokens"),
        "max_new_tokens": same("max_output_tokens"),
        "stop": stop,
        "stop_sequences": stop,
        "response_format": structured,
        "prompt": same("prompt"),
        "system": same("system"),
        "system_prompt": same("system"),
        "image": many("images"),
        "images": many("images"),
        "image_url": many("images"),
        "image_urls": many("images"),
    },
    "image": EVERYWHERE
    | GENERATED
    | FRAMED
    | {
        "num_images": same("count"),
        "number_of_images": same("count"),
        "image": many("images"),
        "images": many("images"),
        "image_url": many("images"),
        "image_urls": many("images"),
        "init_image": many("images"),
        "input_image": many("images"),
        "input_images": many("images"),
        "reference_images": many("images"),
        "mask_image": same("mask"),
        "mask_url": same("mask"),
        "format": firmly("format", IMAGE_FORMAT),
        "output_format": IMAGE_FORMAT,
    },
    "video": EVERYWHERE
    | GENERATED
    | FRAMED
    | {
        "duration": seconds,
        "seconds": seconds,
        "duration_seconds": seconds,
        "num_videos": same("count"),
        "number_of_videos": same("count"),
        "image": same("first_frame"),
        "image_url": same("first_frame"),
        "init_image": same("first_frame"),
        "start_image": same("first_frame"),
        "start_frame": same("first_frame"),
        "first_image": same("first_frame"),
        "first_frame_image": same("first_frame"),
        "first_frame_url": same("first_frame"),
        "end_image": same("last_frame"),
        "end_frame": same("last_frame"),
        "last_image": same("last_frame"),
        "last_frame_image": same("last_frame"),
        "last_frame_url": same("last_frame"),
        "images": many("references"),
        "references": many("references"),
        "reference_image": many("references"),
        "reference_images": many("references"),
        "video_url": same("video"),
        "input_video": same("video"),
        "generate_audio": same("audio"),
        "enable_audio": same("audio"),
        "with_audio": same("audio"),
        "frame_rate": same("fps"),
        "framerate": same("fps"),
    },
    "audio": EVERYWHERE
    | GENERATED
    | {
        "duration": seconds,
        "seconds": seconds,
        "duration_seconds": seconds,
        "references": many("references"),
        "format": firmly("format", SOUND_FORMAT),
        "output_format": SOUND_FORMAT,
        "response_format": SOUND_FORMAT,
    },
    "speech": EVERYWHERE
    | GENERATED
    | {
        "input": same("text"),
        "voice_id": same("voice"),
        "voice_name": same("voice"),
        "language_code": same("language"),
        "speaking_rate": same("speed"),
        "format": firmly("format", SOUND_FORMAT),
        "output_format": SOUND_FORMAT,
        "response_format": SOUND_FORMAT,
    },
    "transcription": EVERYWHERE
    | {
        "audio_url": same("audio"),
        "input_audio": same("audio"),
        "file": same("audio"),
        "url": same("audio"),
        "language_code": same("language"),
        "timestamp_granularities": timestamps,
        "diarize": same("speakers"),
        "diarization": same("speakers"),
    },
    "embedding": EVERYWHERE
    | {
        "input": same("inputs"),
        "texts": same("inputs"),
        "text": same("inputs"),
        "output_dimensionality": same("dimensions"),
    },
}
"""By medium: the names that are not simply fields of its typed request."""
