"""What Mistral's double answers in a chat: words, thoughts, JSON by a schema, calls of tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anymedia.testing.doubles.openai.mind import echo, sample, tokens, wanted_tools, words


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, before it is put into a form."""

    text: str
    thought: str = ""
    calls: tuple[tuple[str, str], ...] = ()

    @property
    def tokens(self) -> int:
        """About how many it has."""
        return tokens(self.text or "".join(arguments for _, arguments in self.calls))

    @property
    def finish(self) -> str:
        """Why it stopped."""
        return "tool_calls" if self.calls else "stop"

    def tools(self) -> list[dict[str, Any]]:
        """The calls as they go out; ids have nine characters."""
        return [
            {
                "index": place,
                "id": f"D681PevK{chr(ord('s') + place)}",
                "function": {"name": name, "arguments": arguments},
            }
            for place, (name, arguments) in enumerate(self.calls)
        ]


def last_words(message: Mapping[str, Any]) -> str:
    """The words of a message, without what is shown in it."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content if part.get("type") == "text")


def answered(body: Mapping[str, Any], prompt: str) -> Said:
    """What it says to that."""
    choice = body.get("tool_choice", "auto")
    if body.get("tools") and choice != "none" and body["messages"][-1]["role"] == "user":
        offered = [
            (one["function"]["name"], one["function"].get("parameters") or {})
            for one in body["tools"]
        ]
        parallel = body.get("parallel_tool_calls", True)
        return Said("", calls=tuple(wanted_tools(offered, choice, prompt, parallel=parallel)))
    thought = "Hm." if body.get("reasoning_effort") == "high" else ""
    wanted = body.get("response_format") or {}
    match wanted.get("type"):
        case "json_schema":
            return Said(json.dumps(sample(wanted["json_schema"]["schema"])), thought)
        case "json_object":
            return Said(json.dumps({"answer": echo(prompt)}), thought)
        case _:
            return Said(echo(prompt), thought)


def whole(said: Said) -> dict[str, Any]:
    """An answer in one piece; with thoughts, its content is a list."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.thought:
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": said.thought}]}
        message["content"] = [thought, {"type": "text", "text": said.text}]
    if said.calls:
        message["tool_calls"] = said.tools()
    choice = {"index": 0, "finish_reason": said.finish, "message": message}
    return {"object": "chat.completion", "choices": [choice]}


def streamed(said: Said, head: dict[str, Any], usage: dict[str, int]) -> Iterator[str]:
    """Fragments; calls come whole, and the usage with the finish word, unasked."""
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in words(said.text)]
    if said.calls:
        deltas.append({"content": "", "tool_calls": said.tools()})
    for place, delta in enumerate(deltas):
        last = place == len(deltas) - 1
        choice = {"index": 0, "delta": delta, "finish_reason": said.finish if last else None}
        chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
        yield f"data: {json.dumps(chunk | ({'usage': usage} if last else {}))}\n\n"
    yield "data: [DONE]\n\n"
