"""A response answered, whole.

What the model says, asks for and thinks is told in items. Items of a provider that has this API
itself are passed on as they are, in their order, but for sealed thoughts. What a provider wants
back in the next turn travels in the last item: reasoning with nothing but its
`encrypted_content` (`shared/state.py`), whoever the provider is. Beyond OpenAI's fields, which its
clients keep and pass over: `usage.cost` in US dollars, and `warnings` where something differs from
what was asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from anymedia.contracts.notice import Notice
from anymedia.contracts.result import Result
from anymedia.contracts.text import TextResult, ToolCall
from anymedia.engine.speaker import Speaker
from anymedia.gateway.openai.completion import answered_by, besides
from anymedia.gateway.shared.state import packed
from anymedia.providers.dialects.openai.chat import written
from anymedia.providers.dialects.openai.responses import own_items


@dataclass(frozen=True, slots=True)
class Head:
    """What stands at the top of every answer."""

    id: str
    """A random one; the ids of its items are made of it."""
    created: int
    echo: dict[str, Any] = field(default_factory=dict)
    """What an answer repeats of its question."""
    notices: tuple[Notice, ...] = ()
    """What the translation itself left behind."""
    speaker: Speaker = field(default_factory=Speaker)
    """Who answers, while it comes."""

    def item(self, kind: str, place: int) -> str:
        """The id of an item."""
        return f"{kind}_{self.id}{place:02d}"


def whole(result: TextResult, head: Head, now: int) -> dict[str, Any]:
    """The whole answer."""
    return ended(result, head, list(output(result, head)), now)


def beginning(head: Head, model: str) -> dict[str, Any]:
    """An answer of which nothing is there yet."""
    return {
        "id": f"resp_{head.id}",
        "object": "response",
        "created_at": head.created,
        "completed_at": None,
        "status": "in_progress",
        "model": model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "usage": None,
        **head.echo,
    }


def ended(result: TextResult, head: Head, items: list[dict[str, Any]], now: int) -> dict[str, Any]:
    """An answer that is over, with its items."""
    status, reason = ending(result)
    error = {"code": "server_error", "message": "the provider ended its answer with an error"}
    return {
        **beginning(head, head.speaker.name or answered_by(result)),
        "completed_at": now if status == "completed" else None,
        "status": status,
        "output": items,
        "error": error if status == "failed" else None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "usage": usage(result),
        **besides(result, head.notices),
    }


def ending(result: TextResult) -> tuple[str, str | None]:
    """How it ended, and what is missing if anything is. Words of refusal are an answer."""
    match result.finish.unified:
        case "length":
            return "incomplete", "max_output_tokens"
        case "content_filter" if not result.refusal:
            return "incomplete", "content_filter"
        case "error":
            return "failed", None
        case _:
            return "completed", None


def usage(result: Result) -> dict[str, Any] | None:
    """Tokens, and what they cost; nothing where nobody counted."""
    used = result.usage
    if used.input_tokens is None and used.output_tokens is None:
        return None
    into, out = used.input_tokens or 0, used.output_tokens or 0
    told: dict[str, Any] = {
        "input_tokens": into,
        "input_tokens_details": {
            "cached_tokens": used.cached_input_tokens or 0,
            "cache_write_tokens": used.cache_write_tokens or 0,
        },
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens or 0},
        "total_tokens": into + out,
    }
    if result.cost.amount is not None:
        told["cost"] = float(result.cost.amount)
    return told


# --- items ----------------------------------------------------------------------------------


def output(result: TextResult, head: Head) -> Iterable[dict[str, Any]]:
    """What the model thinks, says and asks for, and what it wants back."""
    own = own_items(result.provider_state)
    items = [unsealed(one) for one in own if told(one)] if own else [*written_anew(result, head)]
    yield from items
    if result.provider_state:
        yield sealed(result, head, len(items))


def written_anew(result: TextResult, head: Head) -> Iterable[dict[str, Any]]:
    """The items of a provider that has none of its own."""
    place = 0
    if result.reasoning:
        yield thought(head.item("rs", place), result.reasoning)
        place += 1
    if pieces := content(result):
        status = "completed" if result.tool_calls else status_of(result)  # what is last is cut
        yield message(head.item("msg", place), pieces, status)
        place += 1
    for call in result.tool_calls:
        yield calling(head.item("fc", place), call)
        place += 1


def told(item: dict[str, Any]) -> bool:
    """Whether an item says anything that can be shown."""
    return item.get("type") != "reasoning" or bool(item.get("summary") or item.get("content"))


def unsealed(item: dict[str, Any]) -> dict[str, Any]:
    """A provider's item as it is shown: sealed thoughts go along with all items, at the end."""
    if item.get("type") == "reasoning" and "encrypted_content" in item:
        return {name: value for name, value in item.items() if name != "encrypted_content"}
    return item


def sealed(result: TextResult, head: Head, place: int) -> dict[str, Any]:
    """What the provider wants back, for clients to hand back unread."""
    return {
        "id": head.item("rs", place),
        "type": "reasoning",
        "summary": [],
        "encrypted_content": packed(result.provider_state),
    }


def thought(identifier: str, text: str) -> dict[str, Any]:
    """What the model thinks; nothing yet where there are no words."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": identifier, "type": "reasoning", "summary": summary}


def message(
    identifier: str, pieces: list[dict[str, Any]], status: str = "completed"
) -> dict[str, Any]:
    """What the model says."""
    return {
        "id": identifier,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": pieces,
    }


def content(result: TextResult) -> list[dict[str, Any]]:
    """Words, or a refusal; an empty answer is one as long as nothing else is there."""
    pieces: list[dict[str, Any]] = []
    if result.text or not (result.refusal or result.tool_calls):
        pieces.append(words(result.text))
    if result.refusal:
        pieces.append({"type": "refusal", "refusal": result.refusal})
    return pieces


def words(text: str) -> dict[str, Any]:
    """Words of an answer."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def status_of(result: TextResult) -> str:
    """Whether what was said is all of it."""
    return "completed" if ending(result)[0] == "completed" else "incomplete"


def calling(identifier: str, call: ToolCall) -> dict[str, Any]:
    """A function that the model asks for."""
    return a_call(identifier, call.id, call.name, written(call))


def a_call(
    identifier: str, call_id: str, name: str, arguments: str, status: str = "completed"
) -> dict[str, Any]:
    """The same, as far as it is told."""
    return {
        "id": identifier,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }
