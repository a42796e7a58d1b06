"""Messages, whole and streamed: what is refused, what is said, how it is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from anymedia.contracts.model import Model
from anymedia.testing.doubles.anthropic.failures import Failure, envelope
from anymedia.testing.doubles.openai import mind

KNOWN = frozenset(
    {
        *("model", "max_tokens", "messages", "system", "stop_sequences", "stream", "tools"),
        *("tool_choice", "thinking", "output_config", "metadata", "service_tier", "speed"),
        *("cache_control", "inference_geo", "container", "diagnostics"),
    }
)
SAMPLING = frozenset({"temperature", "top_p", "top_k"})
OLD_VERSION = "2023-06-01"
BREAKS = "breaks off"
"""A prompt with these words is answered by a stream that fails in its middle."""
THINKING_TOKENS = 16


def answer(body: dict[str, Any], model: Model, version: str, number: int) -> dict[str, Any]:
    """The message that answers a request; `Failure` for what the API refuses."""
    refuse(body, model, version)
    prompt = last_words(body["messages"])
    blocks = list(thoughts(body, model, number))
    stop, details = "end_turn", None
    if mind.FORBIDDEN in prompt:
        blocks, stop = [], "refusal"
        details = {"type": "refusal", "category": "cyber", "explanation": mind.REFUSAL}
    elif body.get("tools") and wants_tool(body):
        blocks += called(body, prompt, number)
        stop = "tool_use"
    else:
        said = words(body, prompt)
        most = body["max_tokens"] * 4
        if len(said) > most:
            said, stop = said[:most], "max_tokens"
        blocks.append({"type": "text", "text": said})
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model.id,
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": details,
        "usage": counted(body, blocks),
    }


def refuse(body: dict[str, Any], model: Model, version: str) -> None:
    """What the API answers with a 400."""
    for name in body:
        if name in SAMPLING and not (version == OLD_VERSION and "temperature" in model.features):
            raise Failure(400, f"`{name}` is not supported by this model.")
        if name not in KNOWN | SAMPLING:
            raise Failure(400, f"{name}: Extra inputs are not permitted")
    most = body.get("max_tokens")
    if not isinstance(most, int):
        raise Failure(400, "max_tokens: Field required")
    if most > (model.limits.output_tokens or most):
        raise Failure(400, f"max_tokens: {most} > {model.limits.output_tokens}")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Failure(400, "messages: at least one message is required")
    if messages[-1].get("role") == "assistant":
        raise Failure(400, "This model does not support assistant message prefill.")
    asked = set(tool_ids(messages, "tool_use", "id"))
    if not asked >= set(tool_ids(messages, "tool_result", "tool_use_id")):
        raise Failure(400, "messages: unexpected `tool_use_id` found in `tool_result` blocks")
    refuse_thinking(body, model)


def refuse_thinking(body: dict[str, Any], model: Model) -> None:
    """Forms of thinking that are not the model's own, and thinking where a tool is forced."""
    kind = (body.get("thinking") or {}).get("type")
    form = model.settings["thinking"]
    if kind == "enabled":
        budget = body["thinking"].get("budget_tokens", 0)
        if form != "budget":
            raise Failure(400, '"thinking.type.enabled" is not supported for this model.')
        if not 1024 <= budget < body["max_tokens"]:
            raise Failure(400, "thinking.budget_tokens: must be at least 1024 and below max_tokens")
    if (kind == "adaptive" and form == "budget") or (kind == "disabled" and form == "always"):
        raise Failure(400, f'"thinking.type.{kind}" is not supported for this model.')
    effort = (body.get("output_config") or {}).get("effort")
    if effort is not None and (
        form == "budget" or effort not in model.settings.get("efforts", [effort])
    ):
        raise Failure(400, f"This model does not support effort level '{effort}'.")
    forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    if forced and form != "always" and thinks(body, model):
        raise Failure(400, "Thinking may not be enabled when tool_choice forces tool use.")


def thinks(body: dict[str, Any], model: Model) -> bool:
    """Whether the model thinks about this request."""
    kind = (body.get("thinking") or {}).get("type")
    usual = model.settings["thinking"] == "always" or model.settings.get("thinking_by_default")
    return bool(usual) if kind is None else kind != "disabled"


def thoughts(body: dict[str, Any], model: Model, number: int) -> Iterator[dict[str, Any]]:
    """A signed thought; newer models leave its words out unless asked."""
    if thinks(body, model):
        display = (body.get("thinking") or {}).get("display")
        shown = display == "summarized" or model.settings["thinking"] == "budget"
        said = "Let me think." if shown else ""
        yield {"type": "thinking", "thinking": said, "signature": f"signed-{number}"}


