"""What the double says: the same answer to the same question, with counts that add up.

A prompt with the word `forbidden` is refused, as the safety system would.
"""

from __future__ import annotations

import json
import math
from typing import Any

FORBIDDEN = "forbidden"
REFUSAL = "I'm sorry, I can't help with that."
REASONING_TOKENS = 16


def tokens(text: str) -> int:
    """About how many tokens a text has; never none."""
    return max(1, math.ceil(len(text) / 4))


def echo(prompt: str) -> str:
    """What a model without anything better to do says."""
    return f"You said: {prompt}"


def words(text: str) -> list[str]:
    """A text in the pieces that it is streamed in."""
    return [piece for piece in text.replace(" ", " \0").split("\0") if piece]


def sample(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """A value that fits a JSON schema."""
    root = schema if root is None else root
    if "$ref" in schema:
        target: Any = root
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target.get(step, {})
        return sample(target, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            # Nothing, where that is allowed: what may be left out may contain itself.
            nothing = name != "allOf" and {"type": "null"} in schema[name]
            return None if nothing else sample(schema[name][0], root)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return {
                name: sample(inner, root) for name, inner in schema.get("properties", {}).items()
            }
        case "array":
            return [sample(schema.get("items", {}), root)]
        case "string":
            return "word"
        case "integer":
            return int(schema.get("minimum", 7))
        case "number":
            return float(schema.get("minimum", 1.5))
        case "boolean":
            return True
        case _:
            return None


def wanted_tools(
    tools: list[tuple[str, dict[str, Any]]], choice: Any, prompt: str, *, parallel: bool
) -> list[tuple[str, str]]:
    """Which tools the model asks for, with which arguments.

    A named one if it is told to; else those that the prompt mentions, or the first.
    """
    by_name = dict(tools)
    named = choice if isinstance(choice, dict) else {}
    forced = named.get("name") or named.get("function", {}).get("name")
    names = [forced] if forced else [name for name in by_name if name in prompt]
    names = names or list(by_name)[:1]
    chosen = names if parallel else names[:1]
    return [(name, json.dumps(sample(by_name.get(name, {})))) for name in chosen]
