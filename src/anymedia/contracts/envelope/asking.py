"""From an envelope to the typed request that it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.envelope.parameters import READINGS, retries, same
from anymedia.contracts.envelope.v2_0 import UnifiedRequest
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import Medium
from anymedia.contracts.mistakes import printable, valid
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest

REQUESTS: dict[Medium, type[Request[Any]]] = {
    kind.medium: kind
    for kind in (
        TextRequest,
        ImageRequest,
        VideoRequest,
        AudioRequest,
        SpeechRequest,
        TranscriptionRequest,
        EmbeddingRequest,
    )
}
"""The typed request for every medium."""

PROMPTS: dict[Medium, str] = {"speech": "text", "embedding": "inputs"}
"""Where the envelope's `prompt` goes, if not to a field of that name."""


@dataclass(slots=True)
class Collected:
    """Fields for a typed request, each said once, and in which words it was said."""

    fields: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    said_as: dict[str, str] = field(default_factory=dict)

    def say(self, name: str, value: Any, path: str) -> None:
        """Set a field. Two names for one thing may agree, but not contradict each other."""
        self._set(self.fields, name, value, path, name)

    def option(self, name: str, value: Any, path: str) -> None:
        """Set an option for the provider."""
        self._set(self.options, name, value, path, f"options.{name}")

    def _set(self, where: dict[str, Any], name: str, value: Any, path: str, key: str) -> None:
        if name in where and where[name] != value:
            raise InvalidRequest(
                f"`{self.said_as[key]}` and `{path}` say the same thing differently. "
                f"Leave one of them out.",
                details={"mistakes": [{"path": path, "expected": "said once"}]},
            )
        where[name] = value
        self.said_as.setdefault(key, path)


def typed(request: UnifiedRequest) -> Request[Any]:
    """The typed request that an envelope stands for.

    `InvalidRequest` names every mistake by its path in the envelope.
    """
    kind = REQUESTS[request.media_type]
    collected = Collected()
    collect_envelope(request, kind, collected)
    collect_parameters(request, kind, collected)
    if kind is TextRequest:
        put_images_into_the_prompt(collected)
    if collected.options:
        collected.fields["options"] = collected.options
    return valid(
        kind,
        collected.fields,
        f"the {request.media_type} request",
        names=paths(kind, collected),
    )


def collect_envelope(
    request: UnifiedRequest, kind: type[Request[Any]], collected: Collected
) -> None:
    """What stands beside `parameters`."""
    if request.prompt is not None and request.prompt.strip():
        collected.say(PROMPTS.get(request.media_type, "prompt"), request.prompt, "prompt")
    if request.retry_config is not None:
        collected.say("retry", retries(request.retry_config), "retry_config")
    if request.callback_url is not None and issubclass(kind, MediaRequest):
        collected.say("callback_url", request.callback_url, "callback_url")
    for name, value, path in (
        ("provider", request.provider, "provider"),
        ("model", request.model, "model"),
        ("metadata", request.metadata or None, "metadata"),
        ("timeout_seconds", request.timeout, "timeout"),
    ):
        if value is not None:
            collected.say(name, value, path)


def collect_parameters(
    request: UnifiedRequest, kind: type[Request[Any]], collected: Collected
) -> None:
    """Fields of the typed request by any of their names; the rest is for the provider."""
    readings = READINGS[request.media_type]
    rest = dict(request.parameters)
    given = rest.pop("options", None)
    if given is not None and not isinstance(given, dict):
        raise InvalidRequest("`parameters.options`: should be an object of options by name.")
    for name, value in (given or {}).items():
        collected.option(name, value, f"parameters.options.{printable(name)}")
    width, height = rest.get("width"), rest.get("height")
    if "resolution" in kind.model_fields and is_pixels(width) and is_pixels(height):
        collected.say("resolution", f"{width}x{height}", "parameters.width")
        del rest["width"], rest["height"]
    for name, value in rest.items():
        path = f"parameters.{printable(name)}"
        ours = name in readings or name in kind.model_fields
        if ours and value is None:
            continue  # the same as not saying it
        fields = readings.get(name, same(name))(value) if ours else {}
        for field_name, said in fields.items():
            if said is not None:
                collected.say(field_name, said, path)
        if not fields:
            collected.option(name, value, path)


def is_pixels(value: Any) -> bool:
    """Whether it is a whole number of pixels."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000


def put_images_into_the_prompt(collected: Collected) -> None:
    """Pictures for a text model belong to the message that speaks of them."""
    images = collected.fields.pop("images", ())
    if not images:
        return
    prompt = collected.fields.get("prompt")
    words = [{"type": "text", "text": prompt}] if prompt is not None else []
    collected.fields["prompt"] = [*words, *({"type": "image", "image": each} for each in images)]


def paths(kind: type[Request[Any]], collected: Collected) -> dict[str, str]:
    """Every field in the caller's words, said or not."""
    names = {name: f"parameters.{name}" for name in kind.model_fields}
    names |= {name: name for name in ("provider", "model", "metadata", "callback_url")}
    names |= {"prompt": "prompt", PROMPTS.get(kind.medium, "prompt"): "prompt"}
    if "messages" not in collected.said_as:
        names["messages"] = "prompt"
    return names | collected.said_as
