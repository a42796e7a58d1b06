"""Turns of a conversation, from Anthropic's blocks to our messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from anymedia.contracts.media import MediaBytes, MediaUrl, as_bytes
from anymedia.contracts.text import (
    AssistantMessage,
    FilePart,
    ImagePart,
    Message,
    Part,
    SystemMessage,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from anymedia.gateway.shared.reading import Reading, shown, wrong
from anymedia.gateway.shared.state import is_packed, unpacked

OWN = "anthropic"
"""Under which name Anthropic's own blocks go back to it."""
MARKED = ("cache_control",)
"""Marks for the provider's cache: they help, and can be done without."""


class Turn(msgspec.Struct):
    """Who speaks, and what."""

    role: str
    content: Any


class Text(msgspec.Struct):
    """Words."""

    type: str
    text: str
    citations: Any = None


class Shown(msgspec.Struct):
    """A picture."""

    type: str
    source: Any


class Document(msgspec.Struct):
    """A document."""

    type: str
    source: Any
    title: str | None = None


class Source(msgspec.Struct):
    """Where its content is."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class ToolResult(msgspec.Struct):
    """What a tool answered."""

    type: str
    tool_use_id: str
    content: Any = None
    is_error: bool | None = None


class ToolUse(msgspec.Struct):
    """A tool that was asked for."""

    type: str
    id: str
    name: str
    input: dict[str, Any]
    caller: Any = None
    """Of an answer: who asks, which here is the model."""


class Thought(msgspec.Struct):
    """What the model thought."""

    type: str
    thinking: str
    signature: str | None = None


class Redacted(msgspec.Struct):
    """What it thought and does not show."""

    type: str
    data: str


def system(reading: Reading, raw: Any) -> Iterable[SystemMessage]:
    """The system's words."""
    if raw is None:
        return
    said = words(reading, raw, "system", "\n\n")
    if said:
        yield SystemMessage(content=said)


def spoken(reading: Reading, raw: Any, path: str) -> list[Message]:
    """One turn; what tools answered becomes messages of their own."""
    turn = reading.read(raw, Turn, path)
    match turn.role:
        case "user":
            return user(reading, turn.content, f"{path}.content")
        case "assistant":
            return [assistant(reading, raw, f"{path}.content")]
        case "system":
            return [SystemMessage(content=words(reading, turn.content, f"{path}.content"))]
        case _:
            raise wrong(f"{path}.role", "expected `user` or `assistant`")


def user(reading: Reading, content: Any, path: str) -> list[Message]:
    """What the user says and shows, and what tools answered."""
    if isinstance(content, str):
        return [UserMessage(content=content)]
    found: list[Message] = []
    parts: list[Part] = []
    for where, block in reading.many(content, path):
        if kind(block, where) != "tool_result":
            parts.append(part(reading, block, where))
            continue
        if parts:
            found.append(UserMessage(content=tuple(parts)))
            parts = []
        found.append(tool_result(reading, block, where))
    if parts or not found:
        found.append(UserMessage(content=tuple(parts)))
    return found


def tool_result(reading: Reading, raw: Any, path: str) -> ToolMessage:
    """What a tool answered."""
    result = reading.read(raw, ToolResult, path, MARKED)
    said = "" if result.content is None else words(reading, result.content, f"{path}.content")
    return ToolMessage(
        tool_call_id=result.tool_use_id, content=said, is_error=bool(result.is_error)
    )


def part(reading: Reading, raw: Any, path: str) -> Part:
    """One block that the user says or shows."""
    match kind(raw, path):
        case "text":
            return TextPart(text=reading.read(raw, Text, path, MARKED).text)
        case "image":
            image = source(reading, reading.read(raw, Shown, path, MARKED).source, path)
            return TextPart(text="") if image is None else ImagePart(image=image)
        case "document":
            document = reading.read(raw, Document, path, MARKED)
            file = source(reading, document.source, path)
            if file is None:
                return TextPart(text="")
            return FilePart(file=file, filename=document.title)
        case _:
            reading.stranger(f"{path}.type")
            return TextPart(text="")


def source(reading: Reading, raw: Any, under: str) -> MediaBytes | MediaUrl | None:
    """The content of a block; `None` for what only Anthropic can look up."""
    path = f"{under}.source"
    found = reading.read(raw, Source, path)
    match found.type:
        case "base64" if found.data is not None and found.media_type is not None:
            try:
                return MediaBytes(data=as_bytes(found.data), media_type=found.media_type)
            except ValueError as error:
                raise wrong(f"{path}.data", str(error)) from None
        case "url" if found.url is not None:
            address = shown(found.url, f"{path}.url")
            if isinstance(address, MediaUrl):
                return address
            raise wrong(f"{path}.url", "expected an http(s) URL")
        case "text" if found.data is not None:
            return MediaBytes(data=found.data.encode(), media_type="text/plain")
        case "base64" | "url" | "text":
            raise wrong(path, "has no content")
        case _:
            reading.stranger(f"{path}.type")
            return None


def assistant(reading: Reading, raw: dict[str, Any], path: str) -> AssistantMessage:
    """What the model said before.

    Its own signed thoughts go back to Anthropic as they are. What was packed here is unpacked, and
    stands in the messages in its place, should they go on as they came.
    """
    content = raw["content"]
    if isinstance(content, str):
        return AssistantMessage(content=content)
    said: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    state: dict[str, Any] = {}
    kept: list[Any] = []
    signed = False
    for where, block in reading.many(content, path):
        match kind(block, where):
            case "text":
                said.append(reading.read(block, Text, where, MARKED).text)
            case "tool_use":
                call = reading.read(block, ToolUse, where, MARKED)
                calls.append(ToolCall(id=call.id, name=call.name, arguments=call.input))
            case "thinking":
                thought = reading.read(block, Thought, where)
                thoughts.append(thought.thinking)
                if not thought.signature:
                    continue
                signed = True
            case "redacted_thinking":
                data = reading.read(block, Redacted, where).data
                if is_packed(data):
                    state = unpacked(data) or state
                    continue
                signed = True
            case _:
                reading.stranger(f"{where}.type")
        kept.append(block)
    own = state.get(OWN)
    if isinstance(own, dict) and isinstance(own.get("content"), list):
        kept = own["content"]
    elif signed:
        state = {**state, OWN: {"content": kept}}
    raw["content"] = kept
    return AssistantMessage(
        content="".join(said) or None,
        tool_calls=tuple(calls),
        reasoning="\n\n".join(filter(None, thoughts)) or None,
        provider_state=state,
    )


def words(reading: Reading, content: Any, path: str, between: str = "") -> str:
    """Content that is words alone."""
    if isinstance(content, str):
        return content
    said: list[str] = []
    for where, block in reading.many(content, path):
        if kind(block, where) == "text":
            said.append(reading.read(block, Text, where, MARKED).text)
        else:
            reading.stranger(f"{where}.type")
    return between.join(said)


def kind(raw: Any, path: str) -> str:
    """What a block says that it is."""
    found = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(found, str):
        raise wrong(f"{path}.type", "expected a kind of block, such as `text`")
    return found
