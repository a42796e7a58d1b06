"""The input of a response, from OpenAI's items to our messages.

What the model said and did in one go (words, calls, thoughts) is one message of ours. What has no
word of ours keeps its place as it came, for who has this API too (`Turn.raw`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from anymedia.contracts.text import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from anymedia.gateway.openai.responses_parts import Text, parts, words
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.gateway.shared.state import is_packed, unpacked
from anymedia.providers.dialects.openai.chat import understood
from anymedia.providers.dialects.openai.responses import own_items


class Said(msgspec.Struct):
    """A message."""

    role: str
    content: Any
    type: str | None = None
    id: str | None = None
    status: str | None = None
    phase: str | None = None
    """Of an answer: whether it was on the way or the last word."""


class Called(msgspec.Struct):
    """A function that the model asked for."""

    type: str
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: str | None = None


class Answered(msgspec.Struct):
    """What the function answered."""

    type: str
    call_id: str
    output: Any
    id: str | None = None
    status: str | None = None


class Thought(msgspec.Struct):
    """What the model thought."""

    type: str
    id: str | None = None
    summary: Any = None
    content: Any = None
    encrypted_content: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A message, and the items that it was."""

    message: Message
    raw: tuple[dict[str, Any], ...] = ()
    needs: tuple[str, ...] = ()
    """Paths of what only the items themselves say."""
    hints: tuple[str, ...] = ()
    """The same of what can be done without."""


@dataclass(slots=True)
class Going:
    """What the model says and does, until somebody else speaks."""

    words: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    raw: list[dict[str, Any]] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def turn(self) -> Turn:
        """The whole of it. What was packed here holds all items that its provider wants back."""
        message = AssistantMessage(
            content="\n\n".join(self.words) or None,
            tool_calls=tuple(self.calls),
            reasoning="\n\n".join(self.thoughts) or None,
            provider_state=self.state,
        )
        if own_items(self.state):
            return Turn(message)
        return Turn(message, tuple(self.raw), tuple(self.needs), tuple(self.hints))


def turns(reading: Reading, raw: Any) -> list[Turn]:
    """The conversation."""
    if isinstance(raw, str):
        if not raw:
            raise wrong("input", "is empty; send some words, or a list of items")
        return [Turn(UserMessage(content=raw))]
    items = reading.many(raw, "input")
    if not items:
        raise wrong("input", "is empty; send at least one item")
    conversation = Conversation(reading)
    for path, item in items:
        conversation.add(item, path)
    return conversation.all()


class Conversation:
    """Items while they become turns."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._turns: list[Turn] = []
        self._going: Going | None = None
        self._called: set[str] = set()

    def all(self) -> list[Turn]:
        """What was said so far."""
        return [*self._turns, *([self._going.turn()] if self._going else [])]

    def add(self, item: Any, path: str) -> None:
        """One item more. What is strange in it goes along with it, not with the body."""
        reading = self._reading
        strange, marks = len(reading.strangers), len(reading.hints)
        others = self._others(item, path)
        going = None if others is not None else self._model(item, path)
        needs, hints = tuple(reading.strangers[strange:]), tuple(reading.hints[marks:])
        del reading.strangers[strange:], reading.hints[marks:]
        if going is not None:
            if not is_packed(item.get("encrypted_content")):
                going.raw.append(item)
            going.needs += needs
            going.hints += hints
        elif others is not None:
            self._hush()
            self._turns.append(Turn(others, (item,), needs, hints))

    def _hush(self) -> None:
        if self._going is not None:
            self._turns.append(self._going.turn())
            self._going = None

    def _others(self, item: Any, path: str) -> Message | None:
        """What the user, the system or a function says; nothing where it is the model."""
        reading = self._reading
        match kind_of(item, path):
            case "message":
                return spoken(reading, item, path)
            case "function_call_output":
                answered = reading.read(item, Answered, path)
                if answered.call_id not in self._called:
                    raise wrong(
                        f"{path}.call_id",
                        "there is no `function_call` with this id before it. No conversation is "
                        "kept here: send the call, too",
                    )
                content = words(reading, answered.output, f"{path}.output")
                return ToolMessage(tool_call_id=answered.call_id, content=content)
            case "item_reference":
                raise wrong(path, "no conversation is kept here: send the item itself")
            case _:
                return None

    def _model(self, item: dict[str, Any], path: str) -> Going:
        """What the model says, does or thinks."""
        reading = self._reading
        going = self._going
        if going is None or begins_anew(going, item):
            self._hush()
            going = self._going = Going()
        match kind_of(item, path):
            case "message":
                said = reading.read(item, Said, path)
                if text := words(reading, said.content, f"{path}.content"):
                    going.words.append(text)
                if said.phase is not None:
                    reading.hints.append(f"{path}.phase")
            case "function_call":
                call = reading.read(item, Called, path)
                arguments, raw = understood(call.arguments)
                self._called.add(call.call_id)
                going.calls.append(
                    ToolCall(
                        id=call.call_id, name=call.name, arguments=arguments, raw_arguments=raw
                    )
                )
            case "reasoning":
                thought(reading, item, path, going)
            case _:
                reading.stranger(f"{path}.type")
        return going


def kind_of(item: Any, path: str) -> str:
    """What an item says that it is; messages need not say it."""
    if not isinstance(item, dict):
        raise wrong(path, "expected an object")
    found = item.get("type")
    if found is None:
        if "role" in item:
            return "message"
        if item.keys() == {"id"}:
            return "item_reference"
    if not isinstance(found, str):
        raise wrong(f"{path}.type", "expected a kind of item, such as `message`")
    return found


def spoken(reading: Reading, item: dict[str, Any], path: str) -> Message | None:
    """A message; nothing where it is the model's."""
    match item.get("role"):
        case "user":
            said = reading.read(item, Said, path)
            return UserMessage(content=parts(reading, said.content, f"{path}.content"))
        case "system" | "developer":
            said = reading.read(item, Said, path)
            return SystemMessage(content=words(reading, said.content, f"{path}.content"))
        case "assistant":
            return None
        case _:
            raise wrong(f"{path}.role", "expected `system`, `developer`, `user` or `assistant`")


def begins_anew(going: Going, item: dict[str, Any]) -> bool:
    """Whether an item is of another answer: what its provider wants back was the last of one."""
    if going.state:
        return True
    return item.get("role") == "assistant" and bool(going.words) and not going.calls


def thought(reading: Reading, item: dict[str, Any], path: str, going: Going) -> None:
    """What it thought, and what its provider wants back."""
    found = reading.read(item, Thought, path)
    told = [
        text
        for name, pieces in (("summary", found.summary), ("content", found.content))
        if pieces is not None
        for where, piece in reading.many(pieces, f"{path}.{name}")
        if (text := reading.read(piece, Text, where).text)
    ]
    going.thoughts += told
    match found.encrypted_content:
        case None | "":
            if not told:
                reading.lost.append(path)
        case str() as sealed if is_packed(sealed):
            state = unpacked(sealed)
            if state is None:
                raise wrong(f"{path}.encrypted_content", "is not as it was handed out")
            going.state.update(state)
        case _:
            reading.stranger(f"{path}.encrypted_content")