def tool_ids(messages: list[Any], kind: str, name: str) -> Iterator[str]:
    """The ids of tool calls, or of their results."""
    for message in messages:
        if isinstance(message.get("content"), list):
            for block in message["content"]:
                if block.get("type") == kind:
                    yield block.get(name)


def last_words(messages: list[Any]) -> str:
    """What was said last, results of tools included."""
    content = messages[-1].get("content")
    if isinstance(content, str):
        return content
    said = []
    for block in content:
        inner = block.get("content", "")
        told = inner if isinstance(inner, str) else " ".join(one.get("text", "") for one in inner)
        said.append(block.get("text") or told)
    return " ".join(filter(None, said))


def wants_tool(body: dict[str, Any]) -> bool:
    """Whether the model asks for a tool: not if it must not, and not once it has the results."""
    content = body["messages"][-1].get("content")
    told = isinstance(content, list) and any(one.get("type") == "tool_result" for one in content)
    return not told and (body.get("tool_choice") or {}).get("type") != "none"


def called(body: dict[str, Any], prompt: str, number: int) -> list[dict[str, Any]]:
    """The tools that it asks for."""
    choice = body.get("tool_choice") or {}
    tools = [(tool["name"], tool["input_schema"]) for tool in body["tools"]]
    wanted = mind.wanted_tools(
        tools, choice, prompt, parallel=not choice.get("disable_parallel_tool_use")
    )
    return [
        {
            "type": "tool_use",
            "id": f"toolu_{number}_{place}",
            "name": name,
            "input": json.loads(arguments),
        }
        for place, (name, arguments) in enumerate(wanted)
    ]


def words(body: dict[str, Any], prompt: str) -> str:
    """What it says: by the schema where there is one."""
    wanted = (body.get("output_config") or {}).get("format")
    return json.dumps(mind.sample(wanted["schema"])) if wanted else mind.echo(prompt)


def counted(body: dict[str, Any], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts that add up; with `cache_control` the system's words are written to the cache."""
    cached = mind.tokens(json.dumps(body["system"])) if body.get("cache_control") else 0
    thought = THINKING_TOKENS if any(one["type"] == "thinking" for one in blocks) else 0
    long = (body.get("cache_control") or {}).get("ttl") == "1h"
    said = [one for one in blocks if one["type"] != "thinking"]
    return {
        "input_tokens": mind.tokens(json.dumps(body["messages"])),
        "cache_creation_input_tokens": cached,
        "cache_read_input_tokens": 0,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 0 if long else cached,
            "ephemeral_1h_input_tokens": cached if long else 0,
        },
        "output_tokens": thought + mind.tokens(json.dumps(said)),
        "output_tokens_details": {"thinking_tokens": thought},
        "service_tier": "standard",
    }


def events(whole: dict[str, Any], prompt: str) -> Iterator[str]:
    """The same message as a stream."""
    usage = {**whole["usage"], "output_tokens": 1}
    yield event(
        "message_start",
        message={**whole, "content": [], "stop_reason": None, "stop_details": None, "usage": usage},
    )
    yield event("ping")
    for index, block in enumerate(whole["content"]):
        blank = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}
        empty = {**block, **blank.get(block["type"], {"input": {}})}
        yield event("content_block_start", index=index, content_block=empty)
        for delta in deltas(block):
            yield event("content_block_delta", index=index, delta=delta)
            if BREAKS in prompt:
                yield framed("error", envelope("Overloaded", kind="overloaded_error"))
                return
        yield event("content_block_stop", index=index)
    ending = {name: whole[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    counts = {
        k: v for k, v in whole["usage"].items() if k not in {"cache_creation", "service_tier"}
    }
    yield event("message_delta", delta=ending, usage=counts)
    yield event("message_stop")


def deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A block in pieces."""
    match block["type"]:
        case "thinking":
            if block["thinking"]:
                yield {"type": "thinking_delta", "thinking": block["thinking"]}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            arguments = json.dumps(block["input"])
            for piece in ("", arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
                yield {"type": "input_json_delta", "partial_json": piece}
        case _:
            for piece in mind.words(block["text"]):
                yield {"type": "text_delta", "text": piece}


def event(name: str, **fields: Any) -> str:
    """One event, its name repeated in its data."""
    return framed(name, {"type": name, **fields})


def framed(name: str, data: dict[str, Any]) -> str:
    """One event on the wire."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
