"""From a verb's arguments to a request: what people write, checked and completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import Medium
from anymedia.contracts.mistakes import valid
from anymedia.contracts.request import Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest

RequestT = TypeVar("RequestT", bound=Request[Any])

REQUESTS: dict[Medium, type[Request[Any]]] = {
    "text": TextRequest,
    "image": ImageRequest,
    "video": VideoRequest,
    "audio": AudioRequest,
    "speech": SpeechRequest,
    "transcription": TranscriptionRequest,
    "embedding": EmbeddingRequest,
}
SUBJECT: dict[Medium, str] = {
    "speech": "text",
    "transcription": "audio",
    "embedding": "inputs",
}
"""What the first argument is called, where that is not `prompt`."""


def request_for(medium: Medium, subject: Any, fields: Mapping[str, Any]) -> Request[Any]:
    """The request that a verb's arguments stand for. `InvalidRequest` lists what is wrong."""
    said = {name: value for name, value in fields.items() if value is not None}
    if subject is not None:
        said[SUBJECT.get(medium, "prompt")] = subject
    if "timeout" in said:
        said["timeout_seconds"] = said.pop("timeout")
    if "retry_config" in said:
        said["retry"] = said.pop("retry_config")
    COMPLETE.get(medium, unchanged)(said)
    return valid(REQUESTS[medium], said, f"the {medium} request", hint=elsewhere)


def elsewhere(field: str) -> str | None:
    """Where an option goes that requests do not have."""
    return f"provider-specific ones go into `options`, as in `options={{'{field}': ...}}`"


def unchanged(_: dict[str, Any]) -> None:
    """Nothing to complete."""


def complete_text(said: dict[str, Any]) -> None:
    """`json_schema=` takes a schema or a pydantic model; `image=`, `file=` go into the prompt."""
    schema = said.pop("json_schema", None)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        said["output"] = {
            "type": "schema",
            "name": schema.__name__,
            "json_schema": schema.model_json_schema(),
        }
    elif schema is not None:
        said["output"] = {"type": "schema", "json_schema": schema}
    parts: list[Any] = [
        {"type": part, part: media}
        for name, part in (
            ("image", "image"),
            ("images", "image"),
            ("file", "file"),
            ("files", "file"),
        )
        for media in many(said.pop(name, None))
    ]
    if parts:
        words = said.pop("prompt", None)
        content = ([{"type": "text", "text": words}] if words else []) + parts
        said["messages"] = [*said.get("messages", ()), {"role": "user", "content": content}]


def complete_image(said: dict[str, Any]) -> None:
    """`image=` is one or several of `images`."""
    if "image" in said:
        said["images"] = (*many(said.pop("image")), *said.get("images", ()))


def complete_video(said: dict[str, Any]) -> None:
    """`image=`: one is the first frame, several are references."""
    given = (*many(said.pop("image", None)), *many(said.pop("images", None)))
    if len(given) == 1 and "first_frame" not in said:
        said["first_frame"] = given[0]
    elif given:
        said["references"] = (*given, *said.get("references", ()))


COMPLETE = {"text": complete_text, "image": complete_image, "video": complete_video}


def many(value: Any) -> tuple[Any, ...]:
    """One, several or none, as several."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)
