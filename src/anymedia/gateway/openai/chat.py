"""A chat completion asked for: from its body to a `TextRequest`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from anymedia.contracts.text import JsonOutput, NamedTool, SchemaOutput, TextRequest
from anymedia.gateway.openai.messages import message
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.gateway.spec import Refused

HINTS = ("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")
NAMES = {
    "max_output_tokens": "max_completion_tokens",
    "output": "response_format",
    "user": "safety_identifier",
}
"""Its words for our fields, in what is said about mistakes."""
NOT_CARRIED = ("functions", "function_call")


class Chat(msgspec.Struct):
    """The body."""

    model: str
    messages: Any
    stream: bool | None = None
    stream_options: Any = None
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: Any = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    service_tier: str | None = None
    functions: Any = None
    function_call: Any = None
    anymedia: dict[str, Any] | None = None


class StreamOptions(msgspec.Struct):
    """What a stream should say besides."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Padding against listeners; we add none."""


class Function(msgspec.Struct):
    """A function on offer."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    """A tool on offer."""

    type: str
    function: Any = None


class Named(msgspec.Struct):
    """A function by its name."""

    name: str


class Schema(msgspec.Struct):
    """A schema by name."""

    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Format(msgspec.Struct):
    """Structured output."""

    type: str
    json_schema: Any = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and in which form the answer should come."""

    request: TextRequest
    stream: bool
    with_usage: bool


def asked(reading: Reading) -> Asked:
    """The request that a body stands for."""
    chat = reading.top(Chat, HINTS)
    check_carried(chat, reading)
    said = {} if chat.stream_options is None else chat.stream_options
    options = reading.read(said, StreamOptions, "stream_options")
    most = chat.max_completion_tokens
    fields: dict[str, Any] = {
        "model": chat.model,
        "messages": [
            message(reading, one, path) for path, one in reading.many(chat.messages, "messages")
        ],
        "tools": offered(reading, chat.tools),
        "tool_choice": chosen(reading, chat.tool_choice),
        "parallel_tool_calls": chat.parallel_tool_calls,
        "output": wanted(reading, chat.response_format),
        "max_output_tokens": chat.max_tokens if most is None else most,
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "top_k": chat.top_k,
        "presence_penalty": chat.presence_penalty,
        "frequency_penalty": chat.frequency_penalty,
        "stop": (chat.stop,) if isinstance(chat.stop, str) else chat.stop,
        "seed": chat.seed,
        "reasoning_effort": chat.reasoning_effort,
        "user": chat.safety_identifier or chat.user,
        "metadata": chat.metadata,
    }
    return Asked(
        request=built(TextRequest, fields, chat.anymedia, names=NAMES),
        stream=bool(chat.stream),
        with_usage=bool(options.include_usage),
    )


def check_carried(chat: Chat, reading: Reading) -> None:
    """Refuse what no answer of ours can carry back, and note what only OpenAI has."""
    if chat.n not in {None, 1}:
        raise Refused("`n`: one answer a request; send several requests", param="n")
    for name in ("logprobs", "top_logprobs"):
        if getattr(chat, name):
            raise Refused(f"`{name}`: probabilities of tokens are not carried back", param=name)
    for name in NOT_CARRIED:
        if getattr(chat, name):
            raise Refused(f"`{name}` has been replaced by `tools` and `tool_choice`", param=name)
    if chat.store:
        reading.stranger("store")
    if chat.service_tier not in {None, "auto"}:
        reading.stranger("service_tier")


def offered(reading: Reading, raw: Any) -> list[dict[str, Any]] | None:
    """The functions that the model may ask for."""
    if raw is None:
        return None
    found = []
    for path, one in reading.many(raw, "tools"):
        tool = reading.read(one, Tool, path)
        if tool.type == "custom":
            raise wrong(f"{path}.type", "calls of custom tools are not carried back; use functions")
        if tool.type != "function":
            reading.stranger(f"{path}.type")
            continue
        function = reading.read(tool.function, Function, f"{path}.function")
        said = {name: value for name, value in fields_of(function) if value is not None}
        found.append(said)
    return found


def fields_of(struct: msgspec.Struct) -> list[tuple[str, Any]]:
    """A struct's fields."""
    return [(name, getattr(struct, name)) for name in struct.__struct_fields__]


def chosen(reading: Reading, raw: Any) -> Any:
    """Whether and which tool it should ask for."""
    match raw:
        case None | "auto" | "none" | "required":
            return raw
        case {"type": "function"}:
            tool = reading.read(raw, Tool, "tool_choice")
            return NamedTool(name=reading.read(tool.function, Named, "tool_choice.function").name)
        case {"type": str()}:
            reading.stranger("tool_choice.type")
            return None
        case _:
            raise wrong("tool_choice", "expected `auto`, `none`, `required` or a named function")


def wanted(reading: Reading, raw: Any) -> JsonOutput | SchemaOutput | dict[str, Any] | None:
    """Structured output, if any."""
    if raw is None:
        return None
    output = reading.read(raw, Format, "response_format")
    match output.type:
        case "text":
            return None
        case "json_object":
            return JsonOutput()
        case "json_schema":
            path = "response_format.json_schema"
            schema = reading.read(output.json_schema, Schema, path)
            return {
                "type": "schema",
                "name": schema.name,
                "description": schema.description,
                "json_schema": schema.schema or {},
                "strict": bool(schema.strict),
            }
        case _:
            reading.stranger("response_format.type")
            return None
