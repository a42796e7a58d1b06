"""A message asked for: from its body to a `TextRequest`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from anymedia.contracts.text import Message, NamedTool, TextRequest
from anymedia.gateway.anthropic.turns import spoken, system
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.providers.dialects.anthropic.thinking import BUDGETS

HINTS = ("betas", "context_management", "cache_control")
MARKED = ("cache_control",)
USUAL_EFFORT = "high"
"""How much a model thinks that is told to think and not how much."""
NAMES = {
    "max_output_tokens": "max_tokens",
    "output": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
}


class Body(msgspec.Struct):
    """What is asked."""

    model: str
    max_tokens: int
    messages: Any
    system: Any = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: Any = None
    tool_choice: Any = None
    thinking: Any = None
    metadata: dict[str, Any] | None = None
    output_config: Any = None
    service_tier: str | None = None
    anymedia: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """A tool on offer."""

    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    type: str | None = None


class Choice(msgspec.Struct):
    """Whether and which tool it should ask for."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct):
    """Whether it thinks before it answers."""

    type: str
    budget_tokens: int | None = None


class Output(msgspec.Struct):
    """How much it tries, and in which form it answers."""

    effort: str | None = None
    format: Any = None


class Format(msgspec.Struct):
    """Structured output."""

    type: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and in which form the answer should come."""

    request: TextRequest
    stream: bool


def asked(reading: Reading) -> Asked:
    """The request that a body stands for."""
    body = reading.top(Body, HINTS)
    said = {} if body.output_config is None else body.output_config
    output = reading.read(said, Output, "output_config")
    choice, alone = chosen(reading, body.tool_choice)
    metadata = dict(body.metadata or {})
    user = metadata.pop("user_id", None)
    if body.service_tier not in {None, "auto"}:
        reading.stranger("service_tier")
    messages: list[Message] = [*system(reading, body.system)]
    for path, one in reading.many(body.messages, "messages"):
        messages += spoken(reading, one, path)
    fields: dict[str, Any] = {
        "model": body.model,
        "messages": messages,
        "tools": offered(reading, body.tools),
        "tool_choice": choice,
        "parallel_tool_calls": False if alone else None,
        "output": wanted(reading, output.format),
        "max_output_tokens": body.max_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": body.top_k,
        "stop": body.stop_sequences,
        "reasoning_effort": effort(reading, body.thinking, output.effort),
        "user": user,
        "metadata": metadata,
    }
    return Asked(
        request=built(TextRequest, fields, body.anymedia, names=NAMES), stream=bool(body.stream)
    )


def offered(reading: Reading, raw: Any) -> list[dict[str, Any]] | None:
    """The tools that the model may ask for. Those that run at Anthropic go along as they came."""
    if raw is None:
        return None
    found = []
    for path, one in reading.many(raw, "tools"):
        kind = one.get("type") if isinstance(one, dict) else None
        if kind not in {None, "custom"}:
            reading.stranger(f"{path}.type")
            continue
        tool = reading.read(one, Tool, path, MARKED)
        said = {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.input_schema,
            "strict": tool.strict,
        }
        found.append({name: value for name, value in said.items() if value is not None})
    return found


def chosen(reading: Reading, raw: Any) -> tuple[Any, bool]:
    """Whether and which tool it should ask for, and whether for one alone."""
    if raw is None:
        return None, False
    choice = reading.read(raw, Choice, "tool_choice")
    alone = bool(choice.disable_parallel_tool_use)
    match choice.type:
        case "auto" | "none":
            return choice.type, alone
        case "any":
            return "required", alone
        case "tool" if choice.name is not None:
            return NamedTool(name=choice.name), alone
        case "tool":
            raise wrong("tool_choice.name", "is missing")
        case _:
            raise wrong("tool_choice.type", "expected `auto`, `any`, `tool` or `none`")


def effort(reading: Reading, raw: Any, said: str | None) -> str | None:
    """How much it thinks, in our steps: the highest one that a budget of tokens allows."""
    if raw is None:
        return said
    thinking = reading.read(raw, Thinking, "thinking")
    match thinking.type:
        case "disabled":
            return "none"
        case "adaptive":
            return said or USUAL_EFFORT
        case "enabled":
            if thinking.budget_tokens is None:
                raise wrong("thinking.budget_tokens", "is missing")
            steps = [name for name, most in BUDGETS.items() if most <= thinking.budget_tokens]
            return said or (steps[-1] if steps else next(iter(BUDGETS)))
        case _:
            raise wrong("thinking.type", "expected `enabled`, `adaptive` or `disabled`")


def wanted(reading: Reading, raw: Any) -> dict[str, Any] | None:
    """Structured output, if any."""
    if raw is None:
        return None
    output = reading.read(raw, Format, "output_config.format")
    if output.type != "json_schema":
        raise wrong("output_config.format.type", "expected `json_schema`")
    return {"type": "schema", "json_schema": output.schema}
