"""A question to DeepSeek: checked, thought about, answered and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anymedia.testing.doubles.deepseek.failures import Refused
from anymedia.testing.doubles.openai.mind import FORBIDDEN, echo, tokens, wanted_tools

CURRENT = ("deepseek-flash", "deepseek-v4-pro")
SERVED = {one: one for one in CURRENT} | {"deepseek-v4-flash": "deepseek-flash"}
EFFORTS = {"minimal", "low", "medium", "high", "xhigh", "max", "ultra"}
USER_ID = re.compile(r"[a-zA-Z0-9_-]{1,512}")
CACHED_BLOCK_TOKENS = 64
"""A prompt is remembered in blocks; what is left over is a miss."""
EXHAUSTED = "exhausted"
ROLES = {"system", "user", "assistant", "tool"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked question."""

    model: str
    prompt: str
    """The last words."""
    whole: str
    """Everything, as the cache remembers it."""
    thinks: bool


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    reasoning: str
    text: str
    calls: tuple[tuple[str, str], ...]
    finish: str
    usage: dict[str, Any]

    def tools(self) -> list[dict[str, Any]]:
        """The calls, as they go out."""
        return [
            {
                "index": place,
                "id": f"call_{place:02}_double",
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for place, (name, arguments) in enumerate(self.calls)
        ]


def checked(body: Mapping[str, Any]) -> Asked:
    """The question, or what is wrong with it."""
    model = SERVED.get(str(body.get("model")))
    if model is None:
        known = ", ".join(CURRENT)
        words = f"The supported API model names are {known}, but you passed {body.get('model')}."
        raise Refused(400, words)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "Empty input messages")
    thinking = (body.get("thinking") or {}).get("type", "enabled")
    if thinking not in {"enabled", "disabled"}:
        raise Refused(422, "thinking.type: expected `enabled` or `disabled`")
    if body.get("reasoning_effort", "high") not in EFFORTS:
        raise Refused(422, f"reasoning_effort: unknown variant `{body['reasoning_effort']}`")
    if not USER_ID.fullmatch(body.get("user_id", "_")):
        raise Refused(400, "user_id: only letters, digits, `_` and `-`")
    texts = [message(one, pictures=model == "deepseek-flash") for one in messages]
    if thinking == "enabled":
        replayed(messages)
    whole = json.dumps([body.get("tools"), messages], sort_keys=True)
    if FORBIDDEN in whole:
        raise Refused(400, "Content Exists Risk")
    return Asked(model, texts[-1], whole, thinking == "enabled")


def message(one: Mapping[str, Any], *, pictures: bool) -> str:
    """The words of a message; pictures are data URLs, for those who can see."""
    if one.get("role") not in ROLES:
        raise Refused(422, f"messages.role: unknown variant `{one.get('role')}`")
    content = one.get("content")
    if not isinstance(content, list):
        return content or ""
    words = []
    for part in content:
        if part.get("type") == "text":
            words.append(part["text"])
            continue
        url = (part.get("image_url") or {}).get("url", "")
        if not pictures or not url.startswith("data:image/"):
            raise Refused(400, "unknown variant `image_url`, expected `text`")
    return " ".join(words)


def replayed(messages: Sequence[Mapping[str, Any]]) -> None:
    """A turn that called tools comes back with what was thought before."""
    for one in messages:
        if one.get("tool_calls") and "reasoning_content" not in one:
            words = "The `reasoning_content` in the thinking mode must be passed back to the API."
            raise Refused(400, words)


def answered(asked: Asked, body: Mapping[str, Any], remembered: Sequence[str]) -> Said:
    """What it says, within what it may say."""
    reasoning = f"They want to hear about: {asked.prompt}" if asked.thinks else ""
    last = body["messages"][-1]
    offered = [
        (one["function"]["name"], one["function"].get("parameters") or {})
        for one in body.get("tools") or ()
    ]
    choice = body.get("tool_choice", "auto")
    calls: list[tuple[str, str]] = []
    if offered and choice != "none" and last["role"] == "user":
        calls = wanted_tools(offered, choice, asked.prompt, parallel=True)
    wants_json = (body.get("response_format") or {}).get("type") == "json_object"
    text = json.dumps({"answer": asked.prompt}) if wants_json else echo(asked.prompt)
    text = "" if calls else text
    finish = "tool_calls" if calls else "stop"
    if EXHAUSTED in asked.prompt:
        text, finish = "", "insufficient_system_resource"
    # Reasoning counts against what may be said.
    left = body.get("max_tokens")
    if isinstance(left, int) and tokens(reasoning + text) > left:
        reasoning = reasoning[: left * 4]
        text = text[: max(0, left * 4 - len(reasoning))]
        calls, finish = [], "length"
    arguments = "".join(one for _, one in calls)
    spent = {"prompt": tokens(asked.whole), "reasoning": tokens(reasoning) if reasoning else 0}
    spent["said"] = tokens(text + arguments) if text or arguments else 0
    return Said(reasoning, text, tuple(calls), finish, usage(spent, hit(asked.whole, remembered)))


def hit(whole: str, remembered: Sequence[str]) -> int:
    """How many tokens of a prompt were in the cache: whole blocks of a common beginning."""
    longest = max((common(whole, one) for one in remembered), default=0)
    return longest // 4 // CACHED_BLOCK_TOKENS * CACHED_BLOCK_TOKENS


def common(one: str, other: str) -> int:
    """How long two texts are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def usage(spent: Mapping[str, int], cached: int) -> dict[str, Any]:
    """Counts that add up."""
    completion = spent["reasoning"] + spent["said"]
    return {
        "prompt_tokens": spent["prompt"],
        "completion_tokens": completion,
        "total_tokens": spent["prompt"] + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": spent["reasoning"]},
        "prompt_cache_hit_tokens": cached,
        "prompt_cache_miss_tokens": spent["prompt"] - cached,
    }
