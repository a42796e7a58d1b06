"""Being answered: a message of blocks, and why it ended.

Blocks of words make the text, blocks of thoughts the reasoning, `tool_use` blocks the tool
calls. Tools that run at the provider show up as blocks of their own, which are none of these.
Thoughts are signed and have to come back unchanged: if there is more than words and tool calls,
all blocks are kept as `provider_state`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.notice import Notice
from anymedia.contracts.text import Finish, FinishReason, TextAnswer, ToolCall
from anymedia.providers.dialects.anthropic.errors import failure_inside, request_id
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.dialects.anthropic.usage import usage
from anymedia.providers.dialects.openai.chat import tool_call
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape

FINISHES: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
PLAIN = ("text", "tool_use")
REFUSED = "The provider's safety system stopped this answer and gave no explanation."


class Message(Shape):
    """A whole answer; at the head of a stream, the beginning of one."""

    id: str | None = None
    type: str | None = None
    model: str | None = None
    content: tuple[dict[str, Any] | None, ...] | None = None
    stop_reason: str | None = None
    stop_sequence: Any = None
    stop_details: Any = None
    container: Any = None
    usage: Any = None
    error: Any = None


def answer(response: HttpResponse, quirks: Quirks, notices: tuple[Notice, ...] = ()) -> TextAnswer:
    """What the model said. Raises what a 200 says went wrong."""
    message = response.read(Message)
    identifier = request_id(response, quirks.errors)
    if message.error or message.type == "error":
        raise failure_inside(response.read(dict), quirks.errors, identifier)
    if message.content is None:
        raise UnreadableResponse(
            "the answer has no `content`", accepted="unknown", request_id=identifier
        )
    blocks = [block for block in message.content if block is not None]
    return gathered(message, blocks, quirks, identifier, notices)


def gathered(
    message: Message,
    blocks: Sequence[dict[str, Any]],
    quirks: Quirks,
    identifier: str | None,
    notices: tuple[Notice, ...],
) -> TextAnswer:
    """An answer out of its blocks; a stream makes the same of what it has put together."""
    calls = called(blocks)
    refused = message.stop_reason == "refusal"
    return TextAnswer(
        model=message.model,
        request_id=identifier or message.id,
        text="".join(pieces(blocks, "text", "text")),
        reasoning="\n\n".join(pieces(blocks, "thinking", "thinking")) or None,
        refusal=explained(message.stop_details) if refused else None,
        tool_calls=calls,
        finish=finished(message.stop_reason, called=bool(calls)),
        usage=usage(message.usage),
        warnings=(*notices, *((PAUSED,) if message.stop_reason == "pause_turn" else ())),
        metadata=kept(message, blocks),
        provider_state=state(blocks, quirks),
    )


def pieces(blocks: Iterable[dict[str, Any]], kind: str, name: str) -> list[str]:
    """What stands in the blocks of one kind."""
    found = (block.get(name) for block in blocks if block.get("type") == kind)
    return [words for words in found if isinstance(words, str) and words]


def called(blocks: Iterable[dict[str, Any]]) -> tuple[ToolCall, ...]:
    """The tools that the caller is asked to run; a call without a name asks for nothing."""
    asked = [block for block in blocks if is_call(block)]
    return tuple(
        tool_call(words(block.get("id")), place, str(block["name"]), block.get("input"))
        for place, block in enumerate(asked)
    )


def is_call(block: dict[str, Any]) -> bool:
    """Whether a block asks the caller to run a tool."""
    return block.get("type") == "tool_use" and words(block.get("name")) is not None


def words(value: Any) -> str | None:
    """Text, where there is some."""
    return value if isinstance(value, str) and value else None


def explained(details: Any) -> str:
    """Why it refused, in the provider's words where it gives any."""
    fields = details if isinstance(details, dict) else {}
    category = words(fields.get("category"))
    return words(fields.get("explanation")) or (
        f"The provider's safety system stopped this answer (`{category}`)." if category else REFUSED
    )


def finished(raw: str | None, *, called: bool) -> Finish:
    """Why the model stopped. An unknown word means no more than that it did."""
    return Finish(unified=FINISHES.get(raw or "", "tool_calls" if called else "stop"), raw=raw)


PAUSED = Notice(
    code="provider-note",
    message="the answer is paused, not finished (`pause_turn`): send the conversation again with "
    "this answer as its last message to go on",
)


def kept(message: Message, blocks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The provider's further words worth keeping."""
    told = message.usage if isinstance(message.usage, dict) else {}
    citations = [
        one
        for block in blocks
        if block.get("type") == "text" and isinstance(block.get("citations"), list)
        for one in block["citations"]
    ]
    facts = {
        "id": message.id,
        "service_tier": told.get("service_tier"),
        "stop_sequence": message.stop_sequence,
        "stop_details": message.stop_details,
        "container": message.container,
        "citations": citations,
    }
    return {name: value for name, value in facts.items() if value}


def state(blocks: Iterable[dict[str, Any]], quirks: Quirks) -> dict[str, Any]:
    """What has to come back in the next turn: all blocks, if any is more than words and calls.

    Empty text and thoughts that were cut before their signature are refused, and left out.
    """
    back = [sendable(block) for block in blocks if not unfinished(block)]
    if all(block.get("type") in PLAIN for block in back):
        return {}
    return {quirks.state: {"content": back}}


def sendable(block: dict[str, Any]) -> dict[str, Any]:
    """A block as the API takes it back: a tool's input has to be an object."""
    if block.get("type") == "tool_use" and not isinstance(block.get("input"), dict):
        return {**block, "input": {}}
    return block


def unfinished(block: dict[str, Any]) -> bool:
    """Whether a block cannot be sent back."""
    match block.get("type"):
        case "text":
            return not block.get("text")
        case "thinking":
            return not block.get("signature")
        case _:
            return False
