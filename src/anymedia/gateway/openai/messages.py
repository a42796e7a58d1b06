"""Messages of a conversation, from OpenAI's form to ours."""

from __future__ import annotations

from typing import Any

import msgspec

from anymedia.contracts.media import MediaBytes, as_bytes
from anymedia.contracts.text import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from anymedia.gateway.shared.reading import Reading, shown, wrong
from anymedia.providers.dialects.openai.chat import understood

DETAILS = ("auto", "low", "high", "original")
SOUNDS = {"mp3": "audio/mpeg", "m4a": "audio/mp4"}
NOTHING = TextPart(text="")
"""Stands for a part that only goes along as it came."""


class System(msgspec.Struct):
    """How the model should behave."""

    role: str
    content: Any


class User(msgspec.Struct):
    """What the user says."""

    role: str
    content: Any
    name: str | None = None


class Assistant(msgspec.Struct):
    """What the model said, as we or others have handed it out."""

    role: str
    content: Any = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: Any = None
    annotations: Any = None
    """Of an answer; a question has no use for them."""
    provider_state: dict[str, Any] | None = None
    """Ours: what the provider wants back unchanged."""
    provider_specific_fields: dict[str, Any] | None = None
    """Where LiteLLM keeps what it has no field for, such as `provider_state`."""


class ToolAnswer(msgspec.Struct):
    """What a tool answered."""

    role: str
    tool_call_id: str
    content: Any
    name: str | None = None


class Called(msgspec.Struct):
    """A tool that was asked for."""

    id: str
    function: Any = None
    type: str | None = None
    index: int | None = None
    """Left over from a stream."""


class CalledFunction(msgspec.Struct):
    """With which arguments."""

    name: str
    arguments: str = ""


class Text(msgspec.Struct):
    """Words."""

    type: str
    text: str


class Refusal(msgspec.Struct):
    """Words of refusal."""

    type: str
    refusal: str


class Image(msgspec.Struct):
    """A picture."""

    type: str
    image_url: Any


class Video(msgspec.Struct):
    """A clip, as many servers take it."""

    type: str
    video_url: Any


class Link(msgspec.Struct):
    """Where it is."""

    url: str
    detail: str | None = None


class Sound(msgspec.Struct):
    """A recording."""

    type: str
    input_audio: Any


class Recording(msgspec.Struct):
    """Its bytes."""

    data: str
    format: str


class File(msgspec.Struct):
    """A document."""

    type: str
    file: Any


class Document(msgspec.Struct):
    """Its bytes, as a data URI."""

    file_data: str | None = None
    filename: str | None = None


def message(reading: Reading, raw: Any, path: str) -> Message:
    """One message."""
    role = raw.get("role") if isinstance(raw, dict) else None
    match role:
        case "user":
            user = reading.read(raw, User, path)
            return UserMessage(content=parts(reading, user.content, path), name=user.name)
        case "assistant":
            return assistant(reading, raw, path)
        case "system" | "developer":
            content = reading.read(raw, System, path).content
            return SystemMessage(content=words(reading, content, path))
        case "tool":
            tool = reading.read(raw, ToolAnswer, path)
            content = words(reading, tool.content, path)
            return ToolMessage(tool_call_id=tool.tool_call_id, content=content, name=tool.name)
        case _:
            known = "`system`, `developer`, `user`, `assistant` or `tool`"
            raise wrong(f"{path}.role", f"expected {known}")


def assistant(reading: Reading, raw: Any, path: str) -> AssistantMessage:
    """What the model said before."""
    said = reading.read(raw, Assistant, path)
    for name in ("provider_state", "provider_specific_fields"):
        raw.pop(name, None)  # nobody else's business, should the messages go on as they came
    content = None if said.content is None else words(reading, said.content, path)
    calls = reading.many(said.tool_calls, f"{path}.tool_calls") if said.tool_calls else ()
    return AssistantMessage(
        content=content or said.refusal,
        tool_calls=tuple(call(reading, one, where) for where, one in calls),
        reasoning=said.reasoning_content or said.reasoning,
        provider_state=state(said),
    )


def state(said: Assistant) -> dict[str, Any]:
    """What the provider wants back, wherever the caller's client has kept it."""
    kept = (said.provider_specific_fields or {}).get("provider_state")
    return said.provider_state or (kept if isinstance(kept, dict) else {})


def call(reading: Reading, raw: Any, path: str) -> ToolCall:
    """A tool that the model asked for."""
    called = reading.read(raw, Called, path)
    function = reading.read(called.function, CalledFunction, f"{path}.function")
    arguments, written = understood(function.arguments)
    return ToolCall(id=called.id, name=function.name, arguments=arguments, raw_arguments=written)


def words(reading: Reading, content: Any, message_path: str) -> str:
    """Content that is words alone."""
    if isinstance(content, str):
        return content
    said: list[str] = []
    for path, one in reading.many(content, f"{message_path}.content"):
        match kind(one, path):
            case "text":
                said.append(reading.read(one, Text, path).text)
            case "refusal":
                said.append(reading.read(one, Refusal, path).refusal)
            case _:
                reading.stranger(f"{path}.type")
    return "".join(said)


def parts(reading: Reading, content: Any, message_path: str) -> str | tuple[Part, ...]:
    """What the user says and shows."""
    if isinstance(content, str):
        return content
    return tuple(
        part(reading, one, path) for path, one in reading.many(content, f"{message_path}.content")
    )


def part(reading: Reading, raw: Any, path: str) -> Part:
    """One part of it."""
    match kind(raw, path):
        case "text":
            return TextPart(text=reading.read(raw, Text, path).text)
        case "image_url":
            where = f"{path}.image_url"
            link = reading.read(reading.read(raw, Image, path).image_url, Link, where)
            if link.detail not in {None, *DETAILS}:
                raise wrong(f"{where}.detail", f"expected one of {', '.join(DETAILS)}")
            image = shown(link.url, f"{where}.url")
            return ImagePart.model_validate({"image": image, "detail": link.detail})
        case "input_audio":
            where = f"{path}.input_audio"
            sound = reading.read(reading.read(raw, Sound, path).input_audio, Recording, where)
            return AudioPart(audio=recording(sound, f"{where}.data"))
        case "video_url":
            where = f"{path}.video_url"
            clip = reading.read(reading.read(raw, Video, path).video_url, Link, where)
            return VideoPart(video=shown(clip.url, f"{where}.url"))
        case "file":
            where = f"{path}.file"
            file = reading.read(reading.read(raw, File, path).file, Document, where)
            if file.file_data is None:
                return NOTHING
            return FilePart(
                file=shown(file.file_data, f"{where}.file_data"), filename=file.filename
            )
        case _:
            reading.stranger(f"{path}.type")
            return NOTHING


def kind(raw: Any, path: str) -> str:
    """What a part says that it is."""
    found = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(found, str):
        raise wrong(f"{path}.type", "expected a kind of content, such as `text`")
    return found


def recording(sound: Recording, path: str) -> MediaBytes:
    """A recording's bytes."""
    try:
        data = as_bytes(sound.data)
    except ValueError as error:
        raise wrong(path, str(error)) from None
    media_type = SOUNDS.get(sound.format, f"audio/{sound.format[:20]}")
    return MediaBytes(data=data, media_type=media_type)
